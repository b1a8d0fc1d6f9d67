import base64

from odoo import fields, models

from ..lib.saas_stack import InvalidSpec, Nginx, Route, render_nginx


class SaasPortalServer(models.Model):
    """How a reverse proxy leads to the clients of a server."""

    _inherit = "saas_portal.server"

    docker_nginx_certificate = fields.Char(
        string="Certificate File",
        tracking=True,
        help="On the proxy's machine, such as /etc/ssl/saas/fullchain.pem. With it and its key"
        " plain requests are sent on to https.",
    )
    docker_nginx_certificate_key = fields.Char(string="Key File", tracking=True)
    docker_nginx = fields.Text(
        string="nginx Configuration",
        compute="_compute_docker_nginx",
        groups="saas_portal.group_manager",
        help="For conf.d of the nginx in front of all clients of this server.",
    )
    docker_nginx_file = fields.Binary(
        string="Download", compute="_compute_docker_nginx", groups="saas_portal.group_manager"
    )
    docker_nginx_filename = fields.Char(compute="_compute_docker_nginx")

    def _compute_docker_nginx(self):
        for server in self:
            server.docker_nginx_filename = "saas-clients.conf"
            text = server._is_docker() and server._render_docker_nginx()
            server.docker_nginx = text
            server.docker_nginx_file = text and base64.b64encode(text.encode())

    def _render_docker_nginx(self) -> str:
        """One configuration for all clients that people may reach; a complaint instead of one."""
        try:
            return render_nginx(
                self._prepare_docker_routes(),
                Nginx(
                    certificate=self.docker_nginx_certificate or "",
                    certificate_key=self.docker_nginx_certificate_key or "",
                ),
            )
        except InvalidSpec as error:
            return self.env._("# No configuration can be made: %(reason)s", reason=error)

    def _prepare_docker_routes(self) -> list[Route]:
        clients = (
            self.env["saas_portal.client"]
            .sudo()
            .search(
                [
                    ("server_id", "=", self.id),
                    ("docker_stack_id", "!=", False),
                    ("name_released", "=", False),
                    ("state", "!=", "deleted"),
                ]
            )
        )
        return [
            Route(
                host=client.name,
                address=client.docker_environment_id.bind_ip,
                http=client.docker_http_port,
                gevent=client.docker_gevent_port if client._has_docker_workers() else None,
            )
            for client in clients
        ]
