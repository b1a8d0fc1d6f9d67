"""From a request to the engine: the only place where its operations meet HTTP."""

import hashlib

from odoo.http import request

from ..dispatcher import RestCall, current_call
from ..lib.saas_rest.operation import Operation
from ..lib.saas_rest.reply import Reply

CHANGING = ("POST", "PUT", "PATCH", "DELETE")


def operation_of(call: RestCall) -> Operation:
    """The request without its HTTP."""
    return Operation(
        access=call.access,
        limits=call.limits,
        params=list(call.query.items(multi=True)),
        read_body=call.json,
        preferences=call.preferences,
        if_match=call.headers.get("If-Match"),
        if_none_match=call.headers.get("If-None-Match"),
        path=call.httprequest.path,
    )


def perform(name: str, **arguments) -> Reply:
    """Run an operation of ``saas_rest.operations`` for the current request."""
    operations = request.env["saas_rest.operations"]
    return once(lambda op: getattr(operations, f"_op_{name}")(op, **arguments))


def once(do) -> Reply:
    """Do something with the current request; once only for each of its Idempotency-Keys."""
    call = current_call()
    op = operation_of(call)
    key = call.headers.get("Idempotency-Key")
    changes = call.httprequest.method in CHANGING and not call.token.read_only
    if key is None or not changes:
        return do(op)
    owner = f"token {call.token.id}" if call.token.id else f"user {call.token.uid}"
    sent = (
        call.httprequest.method,
        call.httprequest.full_path,
        hashlib.sha256(call.body).hexdigest(),
    )
    keys = request.env["saas_rest.idempotency"]
    return keys._perform(owner, key, sent, lambda: do(op))
