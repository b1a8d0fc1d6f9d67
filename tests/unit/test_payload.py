"""The payload of the public configuration call."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from saas_rules import PayloadError, parse_payload
from saas_rules.payload import (
    EXPIRATION,
    MAX_USERS,
    STORAGE_LIMIT,
    SUSPENDED,
    TRIAL,
    VISIBLE_MODULES,
)

MAIL = {"smtp_login": "postmaster@example.com", "smtp_password": "hush"}
FULL = {
    "limit_number_of_records": [{"model": "res.partner", "max_records": "5", "domain": "[]"}],
    "configure_outgoing_mail": [MAIL],
    "access_remove": ["stock.group_stock_manager"],
    "access_owner_add": "base.group_sale_manager, stock.group_stock_manager",
    "params": [{"key": MAX_USERS, "value": 4, "hidden": True}],
    "fixes": [["res.partner", "fix_it"]],
    "uninstall_addons": "fleet",
    "install_addons": ["sale", "fleet"],
    "update_addons": "base",
    "update_addons_list": True,
}


def param(key, value, **more):
    return parse_payload({"params": [{"key": key, "value": value, **more}]})


def test_steps_stand_in_the_order_of_application_whatever_the_order_given():
    assert list(parse_payload(FULL).steps) == list(reversed(FULL))


def test_values_are_brought_into_one_spelling():
    steps = parse_payload(FULL).steps
    assert steps["update_addons_list"] is True
    assert steps["update_addons"] == ["base"]
    assert steps["install_addons"] == ["sale", "fleet"]
    assert steps["uninstall_addons"] == ["fleet"]
    assert steps["fixes"] == [["res.partner", "fix_it"]]
    assert steps["params"] == [{"key": MAX_USERS, "value": "4", "hidden": True}]
    assert steps["access_owner_add"] == ["base.group_sale_manager", "stock.group_stock_manager"]
    assert steps["access_remove"] == ["stock.group_stock_manager"]
    assert steps["configure_outgoing_mail"] == [MAIL]
    assert steps["limit_number_of_records"] == [
        {"model": "res.partner", "max_records": 5, "domain": "[]"}
    ]


@pytest.mark.parametrize(
    "payload",
    [
        {},
        FULL,
        {"params": [{"key": EXPIRATION, "value": "2030-01-31 12:00:00"}]},
        {"params": [{"key": EXPIRATION, "value": "0099-01-31"}]},
        {"params": [{"key": SUSPENDED, "value": ""}, {"key": "x.y", "value": 1.5}]},
        {"limit_nuber_of_records": {"model": "res.partner", "max_records": 5}},
    ],
)
def test_a_parsed_payload_is_parsed_again_to_the_same(payload):
    once = parse_payload(payload)
    assert parse_payload(once.steps) == once


def test_an_empty_payload_has_no_steps():
    payload = parse_payload({})
    assert (payload.steps, payload.typed, payload.secrets) == ({}, {}, {})


@pytest.mark.parametrize("payload", [None, False, "params", [], [("params", [])], 5])
def test_a_payload_that_is_no_dictionary_is_refused(payload):
    with pytest.raises(PayloadError, match="dictionary"):
        parse_payload(payload)


@pytest.mark.parametrize("key", ["parameters", "access_add", "", None, 5, "Params"])
def test_an_unknown_key_is_named(key):
    with pytest.raises(PayloadError, match=f"Unknown payload key {key!r}"):
        parse_payload({"params": [], key: []})


def test_the_old_spelling_of_the_record_limit_is_understood():
    entry = {"model": "res.partner", "max_records": 5, "domain": "[]"}
    steps = parse_payload({"limit_nuber_of_records": [entry]}).steps
    assert steps == {"limit_number_of_records": [entry]}


def test_two_spellings_of_one_key_at_once_are_refused():
    with pytest.raises(PayloadError, match="twice"):
        parse_payload({"limit_nuber_of_records": [], "limit_number_of_records": []})


NAME_KEYS = (
    "update_addons",
    "install_addons",
    "uninstall_addons",
    "access_owner_add",
    "access_remove",
)


@pytest.mark.parametrize("key", NAME_KEYS)
@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("sale,fleet", ["sale", "fleet"]),
        (" sale , fleet,, ", ["sale", "fleet"]),
        (["sale ", "fleet", "sale"], ["sale", "fleet"]),
        (("sale",), ["sale"]),
        ("", []),
        ([], []),
        (None, []),
        (False, []),
    ],
)
def test_names_are_a_list_or_a_text_with_commas(key, value, names):
    assert parse_payload({key: value}).steps == {key: names}


@pytest.mark.parametrize("key", NAME_KEYS)
@pytest.mark.parametrize("value", [5, True, {"sale": 1}, ["sale", 5], [None], [["sale"]], b"sale"])
def test_names_of_another_kind_are_refused(key, value):
    with pytest.raises(PayloadError, match=key):
        parse_payload({key: value})


@pytest.mark.parametrize("value", [True, 1, "1", "true", " True "])
def test_what_switches_on(value):
    assert parse_payload({"update_addons_list": value}).steps == {"update_addons_list": True}
    for key in (SUSPENDED, TRIAL):
        payload = param(key, value)
        assert payload.typed == {key: True}
        assert payload.steps["params"][0]["value"] == "1"


@pytest.mark.parametrize("value", [False, 0, "0", "", "  ", None, "False"])
def test_what_switches_off(value):
    assert parse_payload({"update_addons_list": value}).steps == {"update_addons_list": False}
    for key in (SUSPENDED, TRIAL):
        payload = param(key, value)
        assert payload.typed == {key: False}
        assert payload.steps["params"][0]["value"] == "0"


@pytest.mark.parametrize("value", [2, -1, "2", "yes", "suspend", 1.0, [1], {}, b"1"])
def test_a_switch_of_another_kind_is_refused(value):
    for payload in (
        {"update_addons_list": value},
        {"params": [{"key": SUSPENDED, "value": value}]},
        {"params": [{"key": TRIAL, "value": value}]},
    ):
        with pytest.raises(PayloadError):
            parse_payload(payload)


@pytest.mark.parametrize("key", [MAX_USERS, STORAGE_LIMIT])
@pytest.mark.parametrize(
    ("value", "limit"),
    [
        ("4", 4),
        (" 4 ", 4),
        (4, 4),
        ("007", 7),
        (2**31 - 1, 2**31 - 1),
        ("0", 0),
        (0, 0),
        ("", 0),
        (None, 0),
        (False, 0),
    ],
)
def test_a_limit_is_a_whole_number_and_nothing_is_unlimited(key, value, limit):
    payload = param(key, value)
    assert payload.typed == {key: limit}
    assert type(payload.typed[key]) is int
    assert payload.steps["params"][0]["value"] == str(limit)


@pytest.mark.parametrize("key", [MAX_USERS, STORAGE_LIMIT])
@pytest.mark.parametrize(
    "value",
    ["-1", -1, "abc", "4.5", 4.5, 4.0, True, "1e3", "0x4", "٤", "²", 2**31, "9" * 5000, [4], {}],
)
def test_a_limit_of_another_kind_is_refused(key, value):
    with pytest.raises(PayloadError):
        param(key, value)


@pytest.mark.parametrize(
    "value",
    [
        "2030-01-31 12:00:00",
        "2030-01-31T12:00:00",
        datetime(2030, 1, 31, 12, 0, 0, 5),
        datetime(2030, 1, 31, 12, tzinfo=UTC),
        datetime(2030, 1, 31, 14, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_an_expiry_is_a_time_in_utc(value):
    payload = param(EXPIRATION, value)
    assert payload.typed == {EXPIRATION: datetime(2030, 1, 31, 12)}
    assert payload.steps["params"][0]["value"] == "2030-01-31 12:00:00"


def test_a_plain_date_expires_at_its_midnight():
    assert param(EXPIRATION, "2030-01-31").typed == {EXPIRATION: datetime(2030, 1, 31)}


@pytest.mark.parametrize("value", ["", None, False, 0])
def test_no_expiry_removes_the_parameter(value):
    payload = param(EXPIRATION, value)
    assert payload.typed == {EXPIRATION: None}
    assert payload.steps["params"][0]["value"] is False


@pytest.mark.parametrize("value", ["soon", "31.01.2030", "2030-13-01", "2030-02-30", 5, True, []])
def test_an_expiry_of_another_kind_is_refused(value):
    if value == []:
        with pytest.raises(PayloadError, match="a text, a number"):
            param(EXPIRATION, value)
    else:
        with pytest.raises(PayloadError, match="date and time"):
            param(EXPIRATION, value)


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("text", "text"),
        (5, "5"),
        (1.5, "1.5"),
        (True, "1"),
        (0, "0"),
        (" ", " "),
        ("", False),
        (None, False),
        (False, False),
    ],
)
def test_any_other_parameter_is_sent_as_text(value, wire):
    payload = param("my.parameter", value)
    assert payload.steps["params"] == [{"key": "my.parameter", "value": wire, "hidden": False}]
    assert payload.typed == {}


@pytest.mark.parametrize("value", [["a"], ("a",), {"a": 1}, b"a", object()])
def test_a_parameter_of_another_kind_is_refused(value):
    with pytest.raises(PayloadError, match="a text, a number"):
        param("my.parameter", value)


def test_visible_apps_are_shown_in_the_portal_as_text():
    assert param(VISIBLE_MODULES, "sale,crm").typed == {VISIBLE_MODULES: "sale,crm"}
    assert param(VISIBLE_MODULES, False).typed == {VISIBLE_MODULES: ""}


def test_a_parameter_may_come_without_value_and_is_readable_unless_hidden():
    steps = parse_payload({"params": [{"key": "my.parameter"}]}).steps
    assert steps["params"] == [{"key": "my.parameter", "value": False, "hidden": False}]
    assert param("my.parameter", "x", hidden="1").steps["params"][0]["hidden"] is True


def test_the_last_value_of_a_parameter_counts():
    payload = parse_payload(
        {"params": [{"key": MAX_USERS, "value": 1}, {"key": MAX_USERS, "value": 2}]}
    )
    assert payload.typed == {MAX_USERS: 2}
    assert [entry["value"] for entry in payload.steps["params"]] == ["1", "2"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"value": "1"}, "lacks key"),
        ({"key": ""}, "not the name of a parameter"),
        ({"key": " "}, "not the name of a parameter"),
        ({"key": 5}, "not the name of a parameter"),
        ({"key": None}, "not the name of a parameter"),
        ({"key": "a", "val": 1}, "unknown val"),
        ({"key": "a", 5: 1}, "unknown 5"),
        ({"key": "a", "value": 1, "hidden": "maybe"}, "neither 1 nor 0"),
        ("a", "an entry is a dictionary"),
        (["a", 1], "an entry is a dictionary"),
    ],
)
def test_a_malformed_parameter_is_refused(entry, reason):
    with pytest.raises(PayloadError, match=reason):
        parse_payload({"params": [entry]})


@pytest.mark.parametrize("key", ["params", "configure_outgoing_mail", "limit_number_of_records"])
@pytest.mark.parametrize("value", ["text", 5, True])
def test_entries_of_another_kind_are_refused(key, value):
    with pytest.raises(PayloadError, match=f"{key}: give a list"):
        parse_payload({key: value})


@pytest.mark.parametrize("key", ["params", "configure_outgoing_mail", "limit_number_of_records"])
@pytest.mark.parametrize("value", [None, False, [], ()])
def test_no_entries_are_an_empty_list(key, value):
    assert parse_payload({key: value}).steps == {key: []}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"max_records": 5}, "lacks model"),
        ({"model": "res.partner"}, "lacks max_records"),
        ({"model": 5, "max_records": 5}, "not the name of a model"),
        ({"model": " ", "max_records": 5}, "not the name of a model"),
        ({"model": "res.partner", "max_records": -1}, "not a whole number"),
        ({"model": "res.partner", "max_records": "many"}, "not a whole number"),
        ({"model": "res.partner", "max_records": 5, "domain": 7}, "domain"),
        ({"model": "res.partner", "max_records": 5, "domain": {"a": 1}}, "domain"),
        ({"model": "res.partner", "max_records": 5, "max": 7}, "unknown max"),
    ],
)
def test_a_malformed_record_limit_is_refused(entry, reason):
    with pytest.raises(PayloadError, match=reason):
        parse_payload({"limit_number_of_records": [entry]})


def test_the_domain_of_a_record_limit_is_sent_as_text():
    entry = {"model": "res.partner", "max_records": 5, "domain": [["name", "=", "a"]]}
    steps = parse_payload({"limit_number_of_records": [entry]}).steps
    assert steps["limit_number_of_records"][0]["domain"] == "[['name', '=', 'a']]"


@pytest.mark.parametrize("value", [5, "a.b", ["res.partner", "fix"], [["a"]], [["a", "b", "c"]]])
def test_a_fix_that_is_no_pair_is_refused(value):
    with pytest.raises(PayloadError, match="pair of model and method"):
        parse_payload({"fixes": value})


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"smtp_login": "a"}, "lacks smtp_password"),
        ({"smtp_password": "hush"}, "lacks smtp_login"),
        ({**MAIL, "password": "hush"}, "unknown password"),
        ({**MAIL, "smtp_login": 5}, "smtp_login"),
        ({**MAIL, "smtp_password": None}, "smtp_password"),
        ({**MAIL, "smtp_port": "mail"}, "smtp_port"),
        ({**MAIL, "smtp_port": 70000}, "smtp_port"),
        ({**MAIL, "smtp_host": ["mail"]}, "smtp_host"),
        ({**MAIL, "smtp_encryption": "rot13"}, "smtp_encryption"),
    ],
)
def test_a_malformed_mail_server_is_refused_without_its_password(entry, reason):
    with pytest.raises(PayloadError, match=reason) as raised:
        parse_payload({"configure_outgoing_mail": [entry]})
    assert "hush" not in str(raised.value)


def test_a_mail_server_may_name_host_port_and_encryption():
    entry = {**MAIL, "smtp_host": "mail.example.com", "smtp_port": "465", "smtp_encryption": "ssl"}
    assert parse_payload({"configure_outgoing_mail": [entry]}).steps == {
        "configure_outgoing_mail": [{**entry, "smtp_port": 465}]
    }


def test_passwords_are_split_from_what_may_be_stored_readable():
    payload = parse_payload(FULL)
    assert payload.secrets == {"configure_outgoing_mail": [MAIL]}
    assert parse_payload({"params": []}).secrets == {}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"install_addons": "sale"}, True),
        ({"update_addons": "sale"}, True),
        ({"uninstall_addons": "sale"}, True),
        ({"update_addons_list": True}, True),
        ({"update_addons_list": False, "install_addons": []}, False),
        ({"params": [{"key": MAX_USERS, "value": 1}]}, False),
    ],
)
def test_what_takes_minutes_in_a_client_is_known(payload, expected):
    assert parse_payload(payload).touches_modules is expected
