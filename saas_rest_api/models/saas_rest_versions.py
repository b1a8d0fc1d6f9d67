import hashlib
from dataclasses import dataclass

from odoo import api, models, tools
from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools import SQL
from odoo.tools.query import Query as OdooQuery

from odoo.addons.base.models.res_country import ResCountryState
from odoo.addons.base.models.res_partner import ResPartner

from ..lib.saas_rest.access import Access
from ..lib.saas_rest.query import Query
from ..lib.saas_rest.selection import Selection
from .saas_rest_serializer import NUMBERS, TEXTS, Plan

#: Types whose value is a column of the record's own row, and nothing else.
PLAIN = TEXTS | NUMBERS | {"boolean", "date", "datetime"}
#: Names that somebody read the making of: what makes them, and the links to all other rows that
#: it looks at. Another addon's version of these methods is another name, of which nobody knows.
REVIEWED = {
    "res.partner": (
        (ResPartner._compute_display_name, ResPartner._get_complete_name),
        ("parent_id",),
    ),
    "res.country.state": ((ResCountryState._compute_display_name,), ("country_id",)),
}
#: Methods that a model must not have made its own: they decide what is read.
READING = ("search_fetch", "fetch", "_fetch_query")


@dataclass(frozen=True)
class Sources:
    """The rows that an answer is made from.

    :param links: columns with ids of records whose names are shown, and the models of these
    :param named: the records' own names are shown, for which other rows matter too
    :param defaults: fields that show the company's default where the row says nothing
    """

    links: tuple[tuple[str, str], ...]
    named: bool
    defaults: tuple[str, ...]


