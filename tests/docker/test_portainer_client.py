"""Our client against the double: old and new Portainer, real compose, faults at its calls."""

import itertools
import time

import pytest
from portainer_api import (
    Conflict,
    DeployFailed,
    InvalidCompose,
    Locked,
    NotFound,
    PortainerClient,
    ServerFailed,
    SetupTokenRequired,
    StackStatus,
    TlsPolicy,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
    WrongEnvironment,
    fetch_fingerprint,
    normalise_name,
)
from portainer_harness import ADMIN, BROKEN, PASSWORD, PLAIN, SLOW, TWO, WEB, WEB_2

KEYS = (f"op-{number}" for number in itertools.count(1))
NASTY = 'it\'s "$HOME" ${X} $$ #no\\t\\ \nline 2 é'


def client_of(portainer, token="", **options):
    pinned = TlsPolicy.pinned(fetch_fingerprint(portainer.url))
    # Pauses are for slower servers.
    options.setdefault("sleep", lambda seconds: time.sleep(seconds / 10))
    return PortainerClient(portainer.url, token, tls=pinned, **options)


@pytest.fixture
def client(any_portainer):
    """With an access token, on either version; `client.here` is its environment."""
    with client_of(any_portainer, any_portainer.key) as client:
        client.here = any_portainer.endpoint
        yield client


@pytest.fixture
def old(portainer):
    """The same on Portainer 2.23 only."""
    with client_of(portainer, portainer.key) as client:
        client.here = portainer.endpoint
        yield client


def only_container(client, name):
    (container,) = client.list_containers(client.here, name)
    return container


# -- the first minutes -----------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["2.23", "2.45"])
def test_from_a_fresh_server_to_a_lasting_token(double_of, mode):
    portainer = double_of(mode=mode)
    client = client_of(portainer)
    assert client.wait_until_ready().version.startswith(mode)
    assert client.admin_exists() is False
    if mode == "2.45":
        with pytest.raises(SetupTokenRequired):
            client.init_admin(ADMIN, PASSWORD)
    assert client.init_admin(ADMIN, PASSWORD, portainer.double.setup_token).is_admin
    assert client.admin_exists() is True
    with pytest.raises(Conflict):
        client.init_admin(ADMIN, PASSWORD, portainer.double.setup_token)
    with pytest.raises(Unauthorized):
        client.login(ADMIN, "another-password")
    key = client.create_api_key(client.login(ADMIN, PASSWORD), PASSWORD, "Odoo")
    with_key = client_of(portainer, key.raw)
    assert with_key.me().username == ADMIN
    assert with_key.list_environments() == []
    environment = with_key.create_environment("local")
    assert with_key.get_environment(environment.id).snapshot.cores > 0
    with pytest.raises(Conflict, match="not unique"):
        with_key.create_environment("local")
    assert with_key.snapshot_environment(environment.id).is_up
    assert with_key.find_environment("local").id == environment.id
    assert [kept.id for kept in with_key.list_api_keys(1)] == [key.id]
    with_key.delete_api_key(1, key.id)
    with pytest.raises(Unauthorized):
        with_key.me()


def test_a_server_nobody_set_up_in_time_says_that_it_is_locked(fresh):
    fresh.double.clock.advance(301)
    client = client_of(fresh)
    assert client.status().version == "2.23.0"
    with pytest.raises(Locked, match="Restart"):
        client.init_admin(ADMIN, PASSWORD)


def test_an_agent_is_connected_and_its_loss_is_noticed(old, agent):
    url = agent.url.replace("https", "tcp")
    environment = old.create_environment("agent of the client", url, "agent")
    assert old.capacity(environment.id).cores > 0
    agent.stop()
    with pytest.raises(Unavailable):
        old.capacity(environment.id)
    with pytest.raises(Unavailable, match="is down"):
        old.snapshot_environment(environment.id)
    with pytest.raises(ServerFailed):
        old.create_environment("unreachable", "tcp://127.0.0.1:1", "agent")
    old.delete_environment(environment.id)
    old.delete_environment(environment.id)


# -- life of a stack -------------------------------------------------------------------------------


