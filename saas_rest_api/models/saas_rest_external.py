from odoo import api, fields, models
from odoo.tools import SQL

MAX_KEY = 255


class SaasRestExternal(models.Model):
    """A key by which another system knows a record, so that it can create or update in one call."""

    _name = "saas_rest.external"
    _description = "REST external key"
    _order = "model, namespace, key"
    _rec_name = "key"

    model = fields.Char(required=True, readonly=True)
    namespace = fields.Char(required=True, readonly=True)
    key = fields.Char(required=True, readonly=True)
    res_id = fields.Many2oneReference("Record", model_field="model", readonly=True)

    _key_unique = models.UniqueIndex("(model, namespace, key)", "This key is taken.")
    _record_index = models.Index("(model, res_id)")

    @api.model
    def _find(self, model_name: str, namespace: str, key: str) -> int | None:
        """The id of the record that has the key, None when there is none."""
        self.env.cr.execute(
            SQL(
                "SELECT res_id FROM saas_rest_external"
                " WHERE model = %s AND namespace = %s AND key = %s",
                model_name,
                namespace,
                key,
            )
        )
        row = self.env.cr.fetchone()
        return (row and row[0]) or None

    @api.model
    def _reserve(self, model_name: str, namespace: str, key: str) -> bool:
        """Take the key; False when it is taken already.

        Whoever comes second waits here until the first one has committed.
        """
        self.env.cr.execute(
            SQL(
                "INSERT INTO saas_rest_external"
                " (model, namespace, key, create_uid, create_date, write_uid, write_date)"
                " VALUES (%s, %s, %s, %s, now() AT TIME ZONE 'utc', %s, now() AT TIME ZONE 'utc')"
                " ON CONFLICT (model, namespace, key) DO NOTHING RETURNING id",
                model_name,
                namespace,
                key,
                self.env.uid,
                self.env.uid,
            )
        )
        return self.env.cr.fetchone() is not None

    @api.model
    def _assign(self, model_name: str, namespace: str, key: str, record_id: int) -> None:
        """The key now belongs to this record."""
        self.env.cr.execute(
            SQL(
                "UPDATE saas_rest_external SET res_id = %s"
                " WHERE model = %s AND namespace = %s AND key = %s",
                record_id,
                model_name,
                namespace,
                key,
            )
        )

    @api.model
    def _forget(self, model_name: str, record_ids: list[int]) -> None:
        """The records are gone, and their keys with them."""
        self.env.cr.execute(
            SQL(
                "DELETE FROM saas_rest_external WHERE model = %s AND res_id IN %s",
                model_name,
                tuple(record_ids),
            )
        )
