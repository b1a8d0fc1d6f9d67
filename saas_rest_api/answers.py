"""Answers on their way out."""

import json

from odoo.http import Response
from odoo.tools.json import json_default

from .audit_log import write_call, write_call_after

PROBLEM = "application/problem+json"


class Answer(Response):
    """A response that sets no cookie and is noted in the audit log before it leaves.

    That is after the request's transaction has ended: on its connection when it ended well, which
    saves the way to another one, else on one of its own.
    """

    def __init__(self, response, call):
        super().__init__(response)
        object.__setattr__(self, "_call", call)
        object.__setattr__(self, "_is_noted", False)

    def note_after(self, cr):
        """Be noted with this cursor as soon as it has committed."""

        def note():
            row = self._get_row()
            if row:
                write_call_after(cr, row)
            object.__setattr__(self, "_is_noted", True)

        if not cr.readonly:
            cr.postcommit.add(note)

    def __call__(self, environ, start_response):
        response = self._wrapped__
        # Other addons set cookies on every response.
        response.headers.remove("Set-Cookie")
        row = None if self._is_noted else self._get_row()
        if row:
            write_call(self._call.registry, row)
        return response(environ, start_response)

    def _get_row(self):
        if self._call.registry is None:
            return None
        return self._call.audit_row(self._wrapped__.status_code)


def json_response(body, status, headers, media_type, separators=(",", ":")):
    """A response with a JSON body."""
    text = json.dumps(body, ensure_ascii=False, default=json_default, separators=separators)
    return Response(
        text.encode("utf-8", "replace"),
        status=status,
        headers={**headers, "Content-Type": f"{media_type}; charset=utf-8"},
    )
