{
    "name": "SaaS REST API",
    "summary": "REST with access tokens, fine-grained scopes and OpenAPI, for any database",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "SaaS Portal contributors",
    "license": "LGPL-3",
    "depends": ["web"],
    "data": [
        "security/saas_rest_api_security.xml",
        "security/ir.model.access.csv",
        "security/saas_rest_webhook_security.xml",
        "data/ir_cron_webhook_data.xml",
        "views/saas_rest_webhook_views.xml",
        "views/saas_rest_delivery_views.xml",
    ],
}
