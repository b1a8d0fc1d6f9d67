"""The agent of a client's container, on a real PostgreSQL, with an Odoo in milliseconds."""

import json
import os
import subprocess
import sys
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from agent_world import CLIENT, IDENTITY, REF, Container, kill_workers, locked
from psycopg2 import sql

from devkit.waiting import wait_for


@pytest.fixture
def container_of(cluster, tmp_path):
    def make(**variables):
        return Container(cluster, tmp_path, **variables)

    yield make
    for name in cluster.databases():
        identifier = sql.Identifier(name)
        for statement in ("ALTER DATABASE {} IS_TEMPLATE false", "DROP DATABASE {} WITH (FORCE)"):
            cluster.query("postgres", sql.SQL(statement).format(identifier), superuser=True)


@pytest.fixture
def container(container_of):
    return container_of()


def build(container):
    spec = {"name": "template-1", "key": "key-template", "demo": False}
    return container.make("build_template", addons=["sale"], languages=["en_US"], **spec)


@pytest.fixture(scope="module")
def template(cluster, tmp_path_factory):
    """An archive of another container's."""
    return build(Container(cluster, tmp_path_factory.mktemp("builder")))


@pytest.fixture
def client(container, template):
    container.make("create", template, **REF, identity=IDENTITY)
    return container


# -- what the verbs do -----------------------------------------------------------------------------


def test_a_template_is_an_archive_and_leaves_no_database(container):
    with zipfile.ZipFile(build(container)) as archive:
        assert {"dump.sql", "manifest.json", "filestore/ab/abcd"} <= set(archive.namelist())
        assert json.loads(archive.read("manifest.json"))["modules"]["base"]
    assert container.cluster.databases() == set()
    assert list((container.data / "filestore").glob("*")) == []


def test_a_client_is_made_of_a_template(client):
    parameters = client.parameters("acme.localhost")
    assert parameters["database.uuid"] == "key-acme"
    assert parameters["database.secret"] != "template"
    assert client.file("acme.localhost").exists()
    found = {"name": "acme.localhost", "busy": False, "modules": ""}
    assert client.do("look", key="key-acme")["result"] == found
    assert client.do("look", key="key-other")["result"] == {**found, "name": ""}


def test_making_a_client_again_changes_nothing(client, template):
    before = client.parameters("acme.localhost")
    client.make("create", template, **REF, identity=IDENTITY)
    assert client.parameters("acme.localhost") == before


def test_the_client_trusts_the_portals_present_keys_and_no_former_ones(client):
    path = client.data / "saas_trust" / "portal-1.pem"
    assert path.read_text() == "PUBLIC KEY\n"
    client.do("publish_keys", identity={**IDENTITY, "portal_key": "NEW KEY\n"})
    assert path.read_text() == "NEW KEY\n"


def test_a_portals_uuid_leads_nowhere_else(client):
    answer = client.do("publish_keys", identity={**IDENTITY, "portal_uuid": "../../evil"})
    assert answer["error"]["kind"] == "rejected"
    assert not list(client.folder.rglob("evil*"))


def test_nobody_else_may_connect_to_the_clients_database(client):
    rows = client.query(
        "postgres",
        "SELECT has_database_privilege('public', datname, 'CONNECT') FROM pg_database"
        " WHERE datname = 'acme.localhost'",
    )
    assert rows == [(False,)]
    backup = client.make("backup", **REF)
    client.make("restore", backup, **REF, identity=IDENTITY)
    rows = client.query(
        "postgres",
        "SELECT has_database_privilege('public', datname, 'CONNECT') FROM pg_database"
        " WHERE datname = 'acme.localhost'",
    )
    assert rows == [(False,)]


