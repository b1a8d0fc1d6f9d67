{
    "name": "SaaS Client",
    "summary": "Lets a SaaS portal govern this database: limits, apps, rights, suspension",
    "version": "19.0.1.0.0",
    "category": "Administration",
    "author": "SaaS Portal contributors",
    "license": "LGPL-3",
    "depends": ["auth_signup"],
    "external_dependencies": {"python": ["PyJWT", "cryptography"]},
    "data": [
        "security/saas_client_groups.xml",
        "security/ir.model.access.csv",
        "data/auth_signup_data.xml",
        "views/ir_ui_menu_views.xml",
        "views/saas_client_templates.xml",
    ],
    "uninstall_hook": "uninstall_hook",
}
