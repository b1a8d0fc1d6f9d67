{
    "name": "Portainer",
    "summary": "Portainer servers, their Docker environments, stacks and images",
    "version": "19.0.1.0.0",
    "category": "Services/Portainer",
    "license": "LGPL-3",
    "author": "SaaS Portal contributors",
    "depends": ["mail", "web"],
    "external_dependencies": {
        "python": ["cryptography", "docker", "paramiko", "PyYAML", "requests"],
    },
    "data": [
        "security/sadeem_portainer_security.xml",
        "security/ir.model.access.csv",
        "data/ir_cron_data.xml",
        "wizards/sadeem_portainer_stack_delete_views.xml",
        "views/sadeem_portainer_views.xml",
        "views/sadeem_portainer_environment_views.xml",
        "views/sadeem_portainer_image_views.xml",
        "views/sadeem_portainer_stack_views.xml",
        "views/sadeem_root_server_views.xml",
        "views/sadeem_portainer_menus.xml",
    ],
    "assets": {
        "web.assets_backend": ["sadeem_portainer/static/src/**/*"],
        "web.assets_tests": ["sadeem_portainer/static/tests/tours/**/*"],
    },
    "application": True,
}
