"""Names of groups: those that customers' scripts still use, and those that exist."""

# The groups with which this addon itself opens a feature.
FEATURE_GROUPS = frozenset(
    {"saas_client.group_show_modules_menu", "saas_client.group_show_settings_menu"}
)

_ALIASES = {
    "access_apps.group_allow_apps": "saas_client.group_show_modules_menu",
    "access_apps.group_show_modules_menu": "saas_client.group_show_modules_menu",
    "access_settings_menu.group_show_settings_menu": "saas_client.group_show_settings_menu",
    "base.group_sale_manager": "sales_team.group_sale_manager",
    "base.group_sale_salesman": "sales_team.group_sale_salesman",
    "base.group_sale_salesman_all_leads": "sales_team.group_sale_salesman_all_leads",
}


def resolve_group(xmlid: str) -> str:
    """The present name of a group that may have been given by an old one."""
    return _ALIASES.get(xmlid, xmlid)
