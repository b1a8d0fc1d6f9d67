"""The local driver on a real PostgreSQL, with databases that look like Odoo's from afar."""

import contextlib
import os
import zipfile
from dataclasses import replace

import psycopg2
import pytest
from driver_contract import DriverContract, make_spec
from local_world import Interrupted
from saas_driver import (
    ClientRef,
    DriverNotFound,
    DriverRejected,
    DriverUnavailable,
    LocalDriver,
    TemplateSpec,
    check_archive,
    databases,
    local_backup,
    local_sql,
)


class TestLocalDriver(DriverContract):
    pass


@pytest.fixture
def driver(world):
    return world.driver


@pytest.fixture
def spec(world):
    return make_spec(template=world.template)


@pytest.fixture
def client(driver, spec):
    driver.create(spec)
    return spec.ref


# -- files -----------------------------------------------------------------------------------------


def file_of(world, name):
    return world.files / name / "ab" / "abcd"


def file_of_template(world):
    return world.folder_of(world.template) / "ab" / "abcd"


def test_files_are_linked_with_the_templates_and_take_no_room(world, client):
    assert file_of(world, client.name).samefile(file_of_template(world))


def test_removing_a_clients_file_leaves_the_templates(world, client):
    file_of(world, client.name).unlink()
    assert file_of_template(world).exists()


