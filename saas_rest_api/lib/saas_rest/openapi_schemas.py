"""The parts of the OpenAPI document that are the same for everybody."""

from .problems import CATALOGUE

Schema = dict[str, object]


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def obj(required: str = "", **properties: object) -> Schema:
    """An object; ``required``: names with blanks between them."""
    schema: Schema = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required.split()
    return schema


def array(items: object, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def data(schema: object) -> Schema:
    """The body of a usual answer."""
    return obj("data", data=schema)


TEXT: Schema = {"type": "string"}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
NUMBER: Schema = {"type": "integer"}
NUMBER_OR_NULL: Schema = {"type": ["integer", "null"]}
FLAG: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
MOMENT_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
FREE: Schema = {"type": "object"}
ID: Schema = {"type": "integer", "minimum": 1, "maximum": 2147483647}
IDS: Schema = array(ID)
NAMES: Schema = array(TEXT)
ROW: Schema = {
    "type": "object",
    "properties": {"id": ID},
    "required": ["id"],
    "additionalProperties": True,
}
VALUES: Schema = {"type": "object", "description": "Values by the names of fields."}
EVENTS: Schema = array(
    {"type": "string", "enum": ["created", "updated", "deleted"]}, minItems=1, uniqueItems=True
)
URL: Schema = {"type": "string", "format": "uri", "pattern": "^https://"}

_WEBHOOK: Schema = obj(
    "id name url models events active state",
    id=ID,
    name=TEXT,
    url=TEXT,
    models=NAMES,
    events=NAMES,
    active=FLAG,
    state={"type": "string", "enum": ["active", "paused"]},
    failure_count=NUMBER,
    user_id=ID,
    created_at=MOMENT,
    secret={"type": "string", "description": "Only when it was made just now."},
)
_WEBHOOK_INPUT: Schema = {
    "name": {"type": "string", "minLength": 1, "maxLength": 200},
    "url": URL,
    "models": array({"type": "string"}, minItems=1),
    "events": EVENTS,
    "active": FLAG,
    "state": {"type": "string", "enum": ["active", "paused"]},
}

#: components that other schemas refer to
COMPONENTS: dict[str, Schema] = {
    "Problem": obj(
        "type title status",
        type={"type": "string", "description": "`/api/v1/problems/` and the code."},
        title=TEXT,
        status=NUMBER,
        detail=TEXT,
        instance={"type": "string", "description": "`urn:request:` and the request's id."},
        errors=array(ref("ProblemDetail")),
    ),
    "ProblemDetail": obj(
        "pointer code",
        pointer={"type": "string", "description": "JSON pointer into what was sent."},
        code={"type": "string", "enum": sorted(CATALOGUE)},
        detail=TEXT,
    ),
    "Reference": {
        "type": "object",
        "description": "A related record: its id and name, or the fields that were asked for.",
        "properties": {"id": ID, "display_name": TEXT_OR_NULL},
        "required": ["id"],
        "additionalProperties": True,
    },
    "Link": {
        "description": "A related record: its id, or a key given by the client.",
        "oneOf": [
            ID,
            {
                "type": "object",
                "properties": {"id": ID, "display_name": TEXT_OR_NULL},
                "required": ["id"],
                "additionalProperties": False,
            },
            {
                "type": "object",
                "properties": {"ext": {"type": "string", "examples": ["shop/42"]}},
                "required": ["ext"],
                "additionalProperties": False,
            },
            {"type": "null"},
        ],
    },
    "Row": ROW,
    "RowValues": VALUES,
    "PageMeta": obj(
        "limit offset count",
        limit=NUMBER,
        offset=NUMBER,
        count={"type": "integer", "description": "Records in this answer."},
        total={**NUMBER_OR_NULL, "description": "Records that match, if they were counted."},
        total_capped=FLAG,
        next_cursor=TEXT_OR_NULL,
    ),
    "PageLinks": {
        "type": ["object", "null"],
        "properties": {"self": TEXT, "next": TEXT_OR_NULL, "prev": TEXT_OR_NULL},
    },
    "Query": {
        "type": "object",
        "description": "The parameters of a list, as JSON.",
        "properties": {
            "fields": {"oneOf": [TEXT_OR_NULL, NAMES]},
            "filter": {"type": ["object", "null"]},
            "domain": {"type": ["array", "null"]},
            "order": {"oneOf": [TEXT_OR_NULL, NAMES]},
            "limit": {**NUMBER_OR_NULL, "minimum": 0, "maximum": 1000},
            "offset": {**NUMBER_OR_NULL, "minimum": 0, "maximum": 100000},
            "cursor": TEXT_OR_NULL,
            "count": {**TEXT_OR_NULL, "enum": ["capped", "exact", "none", None]},
            "active_test": {"type": ["boolean", "null"]},
        },
        "additionalProperties": False,
    },
    "RowOutcome": {
        "type": "object",
        "properties": {"index": NUMBER, "status": NUMBER, "id": ID, "type": TEXT, "title": TEXT},
        "required": ["index", "status"],
    },
    "Webhook": _WEBHOOK,
    "Delivery": obj(
        "id webhook_id event state tries",
        id=ID,
        webhook_id=ID,
        event=TEXT,
        model=TEXT_OR_NULL,
        ids=array(NUMBER),
        changed=NAMES,
        message_id=TEXT_OR_NULL,
        state={"type": "string", "enum": ["new", "pending", "delivered", "dead"]},
        tries=NUMBER,
        created_at=MOMENT,
        next_try_at=MOMENT_OR_NULL,
        last_try_at=MOMENT_OR_NULL,
        last_status=NUMBER_OR_NULL,
        last_error=TEXT_OR_NULL,
    ),
    "Attachment": obj(
        "id name size",
        id=ID,
        name=TEXT,
        mimetype=TEXT_OR_NULL,
        size=NUMBER,
        checksum=TEXT_OR_NULL,
        url=TEXT_OR_NULL,
        created_at=MOMENT,
    ),
    "Token": obj(
        "id",
        id=ID,
        name=TEXT_OR_NULL,
        prefix=TEXT,
        scopes=NAMES,
        read_only=FLAG,
        expires_at=MOMENT_OR_NULL,
    ),
}

#: bodies of requests and answers that have nothing to do with a model
BODIES: dict[str, Schema] = {
    "Anything": obj("data", data={}),
    "AnyObject": FREE,
    "Content": {"type": "string", "format": "binary"},
    "Upload": obj("file", file={"type": "string", "format": "binary"}),
    "Me": data(
        obj(
            "uid login",
            uid=ID,
            login=TEXT,
            name=TEXT,
            lang=TEXT_OR_NULL,
            tz=TEXT_OR_NULL,
            company_id=ID,
            company_ids=IDS,
            scopes=NAMES,
            expires_at=MOMENT_OR_NULL,
        )
    ),
    "Token": data(ref("Token")),
    "Tokens": data(array(ref("Token"))),
    "NewToken": obj(
        "login password",
        db=TEXT,
        login=TEXT,
        password={"type": "string", "format": "password"},
        name=TEXT,
        expires_in={"type": ["integer", "null"], "minimum": 1},
        scopes=array({"type": "string", "examples": ["sale.*:read"]}),
        read_only=FLAG,
        company_ids=IDS,
        allowed_ips=TEXT,
        rate_per_minute=NUMBER,
    ),
    "TokenWithValue": data(
        obj(
            "id access_token token_type",
            id=ID,
            access_token=TEXT,
            token_type=TEXT,
            expires_at=MOMENT_OR_NULL,
            expires_in=NUMBER_OR_NULL,
            scopes=NAMES,
        )
    ),
    "Rotation": obj(overlap={"type": "integer", "minimum": 0, "maximum": 3600}),
    "AuditLog": obj("data", data=array(FREE), meta=FREE, links=FREE),
    "Models": data(array(obj("model", model=TEXT, name=TEXT))),
    "Model": data(FREE),
    "Count": data(obj("count", count=NUMBER, capped=FLAG)),
    "Groups": data(array(FREE)),
    "Query": ref("Query"),
    "Outcomes": obj("data", data=array(ref("RowOutcome")), meta=FREE),
    "Call": obj(args={"type": ["object", "null"]}),
    "CallOnModel": obj(args={"type": ["object", "null"]}, ids={**IDS, "type": ["array", "null"]}),
    "Batch": obj(
        "operations",
        atomic=FLAG,
        operations=array(
            obj("method path", ref=TEXT, method=TEXT, path=TEXT, headers=FREE, body={}),
            maxItems=100,
        ),
    ),
    "BatchResults": obj("data", data=array(FREE), meta=FREE),
    "Webhook": data(ref("Webhook")),
    "Webhooks": data(array(ref("Webhook"))),
    "WebhookWithSecret": data(ref("Webhook")),
    "WebhookValues": {
        **obj("url models", **_WEBHOOK_INPUT),
        "additionalProperties": False,
    },
    "WebhookChanges": {**obj(**_WEBHOOK_INPUT), "additionalProperties": False},
    "WebhookRotation": {
        **obj(overlap={"type": "integer", "minimum": 0, "maximum": 86400}),
        "additionalProperties": False,
    },
    "Delivery": data(ref("Delivery")),
    "Deliveries": obj("data meta", data=array(ref("Delivery")), meta=FREE),
    "Attachments": data(array(ref("Attachment"))),
    "Reports": data(array(obj("name model report", name=TEXT, model=TEXT, report=TEXT))),
    "Metrics": TEXT,
    "Document": FREE,
    "Page": TEXT,
}


def model_bodies(row: str, values: str) -> dict[str, Schema]:
    """Bodies that consist of a model's records.

    :param row: component of a record
    :param values: component of the values that can be written
    """
    several = array(ref(values), minItems=1, maxItems=1000)
    changes = array({"allOf": [ref(values), ROW]}, minItems=1, maxItems=1000)
    same = obj("ids values", ids=array(ID, minItems=1, maxItems=1000), values=ref(values))
    return {
        "Record": data(ref(row)),
        "Records": obj(
            "data",
            data=array(ref(row)),
            meta=ref("PageMeta"),
            links=ref("PageLinks"),
        ),
        "RecordOrList": data({"oneOf": [ref(row), array(ref(row))]}),
        "Values": ref(values),
        "ValuesOrList": {"oneOf": [ref(values), several]},
        "Changes": {"oneOf": [changes, same]},
    }


def _query(name: str, schema: Schema, description: str, **more: object) -> Schema:
    return {"name": name, "in": "query", "schema": schema, "description": description, **more}


def _header(name: str, description: str, **schema: object) -> Schema:
    return {
        "name": name,
        "in": "header",
        "schema": {"type": "string", **schema},
        "description": description,
    }


PARAMETERS: dict[str, Schema] = {
    "fields": _query(
        "fields",
        TEXT,
        "Fields with commas between them, `relation(field,…)` for related records,"
        " `relation:10` for at most ten of them, `*` for the usual ones.",
        examples={"nested": {"value": "name,country_id(code),child_ids:10(name,email)"}},
    ),
    "filter": _query(
        "filter",
        {"type": "object", "additionalProperties": {"type": "string"}},
        "`filter[field][operator]=value`; eq, ne, lt, lte, gt, gte, in, nin, like, ilike, starts,"
        " ends, null, between, child_of, parent_of.",
        style="deepObject",
        explode=True,
    ),
    "domain": _query("domain", TEXT, "A domain of Odoo as JSON."),
    "order": _query("order", TEXT, "`name asc, id desc`."),
    "limit": _query(
        "limit", {"type": "integer", "minimum": 0, "maximum": 1000}, "How many; 0 only counts."
    ),
    "offset": _query(
        "offset", {"type": "integer", "minimum": 0, "maximum": 100000}, "How many to skip."
    ),
    "cursor": _query("cursor", TEXT, "`meta.next_cursor` of the page before; empty to begin."),
    "count": _query(
        "count",
        {"type": "string", "enum": ["capped", "exact", "none"]},
        "Whether all matching records are counted.",
    ),
    "active_test": _query("active_test", FLAG, "False finds archived records too."),
    "groupby": _query("groupby", TEXT, "Fields with commas between them, `date:month`."),
    "aggregates": _query("aggregates", TEXT, "`amount_total:sum` and others."),
    "on_error": _query(
        "on_error",
        {"type": "string", "enum": ["stop", "continue"]},
        "`continue` answers 207 with an outcome for each row.",
    ),
    "ids": _query(
        "ids", {"type": "string", "pattern": "^[0-9]+(,[0-9]+)*$"}, "`1,2,3`", required=True
    ),
    "If-Match": _header("If-Match", "The ETag of what is to be changed."),
    "If-None-Match": _header("If-None-Match", "The ETag of what is known already."),
    "Idempotency-Key": _header(
        "Idempotency-Key",
        "Makes a repeated request harmless.",
        minLength=1,
        maxLength=255,
        pattern="^[!-~]+$",
    ),
    "Range": _header("Range", "`bytes=0-1023`"),
}