def test_a_stack_from_its_creation_to_its_end(client, name):
    here = client.here
    stack = client.create_stack(here, name.upper(), WEB, {"COLOUR": "red"})
    assert (stack.name, stack.is_active, stack.env) == (name, True, {"COLOUR": "red"})
    assert client.find_stack(here, name.upper()).id == stack.id
    assert client.get_stack_file(stack.id) == WEB
    container = only_container(client, name)
    assert (container.service, container.is_running) == ("web", True)

    with pytest.raises(Conflict):
        client.create_stack(here, name, WEB)
    assert client.update_stack(stack.id, here, WEB_2).env == {"COLOUR": "red"}
    changed = only_container(client, name)
    assert (changed.image, changed.id == container.id) == ("saas-test/web:2", False)

    assert client.stop_stack(stack.id, here).status is StackStatus.INACTIVE
    assert client.stop_stack(stack.id, here).status is StackStatus.INACTIVE
    assert client.list_containers(here, name) == []
    assert client.start_stack(stack.id, here).is_active
    assert client.start_stack(stack.id, here).is_active
    assert only_container(client, name).is_running

    client.delete_stack(stack.id, here)
    client.delete_stack(stack.id, here)
    assert client.find_stack(here, name) is None
    (volume,) = client.list_volumes(here, name)
    client.delete_volume(here, volume.name)
    client.delete_volume(here, volume.name)
    assert client.list_volumes(here, name) == []


def test_any_value_of_a_variable_reaches_the_container(client, name):
    stack = client.create_stack(client.here, name, WEB, {"COLOUR": NASTY})
    assert stack.env == {"COLOUR": NASTY}
    client.update_stack(stack.id, client.here, WEB_2)
    details = client.get_container(client.here, only_container(client, name).id)
    assert f"COLOUR={NASTY}" in details.raw["Config"]["Env"]


def test_variables_go_only_when_that_is_asked_for(client, name):
    stack = client.create_stack(client.here, name, WEB, {"COLOUR": "red"})
    assert client.update_stack(stack.id, client.here, env={}).env == {}
    details = client.get_container(client.here, only_container(client, name).id)
    assert "COLOUR=none" in details.raw["Config"]["Env"]


def test_a_failed_deployment_tells_what_compose_said(client, name):
    with pytest.raises(DeployFailed, match="absent") as caught:
        client.create_stack(client.here, name, BROKEN)
    assert caught.value.output


def test_a_text_that_cannot_work_never_harms_what_runs(client, name):
    stack = client.create_stack(client.here, name, PLAIN)
    before = only_container(client, name).id
    for text in ("services: [", "services: {web: {}}", PLAIN + "volumes: x", "a: 1\n" + PLAIN):
        with pytest.raises(InvalidCompose):
            client.update_stack(stack.id, client.here, text)
    assert only_container(client, name).id == before


def test_leftover_containers_do_not_block_a_start(old, portainer, name):
    stack = old.create_stack(old.here, name, PLAIN)
    old.stop_stack(stack.id, old.here)
    labels = {"com.docker.compose.project": name, "com.docker.compose.service": "old"}
    body = {"Image": "saas-test/web:1", "Labels": labels}
    assert portainer.docker("POST", "/containers/create", json=body).status_code == 200
    assert old.start_stack(stack.id, old.here).is_active
    services = {row.service for row in old.list_containers(old.here, name) if row.is_running}
    assert services == {"web"}


def test_a_service_that_left_the_text_can_be_pruned_on_new_versions(new_portainer, name):
    client = client_of(new_portainer, new_portainer.key)
    stack = client.create_stack(new_portainer.endpoint, name, TWO)
    client.update_stack(stack.id, new_portainer.endpoint, PLAIN, prune=True)
    left = client.list_containers(new_portainer.endpoint, name)
    assert [container.service for container in left] == ["web"]


def test_nothing_is_done_in_the_wrong_environment(old, other_endpoint, name):
    stack = old.create_stack(old.here, name, PLAIN)
    for call in (old.update_stack, old.start_stack, old.stop_stack, old.delete_stack):
        with pytest.raises(WrongEnvironment):
            call(stack.id, other_endpoint)
    assert only_container(old, name).is_running


