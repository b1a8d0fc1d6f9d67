from datetime import date, datetime

from odoo import api, models
from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools import SQL

from ..lib.saas_rest.ordering import OrderTerm

PAGEABLE_TYPES = frozenset(
    {
        "boolean",
        "char",
        "date",
        "datetime",
        "float",
        "integer",
        "many2one_reference",
        "monetary",
        "selection",
        "text",
    }
)


class SaasRestKeyset(models.AbstractModel):
    """Continues an ordered search right behind a record, however many came before it."""

    _name = "saas_rest.keyset"
    _description = "REST paging"

    @api.model
    def _is_pageable(self, model: BaseModel, order: list[OrderTerm]) -> bool:
        """Whether the order is made of columns that compare in SQL as they sort."""
        return bool(order) and all(
            (field := model._fields.get(term.field)) is not None
            and field.store
            and field.type in PAGEABLE_TYPES
            and not field.translate
            and not field.company_dependent
            for term in order
        )

    @api.model
    def _get_values(self, record: BaseModel, order: list[OrderTerm]) -> list[object]:
        """The record's place in the order, as JSON values."""
        values = []
        for term in order:
            field = record._fields[term.field]
            if term.field == "id":
                value = record.id
            elif field.type == "boolean":
                value = bool(record[term.field])
            else:
                record.fetch([term.field])
                value = field._get_cache(record.env)[record.id]
            values.append(value.isoformat() if isinstance(value, date) else value)
        return values

    @api.model
    def _get_domain_after(
        self, model: BaseModel, order: list[OrderTerm], values: list[object]
    ) -> Domain:
        """The records behind the one that :meth:`_get_values` described."""
        typed = [
            self._as_column(model._fields[term.field].type, value)
            for term, value in zip(order, values, strict=True)
        ]

        def to_sql(model, alias, query):
            columns = [self._get_column(model, alias, term, query) for term in order]
            steps, before = [], []
            for term, column, value in zip(order, columns, typed, strict=True):
                required = term.field == "id" or model._fields[term.field].required
                behind = self._get_behind(term, column, value, required)
                if behind is not None:
                    steps.append(SQL("(%s)", SQL(" AND ").join([*before, behind])))
                before.append(
                    SQL("%s IS NULL", column) if value is None else SQL("%s = %s", column, value)
                )
            return SQL("(%s)", SQL(" OR ").join(steps)) if steps else SQL("FALSE")

        return Domain.custom(to_sql=to_sql)

    def _get_column(self, model: BaseModel, alias: str, term: OrderTerm, query) -> SQL:
        column = model._field_to_sql(alias, term.field, query)
        if model._fields[term.field].type == "boolean":
            # As Odoo sorts them.
            return SQL("COALESCE(%s, FALSE)", column)
        return column

    def _get_behind(self, term: OrderTerm, column: SQL, value: object, required: bool):
        """What sorts behind ``value`` in one column; None when nothing can."""
        if value is None:
            return SQL("%s IS NOT NULL", column) if term.nulls_first else None
        behind = SQL("%s < %s" if term.descending else "%s > %s", column, value)
        if term.nulls_first or required:
            return behind
        return SQL("(%s OR %s IS NULL)", behind, column)

    def _as_column(self, kind: str, value: object) -> object:
        if value is None:
            return None
        if kind == "date":
            return date.fromisoformat(value)
        if kind == "datetime":
            return datetime.fromisoformat(value)
        return value
