import http.client
import secrets
import time

from odoo import fields, models
from odoo.exceptions import UserError

from odoo.addons.saas_portal.const import PENDING
from odoo.addons.saas_portal.lib.saas_driver import DriverError, DriverUnavailable
from odoo.addons.saas_portal.lib.saas_wire import ask_status
from odoo.addons.sadeem_portainer.transactions import Busy, in_own_transaction, locked

from ..lib.saas_stack import ODOO_SERVICE, PASSWORD_VARIABLE, InvalidSpec, stack_name
from .sadeem_saas_docker_placement import WAIT

#: Seconds for one answer, for Odoo to start in its container, and between two looks.
_ANSWER_SECONDS = 60
_PATIENCE = 180
_PAUSE = 0.5


class SaasPortalClient(models.Model):
    """How operations make, change and remove the stack of a client."""

    _inherit = "saas_portal.client"

    # === STEPS === #

    def _get_operation_steps(self, kind):
        if not self.is_docker:
            return super()._get_operation_steps(kind)
        revise = ("_step_revise", self.env._("Write down the new revision"))
        deploy = ("_step_deploy", self.env._("Start the stack"))
        answer = ("_step_wait_for_answer", self.env._("Wait until it answers"))
        if kind == "create":
            _copy, set_up, opened = super()._get_operation_steps(kind)
            return [
                ("_step_place", self.env._("Find a place")),
                revise,
                deploy,
                ("_step_create_database", self.env._("Fill the database")),
                set_up,
                answer,
                opened,
            ]
        if kind == "rebuild":
            return [revise, deploy, answer, ("_step_resync", self.env._("Read its state"))]
        if kind == "restart":
            return [("_step_restart", self.env._("Restart Odoo")), answer]
        steps = super()._get_operation_steps(kind)
        if kind == "rename":
            steps.insert(1, revise)
        return steps

    def _get_customer_title(self, step):
        """Customers know databases, and no stacks, revisions or places."""
        if not self.is_docker:
            return super()._get_customer_title(step)
        titles = {
            "_step_place": self.env._("Make room for the database"),
            "_step_revise": self.env._("Prepare the settings"),
            "_step_deploy": self.env._("Start the database"),
            "_step_restart": self.env._("Start the database again"),
            "_step_create_database": self.env._("Copy apps and settings"),
            "_step_wait_for_answer": self.env._("Wait until the database can be used"),
        }
        return titles.get(step.method) or super()._get_customer_title(step)

    def _step_place(self, operation):
        """Environment, ports and the record of the stack; nothing is on a server yet."""
        if self.docker_stack_id:
            return self.docker_placement
        environment, reason = self._take_place()
        http, gevent = self._take_ports(environment)
        stack = self.env["sadeem.portainer.stack"].create(
            {
                "name": stack_name(self.client_id),
                "environment_id": environment.id,
                "operation": self.client_id,
                # Its text is written with the revision.
                "compose": "services: {}\n",
            }
        )
        stack._set_env({PASSWORD_VARIABLE: secrets.token_urlsafe(24)})
        self.write(
            {
                "docker_stack_id": stack.id,
                "docker_http_port": http,
                "docker_gevent_port": gevent,
                "docker_placement": reason,
            }
        )
        return self.env._(
            "%(environment)s, ports %(http)s and %(gevent)s. %(reason)s",
            environment=environment.display_name,
            http=http,
            gevent=gevent,
            reason=reason,
        )

    def _step_revise(self, operation):
        """Settle what the stack shall be: the present settings, or those of a former revision."""
        arguments = operation.arguments
        if revision_id := arguments.get("revision_id"):
            self._take_settings(self.docker_revision_ids.browse(revision_id).exists())
        reasons = {"create": self.env._("Creation"), "rename": self.env._("Renamed")}
        reason = arguments.get("reason") or reasons.get(operation.kind) or self.env._("Rebuild")
        if operation.kind == "rename":
            # The driver has deployed it with the new name, and with nothing else that is new.
            revision = self._revise(operation.user_id, reason, self.docker_revision_id.settings)
            self._note_deployed()
        else:
            settings = self._prepare_stack_settings()
            revision = self._revise(operation.user_id, reason, settings)
        return self.env._("Revision %(number)s", number=revision.number)

    def _step_deploy(self, operation):
        number = self.server_id._get_driver().deploy(self._get_ref())
        self.docker_stack_id._check()
        self._note_deployed()
        return self.env._("Stack %(number)s runs", number=number)

    def _step_wait_for_answer(self, operation):
        """People reach it under its name, as the reverse proxy will ask for it."""
        deadline = time.monotonic() + _PATIENCE
        while reason := self._find_silence():
            if time.monotonic() > deadline:
                raise DriverUnavailable(reason)
            time.sleep(_PAUSE)

    def _find_silence(self) -> str:
        """Why nobody could work with it now, '' if they can."""
        path = "web/health" if self.state == PENDING else "web/login"
        url = f"{self._get_container_address()}/{path}"
        try:
            status = _ask(url, self.name)
        except (OSError, http.client.HTTPException):
            return self.env._("%(name)s does not answer at %(url)s.", name=self.name, url=url)
        if status < 400:
            return ""
        return self.env._(
            "%(name)s answers HTTP %(status)s at %(url)s.", name=self.name, status=status, url=url
        )

    def _step_restart(self, operation):
        stack = self.docker_stack_id
        portainer, environment = stack.portainer_id, stack.environment_id
        rows = portainer.check_stack_status(stack.id)["containers"]
        container = next((row["id"] for row in rows if row["service"] == ODOO_SERVICE), None)
        if container:
            portainer.docker_action(environment.id, container, "restart")
        # Waits until it runs, and brings back what is not there at all.
        self.server_id._get_driver().deploy(self._get_ref())

    def _get_trash_name(self):
        name = super()._get_trash_name()
        # It becomes a host name: in a proxy's network one without a dot could be a service.
        return f"{name}.invalid" if self.is_docker else name

    def _put_away(self, driver):
        if not self.is_docker:
            return super()._put_away(driver)
        try:
            return super()._put_away(driver)
        except DriverError as error:
            # What does not run cannot be renamed: stopped it is out of the way too.
            driver.halt(self._get_ref())
            self.message_post(
                body=self.env._(
                    "It is kept as it is, stopped, because it could not be renamed: %(reason)s",
                    reason=error,
                )
            )
        found = driver.status(self.name)
        return self.name if found.key == self.client_id else self._get_trash_name()

    def _step_restore(self, operation):
        result = super()._step_restore(operation)
        if self.is_docker:
            # It may have missed a change of keys, and is spoken to next.
            self._publish_keys()
        return result

    def _step_purge(self, operation):
        result = super()._step_purge(operation)
        self._free_place()
        return result

    def _set_deleted(self, **vals):
        result = super()._set_deleted(**vals)
        if not vals.get("trash_name"):
            self._free_place()
        return result

    def _set_broken(self, release_name):
        result = super()._set_broken(release_name)
        if release_name:
            self._free_place()
        return result

    # === PLACES === #

    def _take_place(self):
        """The environment where the stack goes, and why; it has room for it from now on."""
        placement = self.docker_image_id._place(self._count_containers(), self)
        # It was written after this transaction began.
        environment_id, reason = in_own_transaction(
            placement, lambda placement: (placement.environment_id.id, placement.reason)
        )
        return self.env["sadeem.portainer.environment"].browse(environment_id), reason

    def _take_ports(self, environment):
        """Two ports of the environment; those that an attempt which was cut off has taken."""
        try:
            # A comparison that began before this attempt may be giving them back.
            with locked(environment, wait=WAIT):
                held = in_own_transaction(
                    self, lambda client: client._get_ports(environment.id).mapped("port")
                )
        except Busy as error:
            raise DriverUnavailable(
                self.env._("Somebody else was at work on %(name)s.", name=environment.name)
            ) from error
        if len(held) == 2:
            return held
        return environment.allocate_ports(2, purpose=stack_name(self.client_id))

    def _get_ports(self, environment_id=None):
        """The ports that are given to these clients, also those that no client knows of yet."""
        purposes = [stack_name(client.client_id) for client in self]
        domain = [("purpose", "in", purposes), ("released", "=", False)]
        if environment_id:
            domain.append(("environment_id", "=", environment_id))
        return self.env["sadeem.portainer.port"].search(domain, order="port")

    def _drop_what_was_made(self):
        # Without a record of it no stack was ever asked for.
        never_asked = self.is_docker and not self.docker_stack_id
        return None if never_asked else super()._drop_what_was_made()

    def _free_place(self):
        """Forget the stacks of these clients, which are gone from the servers."""
        for client in self.filtered("is_docker"):
            stack = client.docker_stack_id
            for environment, ports in client._get_ports().grouped("environment_id").items():
                environment.release_ports(ports.mapped("port"))
            client.docker_placement_ids._give_back()
            if not stack:
                continue
            client.write(
                {
                    "docker_stack_id": False,
                    "docker_http_port": 0,
                    "docker_gevent_port": 0,
                    "docker_placement": False,
                }
            )
            # What it was last seen as is noted in transactions of its own.
            stack.invalidate_recordset()
            stack.write({"state": "draft", "pending_action": False})
            stack.unlink()

    # === REVISIONS === #

    def _revise(self, user, reason, settings):
        """The revision of these settings; the same one as before when its text is the same."""
        try:
            compose = self._render_stack(settings)
        except InvalidSpec as error:
            raise UserError(self._describe_refusal(error)) from error
        revision = self.docker_revision_id
        if revision.compose != compose:
            number = max(self.docker_revision_ids.mapped("number"), default=0) + 1
            revision = self.env["sadeem.saas.docker.revision"].create(
                {
                    "client_id": self.id,
                    "number": number,
                    "compose": compose,
                    "settings": settings,
                    "image": settings["image"],
                    "user_id": user.id,
                    "reason": reason,
                }
            )
            self.docker_revision_id = revision
        self.docker_stack_id.compose = compose
        return revision

    def _note_deployed(self):
        if not self.docker_revision_id.deployed_at:
            self.docker_revision_id.deployed_at = fields.Datetime.now()

    def _take_settings(self, revision):
        """Give the client the settings that it had at this revision."""
        if not revision:
            raise UserError(self.env._("The revision has been removed."))
        known = set(self._get_docker_settings())
        vals = {name: value for name, value in revision.settings.items() if name in known}
        image_name, _colon, tag_name = revision.image.rpartition(":")
        image = self.docker_image_id.with_context(active_test=False).search(
            [("name", "=", image_name), ("tag_ids.name", "=", tag_name)], limit=1
        )
        if not image:
            raise UserError(
                self.env._(
                    "The image %(image)s of revision %(number)s is not among the images any more.",
                    image=revision.image,
                    number=revision.number,
                )
            )
        tag = image.tag_ids.filtered(lambda tag: tag.name == tag_name)
        self.write({**vals, "docker_image_id": image.id, "docker_image_tag_id": tag.id})

    # === REQUESTS === #

    def action_rebuild(self):
        """Deploy the stacks of these clients with their present settings, in the background."""
        self.check_access("write")
        for client in self:
            client._start_rebuild(self.env._("Changed settings"))
        return True

    def action_restart(self):
        """Restart the Odoo of these clients, in the background."""
        self.check_access("write")
        for client in self:
            client._check_can_be_deployed()
            client._start_operation("restart")
        return True

    def _start_rebuild(self, reason, revision=None):
        self._check_can_be_deployed()
        arguments = {"reason": reason}
        if revision:
            arguments["revision_id"] = revision.id
        else:
            try:
                self.sudo()._render_stack(self.sudo()._prepare_stack_settings())
            except InvalidSpec as error:
                raise UserError(self._describe_refusal(error)) from error
        return self._start_operation("rebuild", arguments)

    def _check_can_be_deployed(self):
        self._check_docker()
        self._check_can_be_copied()


def _ask(url: str, host: str) -> int:
    """The status of a page there under a host name."""
    return ask_status(url, host, _ANSWER_SECONDS)
