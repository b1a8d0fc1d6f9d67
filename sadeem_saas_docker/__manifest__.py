{
    "name": "SaaS on Docker",
    "summary": "Every client a Docker stack of its own, deployed by Portainer",
    "version": "19.0.1.0.0",
    "category": "Services/SaaS",
    "license": "LGPL-3",
    "author": "SaaS Portal contributors",
    "depends": ["saas_portal", "sadeem_portainer"],
    "external_dependencies": {"python": ["PyYAML"]},
    "data": [
        "security/ir.model.access.csv",
        "security/sadeem_saas_docker_security.xml",
        "views/sadeem_postgresql_server_views.xml",
        "views/sadeem_saas_docker_menus.xml",
    ],
}
