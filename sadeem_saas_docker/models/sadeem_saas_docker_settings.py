from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..lib.saas_stack import InvalidSpec, OdooOptions, Resources, StackSpec, render

#: Stands for the rest of a stack while its settings alone are checked.
_SOME_KEY = "00000000-0000-4000-8000-000000000000"


class SadeemSaasDockerSettings(models.AbstractModel):
    """How the Odoo of a stack runs: what a plan gives to its new clients, and each client has."""

    _name = "sadeem.saas.docker.settings"
    _description = "Settings of a Client's Stack"

    docker_workers = fields.Integer(
        string="Docker Worker Count", help="Processes of Odoo; 0: one process with threads."
    )
    docker_limit_time_cpu = fields.Integer(
        string="CPU Time Limit", default=60, help="Seconds of processor time for one request."
    )
    docker_limit_time_real = fields.Integer(
        string="Real Time Limit", default=120, help="Seconds for one request."
    )
    docker_limit_time_real_cron = fields.Integer(
        string="Real Time Limit of Scheduled Actions",
        help="Seconds for one scheduled action; 0: without limit.",
    )
    docker_limit_request = fields.Integer(
        string="Requests per Worker",
        default=8192,
        help="After so many requests a worker is replaced by a new one.",
    )
    docker_log_level = fields.Selection(
        [
            ("info", "Info"),
            ("debug_rpc", "Debug (Requests)"),
            ("debug_sql", "Debug (SQL)"),
            ("warn", "Warnings"),
            ("error", "Errors"),
            ("critical", "Critical Errors"),
        ],
        string="Log Level",
        required=True,
        default="info",
    )
    docker_update_modules = fields.Char(
        string="Update Modules",
        help="Technical names with commas; updated once, when the stack starts with this change.",
    )
    docker_auto_install_modules = fields.Char(
        string="Auto Install Modules",
        help="Technical names with commas; installed once, when the stack starts with this change.",
    )
    docker_server_wide_modules = fields.Char(
        string="Server Wide Modules", help="Technical names with commas, besides the usual ones."
    )
    docker_without_demo = fields.Boolean(string="Without Demo Data", default=True)
    docker_x_sendfile = fields.Boolean(
        string="Sendfile", help="The reverse proxy delivers files; it has to be set up for that."
    )
    docker_user_addons_path = fields.Char(
        string="User Addons Path", help="A folder in the container with further addons."
    )
    docker_cpus = fields.Float(
        string="CPUs", digits=(6, 2), help="How many processors the stack may use; 0: all."
    )
    docker_memory_mb = fields.Integer(
        string="Memory (MB)", help="How much memory the stack may use; 0: no limit."
    )

    @api.model
    def _get_docker_settings(self) -> list[str]:
        """The names of these fields."""
        fields_of_mixin = self.env["sadeem.saas.docker.settings"]._fields
        return [name for name in fields_of_mixin if name.startswith("docker_")]

    @api.constrains(lambda self: self._get_docker_settings())
    def _check_docker_settings(self):
        for record in self:
            values = record._read_docker_settings()
            spec = StackSpec(
                key=_SOME_KEY,
                name="check",
                host="check.example.com",
                image="odoo:19.0",
                odoo=self._make_odoo_options(values),
                resources=self._make_resources(values),
                portal_uuid=_SOME_KEY,
            )
            try:
                render(spec)
            except InvalidSpec as error:
                raise ValidationError(self._describe_refusal(error)) from error

    @api.model
    def _describe_refusal(self, error: InvalidSpec) -> str:
        """The complaint under the label of the field that it is about."""
        part, _dot, name = error.field.partition(".")
        own = f"docker_{name}" if part in ("odoo", "resources") else ""
        labels = self.fields_get([own], ["string"]) if own in self._fields else {}
        label = labels[own]["string"] if labels else error.field
        return self.env._("%(field)s: %(reason)s", field=label, reason=error.reason)

    def _read_docker_settings(self) -> dict:
        """Field → value, as plain JSON values."""
        self.ensure_one()
        return {name: self[name] for name in self._get_docker_settings()}

    @api.model
    def _make_odoo_options(self, values: dict) -> OdooOptions:
        """The options of Odoo that these settings mean."""
        return OdooOptions(
            workers=values["docker_workers"],
            limit_time_cpu=values["docker_limit_time_cpu"],
            limit_time_real=values["docker_limit_time_real"],
            limit_time_real_cron=values["docker_limit_time_real_cron"],
            limit_request=values["docker_limit_request"],
            log_level=values["docker_log_level"],
            update_modules=_split(values["docker_update_modules"]),
            auto_install_modules=_split(values["docker_auto_install_modules"]),
            server_wide_modules=_split(values["docker_server_wide_modules"]),
            without_demo=values["docker_without_demo"],
            x_sendfile=values["docker_x_sendfile"],
            user_addons_path=values["docker_user_addons_path"] or "",
        )

    @api.model
    def _make_resources(self, values: dict) -> Resources:
        """The limits of the containers that these settings mean."""
        return Resources(
            cpus=values["docker_cpus"] or None, memory_mb=values["docker_memory_mb"] or None
        )


def _split(names: str | bool) -> tuple[str, ...]:
    return tuple(name.strip() for name in (names or "").split(",") if name.strip())
