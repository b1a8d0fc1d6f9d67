"""Names of clients are database names and host names at once."""

import pytest
from saas_rules import InvalidName, check_name, expand_pattern, is_reserved


@pytest.mark.parametrize(
    "name",
    [
        "acme",
        "a",
        "client.odoo.local",
        "crm-001.example.com",
        "7eleven.localhost",
        "xn--bcher-kva.example",
        "a--b.localhost",
        "wwwacme.localhost",
        "x" * 63,
    ],
)
def test_a_host_name_is_returned_as_it_is(name):
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "is a text"),
        (None, "is a text"),
        (False, "is a text"),
        (5, "is a text"),
        (["acme"], "is a text"),
        (b"acme", "is a text"),
        ("Acme.localhost", "capital"),
        ("ÄCME", "capital"),
        ("a/b", "not a host name"),
        ("../etc", "not a host name"),
        ("a..b", "not a host name"),
        (".acme", "not a host name"),
        ("acme.", "not a host name"),
        ("-acme", "not a host name"),
        ("acme-", "not a host name"),
        ("acme-.localhost", "not a host name"),
        ("a b", "not a host name"),
        ("acme\n", "not a host name"),
        ("acme\x00", "not a host name"),
        ("a'b", "not a host name"),
        ('a"b', "not a host name"),
        ("a;drop", "not a host name"),
        ("a%b", "not a host name"),
        ("a_b.localhost", "not a host name"),
        ("bücher.example", "not a host name"),
        ("0", "ends in a number"),
        ("192.168.0.1", "ends in a number"),
        ("acme.7", "ends in a number"),
        ("postgres", "reserved"),
        ("template0", "reserved"),
        ("template1.localhost", "reserved"),
        ("localhost", "reserved"),
        ("www.acme.com", "reserved"),
        ("mail.acme.com", "reserved"),
        ("saas-new-1.localhost", "reserved"),
        ("saas-trash-1", "reserved"),
        ("x" * 64, "longer than 63"),
        ("é" * 32, "longer than 63"),
    ],
)
def test_another_name_is_refused_with_the_reason(name, reason):
    with pytest.raises(InvalidName, match=reason):
        check_name(name)


def test_only_the_first_label_of_a_name_can_be_reserved():
    assert is_reserved("www.acme.com")
    assert not is_reserved("acme.www.com")
    assert not is_reserved("saas-newcomer.localhost")


def test_the_number_goes_into_the_pattern():
    assert expand_pattern("crm-%i.example.com", "001") == "crm-001.example.com"


def test_a_pattern_without_a_place_for_the_number_is_refused():
    with pytest.raises(InvalidName, match="no %i"):
        expand_pattern("crm.example.com", "001")