def test_two_names_that_portainer_makes_one_collide(client, name):
    client.create_stack(client.here, name, PLAIN)
    alike = name.replace("-", "-!").upper()
    assert normalise_name(alike) == name
    with pytest.raises(Conflict):
        client.ensure_stack(client.here, alike, PLAIN, operation=next(KEYS))


def test_stacks_of_a_deleted_environment_are_not_shown(old, name):
    environment = old.create_environment(f"short-{name}")
    old.create_stack(environment.id, name, PLAIN)
    old.delete_environment(environment.id)
    assert name not in [stack.name for stack in old.list_stacks()]
    assert old.find_stack(environment.id, name) is None


# -- faults ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["drop_after", "status_after", "hang_after"])
def test_a_creation_whose_answer_is_lost_is_adopted(any_portainer, name, kind):
    client = client_of(any_portainer, any_portainer.key, deploy_timeout=8)
    any_portainer.faults.add(kind, "^POST /api/stacks")
    key = next(KEYS)
    for _again in range(2):
        stack = client.ensure_stack(any_portainer.endpoint, name, PLAIN, operation=key)
        assert stack.is_active
    assert any_portainer.names().count(name) == 1
    with pytest.raises(Conflict, match="made by something else"):
        client.ensure_stack(any_portainer.endpoint, name, PLAIN, operation=next(KEYS))


def test_a_creation_that_outlives_our_patience_is_adopted_when_it_shows(portainer, name):
    client = client_of(portainer, portainer.key, deploy_timeout=1)
    stack = client.ensure_stack(portainer.endpoint, name, SLOW, operation=next(KEYS))
    assert stack.is_active
    assert len(client.list_containers(portainer.endpoint, name)) == 2


@pytest.mark.parametrize("kind", ["drop_before", "status_before"])
def test_a_creation_that_never_began_may_be_tried_again(any_portainer, name, kind):
    client = client_of(any_portainer, any_portainer.key)
    any_portainer.faults.add(kind, "^POST /api/stacks", status=503)
    key = next(KEYS)
    with pytest.raises(UnknownOutcome):
        client.ensure_stack(any_portainer.endpoint, name, PLAIN, operation=key, settle=0)
    assert client.ensure_stack(any_portainer.endpoint, name, PLAIN, operation=key).is_active


def test_a_failed_creation_may_be_tried_again(client, name, engine):
    key = next(KEYS)
    with pytest.raises(DeployFailed):
        client.ensure_stack(client.here, name, BROKEN, operation=key)
    found = engine.request("GET", "/images/saas-test/web:1/json")[1]["Id"]
    engine.request("POST", f"/images/{found}/tag?repo=saas-test/absent&tag=1")
    try:
        assert client.ensure_stack(client.here, name, BROKEN, operation=key).is_active
        client.stop_stack(client.find_stack(client.here, name).id, client.here)
    finally:
        engine.request("DELETE", "/images/saas-test/absent:1")


@pytest.mark.parametrize("kind", ["drop_before", "status_before"])
def test_every_read_survives_one_fault(portainer, old, name, kind):
    stack = old.create_stack(old.here, name, PLAIN)
    container = only_container(old, name).id
    reads = [
        old.status,
        old.me,
        old.admin_exists,
        old.list_environments,
        lambda: old.get_environment(old.here),
        old.list_stacks,
        lambda: old.get_stack(stack.id),
        lambda: old.get_stack_file(stack.id),
        lambda: old.list_containers(old.here),
        lambda: old.get_container(old.here, container),
        lambda: old.logs(old.here, container),
        lambda: old.stats(old.here, container),
        lambda: old.capacity(old.here),
        lambda: old.list_volumes(old.here),
        lambda: old.docker_version(old.here),
    ]
    for read in reads:
        portainer.faults.clear()
        portainer.faults.add(kind, "^GET ", status=502)
        read()
        assert not portainer.faults.rules


