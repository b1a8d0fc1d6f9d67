"""What the answer to a request needs to know of its token."""

from dataclasses import dataclass, field
from datetime import datetime

from .scopes import Scopes


@dataclass(frozen=True)
class TokenFacts:
    """A token that was found valid.

    :param id: of the token's record; ``None`` for an API key of Odoo
    :param uid: of its owner
    :param prefix: the readable part of its value
    :param company_ids: the companies it is limited to; empty: all of the owner's
    :param rate: requests in a minute
    :param note_use: its last use is so long ago that this one is noted
    :param expires: when it ends, in UTC; ``None``: never
    """

    id: int | None
    uid: int
    prefix: str
    scopes: Scopes = field(default_factory=Scopes)
    read_only: bool = False
    company_ids: tuple[int, ...] = ()
    rate: int = 600
    note_use: bool = False
    expires: datetime | None = None

    @property
    def admin(self) -> bool:
        return self.scopes.admin
