"""What a client asks of `/oauth2/auth`, and what the browser carries back to it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

_MAX_STATE = 4000
_NAMES = ("response_type", "client_id", "redirect_uri", "scope", "state", "prompt")


class RequestRefused(Exception):
    """The request is none that a client of ours makes; ``reason`` names what is wrong with it.

    Nobody is redirected then: where to would be the word of whoever made the request.
    """

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class AuthRequest:
    """A well-formed request; whether the client exists and the target is its own is not known yet.

    :param client_id: uuid of the database that wants somebody logged in
    :param redirect_uri: where it says that it is, '' when it says nothing
    :param state: returned to it unchanged
    :param ask: whether to ask the person first, although he is logged in at the portal
    """

    client_id: str
    redirect_uri: str
    scope: str
    state: str
    ask: bool = False

    @classmethod
    def parse(cls, params: Mapping[str, str]) -> "AuthRequest":
        """
        :raises RequestRefused: what the portal cannot answer
        """
        values = {name: params.get(name) or "" for name in _NAMES}
        if values["response_type"] != "token":
            raise RequestRefused("response_type")
        try:
            client_id = str(uuid.UUID(values["client_id"]))
        except ValueError as error:
            raise RequestRefused("client_id") from error
        if len(values["state"]) > _MAX_STATE:
            raise RequestRefused("state")
        return cls(
            client_id=client_id,
            redirect_uri=values["redirect_uri"],
            scope=values["scope"][:100],
            state=values["state"],
            ask=values["prompt"] == "select_account",
        )

    def make_path(self) -> str:
        """The same request as a link within the portal, without asking again."""
        values = {
            "response_type": "token",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scope,
            "state": self.state,
        }
        query = urlencode({name: value for name, value in values.items() if value})
        return f"/oauth2/auth?{query}"


def make_answer_url(target: str, request: AuthRequest, token: str, lifetime: int) -> str:
    """Where to send the browser; the token is in the fragment, which no server gets to see."""
    values = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": lifetime,
        "scope": request.scope,
        "state": request.state,
    }
    return f"{target}#{urlencode(values)}"
