import uuid

from odoo import fields, models


class ResUsers(models.Model):
    """Under which name clients know a user of the portal."""

    _inherit = "res.users"

    saas_subject = fields.Char(
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        help="Never changes and never names anybody else: not a login, which can be changed, nor an"
        " id, which a portal restored from a backup gives to the next user.",
    )
    _saas_subject_unique = models.UniqueIndex(
        "(saas_subject) WHERE saas_subject IS NOT NULL", "This subject names somebody else."
    )

    def _get_saas_subject(self):
        self.ensure_one()
        user = self.sudo()
        if not user.saas_subject:
            user.saas_subject = str(uuid.uuid4())
        return user.saas_subject
