from odoo import Command

# Who sees a menu that this addon has put under a group of its own, as Odoo ships it.
STANDARD_MENU_GROUPS = {
    "base.menu_management": ["base.group_system"],
    "base.menu_administration": ["base.group_system", "base.group_erp_manager"],
}


def uninstall_hook(env):
    """Give the core menus back: without our groups they would be open to everybody."""
    for menu_xmlid, group_xmlids in STANDARD_MENU_GROUPS.items():
        if menu := env.ref(menu_xmlid, raise_if_not_found=False):
            menu.group_ids = [Command.set([env.ref(xmlid).id for xmlid in group_xmlids])]
