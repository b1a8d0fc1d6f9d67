"""Who called what, when, and how it ended."""

import re
from datetime import timedelta

from odoo import api, fields, models

from ..lib.saas_rest import formats
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.text import _lt

KEPT_DAYS = 90
PAGE = 80
MAX_PAGE = 1000


class SaasRestAudit(models.Model):
    """One REST call. No body, no query, no secret is kept."""

    _name = "saas_rest.audit"
    _description = "REST Call"
    _order = "id desc"
    _log_access = False
    _rec_name = "request_id"

    at = fields.Datetime("Time", readonly=True, index=True)
    user_id = fields.Many2one("res.users", readonly=True, index=True, ondelete="set null")
    token_prefix = fields.Char("Token", readonly=True)
    method = fields.Char(readonly=True)
    route = fields.Char(readonly=True)
    path = fields.Char("Address", readonly=True)
    status = fields.Integer(readonly=True, aggregator=None)
    code = fields.Char("Problem", readonly=True)
    reason = fields.Char(readonly=True, help="What the caller was not told.")
    duration = fields.Integer("Duration (ms)", readonly=True, aggregator="avg")
    request_id = fields.Char(readonly=True, index=True)
    ip = fields.Char("Address of the Caller", readonly=True)

    @api.autovacuum
    def _gc_calls(self):
        """Forgets calls after ``saas_rest_api.audit_days`` days."""
        get_param = self.env["ir.config_parameter"].sudo().get_param
        try:
            days = int(get_param("saas_rest_api.audit_days", KEPT_DAYS))
        except ValueError:
            days = KEPT_DAYS
        self.env.cr.execute(
            "DELETE FROM saas_rest_audit WHERE at < %s",
            [fields.Datetime.now() - timedelta(days=days)],
        )

    # --- by REST ----------------------------------------------------------------

    @api.model
    def _list(self, params):
        """A page of calls, the newest first.

        :param params: texts: limit, before (an id), status, user_id, request_id
        :return: the rows, and the id from which the next page goes on
        :raises Problem: for a parameter that is no number
        """
        self.check_access("read")
        limit = _number(params, "limit", PAGE)
        if not 0 < limit <= MAX_PAGE:
            raise _invalid_number("limit")
        domain = [
            (field, operator, _number(params, name))
            for name, field, operator in (
                ("before", "id", "<"),
                ("status", "status", "="),
                ("user_id", "user_id", "="),
            )
            if name in params
        ]
        if "request_id" in params:
            domain.append(("request_id", "=", params["request_id"]))
        calls = self.search(domain, limit=limit + 1)
        more = calls[limit - 1].id if len(calls) > limit else None
        return [call._describe() for call in calls[:limit]], more

    def _describe(self):
        return {
            "id": self.id,
            "at": formats.format_datetime(self.at),
            "user_id": self.user_id.id or None,
            "token_prefix": self.token_prefix or None,
            "method": self.method,
            "route": self.route or None,
            "path": self.path,
            "status": self.status,
            "code": self.code or None,
            "reason": self.reason or None,
            "ms": self.duration,
            "request_id": self.request_id,
            "ip": self.ip or None,
        }


def _number(params, name, default=None):
    text = params.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise _invalid_number(name)
    return int(text)


def _invalid_number(name):
    detail = _lt("'%(name)s' has to be a whole number in its range.", name=name)
    return Problem("invalid-parameter", detail, [Detail(f"/{name}", "invalid-parameter")])