def test_a_backup_is_told_with_its_digest_and_restored(client):
    client.query("acme.localhost", "INSERT INTO mail_mail (state) VALUES ('precious')")
    state, folder = client.work("backup", **REF)
    assert state["result"]["size"] == (folder / "out.zip").stat().st_size
    client.query("acme.localhost", "DELETE FROM mail_mail")
    client.make("restore", folder / "out.zip", **REF, identity=IDENTITY)
    assert client.query("acme.localhost", "SELECT state FROM mail_mail") == [("precious",)]


@pytest.mark.parametrize("neutralize", [False, True])
def test_a_copy_of_another_client_is_a_stranger_to_it(client, neutralize):
    client.query("acme.localhost", "INSERT INTO mail_mail (state) VALUES ('outgoing')")
    backup = client.make("backup", **REF)
    identity = {**IDENTITY, "database_uuid": "key-twin", "base_url": "http://twin"}
    twin = {"name": "twin.localhost", "key": "key-twin"}
    client.make("copy_in", backup, **twin, identity=identity, neutralize=neutralize)
    parameters = client.parameters("twin.localhost")
    assert parameters["database.uuid"] == "key-twin"
    assert parameters.get("database.is_neutralized", "") == ("true" if neutralize else "")
    assert client.query("twin.localhost", "SELECT state FROM mail_mail") == [("cancel",)]


def test_a_renamed_client_has_its_files(client):
    client.make("rename", **REF, new_name="new.localhost", base_url="http://new.localhost")
    assert client.do("look", key="key-acme")["result"]["name"] == "new.localhost"
    assert client.file("new.localhost").exists()
    assert client.parameters("new.localhost")["web.base.url"] == "http://new.localhost"


def test_usage_tells_users_and_sizes(client):
    usage = client.do("usage", **REF)["result"]
    assert usage["users"] == 0
    assert usage["database_mb"] > 1
    assert usage["suspended"] is False


def test_a_deleted_database_is_gone(client):
    client.make("delete_database", **REF)
    assert client.cluster.databases() == set()


@pytest.mark.parametrize(
    ("verb", "arguments", "kind", "words"),
    [
        ("usage", {"name": "nobody.localhost", "key": "key"}, "not_found", "nobody.localhost"),
        ("usage", {**REF, "key": "key-other"}, "rejected", "somebody else"),
        ("fly", {}, "rejected", "image is older"),
        ("_trust", {}, "rejected", "image is older"),
        ("do", {}, "rejected", "image is older"),
    ],
)
def test_a_refusal_says_what_kind_it_is(client, verb, arguments, kind, words):
    error = client.do(verb, **arguments)["error"]
    assert error["kind"] == kind
    assert words in error["text"]


def test_an_unreachable_postgresql_is_told_without_its_password(container_of):
    container = container_of(PORT="1", PASSWORD="very-secret-word")
    answer = container.do("look", key="key")
    assert answer["error"]["kind"] == "unavailable"
    assert "very-secret-word" not in json.dumps(answer)


def test_the_password_may_be_in_a_file(container_of, tmp_path):
    path = tmp_path / "password"
    path.write_text(container_of().cluster.password)
    container = container_of(PASSWORD_FILE=str(path), PASSWORD="wrong")
    assert container.do("look", key="key")["state"] == "done"


# -- jobs ------------------------------------------------------------------------------------------


def test_the_same_job_twice_is_one_job(client):
    client.start("job", "backup", **REF)
    assert client.ended("job")["state"] == "done"
    made = client.data / "saas-agent" / "jobs" / "job" / "out.zip"
    before = made.stat().st_mtime_ns
    client.start("job", "backup", **REF)
    assert client.ended("job")["state"] == "done"
    assert made.stat().st_mtime_ns == before


def test_jobs_wait_for_each_other(client):
    with locked(client.data / "saas-agent" / "lock"):
        client.start("job", "rename", **REF, new_name="new.localhost", base_url="http://new")
        assert client.agent("wait", "job", "0.3") == {"state": "running"}
        seen = client.do("look", key="key-acme")["result"]
        assert (seen["name"], seen["busy"]) == ("acme.localhost", True)
    assert client.ended("job")["state"] == "done"
    assert client.do("look", key="key-acme")["result"]["name"] == "new.localhost"


