"""Records: looking for them, reading, creating, changing and deleting them."""

from odoo import http
from odoo.http import request

from ..dispatcher import current_call
from ..lib.saas_rest.doc import Doc
from ..lib.saas_rest.reply import Reply
from ..routing import rest_route
from .engine import perform

LIST = ("fields", "filter", "domain", "order", "limit", "offset", "cursor", "count", "active_test")
COUNT = ("filter", "domain", "count", "active_test")
GROUPS = ("groupby", "aggregates", "filter", "domain", "order", "limit", "offset", "active_test")
READING = (
    "unknown-parameter",
    "unknown-field",
    "field-forbidden",
    "invalid-parameter",
    "invalid-domain",
    "domain-too-complex",
    "invalid-value",
    "not-found",
    "user-error",
)
PAGING = (
    "invalid-selection",
    "invalid-order",
    "invalid-limit",
    "invalid-cursor",
    "cursor-unsupported-order",
)
WRITING = (
    "unknown-parameter",
    "unknown-field",
    "invalid-selection",
    "field-forbidden",
    "not-found",
    "unique-violation",
    "referenced",
    "locked",
    "validation",
    "user-error",
    "readonly-field",
    "required-missing",
    "invalid-value",
    "value-too-large",
    "idempotency-mismatch",
    "invalid-parameter",
)
VERSIONS = ("etag-mismatch", "etag-required")
TAGS = ("records",)
MODEL = "/api/v1/<model>"
RECORD = "/api/v1/<model>/<int:record_id>"
EXTERNAL = "/api/v1/<model>/ext/<namespace>/<key>"


