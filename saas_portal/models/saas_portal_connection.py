import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

_logger = logging.getLogger(__name__)

#: For how long, in seconds, the link opens the client.
_LINK_SECONDS = 60
_MAX_REASON = 300


class SaasPortalConnection(models.Model):
    """An operator's visit to a client: who, when and why. Nobody changes or removes these rows."""

    _name = "saas_portal.connection"
    _description = "SaaS Connection"
    _order = "id desc"
    _rec_name = "database"

    client_id = fields.Many2one(
        "saas_portal.client", readonly=True, ondelete="set null", index="btree_not_null"
    )
    database = fields.Char(required=True, readonly=True, help="Its name at that time.")
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one(
        "res.users", string="Who", required=True, readonly=True, ondelete="restrict"
    )
    reason = fields.Char(string="Why", required=True, readonly=True)
    create_date = fields.Datetime(string="Asked", readonly=True)
    opened_at = fields.Datetime(
        string="Opened", readonly=True, help="When the link was used; empty: it was not."
    )

    # === BUSINESS METHODS === #

    @api.model
    def _ask(self, client, reason):
        """Write down who wants in and why; the link of the row lets him in, once and at once."""
        reason = " ".join(reason.split()) if isinstance(reason, str) else ""
        if not reason:
            raise UserError(self.env._("Say why you connect; the customer can read it."))
        if len(reason) > _MAX_REASON:
            raise UserError(
                self.env._("Say it in %(count)s characters at most.", count=_MAX_REASON)
            )
        return self.sudo().create(
            {
                "client_id": client.id,
                "database": client.name,
                "company_id": client.company_id.id,
                "user_id": self.env.uid,
                "reason": reason,
            }
        )

    def _get_link(self):
        self.ensure_one()
        return f"/saas/connect/{self.id}"

    def _open(self):
        """Use the link up: where to send its user, and with what.

        :return: (address in the client, signed token)
        :raises UserError: in words for whoever tries
        """
        connection = self.sudo().exists()
        self._check_openable(connection)
        connection.opened_at = fields.Datetime.now()
        # Another worker that lets the same link through at this moment conflicts here.
        connection.flush_recordset()
        client, user = connection.client_id, connection.user_id
        operator = user.name if user.name == user.login else f"{user.name} ({user.login})"
        token = client._get_signing_key().sign_connect(
            self.env["saas_portal.keyring"]._get_portal_uuid(),
            client.client_id,
            operator,
            connection.reason,
        )
        _logger.info("%s connects to %s (#%d)", user.login, client.name, connection.id)
        return f"{client.public_url}saas_client/connect", token

    def _check_openable(self, connection):
        if not connection or connection.user_id != self.env.user:
            raise UserError(self.env._("This link belongs to somebody else."))
        if connection.opened_at:
            raise UserError(self.env._("This link has been used; it opens the client once."))
        if connection.create_date + timedelta(seconds=_LINK_SECONDS) < fields.Datetime.now():
            raise UserError(
                self.env._(
                    "This link is too old; it was good for %(count)s seconds.", count=_LINK_SECONDS
                )
            )
        try:
            connection.client_id.with_user(self.env.user)._check_connectable()
        except AccessError as error:
            raise UserError(self.env._("You may not connect to this client.")) from error
