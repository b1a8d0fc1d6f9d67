"""What clients ask of records: selections, filters, domains, orders, cursors, versions, values."""

import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from saas_rest import cursors, etags, formats
from saas_rest.domains import Leaf, Mark, parse_domain
from saas_rest.exposure import is_admin_only, is_hidden, is_secret_field
from saas_rest.limits import Limits
from saas_rest.ordering import order_as_text, parse_order
from saas_rest.paths import find_operation
from saas_rest.problems import Problem
from saas_rest.query import Query
from saas_rest.selection import parse_selection

LIMITS = Limits()


def code_of(call, *arguments):
    """The code of the problem that a call must raise."""
    with pytest.raises(Problem) as caught:
        call(*arguments)
    return caught.value.code


def sign(text):
    return hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()


def from_params(*params):
    return Query.from_params(params, LIMITS, json.loads)


# --- selections -----------------------------------------------------------------


def test_a_selection_nests_and_limits():
    selection = parse_selection("name, country_id(code) ,child_ids:10(name,email),*", LIMITS)
    assert selection.defaults
    assert list(selection.fields) == ["name", "country_id", "child_ids"]
    assert list(selection.fields["country_id"].children.fields) == ["code"]
    assert selection.fields["child_ids"].limit == 10
    assert selection.as_text() == "*,name,country_id(code),child_ids:10(name,email)"


@pytest.mark.parametrize(
    "text",
    ["a,,b", "a(", "a(b", "a)", "a b", "(a)", "a()", ",a", "a,", ":3", "a:3:4", "a(b):2",
     "a-b", "a.b", "a;b", "a(b(c(d(e))))", "x:501", "a" + ",a" * 200, "a(" * 5000, "é", "a:٣"],
)  # fmt: skip
def test_what_is_no_selection_is_refused(text):
    assert code_of(parse_selection, text, LIMITS) == "invalid-selection"


# --- filters --------------------------------------------------------------------


def test_filters_have_paths_operators_and_values():
    query = from_params(
        ("filter[country_id.code][in]", "MA,FR"),
        ("filter[name][ilike]", "a,b"),
        ("filter[active]", "true"),
        ("filter[color][between]", "1,5"),
    )
    assert [(item.path, item.operator, item.values) for item in query.filters] == [
        ("country_id.code", "in", ("MA", "FR")),
        ("name", "ilike", ("a,b",)),
        ("active", "eq", ("true",)),
        ("color", "between", ("1", "5")),
    ]


@pytest.mark.parametrize(
    "key",
    ["filter", "filter[]", "filter[a", "filter[a][b][c]", "filter[a][regex]", "filter[a..b]",
     "filter[1a]", "filter[a.b.c.d.e.f]", "filter[a][between]", "filter[a][null]"],
)  # fmt: skip
def test_what_is_no_filter_is_refused(key):
    assert code_of(from_params, (key, "x")) == "invalid-parameter"


def test_filters_of_bodies_keep_their_types():
    query = Query.from_body(
        {"filter": {"name": {"ilike": "x"}, "id": {"in": [1, 2]}, "a": 5}}, LIMITS
    )
    found = [(item.path, item.operator, item.values, item.typed) for item in query.filters]
    assert found == [
        ("name", "ilike", ("x",), True),
        ("id", "in", (1, 2), True),
        ("a", "eq", (5,), True),
    ]


# --- domains --------------------------------------------------------------------


def test_a_domain_is_marks_and_conditions():
    nodes = parse_domain(["|", ["a", "=", 1], ["b", "ANY", [["c", "=", 2]]]], LIMITS)
    assert nodes[0] == Mark("|")
    assert nodes[1] == Leaf("a", "=", 1, "/domain/1")
    assert nodes[2].operator == "any"
    assert nodes[2].value[0].pointer == "/domain/2/2/0"


def nested(levels, operator="any"):
    domain = [["a", "=", 1]]
    for _level in range(levels):
        domain = [["a", operator, domain]]
    return domain


@pytest.mark.parametrize(
    ("domain", "code"),
    [
        ([["a", "=", 1]] * 201, "domain-too-complex"),
        (nested(20), "domain-too-complex"),
        (["!"] * 21 + [["a", "=", 1]], "domain-too-complex"),
        ([["a", "in", list(range(2001))]], "domain-too-complex"),
        ([["a.b.c.d.e.f", "=", 1]], "domain-too-complex"),
        ([["a", "=", 1]] * 1_000_000, "domain-too-complex"),
        (nested(1, "any!"), "invalid-domain"),
        ([["a", "any", nested(2) + nested(1, "not any!")]], "invalid-domain"),
        (["&", ["a", "=", 1]], "invalid-domain"),
        (["&"], "invalid-domain"),
        (["x"], "invalid-domain"),
        ([[1, "=", 1]], "invalid-domain"),
        ([["a", "=", [1]]], "invalid-domain"),
        ([["a", "in", 1]], "invalid-domain"),
        ([["a", "=", {}]], "invalid-domain"),
        ([["a", None, 1]], "invalid-domain"),
        ("[]", "invalid-domain"),
    ],
)
def test_oversized_and_odd_domains_are_refused(domain, code):
    """B36: by their shape alone, without a look at the database."""
    assert code_of(parse_domain, domain, LIMITS) == code


