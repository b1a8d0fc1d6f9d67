"""The description of the API, for programs and for people."""

from urllib.parse import urlencode

from odoo import http
from odoo.http import Response, request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc, Param
from ..lib.saas_rest.encoding import encode
from ..lib.saas_rest.etags import make_etag, none_match
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route

OPENAPI = "/api/v1/openapi.json"
HTML = "text/html"
#: Nothing from elsewhere; pictures of the page's style sheet are inside of it.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
MODELS = Param("models", {"type": "string"}, "Models to describe, with commas between them.")


def _wanted(call):
    call.check_query("models")
    text = call.query.get("models", "")
    return [name.strip() for name in text.split(",") if name.strip()] or None


class SaasRestOpenapi(http.Controller):
    """Both are for who has a token, or is logged in as an internal user."""

    @rest_route(
        OPENAPI,
        methods=["GET"],
        session=True,
        doc=Doc(
            "The description of this API",
            "openapi",
            ("service",),
            "As OpenAPI 3.1: what this token's owner may use, and nothing else.",
            params=(MODELS, "If-None-Match"),
            response="Document",
            more={304: None},
            problems=("invalid-parameter", "not-found"),
        ),
    )
    def openapi(self):
        call = current_call()
        document = request.env["saas_rest.openapi"]._get_document(call.access, _wanted(call))
        reply = Reply(document, raw=True)
        reply.encoded = encode(document)
        etag = make_etag("openapi", reply.encoded)
        reply.headers |= {"ETag": etag, "Cache-Control": "private, no-cache"}
        known = call.headers.get("If-None-Match")
        if known is not None and none_match(known, etag):
            reply.status, reply.encoded = 304, None
        return reply

    @rest_route(
        "/api/v1/docs",
        methods=["GET"],
        session=True,
        produces=(HTML,),
        doc=Doc(
            "This page",
            "docs",
            ("service",),
            params=(MODELS,),
            response="Page",
            response_type=HTML,
            problems=("not-found",),
        ),
    )
    def docs(self):
        call = current_call()
        wanted = _wanted(call) or []
        models = request.env["saas_rest.policy"]._get_models(call.access)
        query = f"?{urlencode({'models': ','.join(wanted)})}" if wanted else ""
        page = request.env["ir.qweb"]._render(
            "saas_rest_api.docs_page",
            {
                "html_lang": call.language.partition("_")[0],
                "models": [(model._name, model._description) for model in models],
                "chosen": ",".join(wanted),
                "url": OPENAPI + query,
            },
        )
        headers = {
            "Content-Type": f"{HTML}; charset=utf-8",
            "Content-Security-Policy": POLICY,
            "Referrer-Policy": "no-referrer",
        }
        return Response(str(page), headers=headers)
