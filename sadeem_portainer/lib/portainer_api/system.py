"""The server itself, its first administrator, and credentials."""

from .calls import Calls
from .errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    SetupTokenRequired,
    Unauthorized,
    Unavailable,
)
from .types import ApiKey, ServerStatus, User


class SystemCalls(Calls):
    def status(self) -> ServerStatus:
        """Version and id. Needs no credential and answers even while Portainer is locked."""
        # Newer versions have only the second address, locked ones answer only at the first.
        action = "tell its version"
        try:
            data = self._json("GET", "/status", action, anonymous=True)
        except NotFound:
            data = self._json("GET", "/system/status", action, anonymous=True)
        if not isinstance(data, dict) or "Version" not in data:
            raise InvalidRequest(
                self.server, action, "it is not a Portainer", "Check the address and the port."
            )
        return ServerStatus(data["Version"], data.get("InstanceID", ""))

    def wait_until_ready(self, timeout: float = 60, pause: float = 1) -> ServerStatus:
        """The status as soon as there is one, for a server that is just starting."""
        deadline = self._transport.clock() + timeout
        while True:
            try:
                return self.status()
            except Unavailable:
                if self._transport.clock() >= deadline:
                    raise
            self._transport.sleep(pause)

    def admin_exists(self) -> bool:
        try:
            self._request(
                "GET", "/users/admin/check", "tell if it has an administrator", anonymous=True
            )
        except NotFound:
            return False
        return True

    def init_admin(self, username: str, password: str, setup_token: str | None = None) -> User:
        """Create the first administrator.

        :param setup_token: from the server's log; versions from 2.43 on want it
        :raises SetupTokenRequired: when it is missing or wrong
        :raises Conflict: when there is an administrator already
        :raises Locked: when the server waited five minutes in vain
        """
        try:
            data = self._json(
                "POST",
                "/users/admin/init",
                "create its administrator",
                payload={"Username": username, "Password": password},
                headers={"X-Setup-Token": setup_token} if setup_token else None,
                anonymous=True,
            )
        except Forbidden as error:
            raise SetupTokenRequired(self.server, error.action, error.reason) from error
        return User.from_json(data)

    def login(self, username: str, password: str) -> str:
        """A JWT, which lives some hours and dies when the server restarts.

        More than ten calls a second ban this address for an hour.
        """
        action = f"log {username} in"
        payload = {"Username": username, "Password": password}
        try:
            return self._json("POST", "/auth", action, payload=payload, anonymous=True)["jwt"]
        except InvalidRequest as error:
            raise Unauthorized(
                self.server, action, error.reason, "Check user name and password."
            ) from error
        except Forbidden as error:
            raise Forbidden(
                self.server, action, error.reason, "After too many attempts wait an hour."
            ) from error

    def me(self, jwt: str | None = None) -> User:
        """Whom the credential belongs to."""
        return User.from_json(self._json("GET", "/users/me", "tell who we are", bearer=jwt))

    def create_api_key(self, jwt: str, password: str, description: str) -> ApiKey:
        """A lasting access token for the user who logged in.

        :param jwt: from :meth:`login`; an access token cannot make another
        :param password: once more, because Portainer asks for it
        """
        action = "create an access token"
        data = self._json(
            "POST",
            f"/users/{self.me(jwt).id}/tokens",
            action,
            payload={"password": password, "description": description[:127]},
            bearer=jwt,
        )
        return ApiKey(data["apiKey"]["id"], data["apiKey"]["description"], data["rawAPIKey"])

    def list_api_keys(self, user_id: int, jwt: str | None = None) -> list[ApiKey]:
        """The user's access tokens, without the secrets."""
        path = f"/users/{int(user_id)}/tokens"
        rows = self._json("GET", path, "list the access tokens", bearer=jwt)
        return [ApiKey(row["id"], row.get("description", ""), "") for row in rows]

    def delete_api_key(self, user_id: int, key_id: int, jwt: str | None = None) -> None:
        path = f"/users/{int(user_id)}/tokens/{int(key_id)}"
        self._request("DELETE", path, "delete an access token", bearer=jwt)
