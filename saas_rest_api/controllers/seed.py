"""The token calls that older clients know, byte for byte."""

from odoo import http

from ..dispatcher import current_call
from ..lib.saas_rest import token_values
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.text import _lt
from ..login import in_database, mint_by_password
from ..routing import rest_route

PATHS = ("/api/auth/token", "/rest/sky/token")
CREDENTIALS = ("db", "login", "password")
SETTINGS = {
    "public": True,
    "max_body": "token_body_max",
    "own_token": True,
    "without_database": True,
    "legacy": True,
    "successor": "/api/v1/tokens",
}


class SaasRestSeed(http.Controller):
    """``GET`` makes a token, also with a body, which real clients send; ``DELETE`` revokes it."""

    @rest_route(
        *PATHS,
        methods=["GET"],
        readonly=False,
        doc=Doc(
            "Make a token (older call)", operation="legacy_token", tags=("legacy",), public=True
        ),
        **SETTINGS,
    )
    def get_token(self):
        return self._mint(extended=False)

    @rest_route(
        *PATHS,
        methods=["POST"],
        doc=Doc(
            "Make a token (older call)", operation="legacy_new_token", tags=("legacy",), public=True
        ),
        **SETTINGS,
    )
    def post_token(self):
        return self._mint(extended=True)

    @rest_route(
        *PATHS,
        methods=["DELETE"],
        doc=Doc(
            "Revoke a token (older call)",
            operation="legacy_revoke_token",
            tags=("legacy",),
            public=True,
        ),
        **SETTINGS,
    )
    def delete_token(self):
        call = current_call()
        value = self._get_token(call)

        def revoke(env):
            tokens = env["saas_rest.token"].sudo()
            env["saas_rest.limiter"]._charge_address(call)
            row, call.reason = tokens._look_up(value)
            if call.reason:
                raise Problem("token-expired" if row else "token-invalid")
            call.uid = row["user_id"]
            tokens.browse(row["id"])._revoke()
            return {
                "count": 1,
                "data": [{"desc": "access token successfully deleted", "delete": True}],
            }

        def no_database():
            raise Problem("token-invalid")

        return Reply(in_database(call, call.form().get("db"), revoke, no_database), raw=True)

    @rest_route(*PATHS, methods=["PUT", "PATCH"], catch_all=True, **SETTINGS)
    def no_other_verb(self):
        raise Problem("method-not-allowed", headers={"Allow": "GET, HEAD, POST, DELETE, OPTIONS"})

    def _mint(self, extended):
        call = current_call()
        fields = self._get_credentials(call)

        def describe(token, value):
            return token.env["saas_rest.login"]._describe_login(token, value, extended)

        answer = mint_by_password(
            call, fields["db"], fields["login"], fields["password"], {}, describe
        )
        return Reply(answer, raw=True)

    def _get_credentials(self, call):
        """From the body; from headers of these names when one is missing there."""
        fields = call.form()
        if call.settings.query_credentials:
            fields = {**call.query.to_dict(), **fields}
        if not all(fields.get(name) for name in CREDENTIALS):
            fields = {**{name: call.headers.get(name) for name in CREDENTIALS}, **fields}
        missing = [name for name in CREDENTIALS if not fields.get(name)]
        if missing:
            raise Problem("invalid-parameter", _lt("Missing: %(names)s.", names=", ".join(missing)))
        return fields

    def _get_token(self, call):
        value = call.token_value() or call.form().get("access_token")
        if not value:
            problem = Problem("token-missing", _lt("No access token was sent."))
            # Older clients expect 400 here, and 401 for a token that is wrong.
            problem.status = 400
            raise problem
        call.prefix = token_values.prefix_of(value) if token_values.is_token(value) else None
        return value