def test_files_are_copied_where_they_cannot_be_linked(world, driver, spec, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    driver.create(spec)
    copy, original = file_of(world, spec.ref.name), file_of_template(world)
    assert copy.read_text() == original.read_text()
    assert not copy.samefile(original)


def test_files_of_a_former_namesake_are_removed(world, driver, spec):
    stale = world.files / spec.ref.name / "cd" / "secret"
    stale.parent.mkdir(parents=True)
    stale.write_text("of somebody else")
    driver.create(spec)
    assert not stale.exists()
    assert file_of(world, spec.ref.name).exists()


def test_files_of_a_former_owner_of_the_new_name_are_removed(world, driver, client):
    stale = world.files / "new.localhost" / "cd" / "secret"
    stale.parent.mkdir(parents=True)
    stale.write_text("of somebody else")
    driver.rename(client, "new.localhost", "http://new.localhost")
    assert not stale.exists()
    assert file_of(world, "new.localhost").exists()


def test_deleting_removes_the_files_and_those_of_an_interrupted_create(world, driver, client):
    (world.files / f"saas-new-{client.key}").mkdir()
    driver.delete(client)
    assert list(world.files.iterdir()) == [world.folder_of(world.template)]


def test_a_client_without_files_is_created_renamed_and_deleted(world, driver, spec):
    file_of_template(world).unlink()
    (world.folder_of(world.template) / "ab").rmdir()
    world.folder_of(world.template).rmdir()
    driver.create(spec)
    driver.rename(spec.ref, "new.localhost", "http://new.localhost")
    ref = replace(spec.ref, name="new.localhost")
    assert driver.usage(ref).files_mb == 0
    driver.delete(ref)


# -- what the copy does not inherit ----------------------------------------------------------------


def test_nobody_of_the_template_can_log_in_to_the_copy(world, client):
    users = world.query(client.name, "SELECT login, password, active FROM res_users ORDER BY id")
    assert [(login, active) for login, _password, active in users] == [
        ("__system__", False),
        ("admin", True),
        ("builder", False),
        ("visitor", True),
    ]
    passwords = {login: password for login, password, _active in users}
    assert passwords["admin"].startswith("$pbkdf2-sha512$")
    assert passwords["builder"] is passwords["visitor"] is None


def test_every_client_has_another_administrators_password(world, driver, client):
    driver.create(make_spec("other.localhost", "key-other", world.template))
    query = "SELECT password FROM res_users WHERE login = 'admin'"
    assert world.query(client.name, query) != world.query("other.localhost", query)


def test_keys_and_mail_servers_are_not_inherited(world, client):
    for table in ("res_users_apikeys", "ir_mail_server"):
        assert world.query(client.name, f"SELECT * FROM {table}") == []


def test_strangers_cannot_sign_up_and_the_address_stays(world, client):
    parameters = world.parameters(client.name)
    assert parameters["auth_signup.invitation_scope"] == "b2b"
    assert parameters["web.base.url.freeze"] == "True"
    assert parameters["database.create_date"] > "2025"


def test_scheduled_actions_do_not_all_begin_at_once(world, client):
    rows = world.query(
        client.name,
        "SELECT nextcall > now() AT TIME ZONE 'UTC',"
        " nextcall < now() AT TIME ZONE 'UTC' + interval '1 day 1 minute' FROM ir_cron",
    )
    assert rows == [(True, True)] * 3


def test_the_publisher_is_not_told_of_customers(world, client):
    rows = world.query(client.name, "SELECT id, active FROM ir_cron ORDER BY id")
    assert rows == [(1, True), (2, False), (3, True)]


@pytest.mark.parametrize("table", ["orm_signaling_registry", "orm_signaling_default"])
def test_the_caches_of_a_namesake_are_distrusted(world, driver, client, table):
    def signal():
        (row,) = world.query(client.name, f"SELECT id FROM {table}")
        (following,) = world.query(client.name, f"INSERT INTO {table} DEFAULT VALUES RETURNING id")
        assert following[0] == row[0] + 1
        return row[0]

    first = signal()
    driver.delete(client)
    driver.create(make_spec(client.name, "key-heir", world.template))
    assert abs(signal() - first) > 1


def test_a_rename_distrusts_caches_too(world, driver, client):
    query = "SELECT max(id) FROM orm_signaling_registry"
    before = world.query(client.name, query)
    driver.rename(client, "new.localhost", "http://new.localhost")
    assert world.query("new.localhost", query) != before


def test_an_identity_given_again_has_another_secret(world, client, spec):
    before = world.look_inside(client.name)["secret"]
    with psycopg2.connect(**world.connection_info(client.name)) as connection:
        local_sql.give_identity(connection.cursor(), spec.identity)
    connection.close()
    assert world.look_inside(client.name)["secret"] != before


def test_this_process_forgets_what_is_made_renamed_and_deleted(world, driver, client):
    assert client.name in world.forgotten
    world.forgotten.clear()
    driver.rename(client, "new.localhost", "http://new.localhost")
    assert {client.name, "new.localhost"} <= set(world.forgotten)
    world.forgotten.clear()
    driver.delete(ClientRef("new.localhost", client.key))
    assert "new.localhost" in world.forgotten


# -- usage -----------------------------------------------------------------------------------------


def test_usage_counts_internal_active_users_without_administrator(world, driver, client):
    world.query(
        client.name,
        "INSERT INTO res_users (login, active, share) VALUES"
        " ('owner', TRUE, FALSE), ('gone', FALSE, FALSE), ('customer', TRUE, TRUE)",
    )
    assert driver.usage(client).users == 1


@pytest.mark.parametrize(("value", "suspended"), [("1", True), ("0", False)])
def test_usage_tells_whether_a_client_is_suspended(world, driver, client, value, suspended):
    world.query(
        client.name,
        "INSERT INTO ir_config_parameter (key, value) VALUES ('saas_client.suspended', %s)",
        value,
    )
    assert driver.usage(client).suspended is suspended


def test_usage_measures_the_files(world, driver, client):
    (world.files / client.name / "ab" / "big").write_bytes(b"x" * 3 * 1024 * 1024)
    assert 3 < driver.usage(client).files_mb < 3.1


def test_usage_of_a_stopped_client_is_unavailable(driver, client):
    driver.stop(client)
    with pytest.raises(DriverUnavailable):
        driver.usage(client)


# -- hidden while it is made -----------------------------------------------------------------------


def test_a_client_in_the_making_is_hidden_from_odoos_list(world, driver, spec):
    with world.killed_at("_publish"), contextlib.suppress(Interrupted):
        driver.create(spec)
    rows = world.query(
        "postgres", "SELECT datname FROM pg_database WHERE NOT datistemplate AND datname LIKE 's%'"
    )
    assert rows == []
    assert driver.list() == []


def test_a_stage_is_never_seen_before_it_is_neutralised(world, driver, client, monkeypatch):
    twin = ClientRef("twin.localhost", "key-twin")

    def die(cursor):
        raise Interrupted

    with monkeypatch.context() as patch, contextlib.suppress(Interrupted):
        patch.setattr(driver, "_neutralize", die)
        driver.copy(client, twin, make_spec(key=twin.key).identity, neutralize=True)
    assert not driver.status(twin.name).exists
    driver.copy(client, twin, make_spec(key=twin.key).identity, neutralize=True)
    assert world.is_neutralized(twin.name)


# -- people in the way -----------------------------------------------------------------------------


def test_open_sessions_of_our_own_role_are_ended(world, driver, client):
    with contextlib.closing(psycopg2.connect(**world.connection_info(client.name))) as session:
        driver.rename(client, "new.localhost", "http://new.localhost")
        with pytest.raises(psycopg2.OperationalError):
            session.cursor().execute("SELECT 1")


@pytest.mark.parametrize("verb", ["rename", "delete", "stop"])
def test_somebody_else_in_the_database_means_try_later(world, driver, client, monkeypatch, verb):
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.1)
    arguments = ("new.localhost", "http://new.localhost") if verb == "rename" else ()
    with contextlib.closing(world.cluster.connect(client.name, superuser=True)):
        with pytest.raises(DriverUnavailable, match="in use"):
            getattr(driver, verb)(client, *arguments)
        assert driver.status(client.name).exists
    getattr(driver, verb)(client, *arguments)


