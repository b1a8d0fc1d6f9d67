import logging
from datetime import timedelta
from time import time

from odoo import SUPERUSER_ID, api, models, tools
from odoo.exceptions import UserError

from odoo.addons.base.models.ir_mail_server import MailDeliveryException

_logger = logging.getLogger(__name__)

_SCOPE = "saas_portal.signup"
#: For how long the link in a mail can be followed.
_LIFETIME = timedelta(hours=24)
_VALUES = ("dbname", "name", "login", "email")


class SaasPortalPlan(models.Model):
    """Asks people who made their account themselves whether their e-mail address is theirs.

    Until the link in the mail was followed nothing of them is kept: what they typed is in the link,
    signed as Odoo signs its invitations. So nothing can be made by guessing, and nobody can put an
    account with a password of his own under the address of somebody else.
    """

    _inherit = "saas_portal.plan"

    @api.model
    def _needs_confirmation(self, user):
        """Whether this user, or a visitor, has to show first that he reads his mails."""
        unknown = user._is_public() or (user.share and user.sudo().saas_email_unconfirmed)
        return unknown and self._asks_for_confirmation()

    @api.model
    def _asks_for_confirmation(self):
        """What the settings say; unless they say so, only where a mail server is set up."""
        setting = self.env["ir.config_parameter"].sudo().get_param("saas_portal.confirm_email")
        if setting in ("always", "never"):
            return setting == "always"
        return bool(self.env["ir.mail_server"].sudo().search_count([], limit=1))

    def _send_confirmation(self, values):
        """Write to the address that somebody has given.

        :param dict values: ``dbname`` (the label), ``name``, ``login``, ``email``
        :raises UserError: no mail could be sent, in the visitor's words
        """
        self.ensure_one()
        token = self._make_confirmation_token(values)
        template = self.env.ref("saas_portal.email_template_confirm_signup")
        template = template.with_user(SUPERUSER_ID).with_context(
            lang=self.env.lang,
            saas_link=f"{self.get_base_url().rstrip('/')}{self._get_confirm_path(token)}",
            saas_host=f"{values['dbname']}.{self._get_signup_domain()}",
            saas_hours=int(_LIFETIME / timedelta(hours=1)),
        )
        # Filed under no record and without the name that somebody typed: the link is for its reader
        # alone, and the mail is no way to send a stranger a text of one's own.
        addressed = {"email_to": values["email"], "model": False, "res_id": False}
        try:
            with self.env.cr.savepoint():
                template.send_mail(
                    self.id,
                    force_send=True,
                    raise_exception=True,
                    email_values={**addressed, "auto_delete": True},
                    email_layout_xmlid="saas_portal.mail_layout",
                )
        except MailDeliveryException as error:
            _logger.warning("The mail for a sign-up could not be sent: %s", error)
            raise UserError(
                self.env._("No mail could be sent to this address just now; try again later.")
            ) from error

    def _get_confirm_path(self, token):
        return f"/saas/signup/{self.id}/confirm?token={token}"

    def _make_confirmation_token(self, values):
        """What the link carries: who asks for what, until when."""
        self.ensure_one()
        until = int(time() + _LIFETIME.total_seconds())
        kept = {name: str(values[name]) for name in _VALUES}
        return tools.hash_sign(self.sudo().env, _SCOPE, {**kept, "plan": self.id, "until": until})

    def _read_confirmation_token(self, token):
        """What was typed, with ``expired``; None for anything that this portal did not sign."""
        self.ensure_one()
        try:
            values = tools.verify_hash_signed(self.sudo().env, _SCOPE, token)
        except (ValueError, TypeError, AttributeError):
            return None
        if not values or values["plan"] != self.id:
            return None
        return {**values, "expired": values["until"] < time()}

    def _create_for_customer(self, user, label):
        if self._needs_confirmation(user):
            raise UserError(self.env._("Please confirm your e-mail address first."))
        return super()._create_for_customer(user, label)
