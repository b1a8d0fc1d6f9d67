"""What the client makes of a swarm's answers; a real swarm is the business of tests/docker."""

import pytest
from portainer_api import (
    Conflict,
    DeployFailed,
    InvalidRequest,
    Node,
    NotFound,
    PortainerClient,
    ServerFailed,
    Service,
    StillDeploying,
    Task,
    Unavailable,
    UnknownOutcome,
    judge,
)
from portainer_stub import Clock, Reply, Stub, answer, refusal

TEXT = "services: {web: {image: nginx}}\n"
ROW = {"Id": 7, "Name": "web", "EndpointId": 1, "Type": 1, "Status": 1, "Env": None}
TEMPLATE = {"ContainerSpec": {"Image": "nginx:2"}}
NO_NODE = "no suitable node (scheduling constraints not satisfied on 1 node)"
TAKEN = "no suitable node (host-mode port already in use on 1 node)"


@pytest.fixture
def stub():
    with Stub() as stub:
        stub.on("GET", "/stacks/7", answer(ROW))
        stub.on("GET", docker("/services"), answer([service()]))
        yield stub


@pytest.fixture
def client(stub):
    clock = Clock()
    client = PortainerClient(
        stub.url, "ptr_x", clock=clock, sleep=clock.sleep, timeout=1000, deploy_timeout=900
    )
    client.clock = clock
    return client


def docker(path):
    return f"/endpoints/1/docker{path}"


def service(name="web_web", replicas=1, update="", message="", condition="any", number="s1"):
    return {
        "ID": number,
        "Version": {"Index": 12},
        "Spec": {
            "Name": name,
            "Labels": {"com.docker.stack.namespace": "web"},
            "Mode": {"Replicated": {"Replicas": replicas}}
            if replicas is not None
            else {"Global": {}},
            "TaskTemplate": {**TEMPLATE, "RestartPolicy": {"Condition": condition}},
        },
        "UpdateStatus": {"State": update, "Message": message} if update else None,
    }


def task(state="running", wanted="running", error="", created="1", slot=1, image="nginx:2"):
    return {
        "ID": f"t{created}",
        "ServiceID": "s1",
        "Slot": slot,
        "CreatedAt": created,
        "DesiredState": wanted,
        "Status": {"State": state, "Err": error},
        "Spec": {"ContainerSpec": {"Image": image}},
    }


def progress(services, tasks, strict=False):
    return judge(map(Service.from_json, services), map(Task.from_json, tasks), strict)


def failed(number, state="failed", error="task: non-zero exit (1)"):
    return task(state, "shutdown", error, created=str(number))


# -- judging ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("services", "tasks"),
    [
        ([service()], [task()]),
        ([service(replicas=0)], []),
        ([service(replicas=2)], [task(), task(created="2", slot=2)]),
        ([service(replicas=None)], [task()]),
        ([service(update="completed")], [failed(1), task(created="2")]),
        ([service(condition="none")], [task("complete", "shutdown")]),
        ([service(condition="none")], [task()]),
    ],
)
def test_what_runs_as_it_shall_is_done(services, tasks):
    assert progress(services, tasks).is_done


@pytest.mark.parametrize(
    ("services", "tasks", "said"),
    [
        ([service()], [], "0 of 1 run"),
        ([service()], [task("preparing")], "0 of 1 run"),
        ([service(replicas=2)], [task()], "1 of 2 run"),
        ([service(replicas=None)], [task("starting")], "0 of 1 run"),
        ([service()], [task("pending", error=NO_NODE)], "scheduling constraints"),
        ([service(update="updating")], [task()], "1 of 1 run"),
        ([service()], [failed(1), task("ready", "ready", created="2")], r"non-zero exit \(1\)"),
        ([service(condition="none")], [task("starting")], "it does not run yet"),
    ],
)
def test_what_does_not_run_yet_is_named(services, tasks, said):
    found = progress(services, tasks)
    assert not found.broken
    (text,) = found.waiting
    assert text.startswith("service web: ")
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(text)


