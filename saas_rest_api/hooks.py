"""What happens beside the registry when the addon comes and goes."""

import logging

from odoo.modules.registry import Registry
from odoo.tools import config

from . import process, webhook_patches

_logger = logging.getLogger(__name__)

#: Addons that answer addresses below /api too.
NEIGHBOURS = ("muk_rest", "restful", "rest_api", "api_rest")


def post_init_hook(env):
    """Tells about addons that want the same addresses; none is shadowed silently."""
    found = env["ir.module.module"].search(
        [("name", "in", NEIGHBOURS), ("state", "in", ("installed", "to install", "to upgrade"))]
    )
    for module in found:
        _logger.warning("%s answers addresses below /api as saas_rest_api does", module.name)


def uninstall_hook(env):
    """Takes away what the ORM does not know of.

    The process is left as it was, unless another database uses the addon there. One that is
    loaded later attaches it again.
    """
    webhook_patches.remove(env.registry)
    # Settings that somebody made by hand belong to no module's data.
    env["ir.config_parameter"].search([("key", "=like", "saas_rest_api.%")]).unlink()
    env.cr.execute(
        "DROP TABLE IF EXISTS saas_rest_bucket, saas_rest_throttle, saas_rest_token_company_rel"
    )
    others = [
        name
        for name, registry in Registry.registries.snapshot.items()
        if name != env.cr.dbname and "saas_rest.gate" in registry
    ]
    if not others and "saas_rest_api" not in config["server_wide_modules"]:
        process.detach()
