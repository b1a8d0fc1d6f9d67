import logging

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import single_email_re

from odoo.addons.auth_signup.models.res_partner import SignupError

_logger = logging.getLogger(__name__)

_MIN_PASSWORD = 8


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
    def _sign_up_customer(self, form):
        """An account for a visitor of the sign-up page; returns what he logs in with.

        Ends the transaction: the account is there whatever becomes of the database.

        :param dict form: ``login`` (an e-mail address), ``name``, ``password``
        :raises UserError: in the visitor's words
        """
        values = {key: form.get(key) or "" for key in ("name", "login", "password")}
        values["name"], values["login"] = values["name"].strip(), values["login"].strip().lower()
        if self._get_signup_invitation_scope() != "b2c":
            raise UserError(self.env._("New accounts are by invitation only. Please write to us."))
        if not values["name"]:
            raise UserError(self.env._("Tell us your name."))
        if not single_email_re.fullmatch(values["login"]):
            raise UserError(self.env._("Give an e-mail address that we can write to."))
        if len(values["password"]) < _MIN_PASSWORD:
            raise UserError(
                self.env._("The password has at least %(count)s letters.", count=_MIN_PASSWORD)
            )
        if self._get_user_by_login(values["login"]):
            raise UserError(
                self.env._("There is an account with this e-mail address already; log in first.")
            )
        try:
            self.sudo().signup({**values, "email": values["login"]})
        except (SignupError, ValueError) as error:
            _logger.warning("A visitor could not be signed up: %s", error)
            raise UserError(self.env._("The account could not be made; try again.")) from error
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return {"login": values["login"], "password": values["password"], "type": "password"}

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