@pytest.mark.parametrize(
    ("services", "tasks", "said"),
    [
        (
            [service()],
            [failed(1), failed(2), failed(3), task("ready", "ready", created="4")],
            "exit",
        ),
        (
            [service()],
            [failed(n, "rejected", '"No such image: a:1"') for n in range(3)]
            + [task("new", created="9")],
            "No such image: a:1",
        ),
        ([service(update="paused", message="update paused")], [task()], "update paused"),
        ([service(condition="none")], [failed(1)], "exit"),
    ],
)
def test_what_will_never_run_is_broken(services, tasks, said):
    (text,) = progress(services, tasks).broken
    assert said in text


def test_failures_before_something_ran_are_forgotten():
    tasks = [failed(1), failed(2), failed(3), task("shutdown", "shutdown", created="4")]
    assert not progress([service()], [*tasks, task("starting", created="5")]).broken


def test_what_runs_of_an_earlier_text_counts_only_when_asked_for():
    before = [task(image="nginx:1")]
    assert progress([service()], before).is_done
    assert progress([service()], before, strict=True).waiting
    assert progress([service()], [task()], strict=True).is_done


# -- calls -----------------------------------------------------------------------------------------


def test_a_stack_is_created_with_the_id_of_the_cluster(stub, client):
    stub.on("GET", docker("/swarm"), answer({"ID": "cluster-1"}))
    stub.on("POST", "/stacks/create/swarm/string", answer(ROW))
    stub.on("GET", docker("/tasks"), answer([task()]))
    assert client.create_stack(1, "Web", TEXT, {"A": "it's $x"}, swarm=True).is_swarm
    (sent,) = stub.asked("POST", "/stacks/create/swarm/string")
    assert sent.query == {"endpointId": "1"}
    # Compose would want quotes around this value; a swarm would keep them.
    assert sent.json == {
        "Name": "web",
        "SwarmID": "cluster-1",
        "StackFileContent": TEXT,
        "Env": [{"name": "A", "value": "it's $x"}],
    }


def test_the_route_of_older_versions_is_known(stub, client):
    stub.on("GET", docker("/swarm"), answer({"ID": "cluster-1"}))
    stub.on("POST", "/stacks", answer(ROW))
    stub.on("GET", docker("/tasks"), answer([task()]))
    client.create_stack(1, "web", TEXT, swarm=True)
    assert stub.asked("POST", "/stacks")[0].query == {
        "endpointId": "1",
        "type": "1",
        "method": "string",
    }


def test_a_host_without_swarm_is_told_from_a_server_that_does_not_answer(stub, client):
    stub.on("GET", docker("/swarm"), answer({"message": "This node is not a swarm manager."}, 503))
    with pytest.raises(InvalidRequest, match="no manager of a swarm"):
        client.swarm_id(1)
    stub.on("GET", docker("/swarm"), refusal(503, "try later"))
    with pytest.raises(Unavailable, match="try later"):
        client.swarm_id(1)


def test_a_creation_that_docker_refuses_leaves_no_services(stub, client):
    stub.on("GET", docker("/swarm"), answer({"ID": "cluster-1"}))
    said = "failed to create service web_web: port '80' is already in use"
    stub.on("POST", "/stacks/create/swarm/string", refusal(500, said))
    stub.on("GET", "/endpoints", answer([{"Id": 1, "Name": "one", "Type": 1}]))
    stub.on("GET", "/stacks", answer([]))
    stub.on("DELETE", "/stacks/web", Reply(204))
    for path in ("/tasks", "/containers/json", "/networks"):
        stub.on("GET", docker(path), answer([]))
    with pytest.raises(DeployFailed, match="port '80' is already in use"):
        client.create_stack(1, "web", TEXT, swarm=True)
    assert stub.asked("DELETE", "/stacks/web")[0].query == {"external": "true", "endpointId": "1"}


def test_a_name_that_cannot_be_checked_is_no_failed_deployment(stub, client):
    stub.on("GET", docker("/swarm"), answer({"ID": "cluster-1"}))
    reply = refusal(500, "Unable to check for name collision", "no such host")
    stub.on("POST", "/stacks/create/swarm/string", reply)
    with pytest.raises(Exception, match="name collision") as caught:
        client.create_stack(1, "web", TEXT, swarm=True)
    assert not isinstance(caught.value, DeployFailed)


