"""What the client asks of Portainer, and what it makes of the answers."""

import pytest
from portainer_api import (
    Conflict,
    DeployFailed,
    EnvironmentType,
    Forbidden,
    InvalidCompose,
    InvalidRequest,
    NotFound,
    PortainerClient,
    SetupTokenRequired,
    StackStatus,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
    WrongEnvironment,
    operation_key,
)
from portainer_stub import Clock, Reply, Stub, answer, refusal

WEB = "services:\n  web:\n    image: nginx\n"
CREATE = "/stacks/create/standalone/string"


@pytest.fixture
def stub():
    with Stub() as stub:
        environments = [{"Id": 1, "Name": "one", "Type": 1}, {"Id": 2, "Name": "two", "Type": 2}]
        stub.on("GET", "/endpoints", answer(environments))
        stub.on("GET", "/stacks", answer([]))
        yield stub


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def client(stub, clock):
    with PortainerClient(
        stub.url, "ptr_x", timeout=5, deploy_timeout=60, clock=clock, sleep=clock.sleep
    ) as client:
        yield client


def row(**values):
    """A stack as Portainer tells it."""
    return {"Id": 7, "Name": "web", "Type": 2, "EndpointId": 1, "Status": 1, "Env": None} | values


# -- the first minutes -----------------------------------------------------------------------------


def test_the_first_administrator(stub, client):
    stub.on("GET", "/users/admin/check", refusal(404, "No administrator"), Reply(204))
    stub.on("POST", "/users/admin/init", answer({"Id": 1, "Username": "admin", "Role": 1}))
    assert client.admin_exists() is False
    assert client.init_admin("admin", "secret", "ab" * 32).is_admin
    assert client.admin_exists() is True
    sent = stub.asked("POST", "/users/admin/init")[0]
    assert sent.json == {"Username": "admin", "Password": "secret"}
    assert sent.headers["X-Setup-Token"] == "ab" * 32


def test_a_missing_setup_token_is_an_error_of_its_own(stub, client):
    stub.on("POST", "/users/admin/init", refusal(403, "Invalid or missing setup token."))
    with pytest.raises(SetupTokenRequired, match="log of Portainer's container"):
        client.init_admin("admin", "secret")
    assert "X-Setup-Token" not in stub.requests[0].headers


def test_a_lasting_key_is_made_with_the_jwt(stub, client):
    stub.on("POST", "/auth", answer({"jwt": "a.b.c"}))
    stub.on("GET", "/users/me", answer({"Id": 4, "Username": "admin", "Role": 1}))
    made = {"rawAPIKey": "ptr_new", "apiKey": {"id": 2, "description": "Odoo"}}
    stub.on("POST", "/users/4/tokens", answer(made, 201))
    key = client.create_api_key(client.login("admin", "secret"), "secret", "Odoo")
    assert (key.id, key.raw) == (2, "ptr_new")
    assert "ptr_new" not in repr(key)
    sent = stub.asked("POST", "/users/4/tokens")[0]
    assert sent.headers["Authorization"] == "Bearer a.b.c"
    assert sent.json == {"password": "secret", "description": "Odoo"}


def test_a_wrong_password_and_a_ban_are_told_apart(stub, client):
    stub.on("POST", "/auth", refusal(422, "Invalid credentials", "Unauthorized"))
    with pytest.raises(Unauthorized, match="Check user name and password"):
        client.login("admin", "secret")
    stub.on("POST", "/auth", refusal(403, "Access denied"))
    with pytest.raises(Forbidden, match="wait an hour"):
        client.login("admin", "secret")


# -- environments ----------------------------------------------------------------------------------


def test_environments_are_read_without_their_large_snapshots(stub, client):
    assert [environment.name for environment in client.list_environments()] == ["one", "two"]
    assert stub.requests[0].query == {"excludeSnapshots": "true"}
    stub.on("GET", "/endpoints/1", answer({"Id": 1, "Name": "one", "Type": 99, "Status": 2}))
    environment = client.get_environment(1, snapshot=False)
    assert stub.requests[1].query == {"excludeSnapshot": "true"}
    assert (environment.type, environment.is_up) == (EnvironmentType.UNKNOWN, False)


