"""Answers on their way out."""

import json

from odoo.http import Response
from odoo.tools.json import json_default

from .audit_log import write_call

PROBLEM = "application/problem+json"


class Answer(Response):
    """A response that sets no cookie and is noted in the audit log when it leaves.

    It leaves after the request's transaction has ended and its connection is free again.
    """

    def __init__(self, response, call):
        super().__init__(response)
        object.__setattr__(self, "_call", call)

    def __call__(self, environ, start_response):
        response = self._wrapped__
        # Other addons set cookies on every response.
        response.headers.remove("Set-Cookie")
        if self._call.registry is not None:
            row = self._call.audit_row(response.status_code)
            if row:
                write_call(self._call.registry, row)
        return response(environ, start_response)


def json_response(body, status, headers, media_type, separators=(",", ":")):
    """A response with a JSON body."""
    text = json.dumps(body, ensure_ascii=False, default=json_default, separators=separators)
    return Response(
        text.encode("utf-8", "replace"),
        status=status,
        headers={**headers, "Content-Type": f"{media_type}; charset=utf-8"},
    )
