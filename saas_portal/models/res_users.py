import logging

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import single_email_re

from odoo.addons.auth_signup.models.res_partner import SignupError

_logger = logging.getLogger(__name__)

_MIN_PASSWORD = 8


class ResUsers(models.Model):
    _inherit = "res.users"

    saas_email_unconfirmed = fields.Boolean(
        string="E-mail Not Confirmed",
        groups="base.group_erp_manager",
        copy=False,
        help="Made this account without anybody's invitation, and has not shown yet that the"
        " e-mail address is theirs.",
    )

    @api.model
    def signup(self, values, token=None):
        """Sign a customer up; for scripts the refusals come as faults that can be read.

        Returns ``(login, password)``, with False where no password was given: XML-RPC has no None.
        """
        if self.env.su:
            answer = super().signup(values, token)
            if token or self.env.user._is_public():
                # An invitation, like the link for a new password, came by mail.
                self._get_user_by_login(answer[0]).saas_email_unconfirmed = not token
            return answer
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
    def _check_visitor(self, form):
        """Name and address of a visitor of the sign-up page, tidied.

        :raises UserError: in the visitor's words
        """
        typed = {key: form.get(key) for key in ("name", "login")}
        values = {key: text.strip() if isinstance(text, str) else "" for key, text in typed.items()}
        values["login"] = values["login"].lower()
        if self._get_signup_invitation_scope() != "b2c":
            raise UserError(self.env._("New accounts are by invitation only. Please write to us."))
        if not values["name"]:
            raise UserError(self.env._("Tell us your name."))
        if not single_email_re.fullmatch(values["login"]):
            raise UserError(self.env._("Give an e-mail address that we can write to."))
        if self._get_user_by_login(values["login"]):
            raise UserError(
                self.env._("There is an account with this e-mail address already; log in first.")
            )
        return values

    @api.model
    def _sign_up_customer(self, form, confirmed=False):
        """An account for a visitor of the sign-up page; returns what he logs in with.

        Ends the transaction: the account is there whatever becomes of the database.

        :param dict form: ``login`` (an e-mail address), ``name``, ``password``
        :param confirmed: the address was shown to be his
        :raises UserError: in the visitor's words
        """
        values = {**self._check_visitor(form), "password": form.get("password")}
        if not isinstance(values["password"], str) or len(values["password"]) < _MIN_PASSWORD:
            raise UserError(
                self.env._("The password has at least %(count)s characters.", count=_MIN_PASSWORD)
            )
        try:
            self.sudo().signup({**values, "email": values["login"]})
        except (SignupError, ValueError) as error:
            _logger.warning("A visitor could not be signed up: %s", error)
            raise UserError(self.env._("The account could not be made; try again.")) from error
        self._get_user_by_login(values["login"]).saas_email_unconfirmed = not confirmed
        self.env.cr.commit()  # pylint: disable=invalid-commit
        return {"login": values["login"], "password": values["password"], "type": "password"}

    def _get_address_to_confirm(self):
        """Who is asked whether the address is his: ``name``, ``login``, ``email``.

        :raises UserError: there is no address, in the user's words
        """
        self.ensure_one()
        email = self.email or self.login
        if not single_email_re.fullmatch(email):
            raise UserError(
                self.env._("Your account has no e-mail address. Add one, then come back.")
            )
        return {"name": self.name, "login": self.login, "email": email}

    def _confirm_login(self, login):
        """The user has followed the link that was sent for this login.

        :raises UserError: it is somebody else's
        """
        self.ensure_one()
        if self.login != login:
            raise UserError(
                self.env._("This link is for %(login)s. Log out here, then follow it.", login=login)
            )
        if self.sudo().saas_email_unconfirmed:
            self.sudo().saas_email_unconfirmed = False

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
