import contextlib
import time

from psycopg2.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from odoo import api, models, tools
from odoo.exceptions import AccessError, UserError

from ..apps_lock import alone, undo_half_changes
from ..policy import get_policy, is_operator_at_work

MANAGE_GROUP = "saas_client.group_show_modules_menu"
# States that a mere refresh of the list of apps gives.
LISTED_STATES = ("uninstalled", "uninstallable")
# How long an order of the operator waits for a scheduled action to end.
BUSY_SECONDS = 120
# And for apps to be changed by somebody else, or by the same order whose asker was cut off.
APPS_SECONDS = 600


class IrModuleModule(models.Model):
    """Apps are managed by whom the operator allows; this addon is removed by the operator.

    Every way to install, upgrade or remove ends in a write of `state`, so the rule is held
    there, and once more in the buttons to refuse before anything is prepared.
    """

    _inherit = "ir.module.module"

    # === CRUD METHODS === #

    @api.model_create_multi
    def create(self, vals_list):
        if any(vals.get("state", "uninstalled") not in LISTED_STATES for vals in vals_list):
            self._saas_check_may_manage_apps()
        return super().create(vals_list)

    def write(self, vals):
        if "state" in vals and vals["state"] not in LISTED_STATES:
            self._saas_check_may_manage_apps()
        if vals.get("state") in ("to remove", *LISTED_STATES):
            self._saas_check_keeps_addon()
        return super().write(vals)

    # === ACTION METHODS === #

    def button_install(self):
        self._saas_check_may_manage_apps()
        return super().button_install()

    def button_immediate_install(self):
        self._saas_check_may_manage_apps()
        with alone(self.env):
            return super().button_immediate_install()

    def button_upgrade(self):
        self._saas_check_may_manage_apps()
        return super().button_upgrade()

    def button_immediate_upgrade(self):
        self._saas_check_may_manage_apps()
        with alone(self.env):
            return super().button_immediate_upgrade()

    def button_uninstall(self):
        self._saas_check_may_manage_apps()
        self._saas_check_keeps_addon()
        return super().button_uninstall()

    def button_immediate_uninstall(self):
        self._saas_check_may_manage_apps()
        self._saas_check_keeps_addon()
        with alone(self.env):
            return super().button_immediate_uninstall()

    def module_uninstall(self):
        self._saas_check_may_manage_apps()
        self._saas_check_keeps_addon()
        return super().module_uninstall()

    # === PROTECTION === #

    @api.model
    def _saas_check_may_manage_apps(self):
        if not (self.env.su or self.env.user.has_group(MANAGE_GROUP)):
            raise AccessError(
                self.env._("Apps are managed by your provider. Ask them for the app you need.")
            )

    def _saas_check_keeps_addon(self):
        """Raise when removing these modules takes this addon away from the operator."""
        if is_operator_at_work() or (self.env.su and not get_policy(self.env)):
            return
        if self._saas_carries_addon():
            raise UserError(
                self.env._(
                    "%(modules)s cannot be uninstalled: your provider needs it to run this"
                    " database.",
                    modules=", ".join(self.sudo().mapped("shortdesc")),
                )
            )

    def _saas_carries_addon(self):
        """Whether this addon is among the modules, or would go with them."""
        modules = self.sudo().filtered(lambda module: module.state not in LISTED_STATES)
        return "saas_client" in (modules | modules.downstream_dependencies()).mapped("name")

    # === ORDERS OF THE OPERATOR === #

    @api.model
    def _saas_find(self, names):
        """The modules with these names, and a report on the names that nobody knows."""
        modules = self.search([("name", "in", names), ("state", "!=", "uninstallable")])
        known = set(modules.mapped("name"))
        return modules, [f"addon not found: {name}" for name in names if name not in known]

    @api.model
    def _saas_install(self, names):
        with self._saas_alone():
            modules, report = self._saas_find(names)
            if missing := modules.filtered(lambda module: module.state == "uninstalled"):
                self._saas_await_scheduled_actions()
                missing.button_immediate_install()
            return report

    @api.model
    def _saas_upgrade(self, names):
        with self._saas_alone():
            modules, report = self._saas_find(names)
            installed = modules.filtered(lambda module: module.state == "installed")
            report += [
                f"addon not installed: {name}" for name in (modules - installed).mapped("name")
            ]
            if installed:
                self._saas_await_scheduled_actions()
                installed.button_immediate_upgrade()
            return report

    @api.model
    def _saas_uninstall(self, names):
        with self._saas_alone():
            modules, report = self._saas_find(names)
            removable = self.browse()
            for module in modules:
                if module.state != "installed":
                    report.append(f"addon not installed: {module.name}")
                elif module._saas_carries_addon() or module.name in self._saas_server_wide():
                    report.append(f"addon cannot be uninstalled: {module.name}")
                else:
                    removable |= module
            if removable:
                self._saas_await_scheduled_actions()
                removable.button_immediate_uninstall()
            return report

    @contextlib.contextmanager
    def _saas_alone(self):
        """What a process that died had begun is undone, so that it can be begun again."""
        with alone(self.env, APPS_SECONDS):
            undo_half_changes(self.env)
            yield

    @api.model
    def _saas_await_scheduled_actions(self):
        """Hold the locks that changing apps needs, as soon as no scheduled action runs.

        Odoo itself gives up at once, and leaves a transaction behind that can do nothing more.
        """
        deadline = time.monotonic() + BUSY_SECONDS
        # changing apps commits in any case, and only a new transaction sees what ended meanwhile
        self.env.cr.commit()  # pylint: disable=invalid-commit
        while True:
            try:
                self.env.cr.execute("SET LOCAL lock_timeout = '10s'")
                self.env.cr.execute("LOCK ir_module_module IN EXCLUSIVE MODE", log_exceptions=False)
                self.env.cr.execute("SELECT FROM ir_cron FOR UPDATE", log_exceptions=False)
                self.env.cr.execute("SET LOCAL lock_timeout = 0")
                break
            except (DeadlockDetected, LockNotAvailable, SerializationFailure) as error:
                self.env.cr.rollback()
                if time.monotonic() > deadline:
                    raise UserError(
                        self.env._("A scheduled action is running; try again later.")
                    ) from error
        self.env.invalidate_all()

    @api.model
    def _saas_server_wide(self):
        return frozenset(tools.config["server_wide_modules"])
