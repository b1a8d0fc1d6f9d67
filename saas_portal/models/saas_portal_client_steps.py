import logging
import uuid
from dataclasses import replace
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import email_normalize

from ..const import BROKEN, DRAFT, LIVE_STATES, OP_DONE, OPEN, PENDING, STOPPED, SUSPENDED_RUNGS
from ..lib.saas_driver import ClientSpec, DriverError, Owner, Setup
from ..lib.saas_rules import InvalidName, PayloadError, check_name, parse_payload
from ..lib.saas_rules.payload import (
    EXPIRATION,
    MAX_USERS,
    STORAGE_LIMIT,
    SUSPENDED,
    TRIAL,
    VISIBLE_MODULES,
)
from ..transactions import leave_to_later_commits

_logger = logging.getLogger(__name__)

#: Seconds that a client may take; installing modules takes minutes.
_TIMEOUT = 120
_MODULES_TIMEOUT = 1800

#: Where a client keeps its policy inside, besides the one that counts more.
POLICY = "saas_client.policy"

#: parameter → field of the client that shows it
_MIRRORED = {
    MAX_USERS: "max_users",
    STORAGE_LIMIT: "total_storage_limit",
    EXPIRATION: "expiration_datetime",
    TRIAL: "trial",
    VISIBLE_MODULES: "visible_addons",
}