def test_a_snapshot_is_typed(stub, client):
    snapshot = {"Time": 5, "TotalCPU": 4, "TotalMemory": 8, "ContainerCount": 3}
    data = {"Id": 1, "Name": "one", "Type": 1, "Status": 1, "Snapshots": [snapshot]}
    stub.on("GET", "/endpoints/1", answer(data))
    seen = client.get_environment(1).snapshot
    assert (seen.time, seen.cores, seen.ram_bytes, seen.total, seen.running) == (5, 4, 8, 3, 0)


@pytest.mark.parametrize(
    ("kind", "url", "fields"),
    [
        ("local", "", {"EndpointCreationType": "1"}),
        ("agent", "tcp://h:9001", {"EndpointCreationType": "2", "TLS": "true", "URL": "tcp://h:9001",
                                   "TLSSkipVerify": "true", "TLSSkipClientVerify": "true"}),
    ],
)  # fmt: skip
def test_an_environment_is_made_by_a_form(stub, client, kind, url, fields):
    stub.on("POST", "/endpoints", answer({"Id": 3, "Name": "new", "Type": 1, "Snapshots": []}))
    assert client.create_environment("new", url, kind).id == 3
    sent = stub.asked("POST", "/endpoints")[0]
    assert sent.headers["Content-Type"].startswith("multipart/form-data")
    text = sent.body.decode()
    for name, value in (fields | {"Name": "new"}).items():
        assert f'name="{name}"\r\n\r\n{value}\r\n' in text
    assert "filename" not in text


def test_a_snapshot_of_a_host_that_is_down_is_noticed(stub, client):
    stub.on("POST", "/endpoints/1/snapshot", Reply(204))
    stub.on("GET", "/endpoints/1", answer({"Id": 1, "Name": "one", "Type": 1, "Status": 2}))
    with pytest.raises(Unavailable, match="one is down"):
        client.snapshot_environment(1)


def test_an_environment_that_is_gone_needs_no_delete(stub, client):
    stub.on("DELETE", "/endpoints/9", refusal(404, "Object not found inside the database"))
    client.delete_environment(9)


# -- reading stacks --------------------------------------------------------------------------------


def test_stacks_of_environments_that_are_gone_are_not_shown(stub, client):
    stub.on("GET", "/stacks", answer([row(), row(Id=8, EndpointId=99)]))
    assert [stack.id for stack in client.list_stacks()] == [7]
    assert client.list_stacks(99) == []


def test_stacks_of_a_swarm_are_listed_beside_those_of_compose(stub, client):
    swarm = row(Id=8, Name="beside", Type=1, SwarmId="cluster")
    stub.on("GET", "/stacks", answer([row(), swarm, row(Id=9, EndpointId=2)]))
    assert [stack.id for stack in client.list_stacks(1)] == [7, 8]
    # With its filter for an environment the API would leave the second one out.
    assert stub.asked("GET", "/stacks")[0].query == {}


def test_a_stack_is_found_by_its_normalised_name(stub, client):
    stub.on("GET", "/stacks", answer([row(Name="acme1"), row(Id=8, Name="other", Type=3)]))
    assert client.find_stack(1, "Acme.1").id == 7
    assert client.find_stack(1, "other") is None


def test_a_status_of_the_future_is_no_error(stub, client):
    stub.on("GET", "/stacks/7", answer(row(Status=17, Type=9)))
    assert client.get_stack(7).status is StackStatus.UNKNOWN


# -- creating stacks -------------------------------------------------------------------------------


def test_a_stack_is_created(stub, client):
    stub.on("POST", CREATE, answer(row(Env=[{"name": "A", "value": "'x $y'"}])))
    stack = client.create_stack(1, "Web!", WEB, {"A": "x $y"})
    sent = stub.asked("POST", CREATE)[0]
    assert sent.query == {"endpointId": "1"}
    assert sent.json == {
        "Name": "web",
        "StackFileContent": WEB,
        "Env": [{"name": "A", "value": "'x $y'"}],
    }
    assert (stack.id, stack.is_active, stack.env) == (7, True, {"A": "x $y"})
    assert "x $y" not in repr(stack)


