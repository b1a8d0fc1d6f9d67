from odoo import api, models
from odoo.exceptions import UserError

from odoo.addons.auth_signup.models.res_partner import SignupError


class ResUsers(models.Model):
    _inherit = "res.users"

    @api.model
    def signup(self, values, token=None):
        """Sign a customer up; for scripts the refusals come as faults that can be read.

        Returns ``(login, password)``, with False where no password was given: XML-RPC has no None.
        """
        if self.env.su:
            return super().signup(values, token)
        # A caller over RPC is no visitor of the sign-up page: he needs the right to make users.
        self.check_access("create")
        if not isinstance(values, dict) or not values.get("login"):
            raise UserError(self.env._("Give a login for the new user."))
        if not token and self._get_user_by_login(values["login"]):
            raise UserError(self.env._("There is already a user %(login)s.", login=values["login"]))
        try:
            login, password = super().signup(dict(values), token)
        except (SignupError, ValueError) as error:
            raise UserError(
                self.env._("The user could not be signed up: %(reason)s", reason=error)
            ) from error
        return login, password or False

    @api.model
    def _get_user_by_login(self, login):
        domain = self._get_login_domain(login)
        return self.sudo().with_context(active_test=False).search(domain, limit=1)

    @api.model
    def _get_signup_invitation_scope(self):
        """Whoever may create users need not be invited to sign one up."""
        if not self.env.su and self.has_access("create"):
            return "b2c"
        return super()._get_signup_invitation_scope()