def test_somebody_in_the_template_means_try_later(world, driver, spec, monkeypatch):
    monkeypatch.setattr(databases, "BUSY_SECONDS", 0.1)
    world.cluster.query("postgres", 'ALTER DATABASE "template-1" ALLOW_CONNECTIONS true')
    with (
        contextlib.closing(world.cluster.connect(world.template, superuser=True)),
        pytest.raises(DriverUnavailable, match="in use"),
    ):
        driver.create(spec)
    driver.create(spec)


def test_an_unreachable_postgresql_means_try_later(world, spec, tmp_path):
    driver = LocalDriver(
        lambda name: {**world.connection_info(name), "port": 1}, tmp_path, world.builder
    )
    ref = spec.ref
    for verb, *arguments in (
        (driver.create, spec),
        (driver.delete, ref),
        (driver.rename, ref, "new.localhost", "http://new.localhost"),
        (driver.start, ref),
        (driver.stop, ref),
        (driver.status, ref.name),
        (driver.list,),
        (driver.usage, ref),
        (driver.build_template, TemplateSpec("template-2", "key")),
        (driver.delete_template, "template-2"),
    ):
        with pytest.raises(DriverUnavailable) as raised:
            verb(*arguments)
        assert world.cluster.password not in str(raised.value)


def test_a_role_that_does_not_exist_is_not_a_database_that_does_not_exist(world):
    driver = LocalDriver(
        lambda name: {**world.connection_info(name), "user": "nobody"}, world.files, world.builder
    )
    with pytest.raises(DriverUnavailable):
        driver.status("acme.localhost")


def test_a_role_without_rights_is_told_so(world, spec):
    world.cluster.query("postgres", "ALTER ROLE odoo NOCREATEDB", superuser=True)
    try:
        with pytest.raises(DriverRejected, match="permission denied"):
            world.driver.create(spec)
    finally:
        world.cluster.query("postgres", "ALTER ROLE odoo CREATEDB", superuser=True)


# -- names -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ['a"b', "a'b", 'x"; DROP DATABASE "template-1"; --', "a%sb", "a{}b", "a\\b"]
)
def test_no_name_can_break_out_of_a_statement(world, driver, name):
    spec = make_spec(name, 'it\'s a "key"', world.template)
    driver.create(spec)
    assert driver.status(name).key == spec.ref.key
    driver.stop(spec.ref)
    driver.start(spec.ref)
    driver.rename(spec.ref, name + "'2", "http://o'hara")
    assert world.parameters(name + "'2")["web.base.url"] == "http://o'hara"
    driver.delete(ClientRef(name + "'2", spec.ref.key))
    assert world.cluster.databases() == {world.template}