def test_a_job_whose_process_died_is_told_as_cut_off(client):
    with locked(client.data / "saas-agent" / "lock"):
        client.start("job", "backup", **REF)
        assert client.agent("wait", "job", "0") == {"state": "running"}
        kill_workers(client, "job")
        state = client.ended("job")
    assert state["error"]["kind"] == "unavailable"
    assert "cut off" in state["error"]["text"]


def test_a_job_is_stopped_with_the_programs_that_it_has_started(client, tmp_path):
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "pg_dump").write_text("#!/bin/sh\necho $$ > $PID_FILE\nexec sleep 1000\n")
    (programs / "pg_dump").chmod(0o755)
    pid = tmp_path / "pid"
    client.environment |= {
        "PATH": f"{programs}:{client.environment['PATH']}",
        "PID_FILE": str(pid),
    }
    client.start("job", "backup", **REF)
    wait_for(lambda: pid.exists() and pid.read_text().strip(), 20, "pg_dump")
    assert client.agent("stop", "job")["state"] == "done"
    assert "cut off" in client.ended("job")["error"]["text"]
    program = Path("/proc", pid.read_text().strip())
    wait_for(lambda: not program.exists() or " Z " in (program / "stat").read_text(), 20)
    assert client.do("look", key="key-acme")["result"]["busy"] is False
    assert client.agent("stop", "job")["state"] == "done", "there is nothing to stop any more"
    assert client.agent("stop", "unknown")["state"] == "done"


def test_a_job_that_was_cut_off_before_it_began_begins_when_it_is_asked_for_again(client):
    folder = Path(client.agent("prepare", "job")["result"])
    (folder / "request.json").write_text("[]")
    client.start("job", "backup", **REF)
    assert client.ended("job")["state"] == "done"


def test_a_job_leaves_nothing_of_what_was_uploaded(client):
    backup = client.make("backup", **REF)
    _state, folder = client.work("restore", backup, **REF, identity=IDENTITY)
    assert not (folder / "in.zip").exists()
    client.agent("forget", folder.name)
    assert not folder.exists()


def test_jobs_of_former_days_are_removed(container):
    folder = Path(container.agent("prepare", "old")["result"])
    os.utime(folder, (0, 0))
    container.agent("prepare", "new")
    assert not folder.exists()


def test_no_name_of_a_job_leads_out_of_its_folder(container):
    answer = container.agent("prepare", "../evil")
    assert answer["error"]["kind"] == "rejected"


def test_what_nobody_expected_is_told_too(container):
    error = container.do("usage")["error"]
    assert error["kind"] == "unavailable"
    assert "KeyError" in error["text"]


def test_nobody_else_reads_what_the_agent_keeps(client):
    client.make("backup", **REF)
    folder = client.data / "saas-agent"
    for path in (folder, *folder.rglob("*")):
        if path.is_dir() or path.suffix == ".json":
            assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize(
    "command",
    [["saas-agent", "start", "job", "backup", json.dumps(REF)], ["saas-entrypoint", "true"]],
)
def test_no_program_of_ours_runs_what_the_client_has_put_in_its_way(container, tmp_path, command):
    """In the folder where it starts, and where `pip install --user` puts things."""
    mark = tmp_path / "was here"
    evil = f"open({str(mark)!r}, 'w').close()"
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    here = tmp_path / "here"
    site = tmp_path / "user" / "lib" / version / "site-packages"
    for folder in (here / "saas_agent", site):
        folder.mkdir(parents=True)
    (here / "saas_agent" / "__init__.py").write_text(evil)
    (site / "usercustomize.py").write_text(evil)
    # A virtual environment has no user's site.
    (tmp_path / "python3").symlink_to(sys._base_executable)
    path = f"{tmp_path}:{os.environ['PATH']}"
    subprocess.run(
        [CLIENT / "bin" / command[0], *command[1:]],
        cwd=here,
        env={**container.environment, "PATH": path, "PYTHONUSERBASE": str(tmp_path / "user")},
        capture_output=True,
        timeout=60,
        check=False,
    )
    if "start" in command:
        assert container.ended("job")["error"]["kind"] == "not_found"
    assert not mark.exists()


