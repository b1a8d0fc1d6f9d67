"""The grammar of the older calls: literals, conditions, values, envelopes."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from saas_rest.domains import Leaf
from saas_rest.legacy import envelope, parse_arguments, parse_query, parse_values
from saas_rest.limits import Limits
from saas_rest.literals import parse_literal
from saas_rest.problems import Problem

LIMITS = Limits()

# What cannot be stored is refused.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
literals = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=10,
)


def code(text):
    with pytest.raises(Problem) as caught:
        parse_literal(text)
    return caught.value.code


@given(literals)
def test_what_python_prints_is_read_back(value):
    assert parse_literal(repr(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[('id','in',[2,1])]", [["id", "in", [2, 1]]]),
        ("(('a', '=', 1),)", [["a", "=", 1]]),
        ("('a')", "a"),
        ("[1.5, -2, .5, 1e3]", [1.5, -2, 0.5, 1000.0]),
        ("[true, null, None, False]", [True, None, None, False]),
        (r"['it\'s \u00e9\n']", ["it's é\n"]),
        ('[(0, 0, {"product_id": 3, "qty": 2})]', [[0, 0, {"product_id": 3, "qty": 2}]]),
        ("()", []),
    ],
)
def test_literals(text, value):
    assert parse_literal(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "[1",
        "[1,,2]",
        "]",
        "[1] [2]",
        "{1: 2}",
        "{'a'}",
        "__import__('os')",
        "[x for x in ()]",
        "[1+1]",
        "[1j]",
        "f'{1}'",
        "b'a'",
        "'a' 'b'",
        "open",
        "'unfinished",
        "[1}",
    ],
)
def test_anything_that_is_no_literal_is_refused(text):
    """H10: nothing that a client sends is ever given to Python's own parser."""
    assert code(text) == "invalid-domain"


def test_a_megabyte_of_brackets_is_refused_at_once():
    """B80, H10: a nested literal of 1 MB is refused in less than 50 ms of computing."""
    for text in ("[" * 1_000_000, "-" * 1_000_000, "[1," * 300_000, "'" + "a" * 1_000_000 + "'"):
        started = time.process_time()
        assert code(text) == "domain-too-complex"
        assert time.process_time() - started < 0.05


def test_literals_nest_at_most_32_deep():
    assert parse_literal("[" * 32 + "]" * 32)
    assert code("[" * 33 + "]" * 33) == "domain-too-complex"
    assert code("-" * 10_000 + "1") == "invalid-domain"


def test_the_newer_grammar_becomes_filters():
    """B78: ``domain=id:>:1`` is a filter whose value is typed by the field."""
    query = parse_query(
        [("domain", "id:>:1,name:ilike:deco"), ("fields", "name,id"), ("limit", "10")], LIMITS
    )
    assert [(f.path, f.operator, f.values) for f in query.filters] == [
        ("id", "gt", ("1",)),
        ("name", "ilike", ("deco",)),
    ]
    assert list(query.fields.fields) == ["name", "id"]
    assert query.limit == 10


def test_the_older_grammar_becomes_a_domain():
    """B78: ``domain="[('id','in',[1,2])]"``."""
    query = parse_query([("domain", "[('id','in',[1,2])]")], LIMITS)
    assert query.domain == [Leaf("id", "in", [1, 2], "/domain/0")]
    assert [str(term) for term in query.order] == ["id asc"]


def test_a_single_condition_needs_no_list_around_it():
    query = parse_query([("domain", "('id','=',1)")], LIMITS)
    assert query.domain == [Leaf("id", "=", 1, "/domain/0")]


def test_limit_0_is_as_much_as_one_answer_holds():
    assert parse_query([("limit", "0")], LIMITS).limit == LIMITS.limit_max


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ([("domain", "id")], "invalid-domain"),
        ([("domain", "id:!!:1")], "invalid-domain"),
        ([("domain", "[('id','any!',[])]")], "invalid-domain"),
        ([("domain", "id:=:1," * 300)], "domain-too-complex"),
        ([("domain", "[('id','=',1e999)]")], "invalid-number"),
        ([("limit", "-1")], "invalid-limit"),
        ([("limit", "1001")], "invalid-limit"),
        ([("order", "id; drop table x")], "invalid-order"),
        ([("nope", "1")], "unknown-parameter"),
        ([("limit", "1"), ("limit", "2")], "invalid-parameter"),
        ([("fields", "[1]")], "invalid-selection"),
        ([("domain", "name:=:a\0")], "nul-character"),
        ([("domain", r"[('name','=','\x00')]")], "nul-character"),
        ([("domain", r"[('name','=','\ud800')]")], "invalid-utf8"),
    ],
)
def test_what_is_wrong_has_its_code(params, expected):
    with pytest.raises(Problem) as caught:
        parse_query(params, LIMITS)
    assert caught.value.code == expected


def test_commands_are_read_from_their_text():
    """B80: ``__api__order_line`` holds the commands as a literal."""
    values = parse_values({"partner_id": 1, "__api__order_line": "[(0,0,{'name':'A'})]"})
    assert values == {"partner_id": 1, "order_line": [[0, 0, {"name": "A"}]]}


def test_a_field_and_its_commands_together_are_ambiguous():
    with pytest.raises(Problem) as caught:
        parse_values({"order_line": [], "__api__order_line": "[]"})
    assert caught.value.code == "duplicate-key"


def test_arguments_of_an_action():
    assert parse_arguments(" ") == {}
    assert parse_arguments("[1, 'a']") == [1, "a"]
    assert parse_arguments('{"force": true}') == {"force": True}
    with pytest.raises(Problem):
        parse_arguments("5")


def test_envelopes_count_as_they_always_have():
    """H12: a method that returns nothing is answered too."""
    assert envelope([1, 2]) == {"count": 2, "data": [1, 2]}
    assert envelope("done") == {"count": 1, "data": "done"}
    assert envelope(None) == {"count": 0, "data": None}
