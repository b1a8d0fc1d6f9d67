"""What the addon's own source must not hold."""

import ast
from pathlib import Path

ADDON = Path(__file__).resolve().parents[2] / "saas_rest_api"
MAKING_TEXT = (ast.JoinedStr, ast.BinOp)


def executed(source):
    """First arguments of all calls that send a statement to the database."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            if name in ("execute", "execute_query", "SQL"):
                yield node.args[0]


def is_built(argument):
    """Whether a statement is put together from texts, as an injection needs it."""
    if isinstance(argument, MAKING_TEXT):
        return True
    if not isinstance(argument, ast.Call) or not isinstance(argument.func, ast.Attribute):
        return False
    # SQL objects keep their parameters apart when they are joined.
    joins_sql = isinstance(argument.func.value, ast.Call)
    return not joins_sql and argument.func.attr in ("format", "join", "replace")


def test_no_statement_is_built_from_texts():
    """H17: values and names reach PostgreSQL as parameters, or by `SQL.identifier`."""
    found, seen = [], 0
    for path in ADDON.rglob("*.py"):
        if "tests" not in path.parts:
            for argument in executed(path.read_text()):
                seen += 1
                if is_built(argument):
                    found.append((path.name, argument.lineno))
    assert seen > 30
    assert found == []


def test_a_built_statement_would_be_seen():
    for source in (
        "cr.execute(f'SELECT {name}')",
        "cr.execute('SELECT %s' % name)",
        "cr.execute('SELECT ' + name)",
        "env.execute_query(SQL(f'SELECT {name}'))",
        "cr.execute('SELECT {}'.format(name))",
    ):
        assert any(is_built(argument) for argument in executed(source)), source
    assert not any(is_built(argument) for argument in executed("cr.execute('SELECT %s', [name])"))
