"""Names of client databases: taken, generated, refused."""

import pytest

from harness import Fault, at_once, failed, leaving_nothing, refused, succeeded


def create(portal, plan, **arguments):
    return portal.admin.call("saas_portal.plan", "create_new_database", [plan], **arguments)


@pytest.mark.one_shape
def test_a_taken_name_is_refused_in_any_spelling(portal, plan, client, customer):
    """T12"""
    for name in (client.name, client.name.upper(), client.name.capitalize()):
        with leaving_nothing(portal), refused(client.name, codes=[2]):
            create(portal, plan, dbname=name, user_id=customer.id)


@pytest.mark.one_shape
def test_a_name_is_taken_when_any_database_has_it(portal, plan, customer, unique_name):
    foreign = unique_name("foreign")
    portal.psql("postgres", f'CREATE DATABASE "{foreign}" TEMPLATE template0')
    for name in (foreign, portal.name, "template-e2e.localhost"):
        with leaving_nothing(portal), refused(name):
            create(portal, plan, dbname=name, user_id=customer.id)
    assert portal.has_database(foreign)


@pytest.mark.one_shape
def test_names_that_are_no_host_names_are_refused(portal, plan, customer):
    """T13"""
    bad = [
        "a/b.localhost",
        "../etc.localhost",
        "a..b.localhost",
        ".localhost",
        "a.localhost.",
        "it's.localhost",
        'a"b.localhost',
        "a b.localhost",
        " a.localhost",
        "a.localhost\n",
        "a;drop.localhost",
        "a%s.localhost",
        "a_b.localhost",
        "-a.localhost",
        "a-.localhost",
        "ä.localhost",
        "10.0.0.1",
        "x" * 54 + ".localhost",
        "x" * 300,
        "New.localhost",
        "postgres",
        "template0",
        "template1",
        "localhost",
        "www.localhost",
        "admin.localhost",
        "saas-new-1.localhost",
        "saas-trash-1.localhost",
        5,
        ["a.localhost"],
        {"name": "a.localhost"},
        True,
    ]
    for name in bad:
        with leaving_nothing(portal), refused("name", codes=[2]):
            create(portal, plan, dbname=name, user_id=customer.id)


@pytest.mark.one_shape
def test_the_longest_name_works_under_its_whole_length(portal, new_client):
    name = "x" * (63 - len(".localhost")) + ".localhost"
    client = new_client(dbname=name)
    assert portal.has_database(name)
    assert client.owner.uid


@pytest.mark.one_shape
def test_without_a_name_the_pattern_gives_one(portal, new_client):
    """T10"""
    names = [new_client(**arguments).name for arguments in ({"dbname": ""}, {"dbname": False})]
    assert names[0] != names[1]
    for name in names:
        stem, number = name.removesuffix(".localhost").split("-")
        assert stem == "e2e"
        assert number.isdigit()
        assert portal.has_database(name)


@pytest.mark.one_shape
def test_a_generated_name_steps_over_taken_ones(portal, customer):
    plan = portal.make_plan(
        "Numbers", "template-e2e.localhost", dbname_template="number-%i.localhost"
    )
    suggested = portal.admin.call("saas_portal.plan", "generate_dbname", [plan])
    number = int(suggested.split("-")[1].split(".")[0])
    following = f"number-{number + 1:03d}.localhost"
    portal.psql("postgres", f'CREATE DATABASE "{following}" TEMPLATE template0')
    answer = create(portal, plan, user_id=customer.id)
    name = portal.admin.read("saas_portal.client", answer["id"], "name")
    assert name == f"number-{number + 2:03d}.localhost"


@pytest.mark.one_shape
def test_without_name_and_pattern_nothing_is_made(portal, customer):
    """T11"""
    plan = portal.make_plan("No pattern", "template-e2e.localhost")
    with leaving_nothing(portal), refused("No pattern", codes=[2]):
        create(portal, plan, user_id=customer.id)


@pytest.mark.one_shape
def test_a_pattern_without_a_number_is_refused(portal):
    with refused("%i"):
        portal.make_plan("Constant", "template-e2e.localhost", dbname_template="a.localhost")


def test_of_two_creations_with_one_name_exactly_one_succeeds(portal, plan, customer, unique_name):
    name = unique_name("race")
    results = at_once(
        *[lambda: create(portal, plan, dbname=name, user_id=customer.id) for _ in range(3)]
    )
    assert len(succeeded(results)) == 1
    for error in failed(results):
        assert isinstance(error, Fault)
        assert error.faultCode == 2
        assert name in error.faultString
    search = portal.admin.call("saas_portal.client", "search", [["name", "=", name]])
    assert search == [succeeded(results)[0]["id"]]
    assert not portal.unfinished_databases()


@pytest.mark.one_shape
def test_of_two_plans_racing_for_a_name_exactly_one_gets_it(portal, plan, customer, unique_name):
    other, name = portal.make_plan("Rival", "template-e2e.localhost"), unique_name("race")
    results = at_once(
        lambda: create(portal, plan, dbname=name, user_id=customer.id),
        lambda: create(portal, other, dbname=name, user_id=customer.id),
    )
    assert len(succeeded(results)) == 1
    (error,) = failed(results)
    assert error.faultCode == 2
    assert name in error.faultString
