"""What a route tells about itself; the OpenAPI document is built from nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field

JSON = "application/json"
#: What must be allowed on the model for an operation; reading for all others.
NEEDS = {
    "create": "create",
    "update": "write",
    "update_many": "write",
    "delete": "unlink",
    "delete_many": "unlink",
    "upsert": "write",
    "delete_external": "unlink",
    "call": "call",
    "call_record": "call",
    "put_binary": "write",
    "delete_binary": "write",
    "create_attachments": "write",
    "delete_attachment": "write",
}


@dataclass(frozen=True)
class Param:
    """A parameter of a route.

    :param name: as it stands in the address, such as ``limit``
    :param schema: its JSON Schema
    :param where: ``query``, ``header`` or ``path``
    """

    name: str
    schema: Mapping[str, object]
    description: str = ""
    where: str = "query"
    required: bool = False


@dataclass(frozen=True)
class Doc:
    """The description of one endpoint (of each of its verbs, when it has several).

    Schemas are named as in :mod:`.openapi_schemas`. In routes with ``<model>`` the names
    ``Record``, ``Records`` and ``Values`` stand for the model's own schemas.

    :param summary: one line, as a title
    :param operation: stem of the operation's id, such as ``list``; functions of generated
        clients are called after it
    :param tags: chapters of the documentation, such as ``records``, ``tokens``, ``webhooks``
    :param params: what the query and the headers may hold; a name of
        ``openapi_schemas.PARAMETERS`` or a :class:`Param`
    :param body: schema of the request's body
    :param body_type: its media type
    :param body_required: whether the request must have a body
    :param response: schema of a successful answer's body, ``None``: it has none
    :param response_type: its media type
    :param status: the status of the usual successful answer
    :param more: schemas by the statuses of other successful answers
    :param problems: codes that this endpoint answers beside those that every endpoint may
    :param public: needs no token
    """

    summary: str
    operation: str = ""
    tags: tuple[str, ...] = ()
    description: str = ""
    params: tuple["Param | str", ...] = ()
    body: str | None = None
    body_type: str = JSON
    body_required: bool = True
    response: str | None = "Anything"
    response_type: str = JSON
    status: int = 200
    more: Mapping[int, str | None] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    public: bool = False

    @property
    def needs(self) -> str:
        """What must be allowed on the model, of read, create, write, unlink and call."""
        return NEEDS.get(self.operation, "read")
