"""Environments: the Docker hosts that a Portainer knows (its API calls them endpoints)."""

from .calls import Calls, rows_of
from .errors import NotFound, Unavailable
from .types import Environment

#: Making or reading a snapshot talks to the Docker host.
SNAPSHOT_TIMEOUT = 120
_CREATION_TYPES = {"local": 1, "agent": 2}


class EnvironmentCalls(Calls):
    def list_environments(self, snapshots: bool = False) -> list[Environment]:
        """:param snapshots: with what Portainer last saw; makes the answer large"""
        params = {} if snapshots else {"excludeSnapshots": "true"}
        return self._json(
            "GET",
            "/endpoints",
            "list its environments",
            rows_of(Environment.from_json),
            params=params,
        )

    def get_environment(self, environment_id: int, snapshot: bool = True) -> Environment:
        # Not the plural that the list has.
        params = {} if snapshot else {"excludeSnapshot": "true"}
        action = f"read environment {int(environment_id)}"
        path = f"/endpoints/{int(environment_id)}"
        return self._json("GET", path, action, Environment.from_json, params=params)

    def find_environment(self, name: str) -> Environment | None:
        params = {"excludeSnapshots": "true", "name": name}
        action = f"look for the environment {name}"
        found = self._json(
            "GET", "/endpoints", action, rows_of(Environment.from_json), params=params
        )
        return next((environment for environment in found if environment.name == name), None)

    def create_environment(
        self, name: str, url: str = "", kind: str = "local", public_url: str = ""
    ) -> Environment:
        """Connect a Docker host.

        :param kind: "local" for the Docker socket beside Portainer (or ``tcp://host:2375`` as
            ``url``), "agent" for ``tcp://host:9001``
        :raises Conflict: when the name is taken
        :raises ServerFailed: when the host cannot be reached; nothing is kept then
        """
        form = {"Name": name, "EndpointCreationType": _CREATION_TYPES[kind], "URL": url}
        form |= {"PublicURL": public_url, "GroupID": 1}
        if kind == "agent":
            # The agent signs its own certificate; without all three the API takes it for a plain
            # Docker host or refuses.
            form |= {"TLS": "true", "TLSSkipVerify": "true", "TLSSkipClientVerify": "true"}
        return self._json(
            "POST",
            "/endpoints",
            f"connect the environment {name}",
            Environment.from_json,
            form=form,
            timeout=SNAPSHOT_TIMEOUT,
        )

    def snapshot_environment(self, environment_id: int) -> Environment:
        """Have Portainer look at the host now; the environment as it was seen.

        :raises Unavailable: when Portainer cannot reach the host
        """
        environment_id = int(environment_id)
        action = f"look at environment {environment_id}"
        self._request(
            "POST", f"/endpoints/{environment_id}/snapshot", action, timeout=SNAPSHOT_TIMEOUT
        )
        # The answer is the same when the host is down.
        environment = self.get_environment(environment_id)
        if not environment.is_up:
            raise Unavailable(
                self.server, action, f"{environment.name} is down", "Check the Docker host."
            )
        return environment

    def delete_environment(self, environment_id: int) -> None:
        """Forget a host; its containers go on. Succeeds when Portainer does not know it."""
        path = f"/endpoints/{int(environment_id)}"
        try:
            self._request("DELETE", path, f"forget environment {int(environment_id)}")
        except NotFound:
            return