# -- templates -------------------------------------------------------------------------------------


def test_a_build_that_fails_leaves_the_former_template_usable(world, driver, spec):
    world.builder.failure = DriverRejected("No such app.")
    with pytest.raises(DriverRejected, match="No such app"):
        driver.build_template(TemplateSpec(world.template, "key-template-1"))
    driver.create(spec)
    assert driver.usage(spec.ref).files_mb > 0
    assert world.cluster.databases() == {world.template, spec.ref.name}


@pytest.mark.parametrize(
    "point", ["databases.create_database", "_remove_files", "os.rename", "databases.rename"]
)
def test_an_interrupted_build_is_completed_by_repeating_it(world, driver, spec, point):
    template = TemplateSpec(world.template, "key-template-1")
    with world.killed_at(point), contextlib.suppress(Interrupted):
        driver.build_template(template)
    driver.build_template(template)
    driver.create(spec)
    assert driver.usage(spec.ref).files_mb > 0
    assert world.cluster.databases() == {world.template, spec.ref.name}


@pytest.mark.parametrize("point", ["comment", "alter"])
def test_a_built_template_never_appears_without_its_mark(world, driver, monkeypatch, point):
    template = TemplateSpec("template-2", "key-template-2")
    with world.killed_at(f"databases.{point}"), contextlib.suppress(Interrupted):
        driver.build_template(template)
    driver.build_template(template)
    assert driver.status("template-2").exists


def test_a_template_of_another_portal_is_not_replaced(world, driver):
    with pytest.raises(DriverRejected, match="template-1"):
        driver.build_template(TemplateSpec(world.template, "key-of-another"))


def test_a_rebuilt_template_holds_the_new_files(world, driver):
    before = file_of_template(world).stat().st_ino
    driver.build_template(TemplateSpec(world.template, "key-template-1", addons=("sale",)))
    assert file_of_template(world).stat().st_ino != before
    assert "sale" in file_of_template(world).read_text()


def test_what_vanished_behind_the_drivers_back_is_not_found(world, driver, client):
    world.cluster.query("postgres", f'DROP DATABASE "{client.name}" WITH (FORCE)', superuser=True)
    with pytest.raises(DriverNotFound):
        driver.usage(client)
    with pytest.raises(DriverNotFound):
        driver.start(client)
    driver.delete(client)


# -- archives --------------------------------------------------------------------------------------


def test_an_archive_that_would_fill_any_disk_is_none(tmp_path, monkeypatch):
    archive = tmp_path / "backup.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        target.writestr("dump.sql", b"0" * 3_000_000)
    # Large in proportion, and still nothing to speak of.
    assert check_archive(archive) == 0
    monkeypatch.setattr(local_backup, "_SMALL", 1_000_000)
    with pytest.raises(DriverRejected, match="3000000 bytes"):
        check_archive(archive)


def test_an_archive_whose_directory_would_fill_the_memory_is_not_opened(tmp_path, monkeypatch):
    archive = tmp_path / "backup.zip"
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("dump.sql", b"")
        for number in range(3000):
            target.writestr(f"filestore/{number}", b"")
    assert check_archive(archive) == 3000
    monkeypatch.setattr(local_backup, "_LONGEST_DIRECTORY", 100_000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(DriverRejected, match=r"its directory has 1[0-9]{5} bytes"):
        check_archive(archive)


# -- marks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("comment", [None, "", "a note", "[1]", "5", "null", '{"other": "x"}', "{"])
def test_a_comment_of_somebody_else_is_no_mark(comment):
    assert local_sql.read_mark(comment) == ""


def test_a_mark_is_read_as_it_was_made():
    assert local_sql.read_mark(local_sql.make_mark("key")) == "key"