def test_a_bad_text_is_never_sent(stub, client):
    for call in (client.create_stack, lambda *args: client.ensure_stack(*args, operation="op")):
        with pytest.raises(InvalidCompose):
            call(1, "web", "services: {web: {image: $IMAGE}}")
    assert stub.requests == []


@pytest.mark.parametrize("refused", [Reply(404, b"404 page not found\n"), Reply(405)])
def test_versions_before_2_19_are_asked_in_their_way(stub, client, refused):
    stub.on("POST", CREATE, refused)
    stub.on("POST", "/stacks", answer(row()))
    assert client.create_stack(2, "web", WEB).id == 7
    sent = stub.asked("POST", "/stacks")[0]
    assert sent.query == {"endpointId": "2", "type": "2", "method": "string"}


def test_an_unknown_environment_is_not_mistaken_for_an_old_version(stub, client):
    stub.on("POST", CREATE, refusal(404, "Unable to find an environment"))
    with pytest.raises(NotFound):
        client.create_stack(5, "web", WEB)
    assert not stub.asked("POST", "/stacks")


def test_a_failed_deployment_tells_the_last_line_of_compose(stub, client):
    text = "failed to deploy a stack: " + " web Pulling\n" * 900 + "no such image: nope\n"
    stub.on("POST", CREATE, refusal(500, text, "F" + text[1:]))
    with pytest.raises(DeployFailed, match=r"create the stack web: no such image: nope\.") as error:
        client.create_stack(1, "web", WEB)
    assert "web Pulling\n" in error.value.output
    assert len(str(error.value)) < 300


def test_a_deployment_in_the_background_is_waited_for(stub, client, clock):
    stub.on("POST", CREATE, answer(row(Status=3)))
    stub.on("GET", "/stacks/7", *[answer(row(Status=3))] * 3, answer(row()))
    assert client.create_stack(1, "web", WEB).is_active
    assert clock.now == 0.5 + 1 + 2 + 4


def test_a_failed_deployment_in_the_background_is_a_failure(stub, client):
    stub.on("POST", CREATE, answer(row(Status=3)))
    notes = [{"Status": 3, "Message": ""}, {"Status": 4, "Message": "pull\nno such image"}]
    stub.on("GET", "/stacks/7", answer(row(Status=4, DeploymentStatus=notes)))
    with pytest.raises(DeployFailed, match="no such image"):
        client.create_stack(1, "web", WEB)


def test_a_deployment_that_never_ends_has_an_unknown_outcome(stub, client):
    stub.on("POST", CREATE, answer(row(Status=3)))
    stub.on("GET", "/stacks/7", answer(row(Status=3)))
    with pytest.raises(UnknownOutcome, match="still being deployed"):
        client.create_stack(1, "web", WEB)


# -- adopting stacks -------------------------------------------------------------------------------


def remember(stub, reply, appears=0):
    """Portainer keeps what it is sent, lists it after some looks, and answers ``reply``."""
    looks = iter(range(100))
    kept = {}

    def create(request):
        kept.update(request.json)
        return reply

    def listing(_request):
        return answer([row()] if kept and next(looks) >= appears else [])

    stub.on("POST", CREATE, create)
    stub.on("GET", "/stacks", listing)
    stub.on("GET", "/stacks/7", answer(row()))
    text = lambda _request: answer({"StackFileContent": kept["StackFileContent"]})  # noqa: E731
    stub.on("GET", "/stacks/7/file", text)
    return kept


@pytest.mark.parametrize(
    "reply",
    [Reply(drop=True), Reply(504), refusal(500, "broken"), refusal(409, "name exists")],
    ids=["dropped", "cut by a proxy", "failed after the work", "somebody was quicker"],
)
def test_a_stack_whose_answer_was_lost_is_adopted(stub, client, reply):
    kept = remember(stub, reply)
    assert client.ensure_stack(1, "web", WEB, operation="op-1").id == 7
    assert operation_key(kept["StackFileContent"]) == "op-1"
    assert len(stub.asked("POST", CREATE)) == 1


