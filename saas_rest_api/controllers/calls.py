"""Public methods of models."""

from odoo import http

from ..lib.saas_rest.doc import Doc
from ..routing import rest_route
from .engine import perform

PROBLEMS = (
    "not-found",
    "unknown-parameter",
    "required-missing",
    "invalid-value",
    "validation",
    "user-error",
    "unique-violation",
    "referenced",
    "locked",
    "value-too-large",
    "idempotency-mismatch",
)


class SaasRestCalls(http.Controller):
    """Calls of methods, on a model or on a record."""

    @rest_route(
        "/api/v1/<model>/call/<method>",
        methods=["POST"],
        body="json",
        doc=Doc(
            "Call a method of a model",
            "call",
            ("methods",),
            'The body names the arguments: `{"args": {"name": "value"}}`; `ids` names records.',
            params=("Idempotency-Key",),
            body="CallOnModel",
            body_required=False,
            response="Anything",
            problems=PROBLEMS,
        ),
    )
    def call_on_model(self, model, method):
        return perform("call", model=model, method=method)

    @rest_route(
        "/api/v1/<model>/<int:record_id>/call/<method>",
        methods=["POST"],
        body="json",
        doc=Doc(
            "Call a method of a record",
            "call_record",
            ("methods",),
            'The body names the arguments: `{"args": {"name": "value"}}`.',
            params=("Idempotency-Key",),
            body="Call",
            body_required=False,
            response="Anything",
            problems=PROBLEMS,
        ),
    )
    def call_on_record(self, model, record_id, method):
        return perform("call", model=model, method=method, record_id=record_id)
