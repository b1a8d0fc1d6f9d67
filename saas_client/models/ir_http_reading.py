from psycopg2.errors import ReadOnlySqlTransaction

from odoo import models
from odoo.exceptions import UserError
from odoo.http import request

from ..reading import hold_to_reading, is_judged_by_orm, must_only_read

#: Where people and programs call any method of any model.
CALL_ROUTES = ("/web/dataset/", "/json/2/")


class IrHttp(models.AbstractModel):
    """Holds calls of methods in a read-only database to reading."""

    _inherit = "ir.http"

    @classmethod
    def _dispatch(cls, endpoint):
        if not cls._saas_is_held_to_reading(endpoint):
            return super()._dispatch(endpoint)
        hold_to_reading(request.env)
        try:
            return super()._dispatch(endpoint)
        except ReadOnlySqlTransaction as error:
            raise UserError(request.env["saas_client.status"]._explain_read_only()) from error

    @classmethod
    def _saas_is_held_to_reading(cls, endpoint):
        routes = endpoint.routing.get("routes", ())
        if not any(route.startswith(CALL_ROUTES) for route in routes):
            return False
        params = request.params
        model_name = params.get("model") or params.get("__model__")
        method = params.get("method") or params.get("__method__")
        env = request.env
        return must_only_read(env) and not is_judged_by_orm(env, model_name, method)
