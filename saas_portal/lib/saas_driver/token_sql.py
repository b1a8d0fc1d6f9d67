"""Values that were drawn by chance when a template was built: each copy gets values of its own.

Tokens of public pages, of invitations, of kiosks: who knows them is let in without a password. All
copies would share those of the template. Which columns hold such values is found out by Odoo when
the template is built, and noted in it (`note`); a copy is given others in one statement (`renew`).
"""

import itertools
import json
import logging
from collections.abc import Iterable
from typing import NamedTuple

from psycopg2 import sql

_logger = logging.getLogger(__name__)

#: Parameter of a template: its columns with such values.
NOTED = "saas_client.random_columns"
#: A default is drawn so often to see what of it is by chance, and how much that is at least.
_DRAWS, _LEAST = 8, 8
#: (tables, column) that are known to hold tokens, for what does not say it itself.
_KNOWN = (
    ("%", "access_token"),
    ("base_automation", "webhook_uuid"),
    ("discuss_channel", "uuid"),
    ("res_company", "attendance_kiosk_key"),
)
_FIND_KNOWN = """
SELECT relname, attname, '' FROM pg_attribute
  JOIN pg_class c ON c.oid = attrelid AND relkind = 'r' AND relnamespace = 'public'::regnamespace
  JOIN (SELECT unnest(%s) AS tables, unnest(%s) AS name) k ON attname = name AND relname LIKE tables
 WHERE atttypid IN ('varchar'::regtype, 'text'::regtype) AND attgenerated = '' AND NOT attisdropped
 ORDER BY 1, 2
"""
#: Parameters that code has made up: what comes with an addon has an external identifier.
_FIND_PARAMETERS = """
SELECT id FROM ir_config_parameter
 WHERE value ~ '^([0-9a-f]{32,}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'
   AND NOT EXISTS (SELECT FROM ir_model_data d
                    WHERE d.model = 'ir.config_parameter' AND d.res_id = ir_config_parameter.id)
"""
# Each character becomes another one of its kind; gen_random_uuid draws as secrets are drawn.
_RENEW = """
UPDATE {table} SET {column} = CASE
    WHEN {column} ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$'
    THEN gen_random_uuid()::text
    ELSE {prefix} || (
        SELECT string_agg(
            CASE WHEN kind IS NULL THEN letter
                 ELSE substr(kind, 1 + get_byte(uuid_send(gen_random_uuid()), 0) % length(kind), 1)
            END, '' ORDER BY place)
          FROM regexp_split_to_table(substr({column}, {start}), '')
               WITH ORDINALITY AS letters (letter, place),
               LATERAL (SELECT CASE
                   WHEN letter !~ '[0-9A-Za-z]' THEN NULL
                   WHEN {column} ~ '^[0-9a-f-]+$' THEN '0123456789abcdef'
                   WHEN letter ~ '[0-9]' THEN '0123456789'
                   WHEN letter ~ '[a-z]' THEN 'abcdefghijkmnopqrstuvwxyz'
                   ELSE 'ABCDEFGHJKLMNPQRSTUVWXYZ' END AS kind) AS kinds)
    END
 WHERE starts_with({column}, {prefix}) AND length({column}) >= {length} AND {rows}
"""


class RandomColumn(NamedTuple):
    """``prefix``: what all values begin with; ``ids``: the rows that hold them, if not all do."""

    table: str
    column: str
    prefix: str = ""
    ids: tuple[int, ...] = ()


def renew(cursor, columns: Iterable[RandomColumn]) -> None:
    """Draw the values of these columns anew, each in the form that it has."""
    statements = [
        sql.SQL(_RENEW).format(
            table=sql.Identifier(column.table),
            column=sql.Identifier(column.column),
            prefix=sql.Literal(column.prefix),
            start=sql.Literal(len(column.prefix) + 1),
            length=sql.Literal(len(column.prefix) + _LEAST),
            rows=sql.SQL("id = ANY({})").format(sql.Literal(list(column.ids)))
            if column.ids
            else sql.SQL("TRUE"),
        )
        for column in columns
    ]
    if statements:
        cursor.execute(sql.SQL(";").join(statements))


def find_known(cursor) -> list[RandomColumn]:
    """Of a database that says nothing: a template of former days, or a client."""
    cursor.execute(_FIND_KNOWN, [list(part) for part in zip(*_KNOWN, strict=True)])
    return [RandomColumn(*row) for row in cursor.fetchall()]


def write(columns: Iterable[RandomColumn]) -> str:
    """The text that a template holds."""
    return json.dumps(list(columns))


def read(noted: str) -> list[RandomColumn]:
    return [RandomColumn(*row) for row in json.loads(noted)]


# -- finding them, in Odoo's shell -----------------------------------------------------------------


def note(env) -> int:
    """Write into a template which columns are to be renewed in its copies; returns how many."""
    env.flush_all()
    found = {(column.table, column.column): column for column in find_known(env.cr)}
    found.update(((column.table, column.column), column) for column in _find_by_default(env))
    columns = [column for column in found.values() if _has_values(env.cr, column)]
    env.cr.execute(_FIND_PARAMETERS)
    if ids := tuple(row[0] for row in env.cr.fetchall()):
        columns.append(RandomColumn("ir_config_parameter", "value", "", ids))
    env["ir.config_parameter"].sudo().set_param(NOTED, write(columns))
    return len(columns)


def _find_by_default(env) -> Iterable[RandomColumn]:
    """Stored texts whose default is another one each time, and not by counting."""
    for name in sorted(env.registry):
        model = env[name].sudo()
        if not model._auto or model._abstract or model._transient:
            continue
        for field in model._fields.values():
            column = RandomColumn(model._table, field.name)
            if _may_be_random(field) and _has_values(env.cr, column):
                draws = _draw(model, field)
                prefix = _common_start(draws)
                if len({draw for draw in draws if len(draw) >= len(prefix) + _LEAST}) == _DRAWS:
                    yield column._replace(prefix=prefix)


def _may_be_random(field) -> bool:
    plain = field.store and not field.inherited and not field.company_dependent
    return plain and field.type in ("char", "text") and not field.translate and bool(field.default)


def _draw(model, field) -> list[str]:
    try:
        with model.env.cr.savepoint():
            draws = [field.default(model) for _number in range(_DRAWS)]
    except Exception as error:
        # It asks for something that is not there when nobody makes a record: no token does.
        _logger.info("The default of %s.%s is not known: %s", model._name, field.name, error)
        return []
    return [draw for draw in draws if isinstance(draw, str)]


def _common_start(texts: list[str]) -> str:
    places = zip(*texts, strict=False)
    same = itertools.takewhile(lambda letters: len(set(letters)) == 1, places)
    return "".join(letters[0] for letters in same)


def _has_values(cursor, column: RandomColumn) -> bool:
    query = sql.SQL("SELECT FROM {} WHERE {} <> '' LIMIT 1")
    names = sql.Identifier(column.table), sql.Identifier(column.column)
    cursor.execute(query.format(*names))
    return bool(cursor.rowcount)
