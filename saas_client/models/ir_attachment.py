import os

from odoo import models
from odoo.exceptions import ValidationError

from ..storage import MEGABYTE, get_used, has_room, is_exempt
from .ir_config_parameter import STORAGE_KEY


class IrAttachment(models.Model):
    _inherit = "ir.attachment"

    def _get_datas_related_values(self, data, mimetype):
        """Every content of an attachment comes through here, also from imports and RPC."""
        self._saas_check_room(data)
        return super()._get_datas_related_values(data, mimetype)

    def _saas_check_room(self, data):
        """Raise when this content does not fit into the storage of the plan."""
        limit = self.env["ir.config_parameter"]._saas_get_limit(STORAGE_KEY)
        if not limit or not data or is_exempt(self.env):
            return
        if self._saas_is_stored(data) or has_room(self.env, limit, len(data)):
            return
        raise ValidationError(
            self.env._(
                "Your plan includes %(limit)s MB of storage and %(used)s MB are in use, so that"
                " this file of %(size)s MB does not fit. Delete files that you do not need, or ask"
                " your provider for a larger plan.",
                limit=limit,
                used=round(get_used(self.env) / MEGABYTE, 1),
                size=round(len(data) / MEGABYTE, 1),
            )
        )

    def _saas_is_stored(self, data):
        """Whether the same content is there already: Odoo stores it once."""
        checksum = self._compute_checksum(data)
        return self._storage() != "db" and os.path.exists(
            self._full_path(f"{checksum[:2]}/{checksum}")
        )