@pytest.mark.parametrize(("said", "seconds"), [(NO_NODE, 10), (TAKEN, 60)])
def test_patience_with_nodes_depends_on_whether_it_can_help(stub, client, said, seconds):
    stub.on("PUT", "/stacks/7", answer(ROW))
    stub.on("GET", docker("/tasks"), answer([task("pending", error=said)]))
    with pytest.raises(DeployFailed, match="service web: no suitable node"):
        client.update_stack(7, 1, TEXT)
    assert seconds <= client.clock.now < seconds + 10


def test_a_place_that_becomes_free_ends_the_waiting(stub, client):
    stub.on("PUT", "/stacks/7", answer(ROW))
    waiting = answer([task("pending", error=TAKEN)])
    stub.on("GET", docker("/tasks"), *[waiting] * 5, answer([task()]))
    assert client.update_stack(7, 1, TEXT).is_active


def test_a_deployment_that_takes_too_long_goes_on(stub, client):
    stub.on("PUT", "/stacks/7", answer(ROW))
    stub.on("GET", docker("/tasks"), answer([task("preparing")]))
    with pytest.raises(StillDeploying, match="0 of 1 run"):
        client.update_stack(7, 1, TEXT)
    assert client.clock.now >= 900


def test_a_look_that_fails_leaves_the_outcome_open(stub, client):
    stub.on("PUT", "/stacks/7", answer(ROW))
    stub.on("GET", docker("/tasks"), refusal(502, "Bad Gateway"))
    with pytest.raises(UnknownOutcome):
        client.update_stack(7, 1, TEXT)


def test_stopping_waits_until_the_containers_are_gone(stub, client):
    stub.on("POST", "/stacks/7/stop", answer({**ROW, "Status": 2}))
    stub.on("GET", docker("/tasks"), answer([task()]), answer([]))
    stub.on("GET", docker("/networks"), answer([{"Id": "n"}]), answer([]))
    stub.on("GET", docker("/containers/json"), answer([]))
    assert not client.stop_stack(7, 1).is_active
    assert len(stub.asked("GET", docker("/networks"))) == 2


USED = refusal(500, "Unable to stop stack: Failed to remove network n: it is in use by task t")


@pytest.mark.parametrize(
    ("method", "path", "remove"),
    [
        ("POST", "/stacks/7/stop", lambda client: client.stop_stack(7, 1)),
        ("DELETE", "/stacks/7", lambda client: client.delete_stack(7, 1)),
    ],
)
def test_a_network_that_a_task_leaves_is_waited_for(stub, client, method, path, remove):
    for each in ("/tasks", "/networks", "/containers/json"):
        stub.on("GET", docker(each), answer([]))
    stub.on(method, path, USED, USED, answer({**ROW, "Status": 2}))
    remove(client)
    assert len(stub.asked(method, path)) == 3

    stub.on(method, path, USED)
    with pytest.raises(ServerFailed, match="in use by task"):
        remove(client)
    assert client.clock.now >= client.removal_timeout


# -- tasks as containers ---------------------------------------------------------------------------


def container(number, state, created, slot=1, node=""):
    name = f"web_web.{slot}.{number}"
    return {
        "Id": number,
        "Names": [f"/{name}"],
        "State": state,
        "Created": created,
        "Labels": {
            "com.docker.stack.namespace": "web",
            "com.docker.swarm.service.name": "web_web",
            "com.docker.swarm.service.id": "s1",
            "com.docker.swarm.node.id": "n1",
            "com.docker.swarm.task.id": number,
            "com.docker.swarm.task.name": name,
        },
        "Portainer": {"Agent": {"NodeName": node}} if node else {},
    }


def test_a_task_that_was_replaced_is_not_shown(stub, client):
    rows = [
        container("old", "exited", 5),
        container("new", "running", 9),
        container("other", "exited", 3, slot=2),
    ]
    # Nothing has the label of a compose project.
    stub.on("GET", docker("/containers/json"), answer([]), answer(rows))
    found = client.list_containers(1, "web")
    assert [row.id for row in found] == ["new", "other"]
    assert {(row.project, row.service, row.node_id) for row in found} == {("web", "web", "n1")}
    assert [row.id for row in client.list_containers(1)] == ["new", "other"]


