import re
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain

from ..lib.saas_rules import InvalidName, check_label, check_name

_MIN_LABEL = 3


class SaasPortalPlan(models.Model):
    """What customers see of a plan, and how they get a database from it by themselves."""

    _inherit = "saas_portal.plan"

    is_published = fields.Boolean(
        string="Published",
        copy=False,
        tracking=True,
        help="Everybody sees the plan on the portal and can get a database from it.",
    )

    signup_closed = fields.Boolean(
        compute="_compute_signup_closed",
        help="The plan is published, but visitors cannot make an account.",
    )

    # === COMPUTE METHODS === #

    @api.depends("is_published")
    def _compute_signup_closed(self):
        closed = self.env["res.users"].sudo()._get_signup_invitation_scope() != "b2c"
        for plan in self:
            plan.signup_closed = plan.is_published and closed

    # === ACTION METHODS === #

    def action_open_page(self):
        """Show the page where customers choose a plan."""
        return {"type": "ir.actions.act_url", "url": "/saas/plans", "target": "new"}

    def action_open_signup(self):
        """Let visitors make accounts, where only invited ones could."""
        if not self.env.user.has_group("base.group_system"):
            raise AccessError(self.env._("Only administrators open the sign-up."))
        self._open_signup()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    # === BUSINESS METHODS === #

    @api.model
    def _open_signup(self):
        """With and without ``website``, whose own setting wins over Odoo's."""
        self.env["ir.config_parameter"].sudo().set_param("auth_signup.invitation_scope", "b2c")
        if "website" in self.env and "auth_signup_uninvited" in self.env["website"]._fields:
            self.env["website"].sudo().search(Domain.TRUE).write({"auth_signup_uninvited": "b2c"})

    @api.model
    def _get_published(self, plan_id=None):
        """The plans that customers may choose, or the one among them with this id."""
        domain = [("is_published", "=", True), ("state", "=", "confirmed")]
        if plan_id is not None:
            domain.append(("id", "=", plan_id))
        return self.sudo().search(domain)

    def _get_signup_domain(self):
        """What comes after the name that a customer chooses: ``example.com``."""
        self.ensure_one()
        first, _dot, domain = (self.dbname_template or "").partition(".")
        if domain and "%i" in first:
            return domain
        parameters = self.env["ir.config_parameter"].sudo()
        if domain := (parameters.get_param("saas_portal.base_saas_domain") or "").strip(" ."):
            return domain
        host = urlsplit(self.get_base_url()).hostname or "localhost"
        _first, _dot, rest = host.partition(".")
        # portal.example.com → example.com, portal.localhost → localhost, example.com stays.
        return rest if "." in rest or rest == "localhost" else host

    def _get_trial_text(self):
        """How long a customer can try the plan; False for one that is no trial."""
        hours = self.expiration
        if not hours:
            return False
        if hours % 24:
            return self.env._("%(hours)s hours free", hours=hours)
        return self.env._("%(days)s days free", days=hours // 24)

    def _get_storage_text(self):
        """The storage in the unit in which people think of it."""
        megabytes = self.total_storage_limit
        if megabytes >= 1000 and not megabytes % 100:
            return f"{megabytes / 1000:g} GB"
        return f"{megabytes} MB"

    @api.model
    def _tidy_label(self, label):
        return label.strip().lower() if isinstance(label, str) else ""

    def _get_label_problem(self, label, client_id=None):
        """Why a customer cannot have this name, in a sentence for him; False when he can."""
        self.ensure_one()
        if not label:
            return self.env._("Choose a name.")
        if len(label) < _MIN_LABEL:
            return self.env._("The name has at least %(count)s letters.", count=_MIN_LABEL)
        if "." in label or not self._is_host_name(label):
            return self.env._("Use small letters, digits, and hyphens between them.")
        name = f"{label}.{self._get_signup_domain()}"
        try:
            check_name(name)
        except InvalidName:
            # The letters are right, so it is the length or a name of the system's own.
            return self.env._("This name cannot be used; choose another one.")
        # Names with a hyphen at these places are read as foreign letters by browsers.
        if re.match(r"..--", label) or self.env["saas_portal.reserved_name"]._is_reserved(label):
            return self.env._("This name cannot be used; choose another one.")
        try:
            taken = self.env["saas_portal.client"]._find_taken_name(
                name, self.template_id.server_id.id, client_id
            )
        except UserError:
            return self.env._("Names cannot be looked up right now; try again in a minute.")
        return self.env._("This name is taken.") if taken else False

    def _is_host_name(self, label):
        try:
            check_label(label)
        except InvalidName:
            return False
        return True

    def _create_for_customer(self, user, label):
        """A client of this customer's own, built in the background; returns its record.

        A plan with trial hours gives trials: what a customer has not paid for he cannot choose.

        :raises UserError: in the customer's words
        """
        self.ensure_one()
        plan = self.with_user(user).sudo()
        if problem := plan._get_label_problem(label):
            raise UserError(problem)
        answer = plan._create_new_database(
            {
                "dbname": f"{label}.{plan._get_signup_domain()}",
                "user_id": user.id,
                "trial": bool(plan.expiration),
            },
            notify_user=True,
            background=True,
        )
        return self.env["saas_portal.client"].sudo().browse(answer["id"])
