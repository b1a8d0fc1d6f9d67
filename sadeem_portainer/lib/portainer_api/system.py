"""The server itself, its first administrator, and credentials."""

from .calls import Calls, rows_of
from .errors import (
    Forbidden,
    InvalidRequest,
    NotFound,
    ServerFailed,
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
        version = data.get("Version") if isinstance(data, dict) else None
        if not isinstance(version, str):
            raise InvalidRequest(
                self.server, action, "it is not a Portainer", "Check the address and the port."
            )
        return ServerStatus(version, str(data.get("InstanceID") or ""))

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
            return self._json(
                "POST",
                "/users/admin/init",
                "create its administrator",
                User.from_json,
                payload={"Username": username, "Password": password},
                headers={"X-Setup-Token": setup_token} if setup_token else None,
                anonymous=True,
            )
        except Forbidden as error:
            raise SetupTokenRequired(self.server, error.action, error.reason) from error

    def login(self, username: str, password: str) -> str:
        """A JWT, which lives some hours and dies when the server restarts.

        More than ten calls a second ban this address for an hour.
        """
        action = f"log {username} in"
        payload = {"Username": username, "Password": password}
        try:
            return self._json(
                "POST",
                "/auth",
                action,
                lambda data: str(data["jwt"]),
                payload=payload,
                anonymous=True,
            )
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
        return self._json("GET", "/users/me", "tell who we are", User.from_json, bearer=jwt)

    def create_api_key(self, jwt: str, password: str, description: str) -> ApiKey:
        """A lasting access token for the user who logged in.

        :param jwt: from :meth:`login`; an access token cannot make another
        :param password: once more, because Portainer asks for it
        """
        return self._json(
            "POST",
            f"/users/{self.me(jwt).id}/tokens",
            "create an access token",
            lambda data: ApiKey.from_json(data["apiKey"], raw=str(data["rawAPIKey"])),
            payload={"password": password, "description": description[:127]},
            bearer=jwt,
        )

    def list_api_keys(self, user_id: int, jwt: str | None = None) -> list[ApiKey]:
        """The user's access tokens, without the secrets."""
        path = f"/users/{int(user_id)}/tokens"
        parse = rows_of(ApiKey.from_json)
        return self._json("GET", path, "list the access tokens", parse, bearer=jwt)

    def delete_api_key(self, user_id: int, key_id: int, jwt: str | None = None) -> None:
        """Take an access token away; succeeds when it is gone."""
        path = f"/users/{int(user_id)}/tokens/{int(key_id)}"
        try:
            self._request("DELETE", path, "delete an access token", bearer=jwt)
        except (NotFound, ServerFailed) as error:
            # Portainer answers 500 for a token that it does not know.
            if "API Key not found" not in error.reason:
                raise
