"""What the environment settles in the portal's database. Run by prepare.sh, as often as one likes.

Addresses follow the environment each time; the rest is made once and is the administrator's then.
"""

import logging
import os
import time
from pathlib import Path
from urllib.parse import urlsplit

from odoo import SUPERUSER_ID, Command, api
from odoo.exceptions import UserError
from odoo.modules.registry import Registry
from odoo.tools import config

_logger = logging.getLogger("saas.configure")

DIGEST = "saas.image_digest"
PORTAINER = "https://portainer:9443"
TOKEN_NAME = "saas portal of docker compose"


def main():
    config.parse_config(["--no-http", "--log-level=warn"], setup_logging=True)
    with Registry(os.environ["PORTAL_HOST"]).cursor() as cr:
        env = api.Environment(cr, SUPERUSER_ID, {})
        finish_database(env)
        cr.commit()
        try:
            offer_docker(env, connect_portainer(env))
        except UserError as error:
            cr.rollback()
            _logger.error("No clients on Docker yet: %s Run `docker compose up` again.", error)


def _read_secret(name):
    """One that compose shows to this container alone, and to nobody who inspects it."""
    return (Path("/run/secrets") / name).read_text().strip()


def finish_database(env):
    """The administrator's password is set once, the addresses whenever they have changed."""
    parameters = env["ir.config_parameter"]
    if not parameters.get_param(DIGEST):
        env.ref("base.user_admin").password = _read_secret("admin_password")
    url = os.environ["PORTAL_URL"]
    if parameters.get_param("web.base.url") != url:
        parameters.set_param("web.base.url", url)
        parameters.set_param("web.base.url.freeze", "True")
        servers = env["saas_portal.server"].search(
            [("docker_proxy_network", "=", os.environ["CLIENT_NETWORK"])]
        )
        (servers | env.ref("saas_portal.server_local")).write(prepare_address_vals())
    with open("/opt/saas/digest") as file:
        parameters.set_param(DIGEST, file.read().strip())


def prepare_address_vals():
    """All clients are reached by the same door as the portal."""
    parts = urlsplit(os.environ["PORTAL_URL"])
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return {"request_scheme": parts.scheme, "request_port": port}


def connect_portainer(env):
    """The confirmed record of the Portainer beside the portal."""
    server = (
        env["sadeem.portainer"]
        .with_context(active_test=False)
        .search([("portainer_link", "=", PORTAINER)], limit=1)
    )
    public_link = os.environ["PORTAINER_URL"]
    if server and server.public_link != public_link:
        server.public_link = public_link
    if not server:
        vals = {**prepare_portainer_vals(), "public_link": public_link}
        server = env["sadeem.portainer"].create(vals)
        # It is confirmed with cursors of its own, which see only what is committed.
        env.cr.commit()
    if server.state == "draft" and not server.last_seen:
        server.action_confirm()
        env.cr.commit()
    return server


def prepare_portainer_vals():
    # Odoo finds addons after it has read its configuration.
    from odoo.addons.sadeem_portainer.lib.portainer_api import (
        PortainerClient,
        PortainerError,
        TlsPolicy,
        fetch_fingerprint,
    )
    from odoo.addons.sadeem_portainer.portainer_setup import ensure_local_environment, make_token

    try:
        # Nobody stands between containers of one network: what answers first is Portainer.
        tls = TlsPolicy.pinned(patiently(lambda: fetch_fingerprint(PORTAINER)))
        password = _read_secret("portainer_password")
        with PortainerClient(PORTAINER, tls=tls) as client:
            client.wait_until_ready()
            token = make_token(client, password, TOKEN_NAME, TOKEN_NAME)
        if not token:
            raise UserError("PORTAINER_PASSWORD is not the password of Portainer's administrator.")
        with PortainerClient(PORTAINER, token, tls=tls) as client:
            ensure_local_environment(client)
    except PortainerError as error:
        raise UserError(str(error)) from error
    return {
        "name": "This Machine",
        "ip": "127.0.0.1",
        "portainer_link": PORTAINER,
        "access_token": token,
        "tls_fingerprint": tls.fingerprint,
    }


def patiently(call, tries=60):
    """The result of a call to what may just be starting."""
    from odoo.addons.sadeem_portainer.lib.portainer_api import Unavailable

    for _each in range(tries):
        try:
            return call()
        except Unavailable:
            # Portainer tells nobody when it has started; ask again until then.
            time.sleep(1)
    return call()


def offer_docker(env, portainer):
    """A server of the portal whose clients are stacks beside it, behind the same proxy."""
    environment = portainer.environment_ids[:1]
    servers = env["saas_portal.server"].with_context(active_test=False)
    if not environment or servers.search_count([("driver", "=", "portainer")]):
        return
    environment.bind_ip = os.environ["CLIENT_GATEWAY"]
    name, _colon, tag_name = os.environ["CLIENT_IMAGE"].rpartition(":")
    tags = env["sadeem.portainer.image.tag"]
    tag = tags.search([("name", "=", tag_name)]) or tags.create({"name": tag_name})
    image = env["sadeem.portainer.image"].create(
        {
            "name": name,
            "odoo_version": "19.0",
            "tag_ids": tag.ids,
            "line_ids": [Command.create({"environment_id": environment.id})],
        }
    )
    servers.create(
        {
            "name": "Docker on This Machine",
            "driver": "portainer",
            "docker_image_id": image.id,
            "docker_image_tag_id": tag.id,
            "docker_proxy_network": os.environ["CLIENT_NETWORK"],
            **prepare_address_vals(),
        }
    )
    env.cr.commit()


main()
