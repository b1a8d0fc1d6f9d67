"""Checklist lines 22 to 30: environments."""

from portainer_harness import PLAIN


def form(**fields):
    return {"files": {key: (None, value) for key, value in fields.items()}}


def test_line_22_a_fresh_server_has_no_environment(double_of):
    """22: `[]` and X-Total-Count 0."""
    portainer = double_of().bootstrap(endpoint=None)
    answer = portainer.api.get("/endpoints")
    assert answer.json() == []
    assert answer.headers["X-Total-Count"] == "0"


def test_lines_23_and_24_creation_is_a_form_and_names_are_unique(double_of):
    """23: JSON is 400, a form 200. 24: the same name again is 409."""
    portainer = double_of().bootstrap(endpoint=None)
    refused = portainer.api.post("/endpoints", {"Name": "x", "EndpointCreationType": 1})
    assert refused.status_code == 400
    assert refused.json()["details"] == "Invalid environment name"
    fields = form(Name="x", EndpointCreationType="1")
    made = portainer.api.post("/endpoints", **fields)
    assert made.status_code == 200
    assert made.json()["URL"] == "unix:///var/run/docker.sock"
    again = portainer.api.post("/endpoints", **fields)
    assert again.status_code == 409
    assert again.json() == {"message": "Name is not unique", "details": "Name is not unique"}
    no_type = portainer.api.post("/endpoints", **form(Name="y"))
    assert "Invalid environment type value" in no_type.json()["details"]


def test_line_25_an_unreachable_environment_is_not_stored(portainer):
    """25: 500 for a socket, a TCP address and an agent."""
    before = portainer.api.get("/endpoints").headers["X-Total-Count"]
    for fields in (
        {"EndpointCreationType": "1", "URL": "unix:///nonexistent.sock"},
        {"EndpointCreationType": "1", "URL": "tcp://127.0.0.1:1"},
    ):
        answer = portainer.api.post("/endpoints", **form(Name="down", **fields))
        assert answer.status_code == 500
        assert answer.json()["message"] == "Unable to initiate communications with environment"
    agent = form(Name="down", EndpointCreationType="2", URL="tcp://127.0.0.1:1")
    answer = portainer.api.post("/endpoints", **agent)
    assert (answer.status_code, answer.json()["message"]) == (
        500,
        "Unable to get environment type",
    )
    assert portainer.api.get("/endpoints").headers["X-Total-Count"] == before


def test_line_26_the_snapshot_is_seen_later(portainer, engine, tmp_path):
    """26: the reply to the creation has none, a later GET has one; both ways to leave it out."""
    fields = form(Name="seen", EndpointCreationType="1", URL=engine.url)
    made = portainer.api.post("/endpoints", **fields).json()
    assert made["Snapshots"] == []
    path = f"/endpoints/{made['Id']}"
    snapshot = portainer.api.get(path).json()["Snapshots"]
    assert len(snapshot) == 1
    assert snapshot[0]["TotalCPU"] > 0 and snapshot[0]["TotalMemory"] > 2**20
    assert portainer.api.get(f"{path}?excludeSnapshot=true").json()["Snapshots"] == []
    assert portainer.api.get(f"{path}?excludeSnapshots=true").json()["Snapshots"]
    listed = portainer.api.get("/endpoints?name=seen&excludeSnapshots=true").json()
    assert listed[0]["Snapshots"] == []
    assert portainer.api.delete(path).status_code == 204
    assert portainer.api.get(path).status_code == 404


def test_line_27_an_agent_needs_all_three_flags(portainer, agent):
    """27: 400 without TLSSkipClientVerify and without certificates; with all three it works."""
    url = agent.url.replace("https", "tcp")
    fields = {"Name": "agent", "EndpointCreationType": "2", "URL": url}
    fields |= {"TLS": "true", "TLSSkipVerify": "true"}
    refused = portainer.api.post("/endpoints", **form(**fields))
    assert refused.status_code == 400
    assert refused.json()["details"].startswith("Invalid certificate file.")
    made = portainer.api.post("/endpoints", **form(**fields, TLSSkipClientVerify="true"))
    assert (made.status_code, made.json()["Type"]) == (200, 2)
    assert portainer.api.delete(f"/endpoints/{made.json()['Id']}").status_code == 204


def test_line_28_filters_of_the_list(portainer, weak_link):
    """28: `name` is exact, arrays need brackets and are ignored without them."""

    def found(query):
        return {row["Name"] for row in portainer.api.get(f"/endpoints?{query}").json()}

    assert found("name=local") == {"local"}
    assert found("name=loc") == set()
    assert found("search=LOC") == {"local"}
    assert found("types[]=2") == set()
    assert "local" in found("types[]=1")
    assert "local" in found("types=2")
    assert len(found("limit=1&start=1")) == 1
    assert portainer.api.get("/endpoints?start=x").status_code == 400


def test_line_29_a_snapshot_of_a_dead_host_succeeds(portainer, weak_link):
    """29: 204 all the same, and Status becomes 2; 1 again when the host is back."""
    path = f"/endpoints/{weak_link.endpoint}"
    weak_link.cut()
    assert portainer.api.post(f"{path}/snapshot").status_code == 204
    assert portainer.api.get(path).json()["Status"] == 2
    weak_link.mend()
    assert portainer.api.post("/endpoints/snapshot").status_code == 204
    assert portainer.api.get(path).json()["Status"] == 2
    assert portainer.api.post(f"{path}/snapshot").status_code == 204
    assert portainer.api.get(path).json()["Status"] == 1


def test_line_30_stacks_outlive_their_environment(portainer, weak_link, name):
    """30: deleting an environment leaves rows and containers; any other cleans up."""
    stack = portainer.stack(name, PLAIN, endpoint=weak_link.endpoint)
    assert portainer.api.delete(f"/endpoints/{weak_link.endpoint}").status_code == 204
    assert name in portainer.names()
    assert set(portainer.containers(name)) == {"web"}
    assert portainer.delete(stack, endpoint=portainer.endpoint).status_code == 204
    assert name not in portainer.names()


def test_the_dashboard_counts_live(double_of, name):
    """Section 5.3 of the contract."""
    portainer = double_of().bootstrap()
    path = f"/docker/{portainer.endpoint}/dashboard"
    assert portainer.api.get(path).json()["stacks"] == 0
    stack = portainer.stack(name)
    after = portainer.api.get(path).json()
    assert after["stacks"] == 1
    assert 1 <= after["containers"]["running"] <= after["containers"]["total"]
    assert portainer.delete(stack).status_code == 204