class SaasRestData(http.Controller):
    """Records of any model that REST exposes."""

    # === CATALOGUE === #

    @rest_route(
        "/api/v1/models",
        methods=["GET"],
        doc=Doc("Models that you may read", "list_models", ("models",), response="Models"),
    )
    def models(self):
        call = current_call()
        call.check_query()
        return Reply(request.env["saas_rest.catalogue"]._get_models(call.access))

    @rest_route(
        "/api/v1/models/<model>",
        methods=["GET"],
        doc=Doc(
            "Fields and methods of a model",
            "get_model",
            ("models",),
            response="Model",
            problems=("not-found",),
        ),
    )
    def model(self, model):
        call = current_call()
        call.check_query()
        return Reply(request.env["saas_rest.catalogue"]._get_model(call.access, model))

    # === LISTS === #

    @rest_route(
        MODEL,
        methods=["GET"],
        doc=Doc(
            "List records",
            "list",
            TAGS,
            params=LIST,
            response="Records",
            more={304: None},
            problems=READING + PAGING,
        ),
    )
    def list_records(self, model):
        return perform("list", model=model)

    @rest_route(
        f"{MODEL}/search",
        methods=["POST"],
        readonly=True,
        body="json",
        doc=Doc(
            "List records, with the question in the body",
            "search",
            TAGS,
            body="Query",
            body_required=False,
            response="Records",
            problems=READING + PAGING,
        ),
    )
    def search_records(self, model):
        return perform("search", model=model)

    @rest_route(
        f"{MODEL}/count",
        methods=["GET"],
        doc=Doc("Count records", "count", TAGS, params=COUNT, response="Count", problems=READING),
    )
    def count_records(self, model):
        return perform("count", model=model)

    @rest_route(
        f"{MODEL}/aggregate",
        methods=["GET"],
        doc=Doc(
            "Group records and sum them up",
            "aggregate",
            TAGS,
            params=GROUPS,
            response="Groups",
            more={304: None},
            problems=(*READING, "invalid-limit", "invalid-order"),
        ),
    )
    def aggregate_records(self, model):
        return perform("aggregate", model=model)

    # === ONE OR MANY === #

    @rest_route(
        RECORD,
        methods=["GET"],
        doc=Doc(
            "Read a record",
            "read",
            TAGS,
            params=("fields", "If-None-Match"),
            response="Record",
            more={304: None},
            problems=(
                "not-found",
                "unknown-parameter",
                "unknown-field",
                "field-forbidden",
                "invalid-selection",
                "invalid-parameter",
            ),
        ),
    )
    def read_record(self, model, record_id):
        return perform("read", model=model, record_id=record_id)

    @rest_route(
        MODEL,
        methods=["POST"],
        body="json",
        doc=Doc(
            "Create a record, or several",
            "create",
            TAGS,
            "A list creates all of its records or none; with `on_error=continue` each for itself.",
            params=("fields", "on_error", "Idempotency-Key"),
            body="ValuesOrList",
            response="RecordOrList",
            status=201,
            more={207: "Outcomes"},
            problems=WRITING,
        ),
    )
    def create_records(self, model):
        return perform("create", model=model)

    @rest_route(
        RECORD,
        methods=["PATCH", "PUT"],
        body="json",
        doc=Doc(
            "Change a record",
            "update",
            TAGS,
            "Only the fields that are sent change.",
            params=("fields", "If-Match", "Idempotency-Key"),
            body="Values",
            response="Record",
            more={204: None},
            problems=WRITING + VERSIONS,
        ),
    )
    def update_record(self, model, record_id):
        return perform("update", model=model, record_id=record_id)

    @rest_route(
        MODEL,
        methods=["PATCH"],
        body="json",
        doc=Doc(
            "Change several records",
            "update_many",
            TAGS,
            params=("fields", "on_error", "Idempotency-Key"),
            body="Changes",
            response="Records",
            more={207: "Outcomes"},
            problems=WRITING + VERSIONS,
        ),
    )
    def update_records(self, model):
        return perform("update_many", model=model)

    @rest_route(
        RECORD,
        methods=["DELETE"],
        doc=Doc(
            "Delete a record",
            "delete",
            TAGS,
            params=("If-Match", "Idempotency-Key"),
            response=None,
            status=204,
            problems=WRITING + VERSIONS,
        ),
    )
    def delete_record(self, model, record_id):
        return perform("delete", model=model, record_id=record_id)

    @rest_route(
        MODEL,
        methods=["DELETE"],
        doc=Doc(
            "Delete several records",
            "delete_many",
            TAGS,
            params=("ids", "Idempotency-Key"),
            response=None,
            status=204,
            problems=WRITING + VERSIONS,
        ),
    )
    def delete_records(self, model):
        return perform("delete_many", model=model)

    # === EXTERNAL KEYS === #

    @rest_route(
        EXTERNAL,
        methods=["GET"],
        doc=Doc(
            "Read the record with a key of yours",
            "read_external",
            TAGS,
            params=("fields", "If-None-Match"),
            response="Record",
            more={304: None},
            problems=READING,
        ),
    )
    def read_external(self, model, namespace, key):
        return perform("read_external", model=model, namespace=namespace, key=key)

    @rest_route(
        EXTERNAL,
        methods=["PUT"],
        body="json",
        doc=Doc(
            "Create or change the record with a key of yours",
            "upsert",
            TAGS,
            "201: created, 200: changed, 204: it was like that already.",
            params=("fields", "If-Match", "Idempotency-Key"),
            body="Values",
            response="Record",
            more={201: "Record", 204: None},
            problems=WRITING + VERSIONS,
        ),
    )
    def upsert(self, model, namespace, key):
        return perform("upsert", model=model, namespace=namespace, key=key)

    @rest_route(
        EXTERNAL,
        methods=["DELETE"],
        doc=Doc(
            "Delete the record with a key of yours",
            "delete_external",
            TAGS,
            params=("If-Match", "Idempotency-Key"),
            response=None,
            status=204,
            problems=WRITING + VERSIONS,
        ),
    )
    def delete_external(self, model, namespace, key):
        return perform("delete_external", model=model, namespace=namespace, key=key)
