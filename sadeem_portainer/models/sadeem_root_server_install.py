from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from .. import portainer_setup
from ..lib.portainer_api import PortainerClient, TlsPolicy
from ..lib.root_ssh import agent_steps, generate_password, portainer_steps, probe, run_step
from ..secret_box import encrypt
from .sadeem_portainer import OLDEST_VERSION

HTTPS_PORT, TUNNEL_PORT, AGENT_PORT = 9443, 8000, 9001


class SadeemRootServer(models.Model):
    """Portainer and its agent, installed on the machine."""

    _inherit = "sadeem.root.server"

    portainer_password_cipher = fields.Char(groups=fields.NO_ACCESS, copy=False)
    portainer_password_state = fields.Selection(
        [("chosen", "Chosen"), ("to_show", "To Be Shown"), ("shown", "Shown")],
        groups=fields.NO_ACCESS,
        copy=False,
    )
    can_show_portainer_password = fields.Boolean(
        compute="_compute_can_show_portainer_password", compute_sudo=True
    )

    @api.depends("portainer_password_state")
    def _compute_can_show_portainer_password(self):
        for server in self:
            server.can_show_portainer_password = server.portainer_password_state == "to_show"

    # === ACTION METHODS === #

    def action_show_portainer_password(self):
        """Open the dialog that shows it, this once."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.client",
            "tag": "sadeem_portainer.password",
            "name": self.env._("Password of Portainer's Administrator"),
            "target": "new",
            "params": {"root_server_id": self.id},
        }

    # === BUSINESS METHODS === #

    def install_portainer(
        self, portainer_id: int = 0, environment_name: str = "", address: str = ""
    ) -> int:
        """Docker and Portainer's agent, in the background; returns the operation's id.

        :param portainer_id: the confirmed server that shall drive the machine; 0: none yet
        :param environment_name: how that server will call it; the root server's name if empty
        :param address: by which that server reaches it; that of the root server if empty
        """
        self.ensure_one()
        self.check_access("write")
        address = address or self.host
        self._check_address(address)
        if portainer_id:
            server = self.env["sadeem.portainer"].browse(portainer_id)
            server.check_access("write")
            server._check_confirmed()
        arguments = {
            "portainer_id": portainer_id,
            "environment_name": (environment_name or self.name).strip(),
            "url": f"tcp://{self._format_host(address)}:{AGENT_PORT}",
        }
        return self._start_operation("install_agent", arguments)

    def install_portainer_master(
        self, https_port: int = HTTPS_PORT, tunnel_port: int = TUNNEL_PORT
    ) -> int:
        """Docker and Portainer itself, in the background; returns the operation's id.

        At the end the server is there, confirmed, with its administrator's password to be shown
        once.
        """
        self.ensure_one()
        self.check_access("write")
        ports = {int(https_port), int(tunnel_port)}
        if len(ports) < 2 or not all(1 <= port <= 65535 for port in ports):
            raise ValidationError(self.env._("Portainer needs two ports from 1 to 65535."))
        arguments = {"https_port": int(https_port), "tunnel_port": int(tunnel_port)}
        return self._start_operation("install_master", arguments)

    def take_portainer_password(self) -> dict:
        """The administrator's name and password, for the first caller only."""
        self.ensure_one()
        self.check_access("write")
        if not self.can_show_portainer_password:
            raise UserError(
                self.env._(
                    "The password was shown before, and is shown only once. Whoever did not keep"
                    " it can set a new one with Portainer's own helper,"
                    " “portainer/helper-reset-password”, on %(server)s.",
                    server=self.name,
                )
            )
        self.sudo().portainer_password_state = "shown"
        self.message_post(body=self.env._("The password of Portainer's administrator was shown."))
        link = self._find_portainer().portainer_link or ""
        password = self._get_secret("portainer_password")
        return {"username": portainer_setup.ADMIN, "password": password, "link": link}

    def _prepare_forgotten_vals(self) -> dict:
        password = {"portainer_password_cipher": False, "portainer_password_state": False}
        return {**super()._prepare_forgotten_vals(), **password}

    def _get_known_secrets(self) -> list[str]:
        return [*super()._get_known_secrets(), self._get_secret("portainer_password")]

    def _format_host(self, host: str) -> str:
        """As it stands in an address."""
        return f"[{host}]" if ":" in host else host

    def _get_link(self, operation) -> str:
        return f"https://{self._format_host(self.host)}:{operation.arguments['https_port']}"

    def _find_portainer(self):
        """The record of the Portainer that was installed here."""
        return (
            self.env["sadeem.portainer"]
            .with_context(active_test=False)
            .search([("root_server_id", "=", self.id), ("is_master", "=", True)], limit=1)
        )

    def _get_plan(self, kind: str, arguments: dict):
        """The steps that commands on the machine are enough for."""
        if kind == "install_agent":
            return agent_steps(port=AGENT_PORT)
        if kind == "install_master":
            return portainer_steps(
                https_port=arguments["https_port"], tunnel_port=arguments["tunnel_port"]
            )
        return []

    def _get_steps(self, kind: str, arguments: dict) -> list[tuple[str, str]]:
        if not (plan := self._get_plan(kind, arguments)):
            return super()._get_steps(kind, arguments)
        steps = [("requirements", self.env._("Check that it can be installed"))]
        steps += [(step.name, step.title) for step in plan]
        if kind == "install_master":
            steps += [
                ("meeting", self.env._("Wait for Portainer")),
                ("password", self.env._("Choose a password")),
                ("administrator", self.env._("Create the administrator")),
                ("token", self.env._("Create an access token")),
                ("local_environment", self.env._("Connect the machine's own Docker")),
                ("record", self.env._("Confirm the Portainer server")),
            ]
        elif arguments["portainer_id"]:
            steps.append(("agent_environment", self.env._("Connect it to Portainer")))
        return steps

    def _begin_step(self, operation, key: str):
        for step in self._get_plan(operation.kind, operation.arguments):
            if step.name == key:
                return self._in_session(
                    lambda session, output, step=step: run_step(session, step, output.add)
                )
        return super()._begin_step(operation, key)

    def _end_step(self, operation, key: str, result) -> str | None:
        if result is False:
            return self.env._("Nothing to do.")
        if hasattr(self, f"_end_step_{key}"):
            return super()._end_step(operation, key, result)
        return None

    def _on_operation_ended(self, operation):
        if not self._get_plan(operation.kind, operation.arguments):
            return
        states = dict(operation._fields["state"]._description_selection(self.env))
        operation._as_asker(self).message_post(
            body=self.env._(
                "%(operation)s: %(state)s. %(cause)s",
                operation=operation._get_title(),
                state=states[operation.state],
                cause=operation.error or "",
            )
        )

    # === BUSINESS METHODS - STEPS === #

    def _begin_step_requirements(self, operation):
        def work(session, output):
            session.check_root()
            return probe(session)

        return self._in_session(work)

    def _end_step_requirements(self, operation, facts):
        self._note_facts(facts)
        if not facts.is_supported:
            raise UserError(
                self.env._(
                    "%(server)s runs %(os)s. Portainer is installed on Debian and Ubuntu only."
                    " Nothing was changed. Install it by hand, then enter it under Servers with"
                    " its link and an access token.",
                    server=self.name,
                    os=facts.os_name or self.env._("an unknown system"),
                )
            )
        return facts.os_name

    def _begin_step_meeting(self, operation):
        link = self._get_link(operation)
        return self._in_session(lambda session, output: portainer_setup.meet(session, link))

    def _end_step_meeting(self, operation, fresh):
        if fresh.version_info < OLDEST_VERSION:
            raise UserError(
                self.env._(
                    "%(server)s runs Portainer %(version)s; 2.19 or later is needed.",
                    server=self.name,
                    version=fresh.version,
                )
            )
        operation._note(fingerprint=fresh.fingerprint, has_admin=fresh.has_admin)
        return self.env._("Portainer %(version)s", version=fresh.version)

    def _begin_step_password(self, operation):
        has_admin = operation.notes["has_admin"]
        if has_admin and not (self._has_secret("portainer_password") or self._find_portainer()):
            self._refuse_strange_portainer(operation)
        return lambda output: not has_admin

    def _end_step_password(self, operation, result):
        # Kept before it is sent: whatever happens then, it is known.
        self.sudo().write(
            {
                "portainer_password_cipher": encrypt(self.env, generate_password()),
                "portainer_password_state": "chosen",
            }
        )

    def _begin_step_administrator(self, operation):
        if operation.notes["has_admin"]:
            return lambda output: False
        password = self._get_secret("portainer_password")
        client = self._get_new_client(operation)

        def work(session, output):
            with client:
                portainer_setup.ensure_admin(session, client, password)

        return self._in_session(work)

    def _end_step_administrator(self, operation, result):
        return self.env._("As %(user)s", user=portainer_setup.ADMIN)

    def _begin_step_token(self, operation):
        password = self._get_secret("portainer_password")
        ours = f"Odoo {self.env['ir.config_parameter'].get_param('database.uuid')} {self._name} "
        ours += f"{self.id}, operation "
        client, present = self._get_new_client(operation), self._get_present_client(operation)

        def work(output):
            if present:
                with present:
                    if portainer_setup.is_admins_token(present):
                        return False
            with client:
                return portainer_setup.make_token(client, password, f"{ours}{operation.id}", ours)

        return work

    def _end_step_token(self, operation, token):
        if token is None:
            self._refuse_strange_portainer(operation)
        server = self._find_portainer()
        if not server:
            server = server.create(
                {
                    "name": self.name,
                    "ip": self.host,
                    "portainer_link": self._get_link(operation),
                    "root_server_id": self.id,
                    "is_master": True,
                    "country_id": self.country_id.id,
                }
            )
        server.action_reset_to_draft()
        server.portainer_link = self._get_link(operation)
        server.access_token = token

    def _begin_step_local_environment(self, operation):
        client = self._get_present_client(operation)

        def work(output):
            with client:
                return portainer_setup.ensure_local_environment(client)

        return work

    def _begin_step_record(self, operation):
        return lambda output: True

    def _end_step_record(self, operation, result):
        server = self._find_portainer()
        server.action_reset_to_draft()
        server.write({"active": True, "tls_fingerprint": operation.notes["fingerprint"]})
        server._confirm()
        if self.sudo().portainer_password_state == "chosen":
            self.sudo().portainer_password_state = "to_show"
        return server.portainer_link

    def _begin_step_agent_environment(self, operation):
        arguments = operation.arguments
        client = self.env["sadeem.portainer"].browse(arguments["portainer_id"])._get_client()

        def work(output):
            with client:
                return portainer_setup.ensure_agent_environment(
                    client, arguments["environment_name"], arguments["url"]
                )

        return work

    def _end_step_agent_environment(self, operation, result):
        found, environments = result
        server = self.env["sadeem.portainer"].browse(operation.arguments["portainer_id"])
        server._sync_environments(environments)
        environment = server.with_context(active_test=False).environment_ids.filtered(
            lambda environment: environment.portainer_environment_id == found.id
        )
        environment.root_server_id = self
        return self.env._(
            "%(name)s of %(server)s", name=environment.name, server=server.display_name
        )

    def _get_new_client(self, operation) -> PortainerClient:
        """A client that has no token yet, of the Portainer that runs on the machine."""
        tls = TlsPolicy.pinned(operation.notes["fingerprint"])
        return PortainerClient(self._get_link(operation), tls=tls)

    def _get_present_client(self, operation) -> PortainerClient | None:
        """The same with the token of the record, if there is one."""
        server, link = self._find_portainer(), self._get_link(operation)
        if server.portainer_link != link or not server._has_secret("access_token"):
            return None
        tls = TlsPolicy.pinned(operation.notes["fingerprint"])
        return PortainerClient(link, server._get_secret("access_token"), tls=tls)

    def _refuse_strange_portainer(self, operation):
        raise UserError(
            self.env._(
                "The Portainer on %(server)s has an administrator already, and his password is"
                " not the one that we know. Log in at %(link)s, create an access token there, and"
                " enter both under Servers by hand.",
                server=self.name,
                link=self._get_link(operation),
            )
        )
