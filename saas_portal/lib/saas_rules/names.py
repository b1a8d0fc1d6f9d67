"""Names of client databases. A name is a database name and a host name at once."""

import re

#: PostgreSQL cuts longer identifiers silently.
MAX_BYTES = 63
#: Databases of PostgreSQL itself and names that a domain needs for other services.
RESERVED_NAMES = frozenset({"localhost", "postgres", "template0", "template1"})
RESERVED_LABELS = frozenset(
    {"admin", "api", "autoconfig", "autodiscover", "ftp", "imap", "mail", "mta-sts", "ns", "ns1"}
    | {"ns2", "pop", "pop3", "postmaster", "root", "smtp", "webmail", "www"}
)
#: Used by the portal for databases that are being made or that wait to be dropped.
RESERVED_PREFIXES = ("saas-new-", "saas-spare-", "saas-trash-")

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


class InvalidName(ValueError):
    """A name that cannot become a client database; the text says why, for people."""


def is_reserved(name: str) -> bool:
    """Whether the name, or its first label, is kept for something else."""
    first, _dot, _rest = name.partition(".")
    return (
        name in RESERVED_NAMES
        or first in RESERVED_LABELS
        or first in RESERVED_NAMES
        or name.startswith(RESERVED_PREFIXES)
    )


def check_name(name: object) -> str:
    """Return ``name`` when it may become a client database.

    A name is one or more labels of lower-case letters, digits and inner hyphens, joined by dots,
    at most 63 bytes in all (RFC 1123 host names, PostgreSQL identifiers).

    :raises InvalidName: with a sentence that can be shown to the person who chose the name
    """
    if not isinstance(name, str) or not name:
        raise InvalidName("A database name is a text.")
    if len(name.encode()) > MAX_BYTES:
        raise InvalidName(f"The name {name[:20]}… is longer than {MAX_BYTES} bytes.")
    if name != name.lower():
        raise InvalidName(f"The name {name} has capital letters; host names are written small.")
    labels = name.split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidName(
            f"The name {name!r} is not a host name: use small letters, digits and inner hyphens,"
            " with dots between the parts."
        )
    if labels[-1].isdigit():
        raise InvalidName(f"The name {name} ends in a number, as only IP addresses do.")
    if is_reserved(name):
        raise InvalidName(f"The name {name} is reserved.")
    return name


def check_label(label: object) -> str:
    """Return ``label`` when it can be one part of a host name.

    :raises InvalidName: with a sentence for the person who chose it
    """
    if not isinstance(label, str) or not _LABEL.fullmatch(label) or len(label) > MAX_BYTES:
        raise InvalidName(f"{label!r} is not one part of a host name: small letters and digits.")
    return label


def expand_pattern(pattern: str, number: str) -> str:
    """Put a number into a plan's pattern: ``crm-%i.example.com`` → ``crm-001.example.com``.

    :raises InvalidName: when the pattern has no ``%i``, because every name would be the same
    """
    if "%i" not in pattern:
        raise InvalidName(f"The pattern {pattern!r} has no %i for the number.")
    return pattern.replace("%i", number)
