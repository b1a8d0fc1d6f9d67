"""Tokens by REST."""

from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.text import _lt
from ..login import mint_by_password
from ..routing import rest_route

MAX_OVERLAP = 3600
#: What may stand in the body of a new token, and its type.
MINT_FIELDS = {
    "db": str,
    "login": str,
    "password": str,
    "name": str,
    "expires_in": int | None,
    "scopes": [str],
    "read_only": bool,
    "company_ids": [int],
    "allowed_ips": str,
    "rate_per_minute": int,
}


class SaasRestTokens(http.Controller):
    """Making, looking at, replacing and revoking tokens."""

    @rest_route(
        "/api/v1/tokens",
        methods=["POST"],
        public=True,
        body="json",
        max_body="token_body_max",
        own_token=True,
        without_database=True,
        doc=Doc(
            "Make a token with a password",
            operation="create_token",
            tags=("tokens",),
            body="NewToken",
            response="TokenWithValue",
            status=201,
            problems=("credentials-invalid", "mfa-required", "login-throttled"),
            public=True,
        ),
    )
    def create_token(self):
        call = current_call()
        call.check_query()
        values = _checked_object(call.json({}), MINT_FIELDS)
        missing = [name for name in ("login", "password") if not values.get(name)]
        if missing:
            raise Problem(
                "required-missing", "", [Detail(f"/{name}", "required-missing") for name in missing]
            )
        login, password = values.pop("login"), values.pop("password")
        description = mint_by_password(
            call,
            values.pop("db", None),
            login,
            password,
            values,
            lambda token, value: token._describe_new(value),
        )
        return Reply(description, status=201)

    @rest_route(
        "/api/v1/tokens",
        methods=["GET"],
        own_token=True,
        doc=Doc("Your tokens", operation="list_tokens", tags=("tokens",), response="Tokens"),
    )
    def list_tokens(self):
        current_call().check_query()
        tokens = request.env["saas_rest.token"].search([("user_id", "=", request.env.uid)])
        return Reply([token._describe() for token in tokens])

    @rest_route(
        "/api/v1/tokens/<token_id>",
        methods=["GET"],
        own_token=True,
        doc=Doc("One of your tokens", operation="get_token", tags=("tokens",), response="Token"),
    )
    def get_token(self, token_id):
        call = current_call()
        call.check_query()
        return Reply(request.env["saas_rest.token"]._get_own(token_id, call.token)._describe())

    @rest_route(
        "/api/v1/tokens/<token_id>",
        methods=["DELETE"],
        own_token=True,
        doc=Doc(
            "Revoke a token", operation="revoke_token", tags=("tokens",), response=None, status=204
        ),
    )
    def revoke_token(self, token_id):
        call = current_call()
        call.check_query()
        request.env["saas_rest.token"]._get_own(token_id, call.token).sudo()._revoke()
        return Reply(status=204)

    @rest_route(
        "/api/v1/tokens/current/rotate",
        methods=["POST"],
        body="json",
        max_body="token_body_max",
        own_token=True,
        doc=Doc(
            "Replace the token by a new one",
            operation="rotate_token",
            tags=("tokens",),
            body="Rotation",
            body_required=False,
            response="TokenWithValue",
            status=201,
        ),
    )
    def rotate_token(self):
        call = current_call()
        call.check_query()
        overlap = _checked_object(call.json({}), {"overlap": int}).get("overlap", 0)
        if not 0 <= overlap <= MAX_OVERLAP:
            detail = _lt("The old token lives on for 0 to %(limit)s seconds.", limit=MAX_OVERLAP)
            raise Problem("validation", detail, [Detail("/overlap", "invalid-value", detail)])
        token, value = request.env["saas_rest.token"]._rotate(call.token, overlap)
        return Reply(token._describe_new(value), status=201)

    @rest_route(
        "/api/v1/me",
        methods=["GET"],
        own_token=True,
        doc=Doc("The token's owner", operation="me", tags=("tokens",), response="Me"),
    )
    def me(self):
        call = current_call()
        call.check_query()
        return Reply(request.env["saas_rest.token"]._describe_owner(call.token))


def _checked_object(value, types):
    """A JSON object with known keys and values of the right types.

    :raises Problem: ``bad-json`` or ``validation``, the latter with a pointer to each fault
    """
    if not isinstance(value, dict):
        raise Problem("bad-json", _lt("The body has to be a JSON object."))
    faults = []
    for key, item in value.items():
        pointer = "/" + key.replace("~", "~0").replace("/", "~1")[:100]
        if key not in types:
            faults.append(Detail(pointer, "unknown-field", _lt("This is not known here.")))
        elif not _has_type(item, types[key]):
            faults.append(Detail(pointer, "invalid-value", _lt("The value has the wrong type.")))
    if faults:
        raise Problem("validation", _lt("The body is not what is wanted here."), faults)
    return dict(value)


def _has_type(item, wanted):
    if isinstance(item, bool) and wanted is not bool:
        return False
    if isinstance(wanted, list):
        return isinstance(item, list) and all(_has_type(part, wanted[0]) for part in item)
    return isinstance(item, wanted)