class SaasRestVersions(models.AbstractModel):
    """The state of the rows that an answer would be made from, without making it.

    PostgreSQL notes in each row which transaction wrote it (``xmin``), and where (``ctid``, which
    tells apart what one transaction wrote). As long as a page has the same rows with the same
    writers, and so have the records whose names it shows, its plain values are the same.
    Whatever else an answer may hold (computed fields, lists, names that somebody computes) is
    not judged here: there is no state then.
    """

    _name = "saas_rest.versions"
    _description = "REST versions of rows"

    @api.model
    def _get_page_state(self, access: Access, model_name: str, query: Query) -> bytes | None:
        """The state of a page of records; None: only the page itself tells.

        :raises Problem: as the reader's ``_search``
        """
        reader = self.env["saas_rest.reader"]
        question = reader._understand(access, model_name, query)
        sources = self._get_sources(question.model, question.plan)
        if sources is None or not query.limit:
            return None
        found = reader._find(question, query)
        rows = self._get_rows(question.model, found, sources)
        total = reader._get_total(question, query, len(rows), found)
        return self._digest(question.model, question.plan, sources, rows, total)

    @api.model
    def _get_record_state(
        self, access: Access, model_name: str, record_id: int, selection: Selection | None
    ) -> bytes | None:
        """The state of one record; None: only the record itself tells.

        :raises Problem: as the reader's ``_read``
        """
        model, plan = self.env["saas_rest.reader"]._plan(access, model_name, selection)
        sources = self._get_sources(model, plan)
        if sources is None:
            return None
        domain = Domain("id", "=", record_id)
        domain &= self.env["saas_rest.policy"]._get_scope_domain(access, model)
        found = model.with_context(active_test=False, prefetch_fields=False)._search(domain)
        rows = self._get_rows(model, found, sources)
        return self._digest(model, plan, sources, rows) if rows else None

    # === WHAT AN ANSWER IS MADE FROM === #

    def _get_sources(self, model: BaseModel, plan: Plan) -> Sources | None:
        if any(wanted.children is not None for wanted in plan.wanted):
            return None
        return self._get_sources_of(model._name, tuple(plan.names))

    @api.model
    @tools.ormcache("model_name", "names")
    def _get_sources_of(self, model_name: str, names: tuple[str, ...]) -> Sources | None:
        model = self.env[model_name]
        if not self._is_table(model):
            return None
        links, named, defaults = [], False, []
        for name in names:
            field = model._fields[name]
            if name == "display_name":
                others = self._get_links_of_name(model_name)
                if others is None:
                    return None
                named = bool(others)
            elif not self._is_column(model, field):
                return None
            elif field.type == "many2one" and not field.company_dependent:
                if self._get_links_of_name(field.comodel_name) is None:
                    return None
                links.append((name, field.comodel_name))
            elif field.type not in PLAIN:
                return None
            elif field.company_dependent:
                defaults.append(name)
        return Sources(tuple(links), named, tuple(defaults))

    def _is_table(self, model: BaseModel) -> bool:
        if not model._auto or model._abstract or model._table_query:
            return False
        return all(getattr(type(model), name) is getattr(BaseModel, name) for name in READING)

    def _is_column(self, model: BaseModel, field) -> bool:
        """Whether the field's value is nothing but what stands in the record's row."""
        if not (field.store and field.column_type):
            return False
        name = field.name
        return model._field_to_sql(model._table, name) == field.to_sql(model, model._table)

    @api.model
    @tools.ormcache("model_name")
    def _get_links_of_name(self, model_name: str) -> tuple[str, ...] | None:
        """The links to all other rows that a record's name is made from; None: nobody knows."""
        model = self.env[model_name]
        if not self._is_table(model):
            return None
        if model_name in REVIEWED:
            known, links = REVIEWED[model_name]
            same = all(getattr(type(model), one.__name__) is one for one in known)
            return links if same else None
        if type(model)._compute_display_name is not BaseModel._compute_display_name:
            return None
        if not model._rec_name:
            return ()
        field = model._fields[model._rec_name]
        if not field.inherited:
            return () if self._is_text(model, model._rec_name) else None
        link, _dot, name = field.related.partition(".")
        above = self.env[model._fields[link].comodel_name]
        known = self._is_column(model, model._fields[link]) and self._is_table(above)
        return (link,) if known and self._is_text(above, name) else None

    def _is_text(self, model: BaseModel, name: str) -> bool:
        field = model._fields.get(name)
        if field is None or field.type not in ("char", "text") or field.company_dependent:
            return False
        return self._is_column(model, field)

    # === ROWS === #

    def _get_rows(self, model: BaseModel, found: OdooQuery, sources: Sources) -> list[tuple]:
        """Id, writer and linked ids of the rows, in their order."""
        if found.is_empty():
            return []
        table = model._table
        columns = [SQL.identifier(table, "id"), _written(SQL.identifier(table))]
        columns += [SQL.identifier(table, name) for name, _model in sources.links]
        return self.env.execute_query(found.select(*columns))

    def _get_named(self, model: BaseModel, sources: Sources, rows: list[tuple]) -> dict:
        """The ids of all records whose names are shown, by their models."""
        named: dict[str, set[int]] = {}
        if sources.named:
            named[model._name] = {row[0] for row in rows}
        for index, (_name, model_name) in enumerate(sources.links, 2):
            ids = {row[index] for row in rows if row[index]}
            named.setdefault(model_name, set()).update(ids)
        return {name: sorted(ids) for name, ids in sorted(named.items()) if ids}

    def _get_writers(self, named: dict[str, list[int]]) -> list[tuple]:
        """Who wrote the rows that these names are made from."""
        parts = []
        for model_name, ids in named.items():
            model = self.env[model_name]
            table = SQL.identifier(model._table)
            columns, joins = [_written(SQL("n"))], []
            for index, link in enumerate(self._get_links_of_name(model_name)):
                alias = SQL.identifier(f"l{index}")
                above = SQL.identifier(self.env[model._fields[link].comodel_name]._table)
                column = SQL.identifier("n", link)
                joins.append(SQL("LEFT JOIN %s %s ON %s.id = %s", above, alias, alias, column))
                columns.append(SQL("%s.id::text", alias))
                columns.append(_written(alias))
            parts.append(
                SQL(
                    "SELECT %s, n.id, concat_ws('/', %s) FROM %s n %s WHERE n.id = ANY(%s)",
                    model_name,
                    SQL(", ").join(columns),
                    table,
                    SQL(" ").join(joins),
                    ids,
                )
            )
        return sorted(self.env.execute_query(SQL(" UNION ALL ").join(parts))) if parts else []

    def _digest(
        self, model: BaseModel, plan: Plan, sources: Sources, rows: list[tuple], total=None
    ) -> bytes:
        writers = self._get_writers(self._get_named(model, sources, rows))
        # What all is made with: code and settings of the database, and the key of its cursors.
        registry = self.env.registry
        made_with = (registry.registry_sequence, registry.cache_sequences.get("stable"))
        key = self.env["saas_rest.reader"]._sign("")
        defaults = self._get_defaults(model, sources)
        state = repr((plan.names, rows, writers, defaults, total, made_with, key))
        return hashlib.sha256(state.encode()).digest()

    def _get_defaults(self, model: BaseModel, sources: Sources) -> list[object]:
        """What fields of the company show for rows that say nothing, and for which company."""
        if not sources.defaults:
            return []
        fallbacks = [
            model._fields[name].get_company_dependent_fallback(model) for name in sources.defaults
        ]
        return [model.env.company.id, *fallbacks]


def _written(table: SQL) -> SQL:
    """The version of a row: who wrote it, and where."""
    return SQL("%s.xmin::text || %s.ctid::text", table, table)