def test_a_stack_that_shows_late_is_adopted(stub, client, clock):
    remember(stub, Reply(drop=True), appears=5)
    assert client.ensure_stack(1, "web", WEB, operation="op-1").id == 7
    assert clock.now == 0.5 + 1 + 2 + 4 + 4


def test_a_second_try_of_an_operation_creates_nothing(stub, client):
    remember(stub, answer(row()))
    for _again in range(2):
        assert client.ensure_stack(1, "web", WEB, operation="op-1").id == 7
    assert len(stub.asked("POST", CREATE)) == 1


def test_a_stack_of_another_operation_is_not_adopted(stub, client):
    remember(stub, answer(row()))
    client.ensure_stack(1, "web", WEB, operation="op-1")
    for compose, key in ((WEB, "op-2"), (WEB + "    tty: true\n", "op-1")):
        with pytest.raises(Conflict, match="made by something else"):
            client.ensure_stack(1, "web", compose, operation=key)


def test_a_stack_that_never_shows_stays_unknown(stub, client):
    stub.on("POST", CREATE, Reply(drop=True))
    with pytest.raises(UnknownOutcome):
        client.ensure_stack(1, "web", WEB, operation="op-1")


def test_a_failed_deployment_is_not_looked_for(stub, client):
    stub.on("POST", CREATE, refusal(500, "failed to deploy a stack: no such image"))
    with pytest.raises(DeployFailed):
        client.ensure_stack(1, "web", WEB, operation="op-1")
    assert len(stub.asked("GET", "/stacks")) == 1


def test_an_adopted_stack_whose_deployment_failed_is_deployed_again(stub, client):
    kept = remember(stub, answer(row()))
    client.ensure_stack(1, "web", WEB, {"A": "1"}, operation="op-1")
    stub.on("GET", "/stacks", answer([row(Status=4)]))
    stub.on("PUT", "/stacks/7", answer(row()))
    assert client.ensure_stack(1, "web", WEB, {"A": "1"}, operation="op-1").is_active
    sent = stub.asked("PUT", "/stacks/7")[0].json
    assert sent["StackFileContent"] == kept["StackFileContent"]
    assert sent["Env"] == [{"name": "A", "value": "1"}]


# -- changing stacks -------------------------------------------------------------------------------


@pytest.fixture
def stack(stub):
    """Stack 7 of environment 1, which can be changed there."""
    stub.on("GET", "/stacks/7", answer(row(Env=[{"name": "A", "value": '"$B"'}])))
    stub.on("GET", "/stacks/7/file", answer({"StackFileContent": WEB}))
    stub.on("PUT", "/stacks/7", answer(row()))
    for verb, status in (("start", 1), ("stop", 2)):
        stub.on("POST", f"/stacks/7/{verb}", answer(row(Status=status)))
    stub.on("DELETE", "/stacks/7", Reply(204))


def test_an_update_keeps_the_variables_as_they_are(stub, client, stack):
    client.update_stack(7, 1, WEB + "    tty: true\n")
    sent = stub.asked("PUT", "/stacks/7")[0]
    assert sent.query == {"endpointId": "1"}
    assert sent.json["Env"] == [{"name": "A", "value": '"$B"'}]
    assert sent.json["PullImage"] is sent.json["RepullImageAndRedeploy"] is False


def test_an_update_may_change_variables_only_or_erase_them(stub, client, stack):
    client.update_stack(7, 1, env={"A": "it's"}, pull=True)
    client.update_stack(7, 1, env={})
    first, second = (request.json for request in stub.asked("PUT", "/stacks/7"))
    assert first["StackFileContent"] == WEB
    assert first["Env"] == [{"name": "A", "value": '"it\'s"'}]
    assert first["PullImage"] is first["RepullImageAndRedeploy"] is True
    assert second["Env"] == []


