"""A running double and the calls that tests make of it."""

import json
import time
from urllib.parse import quote

import requests

from portainer_double import Double, Server
from portainer_double.agent import Agent

ADMIN, PASSWORD = "admin", "a-long-password"
PROJECT = "com.docker.compose.project"
WEB = """services:
  web:
    image: saas-test/web:1
    healthcheck: {disable: true}
    volumes: ["data:/data"]
    environment:
      COLOUR: ${COLOUR:-none}
volumes:
  data: {}
"""
WEB_2 = WEB.replace("web:1", "web:2")
# No volume, so that the engine has less to do.
PLAIN = """services:
  web: {image: "saas-test/web:1", healthcheck: {disable: true}}
"""
TWO = PLAIN + '  other: {image: "saas-test/web:1", healthcheck: {disable: true}}\n'
BROKEN = PLAIN + '  bad: {image: "saas-test/absent:1", pull_policy: never}\n'
# `up` ends when the first service is healthy, about two seconds later.
SLOW = """services:
  web:
    image: saas-test/web:1
    healthcheck: {test: ["CMD", "true"], interval: 2s}
  other:
    image: saas-test/web:1
    healthcheck: {disable: true}
    depends_on: {web: {condition: service_healthy}}
"""


class Api:
    """HTTP without cookies, proxies or retries; paths begin after /api."""

    def __init__(self, url, **headers):
        self.url, self.headers = url, headers

    def with_headers(self, **headers):
        return Api(self.url, **{name.replace("_", "-"): value for name, value in headers.items()})

    def request(self, method, path, headers=None, timeout=60, **options):
        with requests.Session() as session:
            session.trust_env = False
            session.verify = False
            return session.request(
                method,
                self.url + (path if path.startswith("/_double") else f"/api{path}"),
                headers={**self.headers, **(headers or {})},
                timeout=timeout,
                allow_redirects=False,
                **options,
            )

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, json=None, **options):
        return self.request("POST", path, json=json, **options)

    def put(self, path, json=None, **options):
        return self.request("PUT", path, json=json, **options)

    def delete(self, path, **options):
        return self.request("DELETE", path, **options)


class Portainer:
    """A double that listens. After `bootstrap()`: `.key`, `.api` (with it) and `.endpoint`."""

    def __init__(self, folder, engine, mode="2.23", tls=True, **options):
        self.engine = engine
        options = {"log": lambda text: None, "environment": engine.environment(), **options}
        self.double = Double(folder, engine.url, mode, **options)
        self.server = Server(self.double, tls=tls).start()
        self.anonymous = Api(self.server.url)
        self.faults = self.double.faults

    @property
    def url(self):
        return self.server.url

    def stop(self):
        self.server.stop()

    # --- first steps ------------------------------------------------------------

    def bootstrap(self, endpoint="local"):
        """Administrator, API key and, unless the name is None, the local environment."""
        self.init_admin()
        self.jwt = self.login()
        body = {"password": PASSWORD, "description": "tests"}
        made = self.bearer().post("/users/1/tokens", body).json()
        self.key = made["rawAPIKey"]
        self.api = Api(self.url, **{"X-API-Key": self.key})
        if endpoint:
            self.endpoint = self.add_environment(endpoint)
        return self

    def init_admin(self, name=ADMIN, password=PASSWORD):
        headers = {"X-Setup-Token": self.double.setup_token or ""}
        body = {"Username": name, "Password": password}
        return self.anonymous.post("/users/admin/init", body, headers=headers)

    def login(self, name=ADMIN, password=PASSWORD):
        answer = self.anonymous.post("/auth", {"Username": name, "Password": password})
        return answer.json()["jwt"]

    def bearer(self, token=None):
        return Api(self.url, Authorization=f"Bearer {token or self.jwt}")

    def add_environment(self, name, url="", kind=1, **fields):
        form = {"Name": name, "EndpointCreationType": str(kind), "URL": url, **fields}
        answer = self.api.post("/endpoints", files={key: (None, form[key]) for key in form})
        assert answer.status_code == 200, answer.text
        return answer.json()["Id"]

    # --- stacks -----------------------------------------------------------------

    def create(self, name, content=PLAIN, endpoint=None, api=None, timeout=60, **fields):
        """The reply to a creation from text."""
        body = {"Name": name, "StackFileContent": content, **fields}
        path = f"/stacks/create/standalone/string?endpointId={endpoint or self.endpoint}"
        return (api or self.api).post(path, body, timeout=timeout)

    def stack(self, name, content=PLAIN, **options):
        """The stack that was made, deployed to its end."""
        answer = self.create(name, content, **options)
        assert answer.status_code == 200, answer.text
        return self.settled(answer.json()["Id"])

    def settled(self, number):
        """The stack when no deploy of it is under way."""
        deadline = time.monotonic() + 60
        while True:
            row = self.api.get(f"/stacks/{number}").json()
            if row["Status"] != 3:
                return row
            assert time.monotonic() < deadline, "the deploy does not end"
            time.sleep(0.1)  # a pause between two looks

    def update(self, stack, content=PLAIN, endpoint=None, **fields):
        path = f"/stacks/{stack['Id']}?endpointId={endpoint or stack['EndpointId']}"
        return self.api.put(path, {"StackFileContent": content, **fields})

    def act(self, stack, verb):
        return self.api.post(f"/stacks/{stack['Id']}/{verb}?endpointId={stack['EndpointId']}")

    def delete(self, stack, endpoint=None):
        number = endpoint or stack["EndpointId"]
        return self.api.delete(f"/stacks/{stack['Id']}?endpointId={number}")

    def names(self):
        return [row["Name"] for row in self.api.get("/stacks").json()]

    # --- Docker -----------------------------------------------------------------

    def docker(self, method, path, endpoint=None, **options):
        number = endpoint or self.endpoint
        return self.api.request(method, f"/endpoints/{number}/docker{path}", **options)

    def containers(self, name, endpoint=None):
        """Containers of a stack by service, as the proxy lists them."""
        filters = quote(json.dumps({"label": [f"{PROJECT}={name}"]}))
        found = self.docker("GET", f"/containers/json?all=1&filters={filters}", endpoint).json()
        return {item["Labels"]["com.docker.compose.service"]: item for item in found}


def start_agent(folder, engine):
    """(agent, server): an agent in front of an engine, behind TLS."""
    agent = Agent(folder, engine.url)
    return agent, Server(agent).start()


def remove_project(engine, name):
    """Whatever stacks of that name, or of names that begin with it and a hyphen, left behind."""
    if not engine.answers():
        return

    def ours(item):
        project = (item.get("Labels") or {}).get(PROJECT, "")
        return f"{project}-".startswith(f"{name}-")

    for container in filter(ours, engine.request("GET", "/containers/json?all=1")[1]):
        engine.request("DELETE", f"/containers/{container['Id']}?force=1&v=1")
    for network in filter(ours, engine.request("GET", "/networks")[1]):
        engine.request("DELETE", f"/networks/{network['Id']}")
    for volume in filter(ours, engine.request("GET", "/volumes")[1]["Volumes"] or []):
        engine.request("DELETE", f"/volumes/{volume['Name']}?force=1")