def test_a_server_that_is_away_for_a_moment_is_found_again(portainer):
    client = client_of(portainer, portainer.key, sleep=time.sleep)
    portainer.faults.add("refuse", seconds=1)
    assert client.me().username == ADMIN


def test_an_engine_that_is_away_is_unavailable(portainer, old, weak_link):
    weak_link.cut()
    for call in (old.capacity, old.list_containers, old.snapshot_environment):
        with pytest.raises(Unavailable):
            call(weak_link.endpoint)
    weak_link.mend()
    assert old.snapshot_environment(weak_link.endpoint).is_up


# -- Docker ----------------------------------------------------------------------------------------


@pytest.fixture
def running(client, name):
    """The id of a running container."""
    client.create_stack(client.here, name, PLAIN)
    return only_container(client, name).id


def test_a_command_runs_in_a_container(client, running):
    result = client.exec(client.here, running, ["sh", "-c", "echo $A; echo no >&2; exit 3"],
                         env={"A": "it's"})  # fmt: skip
    assert (result.exit_code, result.stdout, result.stderr) == (3, "it's\n", "no\n")
    nasty = ["printf", "%s", "$(id); 'x' \"y\" é"]
    assert client.exec(client.here, running, nasty).stdout == nasty[2]
    big = client.exec(client.here, running, ["seq", "200000"])
    assert big.stdout.splitlines()[-1] == "200000"
    with pytest.raises(UnknownOutcome):
        client.exec(client.here, running, ["sleep", "30"], timeout=1)
    with pytest.raises(NotFound):
        client.exec(client.here, "nobody", ["true"])


def test_the_log_and_the_load_of_a_container(client, running, wait_for):
    wait_for(lambda: "web 1 serves" in client.logs(client.here, running), 10, "a line in the log")
    client.exec(
        client.here,
        running,
        ["sh", "-c", "for i in $(seq 20); do echo line $i; done >/proc/1/fd/1"],
    )
    wait_for(lambda: "line 20" in client.logs(client.here, running), 10, "twenty lines")
    assert client.logs(client.here, running, tail=2) == "line 19\nline 20\n"
    stats = client.stats(client.here, running)
    assert 0 <= stats.cpu_percent <= 100 * stats.cores
    assert 0 < stats.memory_bytes < stats.memory_limit_bytes
    assert stats.processes > 0


def test_a_busy_container_shows_its_load(client, running):
    busy = ["sh", "-c", "(while true; do :; done) & sleep 0"]
    client.exec(client.here, running, busy)
    assert client.stats(client.here, running).cpu_percent > 10


def test_a_container_goes_through_all_its_states(client, running):
    def state():
        return client.get_container(client.here, running).state

    for action, wanted in (
        ("pause", "paused"),
        ("unpause", "running"),
        ("restart", "running"),
        ("stop", "exited"),
        ("stop", "exited"),
        ("start", "running"),
        ("start", "running"),
    ):
        client.container_action(client.here, running, action)
        assert state() == wanted
    with pytest.raises(Conflict):
        client.container_action(client.here, running, "remove")
    client.container_action(client.here, running, "remove", force=True)
    client.container_action(client.here, running, "remove", force=True)
    with pytest.raises(NotFound):
        state()


def test_the_capacity_is_counted_live(client, running):
    def count_with_and_without():
        before = client.capacity(client.here)
        client.container_action(client.here, running, "pause")
        after = client.capacity(client.here)
        client.container_action(client.here, running, "unpause")
        return after.paused - before.paused, after.running - before.running

    # Another stage of the tests may begin and end containers of this engine meanwhile.
    assert (1, -1) in (count_with_and_without() for _again in range(10))
    capacity = client.capacity(client.here, disk=True)
    assert capacity.cores > 0
    assert capacity.ram_bytes > 0
    assert capacity.disk_used_bytes > 0


def test_docker_py_works_through_the_proxy(client, running):
    api = client.docker_client(client.here)
    assert api.inspect_container(running)["State"]["Running"]
    assert "web" in api.logs(running).decode()
    assert api.stats(running, stream=False)["memory_stats"]["usage"] > 0
