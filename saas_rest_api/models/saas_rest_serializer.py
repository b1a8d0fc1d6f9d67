from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime

from odoo import api, models
from odoo.models import BaseModel

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.formats import RELATIONAL_TYPES, format_datetime
from ..lib.saas_rest.limits import Limits
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.selection import Node, Selection
from ..lib.saas_rest.text import _lt

#: Types whose value in Odoo's cache is the answer, but for an empty one.
TEXTS = frozenset({"char", "text", "selection", "html"})
NUMBERS = frozenset({"integer", "float", "monetary"})


@dataclass
class Wanted:
    """A field that an answer has, ready to be read: its names were checked."""

    field: object
    limit: int
    children: "Plan | None" = None


@dataclass
class Plan:
    """The fields of one model that an answer has, in their order."""

    wanted: list[Wanted] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


class SaasRestSerializer(models.AbstractModel):
    """Turns records into JSON values, column by column instead of record by record."""

    _name = "saas_rest.serializer"
    _description = "REST answers"

    # === PLANS === #

    @api.model
    def _plan(
        self,
        access: Access,
        model: BaseModel,
        selection: Selection | None,
        limits: Limits,
        pointer: str = "/fields",
    ) -> Plan:
        """Check a selection of fields once, for all records.

        :raises Problem: ``unknown-field``, ``field-forbidden``, ``invalid-selection``
        """
        policy = self.env["saas_rest.policy"]
        nodes: dict[str, Node] = {}
        if selection is None or selection.defaults:
            nodes = dict.fromkeys(policy._get_default_fields(model._name), Node())
        if selection is not None:
            nodes |= selection.fields
        plan = Plan()
        for index, (name, node) in enumerate(nodes.items()):
            if name == "id":
                continue
            place = f"{pointer}/{index}"
            wanted = policy._check_field(access, model, name, "read", place)
            plan.wanted.append(self._want(access, wanted, node, limits, place))
            plan.names.append(name)
        return plan

    def _want(self, access: Access, wanted, node: Node, limits: Limits, pointer: str) -> Wanted:
        many = wanted.type in ("one2many", "many2many")
        if node.limit is not None and not many:
            text = _lt("'%(field)s' is no list: it takes no limit.", field=wanted.name)
            raise Problem("invalid-selection", text, [Detail(pointer, "invalid-selection")])
        if node.children is None:
            return Wanted(wanted, limits.nested_max if node.limit is None else node.limit)
        if wanted.type not in RELATIONAL_TYPES:
            text = _lt("'%(field)s' leads to no other record.", field=wanted.name)
            raise Problem("invalid-selection", text, [Detail(pointer, "invalid-selection")])
        comodel = self.env["saas_rest.policy"]._get_comodel(access, wanted, pointer)
        children = self._plan(access, comodel, node.children, limits, pointer)
        limit = limits.nested_default if node.limit is None else node.limit
        return Wanted(wanted, limit, children)

    # === VALUES === #

    @api.model
    def _serialize(self, access: Access, records: BaseModel, plan: Plan) -> list[dict]:
        """The records as JSON objects; they were fetched, or are fetched field by field."""
        truncated: dict[int, dict[str, int]] = {}
        columns = [self._get_column(access, records, wanted, truncated) for wanted in plan.wanted]
        names = ["id", *plan.names]
        rows = [
            dict(zip(names, values, strict=True))
            for values in zip(records._ids, *columns, strict=True)
        ]
        if truncated:
            for row in rows:
                if row["id"] in truncated:
                    row["_truncated"] = truncated[row["id"]]
        return rows

    def _get_column(
        self, access: Access, records: BaseModel, wanted: Wanted, truncated: dict
    ) -> list[object]:
        """The values of one field, one for each record."""
        kind = wanted.field.type
        if kind == "many2one":
            return self._get_many2one(access, records, wanted)
        if kind in ("one2many", "many2many"):
            return self._get_x2many(access, records, wanted, truncated)
        if kind in ("binary", "image"):
            return self._get_binary(records, wanted.field)
        if kind in ("properties", "properties_definition"):
            name = wanted.field.name
            return [self._jsonable(access, row[name]) for row in records._read_format([name])]
        if kind == "reference":
            return self._get_reference(access, records, wanted.field)
        return self._get_plain(access, records, wanted.field)

    def _get_plain(self, access: Access, records: BaseModel, wanted) -> list[object]:
        values = self._get_raw(records, wanted)
        kind = wanted.type
        if kind in TEXTS:
            return [str(value) if value else None for value in values]
        if kind in NUMBERS:
            return [value or 0 for value in values]
        if kind == "boolean":
            return [bool(value) for value in values]
        if kind == "datetime":
            tz = access.tz
            return [format_datetime(value, tz) if value else None for value in values]
        if kind == "date":
            return [value.isoformat() if value else None for value in values]
        return [self._jsonable(access, value) if value else None for value in values]

    def _get_raw(self, records: BaseModel, wanted) -> list[object]:
        """Values straight from the cache, where the ORM's own getter has nothing to add."""
        if wanted.store and wanted.column_type and wanted.type != "json":
            cache = wanted._get_cache(records.env)
            with suppress(KeyError):
                return [cache[record_id] for record_id in records._ids]
        name = wanted.name
        return [record[name] for record in records]

    def _get_many2one(self, access: Access, records: BaseModel, wanted: Wanted) -> list[object]:
        name = wanted.field.name
        ids = self._get_raw(records, wanted.field)
        if ids and isinstance(ids[0], BaseModel):
            ids = [record.id for record in ids]
        first = {co_id: record for co_id, record in zip(ids, records, strict=True) if co_id}
        convert = wanted.field.convert_to_read
        found: dict[int, dict] = {}
        if wanted.children is not None and first:
            related = records.env[wanted.field.comodel_name].browse(first)
            readable = self.env["saas_rest.policy"]._get_readable(access, related)
            rows = self._serialize(access, self._fetch(readable, wanted.children), wanted.children)
            found = dict(zip(readable._ids, rows, strict=True))
        for co_id, record in first.items():
            if co_id in found:
                continue
            # Odoo shows the name of a related record to whoever may read the record itself.
            pair = convert(record[name], record, True)
            if pair:
                found[co_id] = {"id": pair[0], "display_name": pair[1] or None}
        return [found.get(co_id) if co_id else None for co_id in ids]

    def _fetch(self, records: BaseModel, plan: Plan) -> BaseModel:
        records.fetch(plan.names)
        return records

    def _get_x2many(
        self, access: Access, records: BaseModel, wanted: Wanted, truncated: dict
    ) -> list[object]:
        name = wanted.field.name
        lists = [record[name]._ids for record in records]
        limit = wanted.limit
        for record_id, ids in zip(records._ids, lists, strict=True):
            if len(ids) > limit:
                truncated.setdefault(record_id, {})[name] = len(ids)
        lists = [ids[:limit] for ids in lists]
        if wanted.children is None:
            return [list(ids) for ids in lists]
        unique = dict.fromkeys(co_id for ids in lists for co_id in ids)
        related = records.env[wanted.field.comodel_name].browse(unique)
        readable = self.env["saas_rest.policy"]._get_readable(access, related)
        rows = self._serialize(access, self._fetch(readable, wanted.children), wanted.children)
        found = dict(zip(readable._ids, rows, strict=True))
        return [[found.get(co_id) or {"id": co_id} for co_id in ids] for ids in lists]

    def _get_binary(self, records: BaseModel, wanted) -> list[object]:
        """Where the content is: it never travels inside JSON."""
        name = wanted.name
        sized = records.with_context(bin_size=True)
        return [
            {"href": f"/api/v1/{records._name}/{record.id}/binary/{name}"} if record[name] else None
            for record in sized
        ]

    def _get_reference(self, access: Access, records: BaseModel, wanted) -> list[object]:
        policy = self.env["saas_rest.policy"]
        values = []
        for record in records:
            related = record[wanted.name]
            if not related:
                values.append(None)
                continue
            value = {"model": related._name, "id": related.id}
            if policy._get_readable(access, related):
                value["display_name"] = related.display_name or None
            values.append(value)
        return values

    @api.model
    def _jsonable(self, access: Access, value: object) -> object:
        """Whatever a method or a computed field returns, as JSON."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float):
            return value if value - value == 0 else None
        if isinstance(value, str):
            return str(value)
        if isinstance(value, BaseModel):
            return list(value.ids)
        if isinstance(value, datetime):
            return format_datetime(value.replace(tzinfo=None), access.tz)
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, bytes):
            return value.decode("utf-8", "replace")
        if isinstance(value, dict):
            return {str(key): self._jsonable(access, item) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self._jsonable(access, item) for item in value]
        return str(value)
