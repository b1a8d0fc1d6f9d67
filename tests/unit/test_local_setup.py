"""A copy that the local driver sets up itself: owner, limits, way in; on a real PostgreSQL."""

import contextlib
from dataclasses import replace

import pytest
from driver_contract import make_spec
from local_world import PREPARED_OWNER, Interrupted
from saas_driver import Owner, Setup, TemplateSpec

OWNER = Owner(
    login="zoe@example.com",
    name="Zoë <O'Neil> & Sons ",
    email="Zoe@Example.com",
    email_normalized="zoe@example.com",
    password_hash="$pbkdf2-sha512$hash",
    lang="en_US",
    tz="Europe/Vienna",
    subject="person-1",
)
SETUP = Setup(
    OWNER,
    portal_url="http://portal.localhost",
    parameters={"saas_client.max_users": "4", "saas_client.policy": "signed"},
    hidden=frozenset({"saas_client.policy"}),
)


@pytest.fixture
def driver(world):
    return world.driver


@pytest.fixture
def spec(world, driver):
    """From a template that holds an owner ready."""
    world.builder.more = PREPARED_OWNER
    driver.build_template(TemplateSpec("template-prepared", "key-prepared"))
    return replace(make_spec(template="template-prepared"), setup=SETUP)


def owner_of(world, name):
    (row,) = world.query(
        name,
        "SELECT u.id, u.login, u.password, u.active, u.signature, u.oauth_provider_id, u.oauth_uid,"
        " p.name, p.complete_name, p.email, p.email_normalized, p.lang, p.tz"
        " FROM res_users u JOIN res_partner p ON p.id = u.partner_id",
    )
    return row


def test_the_copy_has_its_owner_before_it_is_a_client(world, driver, spec):
    assert driver.create(spec) is True
    assert owner_of(world, spec.ref.name) == (
        7, "zoe@example.com", "$pbkdf2-sha512$hash", True,
        "<div>Zoë &lt;O'Neil&gt; &amp; Sons </div>", 2, "person-1",
        "Zoë <O'Neil> & Sons ", "Zoë <O'Neil> & Sons", "Zoe@Example.com", "zoe@example.com",
        "en_US", "Europe/Vienna",
    )  # fmt: skip
    assert driver.usage(spec.ref).users == 1


def test_it_has_the_limits_and_the_way_in_by_the_portal(world, driver, spec):
    driver.create(spec)
    rows = world.query(spec.ref.name, "SELECT key, value, saas_hidden FROM ir_config_parameter")
    assert {("saas_client.max_users", "4", False), ("saas_client.policy", "signed", True)} <= set(
        rows
    )
    assert world.query(
        spec.ref.name,
        "SELECT auth_endpoint, validation_endpoint, client_id, enabled FROM auth_oauth_provider"
        " ORDER BY id",
    ) == [
        ("/publisher", None, None, None),
        ("http://portal.localhost/oauth2/auth", "http://portal.localhost/oauth2/tokeninfo",
         spec.ref.key, True),
    ]  # fmt: skip


def test_a_client_does_not_say_that_an_owner_was_waiting(world, driver, spec):
    driver.create(spec)
    assert "saas_client.prepared_owner" not in world.parameters(spec.ref.name)


def test_an_owner_without_a_password_has_none(world, driver, spec):
    owner = replace(OWNER, password_hash="", email="", email_normalized="")
    driver.create(replace(spec, setup=replace(SETUP, owner=owner)))
    row = owner_of(world, spec.ref.name)
    assert (row[2], row[9], row[10]) == (None, None, None)


def test_an_owner_called_like_the_administrator_is_not_him(world, driver, spec):
    owner = replace(OWNER, login="admin")
    assert driver.create(replace(spec, setup=replace(SETUP, owner=owner)))
    assert world.query(
        spec.ref.name, "SELECT id, login FROM res_users WHERE id IN (2, 7) ORDER BY id"
    ) == [(2, "saas-admin"), (7, "admin")]


@pytest.mark.parametrize(
    "change",
    [{"login": "builder"}, {"lang": "de_DE"}, {"lang": "xx_XX"}],
    ids=["login of somebody else", "language that is not active", "language that is not there"],
)
def test_what_the_copy_cannot_take_is_left_to_the_client(world, driver, spec, change):
    owner = replace(OWNER, **change)
    assert driver.create(replace(spec, setup=replace(SETUP, owner=owner))) is False
    assert owner_of(world, spec.ref.name)[1:4] == ("saas-prepared-owner", None, False)
    assert "saas_client.max_users" not in world.parameters(spec.ref.name)


def test_a_template_of_former_days_makes_clients_that_set_themselves_up(world, driver):
    spec = replace(make_spec(template=world.template), setup=SETUP)
    assert driver.create(spec) is False
    assert world.look_inside(spec.ref.name)["database_uuid"] == spec.ref.key
    assert "saas_client.max_users" not in world.parameters(spec.ref.name)


def test_nobody_enters_as_the_owner_who_waits(world, driver, spec):
    """Where the set-up is left to the client"""
    driver.create(replace(spec, setup=None))
    assert owner_of(world, spec.ref.name)[1:4] == ("saas-prepared-owner", None, False)


@pytest.mark.parametrize("point", ["_remove_files", "_publish", "os.rename", "databases.rename"])
def test_a_set_up_that_was_cut_off_is_known_or_left_to_the_client(world, driver, spec, point):
    """Never is a client taken for set up that has another owner than asked for"""
    with world.killed_at(point), contextlib.suppress(Interrupted):
        driver.create(spec)
    if driver.create(spec):
        assert owner_of(world, spec.ref.name)[1:4] == (OWNER.login, OWNER.password_hash, True)
    assert driver.status(spec.ref.name).running


def test_a_spare_is_set_up_like_a_copy(world, driver, spec):
    driver.make_spare("spare-1", spec.template)
    assert driver.create(replace(spec, spare="spare-1")) is True
    assert owner_of(world, spec.ref.name)[1] == OWNER.login


def test_two_clients_of_one_template_have_each_their_owner(world, driver, spec):
    other = make_spec("other.localhost", "key-other", spec.template)
    owner = replace(OWNER, login="other@example.com", subject="person-2")
    driver.create(spec)
    driver.create(replace(other, setup=replace(SETUP, owner=owner)))
    assert owner_of(world, spec.ref.name)[1:7:5] == ("zoe@example.com", "person-1")
    assert owner_of(world, "other.localhost")[1:7:5] == ("other@example.com", "person-2")
