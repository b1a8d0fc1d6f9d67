from urllib.parse import urlencode

from odoo import api, models

from ..lib.saas_rest import strict_json
from ..lib.saas_rest.encoding import encode
from ..lib.saas_rest.etags import make_etag, none_match
from ..lib.saas_rest.operation import Operation
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.query import PARAMETERS, Query, invalid_parameter, unknown_parameter
from ..lib.saas_rest.reply import Reply
from ..lib.saas_rest.revalidation import Representations
from ..lib.saas_rest.selection import Selection, parse_selection
from ..lib.saas_rest.text import _lt
from .saas_rest_reader import Document, Page
from .saas_rest_writer import CREATED, UNCHANGED, Outcome

BASE = "/api/v1"
#: What this process has answered, of all databases.
KNOWN = Representations()
SEARCHING = PARAMETERS - {"fields", "order", "limit", "offset", "cursor"}
GROUPING = PARAMETERS - {"fields", "order", "cursor", "count"}
REVALIDATE = {"Cache-Control": "private, no-cache"}


class SaasRestOperations(models.AbstractModel):
    """What the endpoints of records do; controllers and batches both come here."""

    _name = "saas_rest.operations"
    _description = "REST operations"

    # === READING === #

    @api.model
    def _op_list(self, op: Operation, model: str) -> Reply:
        query = self._get_query(op)
        return self._unless_known(
            op,
            lambda versions: versions._get_page_state(op.access, model, query),
            lambda reader: self._reply_page(op, reader._search(op.access, model, query)),
        )

    @api.model
    def _op_search(self, op: Operation, model: str) -> Reply:
        self._check_params(op)
        query = Query.from_body(op.read_body({}), op.limits)
        self._apply_preferences(op, query)
        page = self.env["saas_rest.reader"]._search(op.access, model, query)
        reply = self._reply_page(op, page)
        # A body cannot be put into an address: the next page is asked for by its cursor.
        reply.links = None
        return reply

    @api.model
    def _op_count(self, op: Operation, model: str) -> Reply:
        query = self._get_query(op, SEARCHING)
        count, capped = self.env["saas_rest.reader"]._count(op.access, model, query)
        return Reply({"count": count, "capped": capped})

    @api.model
    def _op_aggregate(self, op: Operation, model: str) -> Reply:
        own = {"groupby", "aggregates", "order"}
        given = {name: value for name, value in op.params if name in own}
        params = [(name, value) for name, value in op.params if name not in own]
        query = Query.from_params(params, op.limits, self._get_reader(op), GROUPING)
        groups = self.env["saas_rest.aggregator"]._aggregate(
            op.access,
            model,
            _split(given.get("groupby")),
            _split(given.get("aggregates")),
            given.get("order", ""),
            query,
        )
        return self._tag(op, Reply(groups))

    @api.model
    def _op_read(self, op: Operation, model: str, record_id: int) -> Reply:
        what = op.access, model, self._checked_id(model, record_id), self._get_selection(op)
        return self._unless_known(
            op,
            lambda versions: versions._get_record_state(*what),
            lambda reader: self._reply_document(op, reader._read(*what)),
        )

    @api.model
    def _op_read_external(self, op: Operation, model: str, namespace: str, key: str) -> Reply:
        writer = self.env["saas_rest.writer"]
        return self._op_read(op, model, writer._find_external(op.access, model, namespace, key))

    # === WRITING === #

    @api.model
    def _op_create(self, op: Operation, model: str) -> Reply:
        values = op.read_body()
        writer = self.env["saas_rest.writer"]
        if self._goes_on(op):
            outcomes = writer._create_each(op.access, model, values)
            return self._reply_outcomes(op, model, outcomes, 201)
        records = writer._create(op.access, model, values)
        if isinstance(values, list):
            return self._reply_records(op, records, 201)
        reply = self._reply_change(op, records, 201)
        reply.headers["Location"] = f"{BASE}/{model}/{records.id}"
        return reply

    @api.model
    def _op_update(self, op: Operation, model: str, record_id: int) -> Reply:
        record = self.env["saas_rest.writer"]._update(
            op.access, model, self._checked_id(model, record_id), op.read_body(), op.if_match
        )
        return self._reply_change(op, record, 200)

    @api.model
    def _op_update_many(self, op: Operation, model: str) -> Reply:
        body = op.read_body()
        writer = self.env["saas_rest.writer"]
        if self._goes_on(op):
            return self._reply_outcomes(op, model, writer._update_each(op.access, model, body), 200)
        return self._reply_records(op, writer._update_many(op.access, model, body), 200)

    @api.model
    def _op_delete(self, op: Operation, model: str, record_id: int) -> Reply:
        self._check_params(op)
        ids = [self._checked_id(model, record_id)]
        self.env["saas_rest.writer"]._delete(op.access, model, ids, op.if_match)
        return Reply(status=204)

    @api.model
    def _op_delete_many(self, op: Operation, model: str) -> Reply:
        """Only records that are named: nobody deletes by a filter."""
        self._check_params(op, "ids")
        parts = _split(dict(op.params).get("ids"))
        if not parts or not all(part.isdecimal() and len(part) < 11 for part in parts):
            text = _lt("Name the records to delete, as in ?ids=1,2.")
            raise invalid_parameter("ids", text)
        if len(parts) > op.limits.bulk_max:
            text = _lt("At most %(limit)s rows in one request.", limit=op.limits.bulk_max)
            raise invalid_parameter("ids", text)
        ids = [self._checked_id(model, int(part)) for part in parts]
        self.env["saas_rest.writer"]._delete(op.access, model, ids)
        return Reply(status=204)

    @api.model
    def _op_upsert(self, op: Operation, model: str, namespace: str, key: str) -> Reply:
        record, outcome = self.env["saas_rest.writer"]._upsert(
            op.access, model, namespace, key, op.read_body(), op.if_match
        )
        location = {"Location": f"{BASE}/{model}/{record.id}"}
        if outcome == UNCHANGED:
            version = self.env["saas_rest.reader"]._get_version(record)
            return Reply(status=204, headers={**location, "ETag": f'"{version}-"'})
        reply = self._reply_change(op, record, 201 if outcome == CREATED else 200)
        reply.headers |= location
        return reply

    @api.model
    def _op_delete_external(self, op: Operation, model: str, namespace: str, key: str) -> Reply:
        writer = self.env["saas_rest.writer"]
        return self._op_delete(op, model, writer._find_external(op.access, model, namespace, key))

    @api.model
    def _op_call(
        self, op: Operation, model: str, method: str, record_id: int | None = None
    ) -> Reply:
        self._check_params(op)
        body = op.read_body({})
        if not isinstance(body, dict) or not set(body) <= {"args", "ids"}:
            text = _lt('An object such as {"args": {"name": "value"}} is expected.')
            raise Problem("invalid-value", text)
        ids = body.get("ids")
        if record_id is not None:
            if ids is not None:
                raise Problem("invalid-value", _lt("The address names the record already."))
            ids = [record_id]
        if ids is not None:
            if not isinstance(ids, list) or len(ids) > op.limits.bulk_max:
                text = _lt("A list of at most %(limit)s ids is expected.", limit=op.limits.bulk_max)
                raise Problem("invalid-value", text, [Detail("/ids", "invalid-value")])
            ids = [self._checked_id(model, item) for item in ids]
        args = body.get("args")
        result = self.env["saas_rest.caller"]._call(
            op.access, model, ids, method, {} if args is None else args
        )
        return Reply(result)

    # === WHAT IS ASKED === #

    def _get_reader(self, op: Operation):
        limits = op.limits

        def read(text):
            return strict_json.loads(
                text.encode("utf-8", "surrogatepass"), limits.json_depth, limits.string_max
            )

        return read

    def _get_query(self, op: Operation, allowed=PARAMETERS) -> Query:
        query = Query.from_params(op.params, op.limits, self._get_reader(op), allowed)
        self._apply_preferences(op, query)
        return query

    def _apply_preferences(self, op: Operation, query: Query) -> None:
        query.count = query.count or op.preferences.get("count")

    def _get_selection(self, op: Operation, *more: str) -> Selection | None:
        self._check_params(op, "fields", *more)
        return parse_selection(dict(op.params).get("fields"), op.limits)

    def _check_params(self, op: Operation, *allowed: str) -> None:
        seen = set()
        for name, _value in op.params:
            if name not in allowed:
                raise unknown_parameter(name)
            if name in seen:
                raise invalid_parameter(
                    name, _lt("The parameter '%(name)s' occurs twice.", name=name)
                )
            seen.add(name)

    def _goes_on(self, op: Operation) -> bool:
        """Whether rows that fail leave the others alone."""
        self._check_params(op, "fields", "on_error")
        value = dict(op.params).get("on_error", "stop")
        if value not in ("stop", "continue"):
            raise invalid_parameter("on_error", _lt("'on_error' is stop or continue."))
        return value == "continue"

    def _checked_id(self, model: str, record_id: object) -> int:
        if not self.env["saas_rest.writer"]._is_id(record_id):
            text = _lt(
                "There is no %(model)s with the id %(id)s.", model=model, id=str(record_id)[:40]
            )
            raise Problem("not-found", text)
        return record_id

    # === WHAT IS ANSWERED === #

    def _unless_known(self, op: Operation, get_state, make) -> Reply:
        """304 without making the body, when it was made before from the very same rows.

        :param get_state: the rows' state, by ``saas_rest.versions``; None: nobody knows
        :param make: the reply, by ``saas_rest.reader``
        """
        state = None
        if op.if_none_match is not None:
            state = get_state(self.env["saas_rest.versions"])
        if state is None:
            return make(self.env["saas_rest.reader"])
        question = (
            *(self.env.cr.dbname, self.env.uid, op.path, tuple(op.params), op.limits, op.access.tz),
            *(repr(sorted(op.preferences.items())), repr(sorted(self.env.context.items()))),
        )
        etag = KNOWN.etag(question, state)
        if etag and none_match(op.if_none_match, etag):
            return Reply(status=304, headers={"ETag": etag, **REVALIDATE})
        reply = make(self.env["saas_rest.reader"])
        KNOWN.keep(question, state, reply.headers["ETag"])
        return reply

    def _tag(self, op: Operation, reply: Reply, version: str = "") -> Reply:
        """Give a reply its ETag; it becomes a 304 when the client has that version already."""
        reply.encoded = encode(reply.as_body())
        etag = make_etag(version or "list", reply.encoded)
        reply.headers |= {"ETag": etag, **REVALIDATE}
        if op.if_none_match is not None and none_match(op.if_none_match, etag):
            reply.status, reply.encoded = 304, None
        return reply

    def _reply_document(self, op: Operation, document: Document) -> Reply:
        return self._tag(op, Reply(document.values), document.version)

    def _reply_page(self, op: Operation, page: Page) -> Reply:
        meta = {
            "limit": page.limit,
            "offset": page.offset,
            "count": len(page.records),
            "total": page.total,
            "total_capped": page.total_capped,
            "next_cursor": page.next_cursor,
        }
        reply = Reply(page.records, meta=meta, links=self._get_links(op, page))
        return self._tag(op, reply)

    def _get_links(self, op: Operation, page: Page) -> dict[str, str | None]:
        rest = [(name, value) for name, value in op.params if name not in ("offset", "cursor")]
        cursor = dict(op.params).get("cursor")

        def link(*more):
            return f"{op.path}?{urlencode([*rest, *more])}" if rest or more else op.path

        following, previous = None, None
        here = [(name, value) for name, value in op.params if name in ("offset", "cursor")]
        start = page.offset + page.limit
        if page.more and page.limit and cursor is None and start <= op.limits.offset_max:
            following = link(("offset", str(start)))
        elif page.more and page.next_cursor:
            following = link(("cursor", page.next_cursor))
        if page.offset:
            before = max(page.offset - page.limit, 0)
            previous = link(("offset", str(before))) if before else link()
        return {"self": link(*here), "next": following, "prev": previous}

    def _reply_change(self, op: Operation, record, status: int) -> Reply:
        """The record as it is now, or only its id and version, as the client prefers."""
        selection = self._get_selection(op, "on_error")
        access = op.access
        if op.minimal or not access.allows(record._name, "read") or not record.has_access("read"):
            version = self.env["saas_rest.reader"]._get_version(record)
            headers = {"ETag": f'"{version}-"', "Preference-Applied": "return=minimal"}
            if status == 200:
                return Reply(status=204, headers=headers)
            return Reply({"id": record.id}, status, headers=headers)
        reader = self.env["saas_rest.reader"]
        model = reader.env[record._name]
        document = reader._read_records(access, model, record.ids, selection)[0]
        reply = Reply(document.values, status)
        reply.encoded = encode(reply.as_body())
        reply.headers["ETag"] = make_etag(document.version, reply.encoded)
        return reply

    def _reply_records(self, op: Operation, records, status: int) -> Reply:
        selection = self._get_selection(op, "on_error")
        if op.minimal or not op.access.allows(records._name, "read"):
            headers = {"Preference-Applied": "return=minimal"}
            return Reply([{"id": record.id} for record in records], status, headers=headers)
        documents = self.env["saas_rest.reader"]._read_records(
            op.access, self.env[records._name], records.ids, selection
        )
        return Reply([document.values for document in documents], status)

    def _reply_outcomes(
        self, op: Operation, model: str, outcomes: list[Outcome], status: int
    ) -> Reply:
        """207 with one entry for each row, in their order."""
        entries = [
            {"index": index, "status": status, "id": outcome.record_id}
            if outcome.problem is None
            else {"index": index, **outcome.problem.as_dict()}
            for index, outcome in enumerate(outcomes)
        ]
        done = sum(outcome.problem is None for outcome in outcomes)
        meta = {"count": len(entries), "succeeded": done, "failed": len(entries) - done}
        return Reply(entries, 207, meta=meta)


def _split(value: str | None) -> list[str]:
    return [part.strip() for part in value.split(",")] if value else []
