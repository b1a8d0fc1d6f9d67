from ipaddress import ip_address, ip_network

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..errors import told_to_user

#: Where ports may be published: addresses that nobody reaches from the internet.
_PRIVATE = tuple(
    map(
        ip_network,
        ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"),
    )
)


class SadeemPortainerEnvironment(models.Model):
    """A Docker host that a Portainer server drives, and what new subscriptions get on it."""

    _name = "sadeem.portainer.environment"
    _description = "Portainer Environment"
    _inherit = ["mail.thread"]
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    ip = fields.Char(string="IP", required=True, tracking=True)
    portainer_id = fields.Many2one(
        "sadeem.portainer",
        required=True,
        index=True,
        ondelete="restrict",
        tracking=True,
    )
    portainer_environment_id = fields.Integer(
        string="Portainer Environment ID",
        required=True,
        copy=False,
        tracking=True,
        help="The number that Portainer gave it.",
    )
    root_server_id = fields.Many2one("sadeem.root.server", index=True, tracking=True)
    environment_type = fields.Selection(
        [("standalone", "Docker Standalone"), ("swarm", "Docker Swarm")],
        required=True,
        default="standalone",
        tracking=True,
        help="Stacks become services on a swarm. It is noted anew when the environments are read"
        " in, as long as nothing is deployed here.",
    )
    next_port = fields.Integer(
        default=10000,
        required=True,
        copy=False,
        tracking=True,
        help="The last port that was given out from the rising range; the next one is above it,"
        " unless a released one below it is free.",
    )
    bind_ip = fields.Char(
        string="Address of Published Ports",
        required=True,
        default="127.0.0.1",
        tracking=True,
        help="Where stacks publish their ports, and where the portal and the reverse proxy reach"
        " them: a loopback or private address of the Docker host.",
    )
    active = fields.Boolean(default=True, tracking=True)
    country_id = fields.Many2one("res.country", tracking=True)
    country_state_id = fields.Many2one(
        "res.country.state",
        string="State/Province",
        tracking=True,
        domain="[('country_id', '=?', country_id)]",
    )

    # Handed to each new subscription.
    nginx_server = fields.Char(string="Nginx Proxy Server", tracking=True)
    nginx_default_certificate = fields.Integer(string="Nginx Default Cert ID", tracking=True)
    subscription_domain = fields.Char(string="Domain for New Subscriptions", tracking=True)
    subdomain_start = fields.Char(
        tracking=True, help="What the subdomains of new subscriptions begin with."
    )
    cloudflare_dns = fields.Boolean(string="Cloudflare DNS", tracking=True)
    cloudflare_account = fields.Char(tracking=True)
    cloudflare_zone = fields.Char(string="Cloudflare Zone ID", tracking=True)
    cloudflare_create_record = fields.Boolean(string="Create Record", tracking=True)
    cloudflare_proxied = fields.Boolean(string="Proxied Record", tracking=True)
    external_postgresql = fields.Boolean(string="External PostgreSQL", tracking=True)
    postgresql_server = fields.Char(string="PostgreSQL Server", tracking=True)

    stack_ids = fields.One2many("sadeem.portainer.stack", "environment_id")
    stack_count = fields.Integer(compute="_compute_stack_count")
    port_ids = fields.One2many("sadeem.portainer.port", "environment_id")

    _number_unique = models.Constraint(
        "UNIQUE (portainer_id, portainer_environment_id)",
        "This environment of the Portainer server is there already, perhaps archived.",
    )
    _number_positive = models.Constraint(
        "CHECK (portainer_environment_id > 0)",
        "The number that Portainer gave an environment is positive.",
    )
    _next_port_range = models.Constraint(
        "CHECK (next_port BETWEEN 1 AND 65535)", "A port is a number from 1 to 65535."
    )

    @api.depends("stack_ids")
    def _compute_stack_count(self):
        counts = dict(
            self.env["sadeem.portainer.stack"]._read_group(
                [("environment_id", "in", self.ids)], ["environment_id"], ["__count"]
            )
        )
        for environment in self:
            environment.stack_count = counts.get(environment, 0)

    @api.depends("name", "portainer_id.name")
    def _compute_display_name(self):
        """Most environments are called “local”, and a stack shall not go to the wrong one."""
        for environment in self:
            name, server = environment.name or "", environment.portainer_id.name
            environment.display_name = f"{name} ({server})" if server else name

    # === CONSTRAINT METHODS === #

    @api.constrains("bind_ip")
    def _check_bind_ip(self):
        """Ports of clients never stand open to the internet."""
        for environment in self:
            try:
                address = ip_address(environment.bind_ip or "")
            except ValueError:
                address = None
            # An address with a zone means another interface on every machine.
            zone = getattr(address, "scope_id", None)
            if not address or zone or not any(address in network for network in _PRIVATE):
                raise ValidationError(
                    self.env._(
                        "%(environment)s: %(address)s is no address to publish ports on. Take"
                        " 127.0.0.1, or a private address of the Docker host such as 10.0.0.5.",
                        environment=environment.name,
                        address=environment.bind_ip,
                    )
                )

    # === CRUD METHODS === #

    def write(self, vals):
        if vals.get("active") is False or self._is_moved(vals):
            self._check_not_in_use()
        return super().write(vals)

    def _is_moved(self, vals: dict) -> bool:
        """Whether its stacks would be looked for elsewhere afterwards."""
        return any(
            ("portainer_id" in vals and vals["portainer_id"] != environment.portainer_id.id)
            or (
                "portainer_environment_id" in vals
                and vals["portainer_environment_id"] != environment.portainer_environment_id
            )
            for environment in self
        )

    def _note_type(self, is_swarm: bool):
        """Note what kind of host it is; deployed stacks keep the kind that they were made for."""
        kind = "swarm" if is_swarm else "standalone"
        if self.environment_type != kind and not self._find_deployed_stacks():
            self.environment_type = kind

    def _find_deployed_stacks(self):
        """Some of them, to be named."""
        domain = [("environment_id", "in", self.ids), ("state", "!=", "draft")]
        return self.env["sadeem.portainer.stack"].sudo().search(domain, limit=3)

    def _check_not_in_use(self):
        """Nothing that carries deployed stacks is archived or moved under them."""
        if stacks := self._find_deployed_stacks():
            raise UserError(
                self.env._(
                    "%(environment)s still carries deployed stacks (%(stacks)s). Delete them"
                    " first.",
                    environment=", ".join(stacks.environment_id.mapped("name")),
                    stacks=", ".join(stacks.mapped("name")),
                )
            )

    # === ACTION METHODS === #

    def action_refresh(self):
        """Check the connection and read the capacity now."""
        self.check_access("write")
        failed = {}
        for environment in self:
            if error := environment._refresh(disk=True):
                failed[environment.name] = error
        return self.env["sadeem.portainer"]._get_notification(
            self.env._("The capacity is up to date."), failed
        )

    def action_open_portainer(self):
        self.ensure_one()
        self.check_access("read")
        url = f"{self.portainer_id.panel_link}/#!/{self.portainer_environment_id}/docker/dashboard"
        return {"type": "ir.actions.act_url", "url": url, "target": "new"}

    def action_open_stacks(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "sadeem_portainer.sadeem_portainer_stack_action"
        )
        context = {"default_environment_id": self.id}
        return {**action, "domain": [("environment_id", "=", self.id)], "context": context}

    # === BUSINESS METHODS === #

    def list_stacks(self):
        """All stacks that the server has here, also those made by others."""
        self.ensure_one()
        self.check_access("read")
        number = self.portainer_environment_id
        with told_to_user(), self.portainer_id._get_client() as client:
            stacks = client.list_stacks(number)
        known = {stack.remote_id: stack.id for stack in self.stack_ids if stack.remote_id}
        return [
            {
                "remote_id": stack.id,
                "name": stack.name,
                "status": stack.status.name.lower(),
                "stack_id": known.get(stack.id, False),
            }
            for stack in stacks
        ]

    def _find_task(self, client, container: str):
        """The container of this id or name if a swarm made it, else None."""
        if self.environment_type != "swarm":
            return None
        rows = client.list_containers(self.portainer_environment_id)
        found = (row for row in rows if row.is_task and container in (row.id, row.name))
        return next(found, None)

    def _check_usable(self):
        """Whether something can be deployed here at all."""
        self.ensure_one()
        if not self.active:
            raise UserError(
                self.env._("%(environment)s is archived.", environment=self.display_name)
            )
        self.portainer_id._check_confirmed()
