from odoo import api, models
from odoo.fields import Domain
from odoo.models import BaseModel

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.domains import (
    HIERARCHY_OPERATORS,
    LIST_OPERATORS,
    ORDER_OPERATORS,
    SUBDOMAIN_OPERATORS,
    TEXT_OPERATORS,
    Leaf,
    Node,
)
from ..lib.saas_rest.filters import Filter
from ..lib.saas_rest.formats import (
    RELATIONAL_TYPES,
    TEXT_TYPES,
    InvalidValue,
    like_literal,
    parse_boolean,
    parse_integer,
    parse_operand,
    parse_query_text,
    parse_text,
)
from ..lib.saas_rest.problems import Detail, Problem
from ..lib.saas_rest.query import Query
from ..lib.saas_rest.text import _lt
from .saas_rest_failure import STUMBLES

#: Filters that are one comparison of Odoo's.
COMPARISONS = {
    "eq": "=",
    "ne": "!=",
    "lt": "<",
    "lte": "<=",
    "gt": ">",
    "gte": ">=",
    "like": "like",
    "ilike": "ilike",
    "in": "in",
    "nin": "not in",
    "child_of": "child_of",
    "parent_of": "parent_of",
}


class SaasRestDomain(models.AbstractModel):
    """Turns filters and domains of clients into domains of Odoo, checking field by field."""

    _name = "saas_rest.domain"
    _description = "REST filters"

    @api.model
    def _get_domain(self, access: Access, model: BaseModel, query: Query) -> Domain:
        """The records that a query is about, with all that the policy leaves out.

        :raises Problem: ``unknown-field``, ``field-forbidden``, ``invalid-domain``,
            ``invalid-value``
        """
        terms: list[object] = []
        plain = True
        for condition in query.filters:
            leaves, simple = self._filter_terms(access, model, condition)
            terms += leaves
            plain = plain and simple
        if query.domain:
            leaves, simple = self._domain_terms(access, model, query.domain)
            terms += leaves
            plain = plain and simple
        domain = Domain(terms) if terms else Domain.TRUE
        if not plain:
            self._check_search(model, domain)
        return domain & self.env["saas_rest.policy"]._get_scope_domain(access, model)

    def _check_search(self, model: BaseModel, domain: Domain) -> None:
        """Let the search methods of fields have their say before the query is built."""
        try:
            domain.optimize_full(model)
        except (*STUMBLES, ValueError) as error:
            text = _lt("The domain asks something that one of its fields cannot answer.")
            raise Problem("invalid-domain", text, [Detail("/domain", "invalid-domain")]) from error

    # === FILTERS === #

    def _filter_terms(
        self, access: Access, model: BaseModel, condition: Filter
    ) -> tuple[list[object], bool]:
        pointer = condition.pointer
        field, plain = self._resolve(access, model, condition.path, pointer)
        operator = condition.operator
        path = condition.path
        if operator == "null":
            empty = condition.values[0] in (True, "true")
            return [(path, "=" if empty else "!=", False)], plain
        values = [self._filter_value(field, condition, value) for value in condition.values]
        if operator == "between":
            return [(path, ">=", values[0]), (path, "<=", values[1])], plain
        if operator in ("starts", "ends"):
            literal = like_literal(values[0])
            pattern = f"{literal}%" if operator == "starts" else f"%{literal}"
            return [(path, "=like", pattern)], plain and field.type in TEXT_TYPES
        odoo_operator = COMPARISONS[operator]
        if odoo_operator in HIERARCHY_OPERATORS:
            self._check_hierarchy(field, pointer)
            return [(path, odoo_operator, values)], False
        value = values if odoo_operator in LIST_OPERATORS else values[0]
        return [(path, odoo_operator, value)], plain and not self._by_name(field, values)

    def _filter_value(self, field, condition: Filter, value: object) -> object:
        """One value of a filter, typed as its field."""
        operator = condition.operator
        try:
            if operator in ("like", "ilike", "starts", "ends"):
                return parse_text(value)
            if value is None and operator in ("eq", "ne", "in", "nin"):
                return False
            if condition.typed:
                return parse_operand(field.type, value)
            return parse_query_text(field.type, value)
        except InvalidValue as error:
            raise self._bad_value(condition.pointer, field, value, error) from None

    # === DOMAINS === #

    def _domain_terms(
        self, access: Access, model: BaseModel, nodes: list[Node]
    ) -> tuple[list[object], bool]:
        terms: list[object] = []
        plain = True
        for node in nodes:
            if isinstance(node, Leaf):
                term, simple = self._leaf_term(access, model, node)
                terms.append(term)
                plain = plain and simple
            else:
                terms.append(node.sign)
        return terms, plain

    def _leaf_term(self, access: Access, model: BaseModel, leaf: Leaf) -> tuple[tuple, bool]:
        field, plain = self._resolve(access, model, leaf.path, f"{leaf.pointer}/0")
        pointer = f"{leaf.pointer}/2"
        operator, value = leaf.operator, leaf.value
        if operator in SUBDOMAIN_OPERATORS:
            if field.type not in RELATIONAL_TYPES:
                raise self._not_relational(leaf.pointer, field)
            comodel = self.env["saas_rest.policy"]._get_comodel(access, field, leaf.pointer)
            terms, _plain = self._domain_terms(access, comodel, value)
            return (leaf.path, operator, Domain(terms) if terms else Domain.TRUE), False
        if operator in HIERARCHY_OPERATORS:
            self._check_hierarchy(field, leaf.pointer)
            values = value if isinstance(value, list) else [value]
            ids = [self._checked(pointer, field, item, parse_integer) for item in values]
            return (leaf.path, operator, ids), False
        if operator in LIST_OPERATORS:
            values = [self._operand(pointer, field, item) for item in value]
            return (leaf.path, operator, values), plain and not self._by_name(field, values)
        if operator in TEXT_OPERATORS:
            text = self._checked(pointer, field, value, parse_text)
            return (leaf.path, operator, text), plain and field.type in TEXT_TYPES
        if operator in ORDER_OPERATORS and (value is None or value is False):
            raise self._bad_value(pointer, field, value, InvalidValue(_lt("A value is expected.")))
        operand = self._operand(pointer, field, value)
        return (leaf.path, operator, operand), plain and not self._by_name(field, [operand])

    def _by_name(self, field, values: list[object]) -> bool:
        """Whether related records are looked up by their names."""
        return field.type in RELATIONAL_TYPES and any(isinstance(item, str) for item in values)

    def _operand(self, pointer: str, field, value: object) -> object:
        """A value that a field is compared with; null and false stand for an empty one."""
        if value is None:
            return False
        if isinstance(value, bool):
            if value and field.type != "boolean":
                return self._checked(pointer, field, value, lambda v: parse_operand(field.type, v))
            return parse_boolean(value)
        return self._checked(pointer, field, value, lambda v: parse_operand(field.type, v))

    def _checked(self, pointer: str, field, value: object, parser) -> object:
        try:
            return parser(value)
        except InvalidValue as error:
            raise self._bad_value(pointer, field, value, error) from None

    # === FIELDS === #

    def _resolve(self, access: Access, model: BaseModel, path: str, pointer: str):
        """The last field of a path, and whether Odoo answers for it by columns alone.

        :raises Problem: ``unknown-field``, ``field-forbidden``, ``invalid-domain``
        """
        policy = self.env["saas_rest.policy"]
        plain = True
        *steps, last = path.split(".")
        for step in steps:
            field = self._searchable(access, model, step, pointer)
            if field.type not in RELATIONAL_TYPES:
                raise self._not_relational(pointer, field)
            plain = plain and field.store
            model = policy._get_comodel(access, field, pointer)
        field = self._searchable(access, model, last, pointer)
        return field, bool(plain and field.store and field.column_type and not field.search)

    def _searchable(self, access: Access, model: BaseModel, name: str, pointer: str):
        policy = self.env["saas_rest.policy"]
        field = policy._check_field(access, model, name, "read", pointer)
        if not field._description_searchable:
            text = _lt("Records cannot be searched by '%(field)s'.", field=name)
            raise Problem("invalid-domain", text, [Detail(pointer, "invalid-domain")])
        return field

    def _check_hierarchy(self, field, pointer: str) -> None:
        comodel_name = field.comodel_name if field.relational else field.model_name
        comodel = self.env[comodel_name]
        if (field.relational or field.name == "id") and comodel._parent_name in comodel._fields:
            return
        text = _lt("'%(field)s' is no hierarchy.", field=field.name)
        raise Problem("invalid-domain", text, [Detail(pointer, "invalid-domain")])

    def _not_relational(self, pointer: str, field) -> Problem:
        text = _lt("'%(field)s' leads to no other record.", field=field.name)
        return Problem("invalid-domain", text, [Detail(pointer, "invalid-domain")])

    def _bad_value(self, pointer: str, field, value: object, error: InvalidValue) -> Problem:
        text = _lt(
            "'%(value)s' does not fit the field '%(field)s'.",
            value=str(value)[:60],
            field=field.name,
        )
        return Problem("invalid-value", text, [Detail(pointer, "invalid-value", error.text)])
