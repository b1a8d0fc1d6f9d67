from dataclasses import dataclass

from odoo import api, models, tools
from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools.query import Query as OdooQuery

from ..lib.saas_rest import cursors
from ..lib.saas_rest.access import Access
from ..lib.saas_rest.etags import version_of
from ..lib.saas_rest.ordering import OrderTerm, order_as_text, parse_order
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.query import Query
from ..lib.saas_rest.selection import Selection
from ..lib.saas_rest.text import _lt
from .saas_rest_serializer import Plan

CURSOR_SCOPE = "saas_rest_cursor"


@dataclass
class Page:
    """A page of records as JSON objects.

    :param total: how many there are, None when nobody counted
    :param total_capped: there are more than ``total``
    :param more: another page follows
    :param next_cursor: where it begins, None when this order has no cursors
    """

    records: list[dict]
    limit: int
    offset: int
    total: int | None
    total_capped: bool
    more: bool
    next_cursor: str | None


@dataclass
class Question:
    """A query that was checked and worked out: nothing of it is left to be refused.

    :param domain: the records to be counted
    :param window: of these the ones from the cursor on
    :param pageable: the order has cursors
    :param text: what a cursor belongs to
    """

    model: BaseModel
    plan: Plan
    domain: Domain
    window: Domain
    order: list[OrderTerm]
    pageable: bool
    text: str


@dataclass
class Document:
    """One record as a JSON object, and the version of it that If-Match compares."""

    values: dict
    version: str


