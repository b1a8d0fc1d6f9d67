"""Values of a stack's variables, as they travel.

Portainer writes each variable raw as a line ``name=value`` of ``stack.env``, which compose's
dotenv parser then reads: ``$``, ``#``, quotes, blanks and line ends mean something there.
"""

import re

# Read by the parser as they stand.
_PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=^~*?!&;<>(){}\[\]|-]*")
_ESCAPE = re.compile(r'\\([nrt"$\\])|\$\$')
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "$": "$", "\\": "\\"}


def write_value(value: str) -> str:
    """The text that compose reads back as exactly ``value``."""
    if "\0" in value:
        raise ValueError("A variable cannot hold a NUL character.")
    if _PLAIN.fullmatch(value):
        return value
    # Single quotes keep everything but themselves, a backslash before them, and carriage returns.
    if not re.search(r"['\r]|\\\Z", value):
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return '"' + escaped.replace("\n", "\\n").replace("\r", "\\r") + '"'


def read_value(text: str) -> str:
    """What compose reads; references to other variables are left as they stand."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == "'":
        return text[1:-1].replace("\\'", "'")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1] or "$", "$"), text[1:-1])
    # An unquoted value ends where a comment begins.
    return re.split(r"\s#", text, maxsplit=1)[0].rstrip().replace("$$", "$")
