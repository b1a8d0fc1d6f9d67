from . import (
    res_partner,
    res_users,
    saas_portal_keyring,
    saas_portal_server,
    saas_portal_support_team,
    saas_portal_operation_mixin,
    saas_portal_database,
    saas_portal_plan,
    saas_portal_client,
    saas_portal_client_steps,
    saas_portal_operation,
    saas_portal_operation_step,
)