class SaasPortalClient(models.Model):
    """How operations change a client: requests checked, and the steps that carry them out."""

    _inherit = "saas_portal.client"

    # === REQUESTS === #

    @api.model
    def _prepare_request(
        self,
        plan,
        dbname=None,
        client_id=None,
        partner_id=None,
        user_id=None,
        trial=False,
        support_team_id=None,
        owner_password_hash=False,
    ):
        """Check the arguments of a creation; returns (values of the client, secrets)."""
        if plan.state != "confirmed":
            raise UserError(
                self.env._(
                    "The plan %(plan)s is a draft: build its template first.", plan=plan.name
                )
            )
        owner = self._browse_argument("res.users", "user_id", user_id or self.env.uid)
        partner = self._browse_argument(
            "res.partner", "partner_id", partner_id or owner.partner_id.id
        )
        team = self._browse_argument("saas_portal.support_team", "support_team_id", support_team_id)
        server = plan.template_id.server_id
        vals = {
            "name": self._check_dbname(dbname),
            "plan_id": plan.id,
            "server_id": server.id,
            "company_id": plan.company_id.id or server.company_id.id,
            "partner_id": partner.id,
            "owner_id": owner.id,
            "trial": bool(trial),
            "max_users": plan.max_users,
            "total_storage_limit": plan.total_storage_limit,
            "block_on_expiration": plan.block_on_expiration,
            "block_on_storage_exceed": plan.block_on_storage_exceed,
            "expiration_datetime": plan._get_expiration(trial),
        }
        if team:
            vals["support_team_id"] = team.id
        if client_id:
            vals.update(self._prepare_draft_vals(client_id))
        secrets = {"owner_password_hash": owner_password_hash} if owner_password_hash else {}
        return vals, secrets

    def _browse_argument(self, model, argument, record_id):
        if not record_id:
            return self.env[model]
        is_id = isinstance(record_id, int) and not isinstance(record_id, bool)
        record = is_id and self.env[model].sudo().browse(record_id).exists()
        if not record:
            raise UserError(
                self.env._(
                    "%(argument)s: there is no %(id)s.", argument=argument, id=repr(record_id)
                )
            )
        return record

    def _check_dbname(self, dbname):
        if not dbname:
            return False
        if isinstance(dbname, str) and (taken := self._find_taken_variant(dbname)):
            raise UserError(self.env._("The name %(name)s is taken.", name=taken))
        try:
            return check_name(dbname)
        except InvalidName as error:
            raise UserError(str(error)) from error

    def _find_taken_variant(self, dbname):
        """A client whose name differs in capitals only; a better complaint than capitals."""
        if dbname == dbname.lower():
            return False
        return (
            self.sudo()
            .search([("name", "=", dbname.lower()), ("name_released", "=", False)], limit=1)
            .name
        )

    def _prepare_draft_vals(self, client_id):
        clients = self.sudo().with_context(active_test=False)
        client = isinstance(client_id, str) and clients.search(
            [("client_id", "=", client_id)], limit=1
        )
        if not client:
            try:
                return {"client_id": str(uuid.UUID(client_id))}
            except (ValueError, AttributeError, TypeError) as error:
                raise UserError(
                    self.env._("client_id: %(id)s is no uuid.", id=repr(client_id))
                ) from error
        if client.state != DRAFT:
            raise UserError(
                self.env._(
                    "The client %(id)s is not a draft; it is %(name)s.",
                    id=client_id,
                    name=client.name,
                )
            )
        return {"id": client.id}

    @api.model
    def _check_configurable(self, clients):
        """A readable refusal for clients that cannot be configured."""
        for client in clients:
            if client.state == "deleted":
                raise UserError(self.env._("The client %(name)s is deleted.", name=client.name))
            if client.state == BROKEN:
                raise UserError(
                    self.env._(
                        "The client %(name)s is broken: %(cause)s",
                        name=client.name,
                        cause=client.operation_ids[:1].error or self.env._("unknown cause"),
                    )
                )

    # === STEPS === #

    def _get_operation_steps(self, kind):
        steps = {
            "create": [
                ("_step_create_database", self.env._("Copy the template")),
                ("_step_set_up", self.env._("Set owner and limits")),
                ("_step_open", self.env._("Open")),
            ],
            "configure": [("_step_configure", self.env._("Apply the changes"))],
            "rename": [
                ("_step_rename", self.env._("Rename the database")),
                ("_step_push_policy", self.env._("Tell the database")),
            ],
            "delete": [("_step_delete", self.env._("Take the database away"))],
            "restore": [
                ("_step_restore", self.env._("Bring the database back")),
                ("_step_push_policy", self.env._("Tell the database")),
                ("_step_resync", self.env._("Read its state")),
            ],
            "purge": [("_step_purge", self.env._("Drop the database"))],
        }
        return steps[kind] if kind in steps else super()._get_operation_steps(kind)

    def _step_create_database(self, operation):
        steps = self._prepare_first_steps(operation)
        spec = ClientSpec(
            ref=self._get_ref(),
            template=self.plan_id.template_id.name,
            identity=self._prepare_identity(),
            spare=self._claim_spare(operation),
            setup=self._prepare_setup(steps),
        )
        is_set_up = self.server_id._get_driver().create(spec)
        self.write(
            {
                "key_id": self.env["saas_portal.keyring"]._get_signing_key().key_id,
                "login_portal_url": is_set_up and steps["portal_url"],
            }
        )
        if is_set_up:
            self._note_set_up(operation)
            # It takes longest of all; the step that opens the client waits for it.
            self.server_id._warm(self.name)
        if spec.spare:
            return self.env._("Took a spare of %(template)s", template=spec.template)
        return self.env._("Copied %(template)s", template=spec.template)

    def _claim_spare(self, operation):
        """The key of a spare; a step that is repeated may have made the client already."""
        step = operation.step_ids.filtered(lambda step: step.method == "_step_create_database")
        repeated = step.started_at != operation.started_at
        if repeated and self.server_id._find_database(self.name).key == self.client_id:
            return ""
        return self.plan_id._claim_spare(self)

    def _note_set_up(self, operation):
        """The next step is done with this one, or neither is."""
        now = fields.Datetime.now()
        step = operation.step_ids.filtered(lambda step: step.method == "_step_set_up")
        step.write({"state": OP_DONE, "started_at": now, "finished_at": now})

    def _step_set_up(self, operation):
        """Have a client make its owner that was not made with him."""
        steps = self._prepare_first_steps(operation)
        self._apply_steps(steps, _TIMEOUT)
        self.login_portal_url = steps["portal_url"]

    def _prepare_first_steps(self, operation):
        """What a new client is told besides its policy, in the words of its gateway."""
        owner = self.owner_id
        payload = self._prepare_push(["max_users", "total_storage_limit", "expiration_datetime"])
        payload["params"] += [
            {"key": SUSPENDED, "value": "0", "hidden": False},
            {"key": TRIAL, "value": "1" if self.trial else "0", "hidden": False},
            # Where the page of a suspended database sends its people.
            {"key": "saas_client.support_url", "value": self.get_base_url(), "hidden": False},
        ]
        steps = parse_payload(payload).steps
        steps["owner"] = {
            "login": owner.login,
            "name": owner.name,
            "email": owner.email or owner.login,
            "password_hash": operation._get_secrets().get("owner_password_hash", False),
            "lang": self.plan_id.lang or "en_US",
            "tz": self.plan_id.tz or "UTC",
        }
        return {**steps, **self._prepare_login_steps()}

    def _prepare_setup(self, steps):
        """The same for a driver that writes it into the copy; None where the client has to do it.

        The policy lies where the client finds it before anybody could find the client.
        """
        if self.hidden_parameters or not self.server_id._can_set_up():
            return None
        policy, owner = self._sign_policy(), steps["owner"]
        self.env["saas_portal.keyring"]._publish_policy(self.client_id, policy)
        parameters = {item["key"]: item["value"] for item in steps["params"] if item["value"]}
        return Setup(
            owner=Owner(
                login=owner["login"],
                name=owner["name"],
                email=owner["email"],
                email_normalized=email_normalize(owner["email"], strict=False) or "",
                password_hash=owner["password_hash"] or "",
                lang=owner["lang"],
                tz=owner["tz"],
                subject=steps["owner_subject"],
            ),
            portal_url=steps["portal_url"],
            parameters={**parameters, POLICY: policy},
            hidden=frozenset({POLICY}),
        )

    def _step_open(self, operation):
        is_warm = self.server_id._warm(self.name)
        # The client is made, and on the disk; to open it is done again when that is lost.
        leave_to_later_commits(self.env)
        # What is written meanwhile is seen by nobody before the page is there.
        self._set_open()
        self._read_usage()
        self.plan_id._refill_spares()
        self.env.cr.flush()
        if not is_warm():
            _logger.info("%s is not warm: its first page was not there in time", self.name)
            # It says what is wrong with it, unless nothing is but the time that it takes.
            self._apply_steps({}, _TIMEOUT)
        operation.result = {"id": self.id}
        if operation.arguments.get("notify_user"):
            chosen = bool(operation._get_secrets().get("owner_password_hash"))
            client = self.with_context(saas_password_chosen=chosen)
            client._send_mail(self.plan_id.on_create_email_template)

    def _step_configure(self, operation):
        reason = operation.arguments.get("suspend_for", "operator")
        readable = self._complete_payload(operation.arguments["payload"], reason)
        payload = parse_payload({**readable, **operation._get_secrets()})
        timeout = _MODULES_TIMEOUT if payload.touches_modules else _TIMEOUT
        result = {}
        stopped = self.rung == STOPPED
        # Before the client is told: the policy that it is sent is made of the record.
        self._mirror(payload.typed, reason)
        self._take_rung(operation.arguments)
        self._take_policy_values(payload)
        if payload.steps or operation.arguments.get("policy"):
            if stopped:
                self.server_id._get_driver().start(self._get_ref())
            result = self._apply_steps(payload.steps, timeout)
            self._take_policy_values(payload, result)
        if self.rung == STOPPED:
            self.server_id._get_driver().stop(self._get_ref())
        operation.result = result
        return self._describe_configuration(payload)

    def _mirror(self, typed, reason):
        """Show in the portal what the client now obeys."""
        vals = {
            field: typed[key]
            for key, field in _MIRRORED.items()
            if key in typed and (self[field] or False) != (typed[key] or False)
        }
        if vals:
            self.write(vals)
        if SUSPENDED in typed:
            if typed[SUSPENDED]:
                self._set_suspended(reason)
            else:
                self._set_open()
        if STORAGE_LIMIT in typed:
            self._apply_storage_policy()

    def _describe_configuration(self, payload):
        """One line for the list of operations, with no value of a parameter in it."""
        parts = []
        for key, value in payload.steps.items():
            names = value if isinstance(value, list) else []
            if key == "params":
                names = [param["key"] for param in value]
            elif names and not isinstance(names[0], str):
                names = []
            parts.append(f"{key}: {', '.join(names)}" if names else key)
        return "; ".join(parts)

    def _step_rename(self, operation):
        new_name = operation.arguments["new_name"]
        base_url = self.server_id._get_public_url(new_name).rstrip("/")
        ref = self._get_ref()
        # The name is reserved before the database moves: another client must not come in between.
        self.name = new_name
        self.flush_recordset()
        self.server_id._get_driver().rename(ref, new_name, base_url)

    def _step_push_policy(self, operation):
        """A policy names the database that it is for, and says where people are sent."""
        self._apply_steps({}, _TIMEOUT)
        if self.rung == STOPPED:
            self.server_id._get_driver().stop(self._get_ref())

    def _step_delete(self, operation):
        driver = self.server_id._get_driver()
        days = self.plan_id.retention_days
        if self.state not in LIVE_STATES or not days:
            driver.delete(self._get_ref())
            self.env["saas_portal.keyring"]._forget_policy(self.client_id)
            self._set_deleted(trash_name=False)
            return self.env._("Dropped %(name)s", name=self.name)
        self._set_deleted(
            trash_name=self._put_away(driver),
            purge_at=fields.Datetime.now() + timedelta(days=days),
        )
        return self.env._("Kept for %(days)s days", days=days)

    def _put_away(self, driver) -> str:
        """Keep the database where nobody can reach it until the days are over; its name there."""
        trash_name = self._get_trash_name()
        driver.rename(self._get_ref(), trash_name, self.public_url.rstrip("/"))
        driver.stop(self._get_ref_as(trash_name))
        return trash_name

    def _get_trash_name(self) -> str:
        """What a deleted client is called on its server as long as it is kept."""
        return f"saas-trash-{self.client_id}"

    def _step_restore(self, operation):
        if taken := self._find_taken_name(self.name, self.server_id.id, self.id):
            raise UserError(self.env._("The name %(name)s is taken.", name=taken))
        trash = self._get_ref_as(self.trash_name)
        # As far open as it was when it was deleted, and for the same reason.
        state = PENDING if self.rung in SUSPENDED_RUNGS else OPEN
        self._update_state(
            state, name_released=False, trash_name=False, purge_at=False, deleted_at=False
        )
        self.flush_recordset()
        self._take_back(operation, trash)

    def _take_back(self, operation, trash):
        """Have what was put away as ``trash`` under its name again."""
        self.server_id._get_driver().rename(trash, self.name, self.public_url.rstrip("/"))

    def _step_resync(self, operation):
        self._read_usage()

    def _step_purge(self, operation):
        self.server_id._get_driver().delete(self._get_ref_as(self.trash_name))
        self.env["saas_portal.keyring"]._forget_policy(self.client_id)
        self.write({"trash_name": False, "purge_at": False})

    def _get_ref_as(self, name):
        return replace(self._get_ref(), name=name)

    def _on_operation_failed(self, operation):
        if operation.kind != "create" or self.state in (OPEN, PENDING):
            return
        # What was half made goes, and the name with it; the record keeps the cause.
        try:
            self._drop_what_was_made()
            removed = True
        except DriverError as error:
            _logger.warning("What was made of %s stays for now: %s", self.name, error)
            removed = False
        self._set_broken(release_name=removed)
        self.message_post(
            body=self.env._("Creation failed: %(cause)s", cause=operation.error or "cancelled")
        )

    def _explain_failure(self, operation, cause):
        """A new client that does not run may be the copy of a template that would not either."""
        cause = super()._explain_failure(operation, cause)
        template = self.plan_id.template_id
        if operation.kind != "create" or not template.outdated:
            return cause
        return self.env._(
            "%(cause)s The template %(template)s is outdated (%(reason)s): rebuild it on the plan,"
            " then retry.",
            cause=cause,
            template=template.name,
            reason=template.outdated_reason,
        )

    def _drop_what_was_made(self):
        """Remove from the server what an interrupted creation has left there."""
        self.server_id._get_driver().delete(self._get_ref())
        self.env["saas_portal.keyring"]._forget_policy(self.client_id)

    def _on_operation_retried(self, operation):
        if operation.kind != "create":
            return
        self._check_name_free(self.name, self.server_id.id, self.id)
        self._set_building()
        operation.step_ids.state = "pending"

    # === OPERATIONS === #

    @api.model
    def _parse_payload(self, payload):
        try:
            return parse_payload(payload)
        except PayloadError as error:
            raise UserError(str(error)) from error

    def _configure(self, payload):
        """Have one client apply a payload of the API, and wait for what it answers."""
        self.ensure_one()
        arguments, secrets = self._prepare_configuration(payload)
        return self._perform_operation("configure", arguments, secrets)

    def _prepare_configuration(self, payload):
        parsed = self._parse_payload(payload)
        self._check_configurable(self)
        readable = {key: value for key, value in parsed.steps.items() if key not in parsed.secrets}
        return {"payload": readable}, parsed.secrets

    def rename_database(self, new_dbname):
        """Give the client another name and host; people log in again under the new address."""
        self.ensure_one()
        self.check_access("write")
        self._check_configurable(self)
        try:
            check_name(new_dbname)
        except InvalidName as error:
            raise UserError(str(error)) from error
        if new_dbname != self.name:
            self._check_name_free(new_dbname, self.server_id.id, self.id)
            self._perform_operation("rename", {"new_name": new_dbname})
        return True

    def delete_database(self):
        """Delete these clients; they can be restored within the plan's retention days."""
        if not self.env.su and not self.env.user.has_group("saas_portal.group_manager"):
            raise AccessError(self.env._("Only managers of the SaaS Portal delete clients."))
        self.check_access("write")
        for client in self.filtered(lambda client: client.state != "deleted"):
            client._perform_operation("delete")
        return True
