import http.client
import time

from odoo import fields, models
from odoo.exceptions import AccessError, UserError

from odoo.addons.saas_portal.const import LIVE_STATES, PENDING, STOPPED
from odoo.addons.saas_portal.lib.saas_driver import (
    DriverError,
    DriverNotFound,
    DriverUnavailable,
)
from odoo.addons.saas_portal.lib.saas_wire import ask_status
from odoo.addons.sadeem_portainer.transactions import in_own_transaction

from ..comparison import RUNNING
from ..lib.saas_stack import (
    ODOO_SERVICE,
    PASSWORD_VARIABLE,
    InvalidSpec,
    make_password,
    stack_name,
)

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
            steps = [revise, deploy, answer, ("_step_resync", self.env._("Read its state"))]
            if self.rung == STOPPED:
                steps.append(("_step_stop_again", self.env._("Stop it again")))
            return steps
        if kind == "stop":
            return [("_step_halt", self.env._("Stop what runs of it"))]
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
            "_step_stop_again": self.env._("Stop the database again"),
            "_step_halt": self.env._("Stop the database again"),
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
        stack._set_env({PASSWORD_VARIABLE: make_password()})
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
            settings = self._prepare_new_settings()
            revision = self._revise(operation.user_id, reason, settings)
        return self.env._("Revision %(number)s", number=revision.number)

    def _step_deploy(self, operation):
        try:
            if operation.kind == "create":
                number = self._deploy_past_refused_ports(operation)
            else:
                driver = self.server_id._get_driver()
                number = driver.deploy(self._get_ref(), self.public_url.rstrip("/"))
        except DriverNotFound as error:
            raise UserError(self._describe_lost_data()) from error
        self.docker_stack_id._check()
        # The revision may be younger than this transaction.
        in_own_transaction(self, lambda client: client._note_deployed())
        # What still differs is found by the next comparison.
        self.env["sadeem.saas.docker.deviation"].search([("client_id", "=", self.id)]).unlink()
        return self.env._("Stack %(number)s runs", number=number)

    def _step_wait_for_answer(self, operation):
        """People reach it under its name, as the reverse proxy will ask for it."""
        deadline, late = time.monotonic() + _PATIENCE, False
        while reason := self._find_silence():
            if late:
                raise DriverUnavailable(reason)
            late = time.monotonic() > deadline
            # What was stopped, before or meanwhile, does not answer by itself.
            if not self._bring_up():
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
        if container := self._find_odoo_container():
            portainer.docker_action(environment.id, container, "restart")
            if environment.environment_type == "swarm":
                self._wait_for_successor(container)
        # Waits until it runs. Modules that could not be changed are the next rebuild's business.
        self.server_id._get_driver().start(self._get_ref())

    def _step_halt(self, operation):
        """Stop what somebody has started of a client that is not to run."""
        if self.state in LIVE_STATES and self.rung != STOPPED:
            raise UserError(self.env._("%(name)s is in use by now.", name=self.name))
        self.server_id._get_driver().halt(self._get_ref())
        deviations = self.env["sadeem.saas.docker.deviation"]
        deviations.search([("client_id", "=", self.id), ("kind", "=", RUNNING)]).unlink()

    def _find_odoo_container(self) -> str | None:
        """Its id, also when it does not run."""
        stack = self.docker_stack_id
        rows = stack.portainer_id.check_stack_status(stack.id)["containers"]
        return next((row["id"] for row in rows if row["service"] == ODOO_SERVICE), None)

    def _wait_for_successor(self, container: str):
        """A swarm puts another container in the place of one that is restarted, after a while."""
        deadline = time.monotonic() + _PATIENCE
        while self._find_odoo_container() in (container, None):
            if time.monotonic() > deadline:
                raise DriverUnavailable(
                    self.env._("The swarm does not start Odoo of %(name)s again.", name=self.name)
                )
            # It tells nobody when it has; ask again.
            time.sleep(_PAUSE)

    def _get_trash_name(self):
        name = super()._get_trash_name()
        # It becomes a host name: in a proxy's network one without a dot could be a service.
        return f"{name}.invalid" if self.is_docker else name

    def _put_away(self, driver):
        if not self.is_docker:
            return super()._put_away(driver)
        trash_name = self._get_trash_name()
        try:
            # What is stopped next need not answer before.
            url = self.public_url.rstrip("/")
            driver.rename(self._get_ref(), trash_name, url, serve=False)
            driver.stop(self._get_ref_as(trash_name))
            return trash_name
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
        return self.name if found.key == self.client_id else trash_name

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
            client._check_docker()
            client._check_can_be_copied()
            client._start_operation("restart")
        return True

    def _check_may_run(self, image):
        """What runs in the containers is the managers' to choose, a former image too.

        :raises AccessError: it is another image than now, and this is no manager
        """
        client = self.sudo()
        present = f"{client.docker_image_id.name}:{client.docker_image_tag_id.name}"
        if image != present and not self.env.user.has_group("saas_portal.group_manager"):
            raise AccessError(
                self.env._(
                    "The client would run %(image)s instead of %(present)s; only managers choose"
                    " images.",
                    image=image,
                    present=present,
                )
            )

    def _start_rebuild(self, reason, revision=None):
        self._check_can_be_rebuilt()
        arguments = {"reason": reason}
        if revision:
            arguments["revision_id"] = revision.id
        else:
            try:
                self.sudo()._render_stack(self.sudo()._prepare_stack_settings())
            except InvalidSpec as error:
                raise UserError(self._describe_refusal(error)) from error
        return self._start_operation("rebuild", arguments)


def _ask(url: str, host: str) -> int:
    """The status of a page there under a host name."""
    return ask_status(url, host, _ANSWER_SECONDS)
