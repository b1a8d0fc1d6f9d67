"""Which stack belongs to which client, as the portal's records say."""

from dataclasses import replace

from odoo.models import BaseModel

from odoo.addons.saas_portal.lib.saas_driver import (
    ClientRef,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    TemplateSpec,
)
from odoo.addons.sadeem_portainer.stack_calls import Target
from odoo.addons.sadeem_portainer.transactions import Busy, in_own_transaction, locked

from .lib.saas_stack import PASSWORD_VARIABLE, InvalidSpec
from .models.sadeem_saas_docker_placement import WAIT
from .portainer_driver import Deployment, Place


class OrmFleet:
    """The fleet of a server record; each question is answered from what is committed now."""

    def __init__(self, server: BaseModel):
        self._server = server

    def deployment(self, ref: ClientRef) -> Deployment:
        return in_own_transaction(self._server, lambda server: _find_deployment(server, ref))

    def standing(self, ref: ClientRef) -> Deployment:
        return in_own_transaction(self._server, lambda server: _describe(_find_client(server, ref)))

    def builder(self, spec: TemplateSpec) -> Deployment:
        def find(server):
            return server.env["saas_portal.database"].search([("uuid", "=", spec.key)])

        chosen = in_own_transaction(self._server, lambda server: find(server)._choose_builder().id)

        def prepare(server):
            environment = server.env["sadeem.portainer.environment"].browse(chosen)
            return Deployment(make_place(environment), find(server)._prepare_builder(environment))

        environment = self._server.env["sadeem.portainer.environment"].browse(chosen)
        try:
            with locked(environment, wait=WAIT):
                return in_own_transaction(self._server, prepare)
        except Busy as error:
            raise DriverUnavailable(
                f"Somebody else has been at work on the environment of {spec.name} for a minute."
                " Try again."
            ) from error

    def places(self) -> list[Place]:
        return in_own_transaction(
            self._server,
            lambda server: [make_place(found) for found in server._get_environments()],
        )


def make_place(environment: BaseModel) -> Place:
    """The environment as the driver knows it, usable after this transaction has ended."""
    portainer = environment.portainer_id
    return Place(
        portainer=lambda: in_own_transaction(portainer, lambda server: server._get_client()),
        environment_id=environment.portainer_environment_id,
        host=environment.bind_ip,
        name=environment.display_name,
    )


def _find_deployment(server: BaseModel, ref: ClientRef) -> Deployment:
    client = _find_client(server, ref)
    settings = client.docker_revision_id.settings or client._prepare_stack_settings()
    try:
        text = client._render_stack(settings, host=ref.name)
    except InvalidSpec as error:
        raise DriverRejected(client._describe_refusal(error)) from error
    standing = _describe(client)
    target = _complete(standing.target, text, client._get_secret_name())
    revision = client.docker_revision_id
    settled = bool(revision.deployed_at) and revision.compose == text
    return replace(standing, target=target, settled=settled)


def _find_client(server: BaseModel, ref: ClientRef) -> BaseModel:
    clients = server.env["saas_portal.client"].with_context(active_test=False)
    client = clients.search([("client_id", "=", ref.key), ("server_id", "=", server.id)])
    if not client.docker_stack_id:
        raise DriverNotFound(f"The portal knows no stack of {ref.name}.")
    return client


def _describe(client: BaseModel) -> Deployment:
    stack = client.docker_stack_id
    return Deployment(
        place=make_place(stack.environment_id),
        target=stack._prepare_target(),
        containers=client._get_services(),
        external=client._prepare_external_server(),
        storage_mb=client.total_storage_limit,
    )


def _complete(target: Target, text: str, secret: str) -> Target:
    """The target with its text; in a swarm the password is a secret of the cluster too."""
    secrets = {secret: target.env[PASSWORD_VARIABLE]} if target.swarm else {}
    return replace(target, compose=text, secrets=secrets)
