"""The payload of ``saas.config.do_upgrade_database``: checked, typed, in one spelling."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

#: Old spellings that scripts in the field still send.
ALIASES = {"limit_nuber_of_records": "limit_number_of_records"}

SUSPENDED = "saas_client.suspended"
MAX_USERS = "saas_client.max_users"
STORAGE_LIMIT = "saas_client.total_storage_limit"
EXPIRATION = "saas_client.expiration_datetime"
TRIAL = "saas_client.trial"
VISIBLE_MODULES = "saas_client.visible_modules"

DATETIME_FORMAT = "%Y-%m-%d %H:%M:%S"
_DIGITS = re.compile(r"[0-9]{1,20}")


class PayloadError(ValueError):
    """A payload that is refused as a whole; the text names the entry and what it should be."""


@dataclass(frozen=True)
class Payload:
    """A checked payload.

    ``steps``: payload key → value, in the order of application, as it is sent to the client.
    ``typed``: parameter key → typed value (bool, int, datetime or None, str), for the keys above.
    ``secrets``: the part of ``steps`` that must not be stored readable.
    """

    steps: dict = field(default_factory=dict)
    typed: dict = field(default_factory=dict)
    secrets: dict = field(default_factory=dict)

    @property
    def touches_modules(self) -> bool:
        """Whether the client will install, update or remove modules, which takes minutes."""
        return any(
            self.steps.get(key)
            for key in ("update_addons_list", "update_addons", "install_addons", "uninstall_addons")
        )


def parse_bool(key: str, value: object) -> bool:
    """``'1'``, 1, True, ``'true'`` → True; ``'0'``, 0, False, ``'false'``, ``''``, None → False."""
    if value is None or value == "":
        return False
    if isinstance(value, bool) or (isinstance(value, int) and value in (0, 1)):
        return bool(value)
    word = value.strip().lower() if isinstance(value, str) else None
    if word in ("1", "true"):
        return True
    if word in ("0", "false", ""):
        return False
    raise PayloadError(f"{key}: {value!r} is neither 1 nor 0.")


def parse_limit(key: str, value: object) -> int:
    """A whole number, 0 for unlimited; ``''``, None and False are 0."""
    if value is None or value is False or value == "":
        return 0
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2**31 - 1:
        raise PayloadError(f"{key}: {value!r} is not a whole number from 0 (0 is unlimited).")
    return value


def parse_datetime(key: str, value: object) -> datetime | None:
    """A UTC date and time ``YYYY-MM-DD HH:MM:SS`` (a plain date is its midnight), or nothing."""
    if not value:
        return None
    if isinstance(value, datetime):
        if value.tzinfo:
            value = value.astimezone(UTC)
        return value.replace(tzinfo=None, microsecond=0)
    for pattern in (DATETIME_FORMAT, "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"):
        try:
            return datetime.strptime(str(value), pattern)
        except ValueError:
            continue
    raise PayloadError(f"{key}: {value!r} is not a date and time like 2030-01-31 12:00:00 (UTC).")


def parse_names(key: str, value: object) -> list[str]:
    """A list of texts, or one text with commas; blanks and repetitions are dropped."""
    if isinstance(value, str):
        value = value.split(",")
    if value in (None, False):
        return []
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise PayloadError(f"{key}: give a list of names, or one text with commas.")
    return list(dict.fromkeys(item.strip() for item in value if item.strip()))


_PARAM_TYPES: dict[str, Callable[[str, object], object]] = {
    SUSPENDED: parse_bool,
    MAX_USERS: parse_limit,
    STORAGE_LIMIT: parse_limit,
    EXPIRATION: parse_datetime,
    TRIAL: parse_bool,
}


def _to_wire(value: object) -> str | bool:
    """The text that the client stores as system parameter; False removes the parameter."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return str(value) if value not in (None, "") else False


def _entries(key: str, value: object, required: tuple, optional: tuple = ()) -> list[dict]:
    if value in (None, False):
        return []
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list | tuple):
        raise PayloadError(f"{key}: give a list of entries.")
    for entry in value:
        if not isinstance(entry, Mapping):
            # Not shown: what should be an entry may be a password.
            raise PayloadError(f"{key}: an entry is a dictionary with {', '.join(required)}.")
        missing = [name for name in required if name not in entry]
        unknown = [name for name in entry if name not in required + optional]
        if missing:
            raise PayloadError(f"{key}: an entry lacks {', '.join(missing)}.")
        if unknown:
            raise PayloadError(f"{key}: unknown {', '.join(map(str, unknown))} in an entry.")
    return [dict(entry) for entry in value]