def test_calls_about_a_container_go_to_the_node_that_it_is_on(stub, client, tmp_path):
    rows = [container("far", "running", 5, node="worker-2")]
    stub.on("GET", docker("/containers/json"), answer(rows))
    stub.on("GET", docker("/containers/far/logs"), Reply(200, b""))
    stub.on("GET", docker("/containers/near/logs"), Reply(200, b""))
    stub.on("POST", docker("/containers/far/exec"), answer({"Id": "e1"}))
    stub.on("POST", docker("/exec/e1/start"), Reply(200, b""))
    stub.on("GET", docker("/exec/e1/json"), answer({"Running": False, "ExitCode": 0}))
    assert client.list_containers(1, "web")[0].node == "worker-2"
    client.logs(1, "far")
    stub.on("GET", docker("/containers/far/archive"), refusal(404, "no such file"))
    with pytest.raises(NotFound):
        client.get_file(1, "far", "/x", tmp_path / "x", max_bytes=9)
    client.exec(1, "far", ["true"])
    client.logs(1, "near")
    targets = [request.headers.get("X-PortainerAgent-Target") for request in stub.requests[1:]]
    assert targets == ["worker-2"] * 5 + [None]


# -- the swarm itself ------------------------------------------------------------------------------


def test_the_capacity_is_that_of_all_nodes_that_answer(stub, client):
    def node(number, state):
        resources = {"NanoCPUs": 4 * 10**9, "MemoryBytes": 2**30}
        return {
            "ID": number,
            "Description": {"Hostname": f"host-{number}", "Resources": resources},
            "Status": {"State": state},
            "Spec": {"Availability": "active"},
        }

    stub.on("GET", docker("/info"), answer({"ContainersRunning": 2, "ContainersStopped": 1}))
    stub.on("GET", docker("/nodes"), answer([node("a", "ready"), node("b", "down")]))
    elsewhere = task(created="7", slot=2)
    stub.on("GET", docker("/tasks"), answer([task(), elsewhere, task("pending", created="8")]))
    plain = {"Id": "portainer", "Names": ["/portainer"], "State": "running"}
    stub.on("GET", docker("/containers/json"), answer([container("t", "running", 1), plain]))
    published = {"Ports": [{"PublishedPort": 8088, "TargetPort": 80}]}
    stub.on("GET", docker("/services"), answer([{**service(), "Endpoint": published}]))
    found = client.swarm_capacity(1)
    assert (found.running, found.stopped, found.total) == (3, 1, 4)
    assert (found.cores, found.ram_bytes, found.ports) == (4, 2**30, {8088})
    assert Node.from_json(node("a", "ready")).name == "host-a"


def test_a_secret_that_is_there_stays_as_it_is(stub, client):
    path = docker("/secrets/create")
    said = "rpc error: code = AlreadyExists desc = secret pw already exists"
    stub.on("POST", path, answer({"ID": "x"}), answer({"message": said}, 409))
    for _again in range(2):
        client.ensure_swarm_object(1, "secret", "pw", b"hush", {"sadeem.stack": "web"})
    assert stub.asked("POST", path)[0].json == {
        "Name": "pw",
        "Data": "aHVzaA==",
        "Labels": {"sadeem.stack": "web"},
    }
    stub.on("POST", path, answer({"message": "the store is closed"}, 409))
    with pytest.raises(Conflict):
        client.ensure_swarm_object(1, "secret", "pw", b"hush", {})


def test_a_config_that_is_gone_needs_no_delete(stub, client):
    path = docker("/configs/c1")
    stub.on("DELETE", path, answer({"message": "config c1 not found"}, 404))
    client.delete_swarm_object(1, "config", "c1")
    with pytest.raises(ValueError, match="has no volume"):
        client.delete_swarm_object(1, "volume", "c1")


def test_a_restart_changes_nothing_but_the_count_of_forced_updates(stub, client):
    stub.on("GET", docker("/services/s1"), answer(service()))
    stub.on("POST", docker("/services/s1/update"), answer({"Warnings": None}))
    client.restart_service(1, "s1")
    (sent,) = stub.asked("POST", docker("/services/s1/update"))
    assert sent.query == {"version": "12"}
    wanted = service()["Spec"]
    wanted["TaskTemplate"]["ForceUpdate"] = 1
    assert sent.json == wanted
