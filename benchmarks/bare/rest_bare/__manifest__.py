{
    "name": "REST without limiter, audit log and entity tags",
    "summary": "Shows in ./dev bench rest what these three cost; for nothing else",
    "version": "19.0.1.0.0",
    "category": "Technical",
    "author": "SaaS Portal contributors",
    "license": "LGPL-3",
    "depends": ["saas_rest_api"],
    "installable": False,
}
