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
_ASSIGNMENT = re.compile(r"([\w.-]+)([=:]\s*)(\"[^\"]*\"|'[^']*'|[^\s\"']+)")
_OPTION = re.compile(r"(-[\w.-]+)(\s+)(\S+)")
_USER_INFO = re.compile(r"(://[^/\s:@]*:)([^/\s]+)@")


class _Loader(yaml.SafeLoader):
    """Reads every scalar as the text that people see."""


_Loader.yaml_implicit_resolvers = {}


def describe_difference(old: str, new: str) -> str:
    """The lines that differ, with some around them; '' when both texts mean the same.

    Passwords, tokens and the like are hidden, also in texts that somebody else wrote; a number in
    their place tells different ones apart.
    """
    hiding = _Hiding()
    before, after = hiding.lines(old), hiding.lines(new)
    return "\n".join(list(difflib.unified_diff(before, after, lineterm=""))[2:])


class _Hiding:
    """Replaces secrets by numbers, the same secret by the same number."""

    def __init__(self):
        self._numbers: dict[str, int] = {}

    def lines(self, text: str) -> list[str]:
        """The lines of a text that means the same; what cannot be read is hidden as a whole."""
        try:
            data = yaml.load(text, Loader=_Loader)  # a SafeLoader
            if not isinstance(data, dict):
                return [self._hidden(text)] if text.strip() else []
            shown = self._data(data)
            written = yaml.safe_dump(shown, sort_keys=False, allow_unicode=True, width=1000)
        except (yaml.YAMLError, RecursionError, ValueError):
            return [self._hidden(text)]
        return written.splitlines()

    def _data(self, value: object, name: str = "") -> object:
        if isinstance(value, dict):
            return {str(key): self._data(child, str(key)) for key, child in value.items()}
        if isinstance(value, list):
            return self._list(value)
        text = str(value)
        return self._hidden(text) if _is_secret(name, text) else self._text(text)

    def _list(self, values: list) -> list:
        """Hides also what follows an option that names a secret."""
        option, kept = "", []
        for value in values:
            kept.append(self._data(value, option))
            option = value if isinstance(value, str) and value.startswith("-") else ""
        return kept

    def _text(self, text: str) -> str:
        found = _WHOLE.fullmatch(text)
        if found and _is_secret(found["name"], found["value"]):
            return found["name"] + found["sign"] + self._hidden(found["value"])
        for pattern in (_ASSIGNMENT, _OPTION):
            text = pattern.sub(self._assignment, text)
        return _USER_INFO.sub(lambda found: f"{found[1]}{self._hidden(found[2])}@", text)

    def _assignment(self, found: re.Match) -> str:
        name, sign, value = found.groups()
        if not _is_secret(name, value.strip("\"'")):
            return found[0]
        return name + sign + self._hidden(value)

    def _hidden(self, secret: str) -> str:
        number = self._numbers.setdefault(secret, len(self._numbers) + 1)
        return f"(hidden {number})"


def _is_secret(name: str, value: str) -> bool:
    return bool(
        _SECRET_NAME.search(name)
        and not _NO_SECRET_NAME.search(name)
        and not _NO_SECRET_VALUE.fullmatch(value)
    )
