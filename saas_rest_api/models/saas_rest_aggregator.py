import re

from odoo import api, models
from odoo.models import (
    READ_GROUP_NUMBER_GRANULARITY,
    READ_GROUP_TIME_GRANULARITY,
    BaseModel,
)

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.query import Query
from ..lib.saas_rest.text import _lt

FUNCTIONS = ("sum", "avg", "min", "max", "count", "count_distinct", "bool_and", "bool_or")
NUMERIC_FUNCTIONS = ("sum", "avg")
NUMERIC_TYPES = ("integer", "float", "monetary")
BOOLEAN_FUNCTIONS = ("bool_and", "bool_or")
MAX_SPECS = 10
_SPEC = re.compile(r"(?P<field>[a-z_][a-z0-9_]*)(?::(?P<extra>[a-z_]+))?")
_ORDER = re.compile(
    r"\s*(?P<spec>__count|[a-z_][a-z0-9_]*(?::[a-z_]+)?)(?:\s+(?P<direction>asc|desc))?\s*", re.I
)


class SaasRestAggregator(models.AbstractModel):
    """Groups records and sums them up."""

    _name = "saas_rest.aggregator"
    _description = "REST aggregates"

    @api.model
    def _aggregate(
        self,
        access: Access,
        model_name: str,
        groupby: list[str],
        aggregates: list[str],
        order: str,
        query: Query,
    ) -> list[dict]:
        """Groups as JSON objects, each with its ``__count``.

        :param groupby: fields, dates with a granularity such as ``date:month``
        :param aggregates: fields with a function, such as ``amount_total:sum``
        :param order: some of both, each with asc or desc
        """
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "read")
        if not query.active_test:
            model = model.with_context(active_test=False)
        self._check_specs(access, model, groupby, aggregates)
        order = self._check_order(order, [*groupby, *aggregates, "__count"])
        domain = self.env["saas_rest.domain"]._get_domain(access, model, query)
        rows = model.formatted_read_group(
            domain,
            groupby,
            [*aggregates, "__count"],
            offset=query.offset,
            limit=query.limit,
            order=order or None,
        )
        return [self._as_group(access, model, row, groupby, aggregates) for row in rows]

    def _check_specs(
        self, access: Access, model: BaseModel, groupby: list[str], aggregates: list[str]
    ) -> None:
        if len(groupby) > MAX_SPECS or len(aggregates) > MAX_SPECS:
            text = _lt("At most %(limit)s groupings and as many aggregates.", limit=MAX_SPECS)
            raise Problem("invalid-parameter", text)
        for index, spec in enumerate(groupby):
            self._check_group(access, model, spec, f"/groupby/{index}")
        for index, spec in enumerate(aggregates):
            self._check_aggregate(access, model, spec, f"/aggregates/{index}")

    def _split(self, access: Access, model: BaseModel, spec: str, pointer: str):
        match = _SPEC.fullmatch(spec)
        if not match:
            raise self._invalid(pointer, _lt("'%(text)s' is not understood.", text=spec[:60]))
        policy = self.env["saas_rest.policy"]
        return policy._check_field(access, model, match["field"], "read", pointer), match["extra"]

    def _check_group(self, access: Access, model: BaseModel, spec: str, pointer: str) -> None:
        field, granularity = self._split(access, model, spec, pointer)
        temporal = field.type in ("date", "datetime")
        known = [*READ_GROUP_TIME_GRANULARITY, *READ_GROUP_NUMBER_GRANULARITY]
        if field.type in ("properties", "json") or not field._description_groupable(self.env):
            text = _lt("Records cannot be grouped by '%(field)s'.", field=field.name)
            raise self._invalid(pointer, text)
        if temporal and granularity not in known:
            text = _lt(
                "'%(field)s' is grouped by one of %(known)s, as in %(field)s:month.",
                field=field.name,
                known=", ".join(known),
            )
            raise self._invalid(pointer, text)
        if granularity and not temporal:
            text = _lt("'%(field)s' is no date: it takes no granularity.", field=field.name)
            raise self._invalid(pointer, text)
        if field.type == "date" and granularity in ("hour", "hour_number", "minute_number"):
            text = _lt("'%(field)s' is a date: it has no hours.", field=field.name)
            raise self._invalid(pointer, text)

    def _check_aggregate(self, access: Access, model: BaseModel, spec: str, pointer: str) -> None:
        field, function = self._split(access, model, spec, pointer)
        if function not in FUNCTIONS:
            text = _lt(
                "An aggregate is a field and one of %(known)s, as in %(field)s:count.",
                known=", ".join(FUNCTIONS),
                field=field.name,
            )
            raise self._invalid(pointer, text)
        fits = field.store and field.column_type
        if function in NUMERIC_FUNCTIONS:
            fits = fits and field.type in NUMERIC_TYPES
        elif function in BOOLEAN_FUNCTIONS:
            fits = fits and field.type == "boolean"
        elif function in ("min", "max"):
            fits = fits and field.type in (*NUMERIC_TYPES, "date", "datetime", "char", "selection")
        if not fits or field.translate or field.company_dependent or field.type == "json":
            text = _lt("'%(field)s' has no %(function)s.", field=field.name, function=function)
            raise self._invalid(pointer, text)

    def _check_order(self, order: str, known: list[str]) -> str:
        terms = []
        for index, part in enumerate(order.split(",") if order else []):
            match = _ORDER.fullmatch(part)
            if not match or match["spec"] not in known:
                text = _lt(
                    "Groups are sorted by what they are made of: %(known)s.", known=", ".join(known)
                )
                raise Problem("invalid-order", text, [Detail(f"/order/{index}", "invalid-order")])
            terms.append(f"{match['spec']} {match['direction'] or 'asc'}")
        return ", ".join(terms)

    def _as_group(
        self, access: Access, model: BaseModel, row: dict, groupby: list[str], aggregates: list[str]
    ) -> dict:
        jsonable = self.env["saas_rest.serializer"]._jsonable
        group: dict[str, object] = {}
        for spec in groupby:
            field = model._fields[spec.partition(":")[0]]
            group[spec] = self._as_key(access, field, row[spec])
        for spec in aggregates:
            group[spec] = jsonable(access, row[spec])
        group["__count"] = row["__count"]
        return group

    def _as_key(self, access: Access, field, value: object) -> object:
        """What a group has in common, in the form that records show it in."""
        if isinstance(value, tuple) and field.type in ("date", "datetime"):
            return {"from": str(value[0]).replace(" ", "T"), "label": value[1]}
        if isinstance(value, tuple):
            return {"id": value[0], "display_name": value[1] or None}
        if value is False and field.type != "boolean":
            return None
        return self.env["saas_rest.serializer"]._jsonable(access, value)

    def _invalid(self, pointer: str, text) -> Problem:
        return Problem("invalid-parameter", text, [Detail(pointer, "invalid-parameter")])