# -- modules ---------------------------------------------------------------------------------------


@pytest.fixture
def modules_of(container_of, client):
    """Starts the container's entry point with lists of modules; what Odoo was told to do."""

    def start(update="", install=""):
        container = container_of(SAAS_UPDATE_MODULES=update, SAAS_INSTALL_MODULES=install)
        change_modules(container)
        present = container.query("acme.localhost", "SELECT to_regclass('module_changes')")
        if present == [(None,)]:
            return []
        return container.query("acme.localhost", "SELECT updated, installed FROM module_changes")

    return start


def change_modules(container):
    script = (
        "from saas_agent.entry import change_modules as c;"
        "from saas_agent.client_databases import ClientDatabases as D;"
        "from saas_agent.settings import Settings as S; c(D(S.read()), 1)"
    )
    return subprocess.run(
        [sys.executable, "-c", script],
        env=container.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stderr


def test_modules_are_changed_once_for_each_change_of_the_list(modules_of):
    assert modules_of("sale, stock", "crm") == [("sale,stock", "crm")]
    assert modules_of("sale,stock", "crm") == [("sale,stock", "crm")]
    assert modules_of("sale", "crm") == [("sale,stock", "crm"), ("sale", "crm")]


def test_without_a_list_nothing_is_changed(modules_of):
    assert modules_of() == []


def test_modules_that_fail_are_told_and_keep_nobody_out(container_of, client):
    container = container_of(SAAS_INSTALL_MODULES="broken")
    assert "broken" in change_modules(container)
    assert "broken" in container.do("look", key="key-acme")["result"]["modules"]
    # Not again at each restart: it would only fail again.
    assert change_modules(container) == ""


def test_other_lists_know_nothing_of_a_failure(container_of, client):
    change_modules(container_of(SAAS_INSTALL_MODULES="broken"))
    # As the portal looks, before the entry point had its turn.
    for modules in ("crm", ""):
        look = container_of(SAAS_INSTALL_MODULES=modules).do("look", key="key-acme")
        assert look["result"]["modules"] == "", modules


def test_a_list_that_was_emptied_is_new_afterwards(modules_of):
    assert modules_of("sale") == [("sale", "")]
    assert modules_of() == [("sale", "")]
    assert modules_of("sale") == [("sale", ""), ("sale", "")]


def test_another_image_has_other_modules_of_the_same_names(container_of, client):
    for image, count in (("odoo:1", 1), ("odoo:1", 1), ("odoo:2", 2)):
        container = container_of(SAAS_UPDATE_MODULES="sale", SAAS_IMAGE=image)
        change_modules(container)
        assert len(client.query("acme.localhost", "SELECT 1 FROM module_changes")) == count


@pytest.mark.parametrize("modules", ["crm", "crm,broken"])
def test_no_module_wakes_a_stage(container_of, client, modules):
    """Neither when it is made nor when it gets modules later."""
    backup = client.make("backup", **REF)
    stage = {"name": "stage.localhost", "key": "key-stage"}
    identity = {**IDENTITY, "database_uuid": "key-stage", "base_url": "http://stage"}
    container = container_of(SAAS_INSTALL_MODULES="project")
    container.make("copy_in", backup, **stage, identity=identity, neutralize=True)
    awake = "SELECT count(*) FROM ir_cron WHERE active"
    assert client.query("stage.localhost", awake) == [(0,)]
    client.make("delete_database", **REF)
    change_modules(container_of(SAAS_INSTALL_MODULES=modules))
    changes = client.query("stage.localhost", "SELECT installed FROM module_changes")
    assert changes == [("project",), (modules,)]
    assert client.query("stage.localhost", awake) == [(0,)]


def test_a_stage_that_is_restored_is_neutral_before_anybody_sees_it(container_of, client):
    """Whatever its backup holds, and whatever modules bring."""
    backup = client.make("backup", **REF)
    container = container_of(SAAS_INSTALL_MODULES="crm")
    container.make("restore", backup, **REF, identity=IDENTITY, neutralize=True)
    ((place,),) = client.query("acme.localhost", "SELECT place FROM module_changes")
    assert place == "saas-new-key-acme", "modules are changed where no Odoo looks"
    assert client.query("acme.localhost", "SELECT count(*) FROM ir_cron WHERE active") == [(0,)]
    assert client.parameters("acme.localhost")["database.is_neutralized"] == "true"


def test_a_client_that_is_restored_sends_as_before(container_of, client):
    backup = client.make("backup", **REF)
    container_of(SAAS_INSTALL_MODULES="crm,broken").make(
        "restore", backup, **REF, identity=IDENTITY
    )
    ((awake,),) = client.query("acme.localhost", "SELECT count(*) FROM ir_cron WHERE active")
    assert awake
    look = container_of(SAAS_INSTALL_MODULES="crm,broken").do("look", key="key-acme")
    assert "broken" in look["result"]["modules"]


def test_no_server_starts_on_a_stage_that_could_not_be_neutralised_again(container_of, client):
    backup = client.make("backup", **REF)
    client.make("restore", backup, **REF, identity=IDENTITY, neutralize=True)
    container = container_of(SAAS_INSTALL_MODULES="crm")
    path = Path(container.environment["SMALL_ODOO_SQL"])
    sound = path.read_text()
    path.write_text(json.dumps({**json.loads(sound), "NEUTRALIZE": "SELECT nothing"}))
    with pytest.raises(subprocess.CalledProcessError):
        change_modules(container)
    path.write_text(sound)
    assert change_modules(container) == ""
    assert client.query("acme.localhost", "SELECT count(*) FROM ir_cron WHERE active") == [(0,)]


def test_the_scheduled_actions_of_modules_run_in_a_client(container_of, client):
    before = client.query("acme.localhost", "SELECT count(*) FROM ir_cron WHERE active")
    change_modules(container_of(SAAS_INSTALL_MODULES="crm"))
    after = client.query("acme.localhost", "SELECT count(*) FROM ir_cron WHERE active")
    assert after[0][0] == before[0][0] + 1


def test_a_new_client_has_the_modules_before_it_is_seen(container_of, container, template):
    made = container_of(SAAS_INSTALL_MODULES="crm")
    made.make("create", template, **REF, identity=IDENTITY)
    assert made.query("acme.localhost", "SELECT installed FROM module_changes") == [("crm",)]
    assert change_modules(made) == ""
    assert made.query("acme.localhost", "SELECT installed FROM module_changes") == [("crm",)]


def test_without_a_database_there_is_nothing_to_change(container_of):
    assert change_modules(container_of(SAAS_INSTALL_MODULES="crm")) == ""


# -- readiness -------------------------------------------------------------------------------------


def test_odoo_is_ready_when_it_answers(container, monkeypatch):
    from saas_agent.settings import Settings
    from saas_agent.verbs import Verbs

    class Handler(BaseHTTPRequestHandler):
        status = 503

        def do_GET(self):
            self.send_response(self.status)
            self.end_headers()

        def log_message(self, *_words):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = Settings(
        container.data,
        container.folder / "odoo.conf",
        {},
        address=f"http://127.0.0.1:{server.server_port}",
    )
    try:
        assert Verbs(settings).do("ready", {"name": "acme.localhost", "seconds": 0}) is False
        Handler.status = 200
        assert Verbs(settings).do("ready", {"name": "acme.localhost", "seconds": 0}) is True
    finally:
        server.shutdown()
        server.server_close()