@pytest.mark.parametrize(
    "domain", [["|"] * 199 + [["a", "=", 1]] * 200, nested(19), [["a", "in", [1] * 2000]], []]
)
def test_domains_within_the_limits_are_read(domain):
    parse_domain(domain, LIMITS)


# --- orders, limits -------------------------------------------------------------


def test_orders_are_fields_with_directions():
    terms = parse_order("name, -id, ref desc nulls last")
    assert order_as_text(terms) == "name asc, id desc, ref desc nulls last"
    assert [term.nulls_first for term in terms] == [False, True, False]
    assert parse_order(["a desc", "b"]) == parse_order("a desc,b")


@pytest.mark.parametrize(
    "order", ["id; drop table x", "a.b", "a desc desc", "-a desc", "a,", "1", ["a", 1], 5, "a b"]
)
def test_what_is_no_order_is_refused(order):
    assert code_of(parse_order, order) == "invalid-order"


@pytest.mark.parametrize(
    "params",
    [("limit", "1001"), ("limit", "-1"), ("limit", "abc"), ("limit", "1e9"), ("limit", ""),
     ("limit", "٣"), ("offset", str(10**12)), ("offset", "-1")],
)  # fmt: skip
def test_limits_and_offsets_have_bounds(params):
    """B30, B31"""
    assert code_of(from_params, params) == "invalid-limit"


def test_parameters_are_known_and_come_once():
    assert code_of(from_params, ("limits", "5")) == "unknown-parameter"
    assert code_of(from_params, ("limit", "5"), ("limit", "6")) == "invalid-parameter"
    assert code_of(from_params, ("offset", "5"), ("cursor", "")) == "invalid-parameter"
    assert code_of(from_params, ("count", "some")) == "invalid-parameter"
    assert code_of(Query.from_body, [], LIMITS) == "bad-json"


@pytest.mark.parametrize(
    "body", [{"active_test": 0}, {"active_test": "true"}, {"limit": "5"}, {"limit": 5.0}]
)
def test_a_body_has_json_types_not_texts_that_look_like_them(body):
    assert code_of(Query.from_body, body, LIMITS) in ("invalid-parameter", "invalid-limit")


def test_a_query_string_has_texts():
    query = from_params(("active_test", "0"), ("limit", "5"))
    assert (query.active_test, query.limit) == (False, 5)


# --- cursors --------------------------------------------------------------------


def test_a_cursor_gives_back_what_it_was_given():
    values = ["Zoé", None, 1.5, True, "2026-01-01T00:00:00.000001", 7]
    cursor = cursors.encode(values, "question", sign)
    assert cursors.decode(cursor, "question", sign) == values
    assert cursor.isascii()
    assert "=" not in cursor


def test_no_byte_of_a_cursor_can_be_changed():
    """B33"""
    cursor = cursors.encode(["name", 7], cursors.digest("a", 1), sign)
    for place in range(len(cursor)):
        for other in "Aa0-":
            if other != cursor[place]:
                edited = cursor[:place] + other + cursor[place + 1 :]
                assert code_of(cursors.decode, edited, cursors.digest("a", 1), sign) == (
                    "invalid-cursor"
                )
    assert code_of(cursors.decode, cursor, cursors.digest("a", 2), sign) == "invalid-cursor"
    assert code_of(cursors.decode, "A" * 9000, "q", sign) == "invalid-cursor"


# --- versions -------------------------------------------------------------------


def test_etags_tell_versions_and_bodies():
    changed = datetime(2026, 3, 29, 0, 30, 0, 123456)
    version = etags.version_of(3, changed)
    assert version == "3-1774744200123456"
    one, two = etags.make_etag(version, b"a"), etags.make_etag(version, b"b")
    assert one != two
    assert etags.none_match(one, one)
    assert etags.none_match(f'"x", W/{one}', one)
    assert etags.none_match("*", one)
    assert not etags.none_match(two, one)
    assert etags.matches_version(two, version), "only the version counts"
    assert etags.matches_version("*", version)
    assert not etags.matches_version(one, etags.version_of(3, changed + timedelta(microseconds=1)))
    assert not etags.matches_version(one, etags.version_of(4, changed))


@pytest.mark.parametrize("header", ["abc", '"a" "b"', '"a', "'a'", '"a",,'])
def test_what_is_no_etag_is_refused(header):
    assert code_of(etags.parse_tags, header) == "invalid-header"


