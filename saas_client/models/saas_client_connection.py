import logging

from odoo import api, fields, models
from odoo.exceptions import AccessDenied

from ..lib.client_rules import TokenRefused, read_connect_token
from ..policy import OPERATOR_IDS, mark_operator_request

_logger = logging.getLogger(__name__)


class SaasClientConnection(models.Model):
    """A visit of the operator to this database: who came in, when and why.

    For the customer to read: nobody in the database writes or removes these rows.
    """

    _name = "saas_client.connection"
    _description = "Visit by the Provider"
    _order = "id desc"
    _rec_name = "operator"

    operator = fields.Char(string="Who", required=True, readonly=True)
    reason = fields.Char(string="Why", required=True, readonly=True)
    date = fields.Datetime(string="When", required=True, readonly=True, default=fields.Datetime.now)

    @api.model
    def _begin(self, token):
        """Let the operator in who brings this token, once; returns the account to log in.

        :raises AccessDenied: in words for him
        """
        users = self.env["res.users"].sudo()
        try:
            visit = read_connect_token(token, **users._saas_get_trust())
            if not self.env["saas_client.used_token"]._use(visit.jti, visit.expires_at):
                raise TokenRefused("used already")
        except TokenRefused as reason:
            _logger.info("A visit in the name of the portal is refused: %s", reason)
            raise AccessDenied(
                self.env._("You are not let in: the link is %(reason)s.", reason=reason)
            ) from None
        mark_operator_request()
        admin = users.browse(OPERATOR_IDS[-1]).exists()
        if not admin.active:
            raise AccessDenied(
                self.env._("You are not let in: the operator's account here has been archived.")
            )
        self.sudo().create({"operator": visit.operator, "reason": visit.reason})
        _logger.info("%s comes in from the portal: %s", visit.operator, visit.reason)
        return admin
