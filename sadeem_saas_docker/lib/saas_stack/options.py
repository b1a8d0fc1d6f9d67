"""Odoo's settings as arguments of its command line and as variables of its container."""

from .names import (
    GEVENT_PORT,
    HTTP_PORT,
    IMAGE_ADDONS_FOLDER,
    IMAGE_VARIABLE,
    INSTALL_VARIABLE,
    UPDATE_VARIABLE,
)
from .types import OdooOptions, StackSpec

#: saas_client: also in a database whose administrator has marked it as not installed;
#: saas_rest_api: requests that name no database are answered too.
SERVER_WIDE_MODULES = ("base", "rpc", "web", "saas_client", "saas_rest_api")


def arguments(odoo: OdooOptions) -> list[str]:
    """What follows `odoo` on the command line, unquoted, for checked options."""
    modules = dict.fromkeys([*SERVER_WIDE_MODULES, *odoo.server_wide_modules])
    found = [
        f"--load={','.join(modules)}",
        "--http-interface=0.0.0.0",
        f"--http-port={HTTP_PORT}",
        f"--gevent-port={GEVENT_PORT}",
        "--proxy-mode",
        # The host name is the name of the one database that is served.
        "--db-filter=^%h$",
        "--no-database-list",
        f"--workers={odoo.workers}",
        f"--limit-time-cpu={odoo.limit_time_cpu}",
        f"--limit-time-real={odoo.limit_time_real}",
        f"--limit-time-real-cron={odoo.limit_time_real_cron}",
        f"--limit-request={odoo.limit_request}",
        f"--log-level={odoo.log_level}",
        # Odoo 19 warns at every call of the portal that Odoo 20 will drop XML-RPC.
        "--log-handler=odoo.addons.rpc.controllers.xmlrpc:ERROR",
    ]
    if odoo.max_cron_threads is not None:
        found.append(f"--max-cron-threads={odoo.max_cron_threads}")
    if odoo.db_maxconn is not None:
        found.append(f"--db_maxconn={odoo.db_maxconn}")
    if not odoo.without_demo:
        found.append("--with-demo")
    if odoo.x_sendfile:
        found.append("--x-sendfile")
    if odoo.user_addons_path:
        found.append(f"--addons-path={IMAGE_ADDONS_FOLDER},{odoo.user_addons_path}")
    return found


def module_variables(spec: StackSpec) -> dict[str, str]:
    """What the image's entry point shall do with modules before the server starts."""
    wanted = {
        UPDATE_VARIABLE: spec.odoo.update_modules,
        INSTALL_VARIABLE: spec.odoo.auto_install_modules,
    }
    found = {name: ",".join(modules) for name, modules in wanted.items() if modules}
    return {**found, IMAGE_VARIABLE: f"{spec.image} {spec.image_id}".strip()} if found else {}