# --- values ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-29T02:30:00+02:00", datetime(2026, 3, 29, 0, 30)),
        ("2026-03-29T00:30:00Z", datetime(2026, 3, 29, 0, 30)),
        ("2026-03-29t00:30:00z", datetime(2026, 3, 29, 0, 30)),
        ("2026-03-29 00:30:00", datetime(2026, 3, 29, 0, 30)),
        ("2026-03-29T00:30:00.5Z", datetime(2026, 3, 29, 0, 30, 0, 500000)),
        ("2026-03-29", datetime(2026, 3, 29)),
    ],
)
def test_moments_are_read_as_utc(text, moment):
    """B42"""
    assert formats.parse_datetime(text) == moment


@pytest.mark.parametrize(
    "value",
    ["yesterday", "2026-02-30", "2026-13-01T00:00:00Z", "2026-03-29T25:00:00Z", 5, None, "",
     "0001-01-01T00:00:00+14:00", "٢٠٢٦-٠١-٠١"],
)  # fmt: skip
def test_what_is_no_moment_is_refused(value):
    with pytest.raises(formats.InvalidValue):
        formats.parse_datetime(value)


def test_moments_are_shown_in_utc_or_in_a_zone():
    """B42"""
    moment = datetime(2026, 7, 1, 23, 30, 15, 999)
    assert formats.format_datetime(moment) == "2026-07-01T23:30:15Z"
    shown = formats.format_datetime(moment, ZoneInfo("Africa/Casablanca"))
    assert shown == "2026-07-02T00:30:15+01:00"
    assert datetime.fromisoformat(shown).astimezone(UTC).replace(tzinfo=None) == moment.replace(
        microsecond=0
    )
    assert formats.format_datetime(moment, timezone(timedelta(hours=-3))).endswith("-03:00")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("integer", "1"), ("integer", True), ("integer", 1.5), ("integer", 2**31), ("float", "1"),
        ("float", 10**400), ("boolean", 1), ("boolean", "true"), ("char", 5), ("char", ["a"]),
        ("date", "2026-01-01T00:00:00Z"), ("date", 20260101), ("binary", "***"), ("html", {}),
    ],
)  # fmt: skip
def test_values_are_of_their_type(kind, value):
    with pytest.raises(formats.InvalidValue):
        formats.parse_value(kind, value)


def test_texts_of_the_address_are_typed():
    assert formats.parse_query_text("integer", "-5") == -5
    assert formats.parse_query_text("float", "1.5") == 1.5
    assert formats.parse_query_text("boolean", "True") is True
    assert formats.parse_query_text("date", "2026-01-01") == date(2026, 1, 1)
    assert formats.parse_query_text("many2one", "7") == 7
    for kind, text in (("integer", "1e3"), ("float", "nan"), ("boolean", "yes"), ("binary", "x")):
        with pytest.raises(formats.InvalidValue):
            formats.parse_query_text(kind, text)


def test_wildcards_are_escaped():
    assert formats.like_literal(r"50%_\x") == r"50\%\_\\x"


# --- what is exposed ------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "hidden"),
    [
        ("saas_rest.token res.users.apikeys res.users.apikeys.description auth_totp.device", True),
        ("ir.config_parameter bus.bus payment.token certificate.key sadeem.portainer", True),
        ("res.users res.partner ir.attachment saas_portal.client payment", False),
    ],
)
def test_models_with_secrets_do_not_exist(names, hidden):
    """H3"""
    assert {name for name in names.split() if is_hidden(name) != hidden} == set()


def test_models_with_power_are_for_administrators():
    assert is_admin_only("ir.model.fields")
    assert is_admin_only("ir.rule")
    assert not is_admin_only("res.users")


@pytest.mark.parametrize(
    ("names", "secret"),
    [
        ("password new_password access_token client_secret api_key apikey x_private_key", True),
        ("employee_pin signup_type totp_secret my_credential", True),
        ("name pinned key email pin_code", False),
    ],
)
def test_fields_with_secrets_are_known_by_their_names(names, secret):
    assert {name for name in names.split() if is_secret_field(name) != secret} == set()


# --- addresses of batches -------------------------------------------------------


def test_addresses_stand_for_operations():
    assert find_operation("GET", "/res.partner/7") == (
        "read",
        {"model": "res.partner", "record_id": 7},
    )
    assert find_operation("PUT", "/api/v1/res.partner/ext/shop/a%2Fb") == (
        "upsert",
        {"model": "res.partner", "namespace": "shop", "key": "a/b"},
    )
    assert find_operation("POST", "/sale.order/5/call/action_confirm")[0] == "call"
    for verb, path in (
        ("POST", "/batch"), ("POST", "/tokens"), ("GET", "/../tokens"), ("GET", ""), ("GET", "/"),
        ("GET", "/res.partner/x/y/z"), ("PUT", "/res.partner"), ("GET", "/webhooks/1"),
        ("GET", "//tokens"),
    ):  # fmt: skip
        assert find_operation(verb, path) is None, path