def _parse_params(key: str, value: object, typed: dict) -> list[dict]:
    params = []
    for entry in _entries(key, value, ("key",), ("value", "hidden")):
        name = entry["key"]
        if not isinstance(name, str) or not name.strip():
            raise PayloadError(f"{key}: {name!r} is not the name of a parameter.")
        name, raw = name.strip(), entry.get("value")
        if raw is not None and not isinstance(raw, str | int | float | datetime):
            raise PayloadError(f"{name}: the value is a text, a number, or true or false.")
        parsed = _PARAM_TYPES[name](name, raw) if name in _PARAM_TYPES else raw
        if name in _PARAM_TYPES:
            typed[name] = parsed
            wire = _to_wire(parsed)
        else:
            wire = _to_wire(None if raw is False else raw)
            if name == VISIBLE_MODULES:
                typed[name] = wire or ""
        hidden = parse_bool(f"{name} hidden", entry.get("hidden"))
        params.append({"key": name, "value": wire, "hidden": hidden})
    return params


def _parse_fixes(key: str, value: object) -> list[list[str]]:
    if value in (None, False):
        return []
    pairs = []
    for pair in value if isinstance(value, list | tuple) else [value]:
        if (
            not isinstance(pair, list | tuple)
            or len(pair) != 2
            or not all(isinstance(part, str) for part in pair)
        ):
            raise PayloadError(f"{key}: {pair!r} is not a pair of model and method.")
        pairs.append(list(pair))
    return pairs


def _parse_record_limits(key: str, value: object) -> list[dict]:
    limits = []
    for entry in _entries(key, value, ("model", "max_records"), ("domain",)):
        if not isinstance(entry["model"], str) or not entry["model"].strip():
            raise PayloadError(f"{key}: {entry['model']!r} is not the name of a model.")
        limits.append(
            {
                "model": entry["model"].strip(),
                "max_records": parse_limit(f"{key} {entry['model']}", entry["max_records"]),
                "domain": entry.get("domain") or "[]",
            }
        )
        if not isinstance(limits[-1]["domain"], str | list | tuple):
            raise PayloadError(f"{key}: the domain of {entry['model']} is a list or its text.")
        limits[-1]["domain"] = str(limits[-1]["domain"])
    return limits


_MAIL_TEXTS = ("smtp_login", "smtp_password", "smtp_host")
_MAIL_ENCRYPTIONS = ("none", "starttls", "starttls_strict", "ssl", "ssl_strict")


def _parse_mail_servers(key: str, value: object) -> list[dict]:
    servers = _entries(key, value, _MAIL_TEXTS[:2], ("smtp_host", "smtp_port", "smtp_encryption"))
    for server in servers:
        for name in _MAIL_TEXTS:
            if name in server and not isinstance(server[name], str):
                raise PayloadError(f"{key}: {name} is a text.")
        if "smtp_port" in server:
            server["smtp_port"] = parse_limit(f"{key} smtp_port", server["smtp_port"])
            if server["smtp_port"] > 65535:
                raise PayloadError(f"{key}: smtp_port is a number up to 65535.")
        if server.get("smtp_encryption") not in (None, "", *_MAIL_ENCRYPTIONS):
            raise PayloadError(f"{key}: smtp_encryption is one of {', '.join(_MAIL_ENCRYPTIONS)}.")
    return servers


#: key → parser(key, value, typed), in the order in which a client applies them.
_PARSERS: dict[str, Callable] = {
    "update_addons_list": lambda key, value, typed: parse_bool(key, value),
    "update_addons": lambda key, value, typed: parse_names(key, value),
    "install_addons": lambda key, value, typed: parse_names(key, value),
    "uninstall_addons": lambda key, value, typed: parse_names(key, value),
    "fixes": lambda key, value, typed: _parse_fixes(key, value),
    "params": _parse_params,
    "access_owner_add": lambda key, value, typed: parse_names(key, value),
    "access_remove": lambda key, value, typed: parse_names(key, value),
    "configure_outgoing_mail": lambda key, value, typed: _parse_mail_servers(key, value),
    "limit_number_of_records": lambda key, value, typed: _parse_record_limits(key, value),
}
_SECRET_KEYS = ("configure_outgoing_mail",)


def parse_payload(payload: object) -> Payload:
    """Check a payload of the API and put it into the one spelling that clients understand.

    :raises PayloadError: for an unknown key or a value of the wrong type; nothing was changed then
    """
    if not isinstance(payload, Mapping):
        raise PayloadError("The payload is a dictionary of what to change.")
    given = {}
    for key, value in payload.items():
        name = ALIASES.get(key, key)
        if name not in _PARSERS:
            raise PayloadError(f"Unknown payload key {key!r}; known are {', '.join(_PARSERS)}.")
        if name in given:
            raise PayloadError(f"{name} was given twice, in two spellings.")
        given[name] = value
    typed: dict = {}
    steps = {
        name: parser(name, given[name], typed) for name, parser in _PARSERS.items() if name in given
    }
    secrets = {key: steps[key] for key in _SECRET_KEYS if steps.get(key)}
    return Payload(steps=steps, typed=typed, secrets=secrets)