def test_a_bad_text_never_replaces_a_good_one(stub, client, stack):
    with pytest.raises(InvalidCompose):
        client.update_stack(7, 1, "services: {}")
    assert not stub.asked("PUT", "/stacks/7")


def test_a_stack_from_git_is_not_detached(stub, client, stack):
    stub.on("GET", "/stacks/7", answer(row(GitConfig={"URL": "x"})))
    with pytest.raises(InvalidRequest, match="git"):
        client.update_stack(7, 1, WEB)


@pytest.mark.parametrize(
    "call",
    [
        lambda c: c.update_stack(7, 2, WEB),
        lambda c: c.start_stack(7, 2),
        lambda c: c.stop_stack(7, 2),
        lambda c: c.delete_stack(7, 2),
    ],
)
def test_nothing_is_done_in_the_wrong_environment(stub, client, stack, call):
    with pytest.raises(WrongEnvironment, match="environment 1, not in 2"):
        call(client)
    assert {request.method for request in stub.requests} == {"GET"}


def test_a_running_deployment_is_a_conflict(stub, client, stack):
    stub.on("PUT", "/stacks/7", refusal(409, "Unable to update stack", "already in progress"))
    with pytest.raises(Conflict, match="already in progress"):
        client.update_stack(7, 1, WEB)


def test_starting_and_stopping_what_is_so_already_asks_nothing(stub, client, stack):
    assert client.start_stack(7, 1).is_active
    stub.on("GET", "/stacks/7", answer(row(Status=2)))
    assert client.stop_stack(7, 1).status is StackStatus.INACTIVE
    assert {request.method for request in stub.requests} == {"GET"}


def test_a_stack_is_stopped_and_started(stub, client, stack):
    assert client.stop_stack(7, 1).status is StackStatus.INACTIVE
    stub.on("GET", "/stacks/7", answer(row(Status=2)))
    assert client.start_stack(7, 1).is_active
    assert [request.query for request in stub.requests if request.method == "POST"] == [
        {"endpointId": "1"}
    ] * 2


def test_a_stop_that_another_was_quicker_with_succeeds(stub, client, stack):
    stub.on("GET", "/stacks/7", answer(row()), answer(row(Status=2)))
    stub.on("POST", "/stacks/7/stop", refusal(400, "Stack is already inactive"))
    assert client.stop_stack(7, 1).status is StackStatus.INACTIVE


def test_a_start_that_leftovers_block_becomes_an_update(stub, client, stack):
    stub.on("GET", "/stacks/7", answer(row(Status=2, Env=[{"name": "A", "value": "1"}])))
    stub.on("POST", "/stacks/7/start", refusal(409, "A stack with the name 'web' is running"))
    assert client.start_stack(7, 1).is_active
    assert stub.asked("PUT", "/stacks/7")[0].json["Env"] == [{"name": "A", "value": "1"}]


def test_a_start_that_compose_fails_tells_why(stub, client, stack):
    stub.on("GET", "/stacks/7", answer(row(Status=2)))
    stub.on("POST", "/stacks/7/start", refusal(500, "Unable to start stack", "x\nport is taken"))
    with pytest.raises(DeployFailed, match="start the stack web: port is taken"):
        client.start_stack(7, 1)


def test_a_stack_is_deleted_in_its_own_environment(stub, client, stack):
    client.delete_stack(7, 1)
    assert stub.asked("DELETE", "/stacks/7")[0].query == {"endpointId": "1"}


def test_a_stack_that_is_gone_needs_no_delete(stub, client):
    gone = refusal(404, "Unable to find a stack with the specified identifier")
    stub.on("GET", "/stacks/7", gone)
    client.delete_stack(7, 1)
    stub.on("GET", "/stacks/7", answer(row()), gone)
    stub.on("DELETE", "/stacks/7", gone)
    client.delete_stack(7, 1)


def test_a_stack_whose_environment_is_gone_is_not_taken_for_deleted(stub, client, stack):
    stub.on("DELETE", "/stacks/7", refusal(404, "Unable to find the endpoint"))
    with pytest.raises(NotFound):
        client.delete_stack(7, 1)