class SaasRestReader(models.AbstractModel):
    """Finds and shows records, with the rights of the environment's user."""

    _name = "saas_rest.reader"
    _description = "REST reading"

    # === LISTS === #

    @api.model
    def _search(self, access: Access, model_name: str, query: Query) -> Page:
        """A page of the records that a query describes.

        :raises Problem: for the first thing in the query that is not possible
        """
        question = self._understand(access, model_name, query)
        model, order = question.model, question.order
        if not query.limit:
            limits = self.env["saas_rest.gate"]._get_settings().limits
            total, capped = self._count_all(model, question.domain, query, limits.count_cap)
            return Page([], 0, query.offset, total, capped, bool(total), None)
        records, found = self._fetch(question, query)
        more = len(records) > query.limit
        shown = records[: query.limit] if more else records
        total, capped = self._get_total(question, query, len(records), found)
        cursor = None
        if more and question.pageable:
            values = self.env["saas_rest.keyset"]._get_values(shown[-1], order)
            cursor = cursors.encode(values, question.text, self._sign)
        rows = self.env["saas_rest.serializer"]._serialize(access, shown, question.plan)
        return Page(rows, query.limit, query.offset, total, capped, more, cursor)

    @api.model
    def _understand(self, access: Access, model_name: str, query: Query) -> Question:
        """Works a query out without asking the database for records.

        :raises Problem: for the first thing in the query that is not possible
        """
        model = self._get_model(access, model_name, query)
        limits = self.env["saas_rest.gate"]._get_settings().limits
        plan = self.env["saas_rest.serializer"]._plan(access, model, query.fields, limits)
        domain = self.env["saas_rest.domain"]._get_domain(access, model, query)
        order = self._get_order(access, model, query.order)
        keyset = self.env["saas_rest.keyset"]
        pageable = keyset._is_pageable(model, order)
        text = self._get_question(model, query, order) if pageable else ""
        if query.cursor is not None and not pageable:
            raise self._unsupported_order()
        window = domain
        if query.cursor:
            last = cursors.decode(query.cursor, text, self._sign)
            window = domain & keyset._get_domain_after(model, order, last)
        return Question(model, plan, domain, window, order, pageable, text)

    @api.model
    def _count(self, access: Access, model_name: str, query: Query) -> tuple[int, bool]:
        """How many records a query describes, and whether there are more than that."""
        model = self._get_model(access, model_name, query)
        domain = self.env["saas_rest.domain"]._get_domain(access, model, query)
        limits = self.env["saas_rest.gate"]._get_settings().limits
        cap = limits.count_cap if query.count == "capped" else None
        return self._count_up_to(model, domain, cap)

    def _get_model(self, access: Access, model_name: str, query: Query) -> BaseModel:
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "read")
        return model if query.active_test else model.with_context(active_test=False)

    def _fetch(self, question: Question, query: Query) -> tuple[BaseModel, OdooQuery | None]:
        """The records of a page and one more, and Odoo's query for them if it can be used again.

        This is ``search_fetch`` in two steps, for models that have none of their own: record
        rules then need not be worked out once more to count.
        """
        model, order = question.model, question.order
        terms = order if question.pageable else ()
        names = list(dict.fromkeys([*question.plan.names, *(term.field for term in terms)]))
        if type(model).search_fetch is not BaseModel.search_fetch:
            paging = {"offset": query.offset, "limit": query.limit + 1}
            text = order_as_text(order) or None
            return model.search_fetch(question.window, names, order=text, **paging), None
        found = self._find(question, query)
        wanted = model._determine_fields_to_fetch(names)
        return (model.browse() if found.is_empty() else model._fetch_query(found, wanted)), found

    def _find(self, question: Question, query: Query) -> OdooQuery:
        """Odoo's query for the records of a page and one more."""
        # Record rules look at one field of the company: Odoo shall not fetch all of them for it.
        model = question.model.with_context(prefetch_fields=False)
        return model._search(
            question.window,
            offset=query.offset,
            limit=query.limit + 1,
            order=order_as_text(question.order) or model._order,
        )

    def _get_total(
        self, question: Question, query: Query, seen: int, found: OdooQuery | None
    ) -> tuple[int | None, bool]:
        """The number of all records, counted only when the page does not tell it.

        :param seen: how many records of the page, and the one behind it, were found
        :param found: Odoo's query for the page
        """
        mode = query.count or ("none" if query.cursor else "capped")
        if mode == "none":
            return None, False
        if not query.cursor and seen <= query.limit and (seen or not query.offset):
            return query.offset + seen, False
        cap = self.env["saas_rest.gate"]._get_settings().limits.count_cap
        if mode == "capped" and not query.cursor and query.offset + seen > cap:
            return cap, True
        limit = cap if mode == "capped" else None
        # A page behind a cursor is not all that there is to count.
        if found is None or query.cursor:
            return self._count_up_to(question.model, question.domain, limit)
        found.order, found.offset, found.limit = None, None, None if limit is None else limit + 1
        number = len(found)
        return (number, False) if limit is None else (min(number, limit), number > limit)

    def _count_all(self, model, domain, query: Query, cap: int) -> tuple[int | None, bool]:
        if query.count == "none":
            return None, False
        return self._count_up_to(model, domain, None if query.count == "exact" else cap)

    def _count_up_to(self, model: BaseModel, domain: Domain, cap: int | None) -> tuple[int, bool]:
        if cap is None:
            return model.search_count(domain), False
        found = model.search_count(domain, limit=cap + 1)
        return min(found, cap), found > cap

    # === ORDER === #

    def _get_order(
        self, access: Access, model: BaseModel, wanted: list[OrderTerm]
    ) -> list[OrderTerm]:
        """The order asked for, or the model's own, made total by the id.

        An own order that is more than fields is left to Odoo: the list is empty then.
        """
        policy = self.env["saas_rest.policy"]
        for index, term in enumerate(wanted):
            pointer = f"/order/{index}"
            field = policy._check_field(access, model, term.field, "read", pointer)
            if not field._description_sortable(self.env):
                text = _lt("Records cannot be sorted by '%(field)s'.", field=term.field)
                raise Problem("invalid-order", text, [Detail(pointer, "invalid-order")])
        order = wanted or self._get_own_order(model)
        if order and all(term.field != "id" for term in order):
            order = [*order, OrderTerm("id", order[-1].descending)]
        return order

    def _get_own_order(self, model: BaseModel) -> list[OrderTerm]:
        try:
            return parse_order(model._order)
        except Problem:
            return []

    def _unsupported_order(self) -> Problem:
        text = _lt("Only orders by plain stored fields can be paged by cursor; 'id' always can.")
        return Problem("cursor-unsupported-order", text, [Detail("/order", "invalid-order")])

    # === CURSORS === #

    def _get_question(self, model: BaseModel, query: Query, order: list[OrderTerm]) -> str:
        return cursors.digest(
            model._name,
            [(item.path, item.operator, item.values) for item in query.filters],
            query.domain,
            query.fields.as_text() if query.fields else "",
            order_as_text(order),
            query.active_test,
            self.env.lang,
            self.env.companies.ids,
            self.env.uid,
        )

    def _sign(self, text: str) -> str:
        return tools.hmac(self.env(su=True), CURSOR_SCOPE, text)

    # === ONE RECORD === #

    @api.model
    def _read(
        self, access: Access, model_name: str, record_id: int, selection: Selection | None
    ) -> Document:
        """One record, archived or not.

        :raises Problem: ``not-found`` also when the user may not see it
        """
        model, plan = self._plan(access, model_name, selection)
        return self._read_planned(access, model, [record_id], plan)[0]

    def _plan(
        self, access: Access, model_name: str, selection: Selection | None
    ) -> tuple[BaseModel, Plan]:
        model = self.env["saas_rest.policy"]._get_model(access, model_name, "read")
        limits = self.env["saas_rest.gate"]._get_settings().limits
        return model, self.env["saas_rest.serializer"]._plan(access, model, selection, limits)

    @api.model
    def _read_records(
        self, access: Access, model: BaseModel, ids: list[int], selection: Selection | None
    ) -> list[Document]:
        """These records, in this order; each of them must be readable."""
        limits = self.env["saas_rest.gate"]._get_settings().limits
        plan = self.env["saas_rest.serializer"]._plan(access, model, selection, limits)
        return self._read_planned(access, model, ids, plan)

    def _read_planned(
        self, access: Access, model: BaseModel, ids: list[int], plan: Plan
    ) -> list[Document]:
        stamp = ["write_date"] if model._log_access else []
        domain = Domain("id", "in", ids)
        domain &= self.env["saas_rest.policy"]._get_scope_domain(access, model)
        found = model.with_context(active_test=False).search_fetch(
            domain, list(dict.fromkeys([*plan.names, *stamp]))
        )
        records = found.with_env(model.env).browse(ids)
        missing = set(ids) - set(found._ids)
        if missing:
            raise self._no_record(model, min(missing))
        rows = self.env["saas_rest.serializer"]._serialize(access, records, plan)
        return [
            Document(row, self._get_version(record))
            for row, record in zip(rows, records, strict=True)
        ]

    @api.model
    def _get_version(self, record: BaseModel) -> str:
        """What of a record's state If-Match compares."""
        return version_of(record.id, record.write_date if record._log_access else None)

    @api.model
    def _no_record(self, model: BaseModel, record_id: int) -> Problem:
        text = _lt("There is no %(model)s with the id %(id)s.", model=model._name, id=record_id)
        return Problem("not-found", text)
