"""Addresses of the family from which the seed's calls come; new clients use ``/api/v1``."""

from urllib.parse import quote

from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest import forms, strict_json
from ..lib.saas_rest.legacy import envelope, parse_arguments
from ..lib.saas_rest.problems import Problem
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.text import _lt
from ..routing import rest_route

MODEL = "/api/<model>"
RECORD = f"{MODEL}/<int:record_id>"
ACTION = f"{RECORD}/<action>"
#: Words below /api that are no models.
RESERVED = ("v1", "auth", "docs")


def _successor(path):
    """Where the same is done today: ``/api/res.partner/3/name`` is a call of a method."""
    model, *rest = path.removeprefix("/api/").split("/")
    parts = ["", "api", "v1", model, *rest[:1], *(["call", *rest[1:]] if rest[1:] else [])]
    return quote("/".join(parts))


class SaasRestLegacy(http.Controller):
    """``{"count", "data"}``, as these calls have always answered."""

    @staticmethod
    def _begin(model, record_id=None):
        if model in RESERVED:
            raise Problem("not-found", _lt("There is no model '%(model)s'.", model=model))
        legacy = request.env["saas_rest.legacy"]
        if record_id is not None:
            legacy._check_id(model, record_id)
        return current_call(), legacy

    @staticmethod
    def _reply(data):
        return Reply(envelope(data), raw=True)

    @staticmethod
    def _params(call):
        return list(call.query.items(multi=True))

    @staticmethod
    def _values(call):
        """The values of a record: a JSON object, or a form whose values are texts."""
        if call.body.lstrip()[:1] in (b"{", b"["):
            values = call.json()
        else:
            values = forms.parse(call.body, call.headers.get("Content-Type", ""))
        if not isinstance(values, dict):
            raise Problem("bad-json", _lt("The body has to be a JSON object."))
        return values

    @rest_route(
        MODEL,
        RECORD,
        methods=["GET"],
        legacy=True,
        successor=_successor,
    )
    def read_records(self, model, record_id=None):
        call, legacy = self._begin(model, record_id)
        data = legacy._read(call.access, model, record_id, self._params(call), call.limits)
        return self._reply(data)

    @rest_route(
        MODEL,
        methods=["POST"],
        legacy=True,
        successor=_successor,
        body="form",
    )
    def create_record(self, model):
        call, legacy = self._begin(model)
        values = self._values(call)
        data = legacy._create(call.access, model, values, self._params(call), call.limits)
        return self._reply(data)

    @rest_route(
        RECORD,
        methods=["PUT", "PATCH"],
        legacy=True,
        successor=_successor,
        body="form",
    )
    def update_record(self, model, record_id):
        call, legacy = self._begin(model, record_id)
        values = self._values(call)
        params = self._params(call)
        data = legacy._update(call.access, model, record_id, values, params, call.limits)
        return self._reply(data)

    @rest_route(
        RECORD,
        methods=["DELETE"],
        legacy=True,
        successor=_successor,
    )
    def delete_record(self, model, record_id):
        call, legacy = self._begin(model, record_id)
        return self._reply(legacy._delete(call.access, model, record_id))

    @rest_route(
        ACTION,
        methods=["PATCH", "POST"],
        legacy=True,
        successor=_successor,
        body="form",
    )
    def call_action(self, model, record_id, action):
        call, legacy = self._begin(model, record_id)
        strict_json.check_text(action)
        try:
            text = call.body.decode()
        except UnicodeDecodeError:
            raise Problem("invalid-utf8") from None
        args = parse_arguments(text)
        return self._reply(legacy._call(call.access, model, record_id, action, args))
