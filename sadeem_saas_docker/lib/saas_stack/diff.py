"""What changed between two compose texts, for people; secrets are never shown."""

import difflib
import re

import yaml

_SECRET_NAME = re.compile(
    r"(?i)password|passwd|passphrase|secret|credential|api_?key|access_?key|private_?key"
    r"|(?:^|[^a-z])(?:pass|pwd?|token)s?(?:[^a-z]|$)"
)
#: PASSWORD_FILE and secrets.db.name say where a secret is; ${DB_PASSWORD} is its name.
_NO_SECRET_NAME = re.compile(r"(?i)_file$")
_NO_SECRET_VALUE = re.compile(r"\$\{?[A-Za-z_][A-Za-z0-9_]*\}?|")
_WHOLE = re.compile(r"(?P<name>-{0,2}[\w.-]+)(?P<sign>=|:\s*)(?P<value>.*)", re.DOTALL)
_WITHIN = re.compile(
    r"(?P<name>[\w.-]+)(?P<sign>[=:]\s*)(?P<value>\"[^\"]*\"|'[^']*'|[^\s\"']+)"
    r"|(?P<option>-[\w.-]+)(?P<space>\s+)(?P<word>\S+)"
)
_USER_INFO = re.compile(r"(://[^/\s:@]*:)([^/\s]+)@")


class _Loader(yaml.SafeLoader):
    """Reads every scalar as the text that people see."""


_Loader.yaml_implicit_resolvers = {}


def describe_difference(old: str, new: str) -> str:
    """The lines that differ, with some around them; '' when both texts mean the same.

    Passwords, tokens and the like are hidden, also in texts that somebody else wrote; a number in
    their place tells different ones apart.
    """
    old_data, new_data = _read(old), _read(new)
    hiding = _Hiding()
    if old_data is None or new_data is None:
        before, after = hiding.lines(old), hiding.lines(new)
    else:
        before, after = _lines(hiding.data(old_data)), _lines(hiding.data(new_data))
    return "\n".join(list(difflib.unified_diff(before, after, lineterm=""))[2:])


def _read(text: str) -> object | None:
    """What a text means, None if that cannot be told."""
    try:
        return yaml.load(text, Loader=_Loader)  # a SafeLoader
    except (yaml.YAMLError, RecursionError, ValueError):
        return None


def _lines(data: object) -> list[str]:
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=1000)
    return text.splitlines()


class _Hiding:
    """Replaces secrets by numbers, the same secret by the same number."""

    def __init__(self):
        self._numbers: dict[str, int] = {}

    def data(self, value: object, name: str = "") -> object:
        if isinstance(value, dict):
            return {str(key): self.data(child, str(key)) for key, child in value.items()}
        if isinstance(value, list):
            return self._list(value)
        text = str(value)
        return self._hidden(text) if _is_secret(name, text) else self._text(text)

    def lines(self, text: str) -> list[str]:
        """The lines of a text that is not YAML."""
        return [self._line(line) for line in text.splitlines()]

    def _line(self, line: str) -> str:
        start = re.match(r"[\s\"']*(?:- )?[\s\"']*", line)[0]
        return start + self._text(line[len(start) :])

    def _list(self, values: list) -> list:
        """Hides also what follows an option that names a secret."""
        option, kept = "", []
        for value in values:
            kept.append(self.data(value, option))
            option = value if isinstance(value, str) and value.startswith("-") else ""
        return kept

    def _text(self, text: str) -> str:
        found = _WHOLE.fullmatch(text)
        if found and _is_secret(found["name"], found["value"]):
            return found["name"] + found["sign"] + self._hidden(found["value"])
        text = _WITHIN.sub(self._assignment, text)
        return _USER_INFO.sub(lambda found: f"{found[1]}{self._hidden(found[2])}@", text)

    def _assignment(self, found: re.Match) -> str:
        name = found["name"] or found["option"]
        value = found["value"] or found["word"]
        if not _is_secret(name, value.strip("\"'")):
            return found[0]
        return name + (found["sign"] or found["space"]) + self._hidden(value)

    def _hidden(self, secret: str) -> str:
        number = self._numbers.setdefault(secret, len(self._numbers) + 1)
        return f"(hidden {number})"


def _is_secret(name: str, value: str) -> bool:
    return bool(
        _SECRET_NAME.search(name)
        and not _NO_SECRET_NAME.search(name)
        and not _NO_SECRET_VALUE.fullmatch(value)
    )
