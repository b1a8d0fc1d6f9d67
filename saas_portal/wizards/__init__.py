from . import (
    saas_config,
    saas_config_limit,
    saas_config_param,
    saas_config_result,
    saas_portal_connect_client,
    saas_portal_create_client,
    saas_portal_delete_client,
    saas_portal_duplicate_client,
    saas_portal_rename_client,
    saas_portal_restore_backup,
    saas_portal_rotate_keys,
    saas_portal_suspend_client,
)
