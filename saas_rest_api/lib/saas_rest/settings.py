"""What an administrator has set for the whole API of a database."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from .limits import Limits

PREFIX = "saas_rest_api."


@dataclass(frozen=True)
class Settings:
    """
    :param cors_origins: pages of these origins may read answers, such as ``https://shop.example``
    :param query_credentials: the older token calls also take credentials from the address
    """

    limits: Limits = field(default_factory=Limits)
    cors_origins: tuple[str, ...] = ()
    query_credentials: bool = False

    @classmethod
    def from_parameters(cls, get: Callable[[str], object]) -> "Settings":
        """Settings by a function that gives a system parameter's value.

        Limits that are no whole number above zero stay as they are.
        """
        changed = {}
        for known in fields(Limits):
            value = str(get(PREFIX + known.name) or "").strip()
            if re.fullmatch(r"[1-9][0-9]{0,14}", value):
                changed[known.name] = int(value)
        origins = str(get(PREFIX + "cors_origins") or "")
        query = str(get(PREFIX + "legacy_query_credentials") or "").strip().lower()
        return cls(
            Limits(**changed),
            tuple(part for part in re.split(r"[\s,]+", origins) if part),
            query in ("1", "true", "yes"),
        )
