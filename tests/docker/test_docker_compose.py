"""docker-compose.yml: one command, and the suite serves; with the images' stand-ins."""

import os

import pytest
from compose_suite import PORTAL, Suite
from portainer_harness import remove_project

from devkit.console import Failure

PLAN = "saas_portal.plan"
HOST = "shop.localhost"


@pytest.fixture(scope="module")
def suite(engine, tmp_path_factory, odoo_images_built, portainer_image):
    suite = Suite(engine, tmp_path_factory.mktemp("compose"), f"suite-{os.getpid()}")
    try:
        suite.up()
        yield suite
    finally:
        for name in suite.stacks_of_clients():
            remove_project(engine, name)
        suite.down()


@pytest.fixture(scope="module")
def admin(suite, wait_for_portal):
    return suite.rpc(suite.secrets["ADMIN_PASSWORD"])


@pytest.fixture(scope="module")
def wait_for_portal(suite, wait_for):
    wait_for(lambda: suite.shows_login(PORTAL), 120, "the portal's login page")


def test_the_portal_shows_its_login_page_at_its_host_name(suite, wait_for_portal):
    page = suite.get(PORTAL, "/web/login")
    assert page.status_code == 200
    assert "oe_login_form" in page.text


def test_the_portals_websocket_opens_through_the_proxy(suite, wait_for_portal):
    assert suite.websocket_status(PORTAL) == 101


def test_the_administrators_password_is_the_generated_one(suite, wait_for_portal):
    assert suite.rpc("admin").uid is False
    assert suite.rpc(suite.secrets["ADMIN_PASSWORD"]).uid


@pytest.mark.parametrize("host", ["db", "portal", "127.0.0.1", "10.0.0.1:8069", "portainer"])
def test_the_proxy_leads_nobody_to_services_or_addresses(suite, host):
    assert suite.get(host, "/web/health").status_code == 404


def test_an_unknown_host_name_is_no_way_to_other_machines(suite, wait_for_portal):
    """It ends at the portal's Odoo, which has no database of that name, and nothing has waited."""
    answer = suite.get("example.com", "/web/login")
    assert "oe_login_form" not in answer.text
    assert "could not be resolved (3: Host not found)" in suite.logs("proxy")


def test_ports_are_open_to_this_machine_alone(suite):
    assert suite.published() == {"proxy": {"127.0.0.1"}, "portainer": {"127.0.0.1"}}


def test_odoo_is_no_superuser_of_postgresql_and_no_root(suite, wait_for_portal):
    role = suite.psql("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'odoo'")
    assert role == "f|t"
    assert suite.compose("exec", "-T", "portal", "id", "-un").strip() == "odoo"


def test_secrets_are_in_no_log_and_on_no_command_line(suite, wait_for_portal):
    shown = "".join(suite.logs(service) for service in ("prepare", "portal", "proxy", "db"))
    shown += suite.compose("top")
    assert "odoo" in shown
    assert [name for name, value in suite.secrets.items() if value in shown] == []


def test_docker_on_this_machine_is_connected(admin):
    (portainer,) = admin.call(
        "sadeem.portainer", "search_read", [], ["state", "trust", "environment_ids"]
    )
    assert (portainer["state"], portainer["trust"]) == ("confirmed", "pinned")
    (environment,) = portainer["environment_ids"]
    assert admin.read("sadeem.portainer.environment", environment, "connection") == "up"


def test_a_client_on_docker_is_created_and_opened_through_the_proxy(suite, admin):
    (server,) = admin.call("saas_portal.server", "search", [("driver", "=", "portainer")])
    plan = admin.call(PLAN, "create", {"name": "Docker", "server_id": server})
    admin.call(PLAN, "create_template", [plan])
    answer = admin.call(PLAN, "create_new_database", [plan], dbname=HOST)
    assert answer["url"].startswith(f"http://{HOST}:{suite.port}")
    assert suite.shows_login(HOST)
    assert suite.websocket_status(HOST) == 101
    assert not suite.shows_login(f"other-{HOST}")


IS_DIGEST = "WHERE key = 'saas.image_digest'"


@pytest.fixture
def outdated(suite, admin):
    """The database says that it has other addons than the image."""
    known = suite.psql(f"SELECT value FROM ir_config_parameter {IS_DIGEST}")
    suite.psql(f"UPDATE ir_config_parameter SET value = 'older' {IS_DIGEST}")
    yield
    suite.psql(f"UPDATE ir_config_parameter SET value = '{known}' {IS_DIGEST} AND value = 'older'")


def test_addons_are_not_updated_under_a_portal_that_serves(suite, outdated):
    with pytest.raises(Failure, match="docker compose stop portal"):
        suite.compose("run", "--rm", "--no-deps", "prepare")
    assert suite.psql(f"SELECT value FROM ir_config_parameter {IS_DIGEST}") == "older"
    assert suite.shows_login(PORTAL)


def test_the_next_start_updates_the_addons_and_keeps_what_is_there(
    suite, admin, outdated, wait_for
):
    admin.call("res.users", "write", [admin.uid], {"password": "changed-by-the-administrator"})
    made = suite.psql("SELECT min(create_date) FROM ir_module_module")
    suite.compose("down", "--timeout=5")
    suite.up()
    wait_for(lambda: suite.shows_login(PORTAL), 120, "the portal's login page")
    assert suite.rpc("changed-by-the-administrator").uid
    assert suite.rpc(suite.secrets["ADMIN_PASSWORD"]).uid is False
    assert suite.psql("SELECT min(create_date) FROM ir_module_module") == made
    digest = suite.compose("exec", "-T", "portal", "cat", "/opt/saas/digest").strip()
    assert suite.psql(f"SELECT value FROM ir_config_parameter {IS_DIGEST}") == digest
