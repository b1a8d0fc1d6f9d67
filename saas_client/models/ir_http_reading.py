from psycopg2.errors import ReadOnlySqlTransaction

from odoo import models
from odoo.exceptions import UserError
from odoo.http import request

from ..reading import hold_to_reading, is_judged_by_orm, must_only_read

#: Where people and programs call any method of any model.
CALL_ROUTES = ("/web/dataset/", "/json/2/")
#: What the web client wants changed when it starts; nobody asked for it, so nobody is refused.
_BY_ITSELF = (("res.company", "iap_enrich_auto"),)
#: What it notes when it shows messages, in rows that a read-only database lets people write.
_NOTES = (("discuss.channel", "channel_fetched"),)


class IrHttp(models.AbstractModel):
    """Holds calls of methods in a read-only database to reading."""

    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        call = cls._saas_get_call(endpoint)
        if not call or not must_only_read(request.env) or call in _NOTES:
            return super()._dispatch(endpoint)
        if call in _BY_ITSELF:
            return False
        if is_judged_by_orm(request.env, *call):
            return super()._dispatch(endpoint)
        hold_to_reading(request.env)
        try:
            return super()._dispatch(endpoint)
        except ReadOnlySqlTransaction as error:
            raise UserError(request.env["saas_client.status"]._explain_read_only()) from error

    @classmethod
    def _saas_get_call(cls, endpoint):
        """Model and method that the request calls, None when it is no such request."""
        routes = endpoint.routing.get("routes", ())
        if not any(route.startswith(CALL_ROUTES) for route in routes):
            return None
        params = request.params
        model_name = params.get("model") or params.get("__model__")
        return model_name, params.get("method") or params.get("__method__")
