"""How many databases a customer may have of a plan (T24)."""

import secrets

import pytest

from harness import Fault, at_once, failed, leaving_nothing, refused, succeeded


@pytest.fixture(scope="module")
def limited_plan(portal, plan):
    """Makes plans that allow each customer so many databases."""

    def make(**limits):
        name = f"Limited {secrets.token_hex(3)}"
        return portal.make_plan(
            name, "template-e2e.localhost", dbname_template=f"{secrets.token_hex(3)}-%i.localhost",
            **limits,
        )  # fmt: skip

    return make


@pytest.fixture(scope="module")
def create(portal, customer):
    def call(plan, **arguments):
        arguments = {"user_id": customer.id, **arguments}
        return portal.admin.call("saas_portal.plan", "create_new_database", [plan], **arguments)

    return call


def count(portal, plan):
    domain = [("plan_id", "=", plan), ("state", "=", "open")]
    return portal.admin.call("saas_portal.client", "search_count", domain)


@pytest.mark.one_shape
def test_one_more_than_the_limit_is_refused(portal, limited_plan, create):
    plan = limited_plan(maximum_allowed_dbs_per_partner=1)
    create(plan)
    with leaving_nothing(portal), refused("Limited", "1", codes=[2]):
        create(plan)


def test_of_two_callers_for_the_last_database_exactly_one_gets_it(portal, limited_plan, create):
    plan = limited_plan(maximum_allowed_dbs_per_partner=2)
    create(plan)
    results = at_once(*[lambda: create(plan)] * 2)
    assert len(succeeded(results)) == 1
    (error,) = failed(results)
    assert isinstance(error, Fault)
    assert error.faultCode == 2
    assert "Traceback" not in error.faultString
    assert count(portal, plan) == 2


@pytest.mark.one_shape
def test_a_creation_that_still_goes_on_counts(portal, limited_plan, create):
    plan = limited_plan(maximum_allowed_dbs_per_partner=1)
    results = at_once(*[lambda: create(plan, async_creation=True)] * 4)
    assert len(succeeded(results)) == 1
    assert {error.faultCode for error in failed(results)} == {2}


@pytest.mark.one_shape
def test_trials_are_counted_by_themselves(portal, limited_plan, create):
    plan = limited_plan(maximum_allowed_dbs_per_partner=1, maximum_allowed_trial_dbs_per_partner=1)
    create(plan)
    create(plan, trial=True)
    for trial in (True, False):
        with leaving_nothing(portal), refused("Limited", codes=[2]):
            create(plan, trial=trial)


@pytest.mark.one_shape
def test_another_customer_and_another_plan_are_counted_by_themselves(portal, limited_plan, create):
    plan, other = (limited_plan(maximum_allowed_dbs_per_partner=1) for _ in range(2))
    neighbour = portal.sign_up(f"{secrets.token_hex(4)}@example.com", "Neighbour 1")
    create(plan)
    create(other)
    create(plan, user_id=neighbour)
    assert count(portal, plan) == 2


@pytest.mark.one_shape
def test_a_deleted_database_makes_room(portal, limited_plan, create):
    plan = limited_plan(maximum_allowed_dbs_per_partner=1)
    answer = create(plan)
    portal.admin.call("saas_portal.client", "delete_database", [answer["id"]])
    create(plan)


@pytest.mark.one_shape
def test_zero_is_unlimited(portal, limited_plan, create):
    plan = limited_plan()
    for _ in range(3):
        create(plan)
    assert count(portal, plan) == 3
