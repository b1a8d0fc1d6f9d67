"""Tokens by REST."""

from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route


class SaasRestTokens(http.Controller):
    """Making, looking at, replacing and revoking tokens."""

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
