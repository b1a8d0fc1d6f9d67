import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..lib.saas_driver import DriverError, TemplateSpec
from ..lib.saas_rules import InvalidName, check_name


class SaasPortalDatabase(models.Model):
    """A template: a database that clients are copied from."""

    _name = "saas_portal.database"
    _description = "SaaS Template"
    _inherit = ["mail.thread", "saas_portal.operation.mixin"]
    _order = "name"
    _operation_link = "database_id"

    name = fields.Char(string="Database", required=True, tracking=True)
    active = fields.Boolean(default=True)
    uuid = fields.Char(required=True, readonly=True, copy=False, default=lambda self: self._uuid())
    server_id = fields.Many2one(
        "saas_portal.server", required=True, ondelete="restrict", index=True, tracking=True
    )
    company_id = fields.Many2one(related="server_id.company_id", store=True)
    state = fields.Selection(
        [
            ("draft", "New"),
            ("building", "Building"),
            ("template", "Ready"),
            ("broken", "Broken"),
            ("deleted", "Deleted"),
        ],
        required=True,
        default="draft",
        readonly=True,
        copy=False,
        tracking=True,
    )
    addons = fields.Char(
        readonly=True, help="What was installed besides Odoo's base, at the last build."
    )
    built_at = fields.Datetime(readonly=True, copy=False)
    plan_ids = fields.One2many("saas_portal.plan", "template_id")
    operation_ids = fields.One2many("saas_portal.operation", "database_id", string="Operations")

    _name_unique = models.UniqueIndex(
        "(lower(name)) WHERE state != 'deleted'", "Another template has this name."
    )

    @api.model
    def _uuid(self):
        return str(uuid.uuid4())

    # === CONSTRAINT METHODS === #

    @api.constrains("name")
    def _check_name(self):
        for database in self:
            try:
                check_name(database.name)
            except InvalidName as error:
                raise ValidationError(str(error)) from error

    # === CRUD METHODS === #

    def write(self, vals):
        """The database keeps its place: its record cannot be pointed at another one."""
        moved = self.filtered(
            lambda database: database.state not in ("draft", "deleted") and database._is_moved(vals)
        )
        if moved:
            raise UserError(
                self.env._(
                    "The template %(name)s has a database; it cannot be renamed or moved to another"
                    " server. Delete the database first.",
                    name=moved[:1].name,
                )
            )
        return super().write(vals)

    def _is_moved(self, vals):
        names = {"name": self.name, "uuid": self.uuid, "server_id": self.server_id.id}
        return any(name in vals and vals[name] != value for name, value in names.items())

    @api.ondelete(at_uninstall=False)
    def _unlink_except_built(self):
        if self.filtered(lambda database: database.state not in ("draft", "deleted")):
            raise UserError(
                self.env._(
                    "A template with a database cannot be removed; delete the database first."
                )
            )

    # === ACTION METHODS === #

    def action_build(self):
        """Build, or build again, from the plan that uses this template."""
        for database in self:
            if not database.plan_ids:
                raise UserError(
                    self.env._(
                        "No plan uses the template %(name)s, so there is nothing to build it for.",
                        name=database.name,
                    )
                )
            database.plan_ids[0].action_create_template()
        return True

    def action_delete_database(self):
        """Drop the template's database; its plans are drafts until it is built again."""
        self.check_access("unlink")
        for database in self:
            database._start_operation("delete_template")
        return True

    # === BUSINESS METHODS === #

    def _start_operation(self, kind, *args, **kwargs):
        operation = super()._start_operation(kind, *args, **kwargs)
        if kind == "build_template" and self.state != "template":
            # A template that is built again stays usable until the new one replaces it.
            self.state = "building"
        return operation

    def _get_operation_steps(self, kind):
        steps = {
            "build_template": [
                ("_step_build", self.env._("Install Odoo and the apps")),
                ("_step_finish", self.env._("Open for copying")),
            ],
            "delete_template": [("_step_delete", self.env._("Drop the database"))],
        }
        return steps[kind] if kind in steps else super()._get_operation_steps(kind)

    def _step_build(self, operation):
        arguments = operation.arguments
        spec = TemplateSpec(
            name=self.name,
            key=self.uuid,
            addons=tuple(arguments["addons"]),
            languages=tuple(arguments["languages"]),
            demo=arguments["demo"],
        )
        self.server_id._get_driver().build_template(spec)
        return self.env._("Built %(name)s", name=self.name)

    def _step_finish(self, operation):
        self.write(
            {
                "state": "template",
                "built_at": fields.Datetime.now(),
                "addons": ", ".join(operation.arguments["addons"]),
            }
        )
        self.env["saas_portal.plan"]._trigger_spares()
        operation.result = {"id": self.id, "name": self.name, "state": self.state}

    def _step_delete(self, operation):
        self.server_id._get_driver().delete_template(self.name)
        self.write({"state": "deleted", "built_at": False})
        self.env["saas_portal.plan"]._trigger_spares()

    def _on_operation_failed(self, operation):
        if operation.kind != "build_template":
            return
        try:
            status = self.server_id._get_driver().status(self.name)
        except DriverError:
            status = None
        # A build that failed leaves the former template as it was, when there was one; without one
        # the name may be that of any database.
        kept = self.built_at and status and status.exists
        self.state = "template" if kept else "broken"
