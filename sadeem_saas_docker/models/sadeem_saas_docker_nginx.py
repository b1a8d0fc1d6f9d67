import base64
import hashlib

from odoo import fields, models

from ..lib.saas_stack import InvalidSpec, Nginx, Route, render_nginx

_FILE_NAME = "saas-clients.conf"
_MANAGERS = "saas_portal.group_manager"


class SadeemSaasDockerNginx(models.AbstractModel):
    """The configuration of a reverse proxy that leads to clients; made anew whenever it is read."""

    _name = "sadeem.saas.docker.nginx"
    _description = "nginx Configuration for Clients"

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
        groups=_MANAGERS,
        help="For conf.d of the nginx in front of these clients.",
    )
    docker_nginx_file = fields.Binary(
        string="nginx File", compute="_compute_docker_nginx", groups=_MANAGERS
    )
    docker_nginx_filename = fields.Char(compute="_compute_docker_nginx")
    docker_nginx_taken = fields.Char(
        readonly=True,
        copy=False,
        groups=_MANAGERS,
        help="Digest of the configuration that was downloaded last.",
    )
    docker_nginx_is_old = fields.Boolean(
        compute="_compute_docker_nginx",
        groups=_MANAGERS,
        help="Clients came or went, or their ports changed, since it was downloaded.",
    )

    def _compute_docker_nginx(self):
        for record in self:
            record.docker_nginx_filename = _FILE_NAME
            text = record._is_routed() and record._render_docker_nginx()
            record.docker_nginx = text
            record.docker_nginx_file = text and base64.b64encode(text.encode())
            taken = record.sudo().docker_nginx_taken
            record.docker_nginx_is_old = bool(taken and text and taken != _digest(text))

    def action_download_docker_nginx(self):
        """Download the configuration, and know from now on which one is in use."""
        self.ensure_one()
        self.check_access("read")
        # Who may not read it may not take it either.
        text = self.docker_nginx
        self.sudo().docker_nginx_taken = _digest(text or "")
        url = f"/web/content/{self._name}/{self.id}/docker_nginx_file/{_FILE_NAME}?download=true"
        return {"type": "ir.actions.act_url", "url": url, "target": "download"}

    def _is_routed(self) -> bool:
        """Whether clients are reached by a configuration of this record."""
        return True

    def _get_routed_domain(self) -> list:
        """The clients that the record is about, whether people may reach them or not."""
        raise NotImplementedError

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
        clients = self.env["saas_portal.client"].sudo()
        clients = clients.search(
            [
                *self._get_routed_domain(),
                ("docker_stack_id", "!=", False),
                ("name_released", "=", False),
                ("state", "!=", "deleted"),
            ]
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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
