from collections.abc import Callable
from pathlib import Path

import odoo.sql_db
from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.modules.neutralize import neutralize_database
from odoo.modules.registry import Registry
from odoo.tools import config

from ..const import LANES, OTHER_CRONS
from ..lib.saas_driver import ClientStatus, Driver, DriverError, LocalDriver
from ..lib.saas_driver.template_builder import TemplateBuilder
from ..lib.saas_wire import Transport, XmlRpcTransport
from ..local_transport import InProcessTransport, forget_visit, open_first_page

#: The first page of a new client takes a third of a second; nobody waits longer than this for it.
_WARM_SECONDS = 20
#: Options of this Odoo server that a process which builds a template needs too.
_SHARED_OPTIONS = (
    "addons_path",
    "data_dir",
    "db_host",
    "db_port",
    "db_user",
    "db_password",
    "db_sslmode",
    "server_wide_modules",
    "limit_memory_hard",
    "limit_memory_soft",
)


class SaasPortalServer(models.Model):
    """A place where clients live, and how to reach it."""

    _name = "saas_portal.server"
    _description = "SaaS Server"
    _inherit = ["mail.thread"]
    _order = "sequence, id"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one("res.company", index=True)
    driver = fields.Selection(
        [("local", "Databases beside the portal")],
        required=True,
        default="local",
        tracking=True,
        help="How this server keeps its clients.",
    )
    request_scheme = fields.Selection(
        [("http", "http"), ("https", "https")],
        string="Public Scheme",
        required=True,
        default="http",
        tracking=True,
        help="How people reach the clients of this server.",
    )
    request_port = fields.Integer(
        string="Public Port",
        required=True,
        default=lambda self: self._default_request_port(),
        tracking=True,
        help="The port in the clients' addresses; 80 for http and 443 for https are left out.",
    )
    internal_url = fields.Char(
        string="Internal Address",
        tracking=True,
        help="Where the portal calls the clients over XML-RPC, such as http://10.0.0.5:8069."
        " Empty: they are served by this Odoo server, and are called within it.",
    )
    client_ids = fields.One2many("saas_portal.client", "server_id")
    client_count = fields.Integer(compute="_compute_client_count")
    cron_warning = fields.Char(compute="_compute_cron_warning")
    sync_begun_at = fields.Datetime(
        readonly=True, copy=False, help="Since when the clients are asked for their figures."
    )

    _request_port_range = models.Constraint(
        "CHECK (request_port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535."
    )

    @api.model
    def _default_request_port(self):
        return config["http_port"]

    # === COMPUTE METHODS === #

    @api.depends("client_ids.state")
    def _compute_client_count(self):
        counts = dict(
            self.env["saas_portal.client"]._read_group(
                [("server_id", "in", self.ids), ("state", "!=", "deleted")],
                ["server_id"],
                ["__count"],
            )
        )
        for server in self:
            server.client_count = counts.get(server, 0)

    def _compute_cron_warning(self):
        threads, wanted = config["max_cron_threads"], LANES + OTHER_CRONS
        for server in self:
            server.cron_warning = threads < wanted and self.env._(
                "Odoo runs %(threads)s scheduled actions at a time (max_cron_threads). With fewer"
                " than %(wanted)s, a few works that take long keep all others waiting: new clients,"
                " expiry, mails.",
                threads=threads,
                wanted=wanted,
            )

    # === CONSTRAINT METHODS === #

    @api.constrains("internal_url")
    def _check_internal_url(self):
        for server in self.filtered("internal_url"):
            try:
                XmlRpcTransport(server.internal_url)
            except ValueError as error:
                raise ValidationError(
                    self.env._(
                        "The internal address %(url)s is not one like http://10.0.0.5:8069.",
                        url=server.internal_url,
                    )
                ) from error

    # === ACTION METHODS === #

    def action_check(self):
        """Ask the server for its clients, and say what it answered."""
        self.ensure_one()
        self.check_access("write")
        try:
            found = self._get_driver().list()
        except DriverError as error:
            raise UserError(
                self.env._("%(server)s does not answer: %(reason)s", server=self.name, reason=error)
            ) from error
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(server)s answers; it holds %(count)s client databases.",
                    server=self.name,
                    count=len(found),
                ),
            },
        }

    def action_open_clients(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "saas_portal.saas_portal_client_action"
        )
        return {**action, "domain": [("server_id", "=", self.id)], "context": {}}

    # === BUSINESS METHODS === #

    def _get_driver(self) -> Driver:
        """The object that does things on this server; addons with other drivers extend this."""
        self.ensure_one()
        return LocalDriver(
            connection_info=_connection_info,
            filestore=Path(config.filestore("x")).parent,
            builder=TemplateBuilder(
                {name: _option(name) for name in _SHARED_OPTIONS if _option(name)},
                empty_database=config["db_template"],
            ),
            forget=_forget_database,
            neutralize=neutralize_database,
            portal=self.env["saas_portal.keyring"]._get_portal_uuid(),
        )

    def _check_in_use(self):
        """Nothing is changed on an archived server; the servers of a neutralised portal are."""
        self.ensure_one()
        if not self.active:
            raise UserError(
                self.env._(
                    "The server %(server)s is archived; bring it back before you change its"
                    " clients.",
                    server=self.name,
                )
            )

    def _find_database(self, name: str) -> ClientStatus:
        """What has this name on the server.

        :raises DriverError: nobody can tell
        """
        return self._get_driver().status(name)

    def _get_transport(self) -> Transport:
        """How requests travel to the clients of this server."""
        self.ensure_one()
        return XmlRpcTransport(self.internal_url) if self.internal_url else InProcessTransport()

    def _has_anchor(self) -> bool:
        """Whether clients find the portal's keys on this server, beside their databases."""
        self.ensure_one()
        return not self.internal_url

    def _can_set_up(self) -> bool:
        """Whether new clients find here what the portal writes for them, in files and database."""
        self.ensure_one()
        return self.driver == "local" and not self.internal_url

    def _is_within(self) -> bool:
        """Whether its databases are in the portal's own PostgreSQL."""
        self.ensure_one()
        return self.driver == "local"

    def _warm(self, host: str) -> Callable[[], bool]:
        """Begin to have a new client's first page answered before the customer asks for it.

        :return: waits for the page; False when it was not there in time
        """
        self.ensure_one()
        if not self._has_anchor():
            # Another machine's processes cannot be warmed from here.
            return lambda: True
        return open_first_page(host, self._get_public_url(host), _WARM_SECONDS)

    def _get_public_url(self, host: str) -> str:
        """``https://acme.example.com/``: always with a slash at its end."""
        self.ensure_one()
        standard = {"http": 80, "https": 443}[self.request_scheme] == self.request_port
        port = "" if standard else f":{self.request_port}"
        return f"{self.request_scheme}://{host}{port}/"


def _connection_info(database: str) -> dict:
    return odoo.sql_db.connection_info_for(database)[1]


def _option(name: str):
    value = config[name]
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else value


def _forget_database(name: str) -> None:
    """Drop this process's registry and connections of a database that is gone or renamed."""
    forget_visit(name)
    if name in Registry.registries:
        Registry.delete(name)
    odoo.sql_db.close_db(name)
