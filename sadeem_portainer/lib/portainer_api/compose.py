"""Finds, before it is sent, what is wrong with a compose text.

A failed update takes the running containers down, so a text is worth a look beforehand.
"""

import re
from collections.abc import Collection, Iterator

import yaml

from .errors import InvalidCompose

#: Names the operation that made a stack; compose ignores keys that begin with x-.
OPERATION_KEY = "x-sadeem-operation"
OPERATION_LABEL = "sadeem.operation"
#: Portainer's own variables of these names would win over the stack's.
RESERVED_VARIABLES = frozenset({"PATH", "HOME", "HOSTNAME", "PWD", "SHLVL"})

_TOP_LEVEL = {
    "name",
    "version",
    "services",
    "networks",
    "volumes",
    "secrets",
    "configs",
    "include",
    "models",
}
_SERVICE_NAME = re.compile(r"[a-zA-Z0-9._-]+")
_VARIABLE = re.compile(r"[_a-zA-Z][_a-zA-Z0-9]*")


class _Loader(yaml.SafeLoader):
    """Refuses a key that comes twice, as compose does; YAML's last one would win silently."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _value in node.value:
            # A merge (<<) may come beside the keys it is overruled by.
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            if key_node.value in seen and isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key_node.value!r} comes twice",
                    problem_mark=key_node.start_mark,
                )
            if isinstance(key_node, yaml.ScalarNode):
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


# Compose reads YAML 1.2: dates and 22:22 are texts.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_compose(text: str) -> dict:
    """The mapping that a compose text holds.

    :raises InvalidCompose: when it holds none
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # a SafeLoader
    except yaml.YAMLError as error:
        raise InvalidCompose([_yaml_problem(error)]) from None
    except (RecursionError, ValueError) as error:
        raise InvalidCompose([f"this is not YAML ({type(error).__name__})"]) from None
    if not isinstance(data, dict):
        raise InvalidCompose(["it must be a mapping with the key services"])
    return data


def _yaml_problem(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "it cannot be read"
    return f"this is not YAML: {problem}" + (f" (line {mark.line + 1})" if mark else "")


def validate_compose(text: str, env: Collection[str] = ()) -> None:
    """Check a compose text against the names of the variables it will get.

    :raises InvalidCompose: with everything found wrong, in words for whoever wrote the text
    """
    data = read_compose(text)
    problems = [f"the variable name {name!r} is not valid" for name in env if not _valid(name)]
    problems += [
        f"the variable {name} is overruled by Portainer's own; choose another name"
        for name in env
        if name in RESERVED_VARIABLES
    ]
    problems += [
        f"unknown key {key!r} at the top level"
        for key in data
        if key not in _TOP_LEVEL and not str(key).startswith("x-")
    ]
    services = data.get("services")
    if not isinstance(services, dict) or not services:
        problems.append("services must name at least one service")
    else:
        declared = {}
        for kind in ("volumes", "networks"):
            if not isinstance(data.get(kind) or {}, dict):
                problems.append(f"{kind} must be a mapping")
            declared[kind] = set(data[kind]) if isinstance(data.get(kind), dict) else set()
        for name, service in services.items():
            problems += _service_problems(str(name), service, set(services), declared)
    try:
        problems += _variable_problems(data, set(env))
    except RecursionError:
        problems.append("it is nested too deeply")
    if problems:
        raise InvalidCompose(problems)


def _valid(name: str) -> bool:
    return bool(_VARIABLE.fullmatch(name))


def _service_problems(name, service, services: set, declared: dict[str, set]) -> list[str]:
    where = f"service {name}"
    if not _SERVICE_NAME.fullmatch(name):
        return [f"{where}: letters, digits, dots, dashes and underscores only"]
    if not isinstance(service, dict):
        return [f"{where} must be a mapping"]
    problems = []
    if not any(service.get(key) for key in ("image", "build", "extends", "provider")):
        problems.append(f"{where} has neither image nor build")
    for volume in _named_volumes(service.get("volumes")):
        if volume not in declared["volumes"]:
            problems.append(f"{where} uses the volume {volume}, which volumes does not declare")
    for network in _names(service.get("networks")):
        if network != "default" and network not in declared["networks"]:
            problems.append(f"{where} uses the network {network}, which networks does not declare")
    for other in _names(service.get("depends_on")):
        if other not in services:
            problems.append(f"{where} depends on the service {other}, which does not exist")
    return problems


def _names(value) -> list[str]:
    """The names in a list or a mapping; what holds a variable cannot be judged."""
    if not isinstance(value, list | dict):
        return []
    return [name for name in value if isinstance(name, str) and "$" not in name]


def _named_volumes(value) -> Iterator[str]:
    for entry in value if isinstance(value, list) else ():
        if isinstance(entry, dict):
            source = entry.get("source") if entry.get("type") == "volume" else None
        else:
            source, colon, _target = str(entry).partition(":")
            source = source if colon else None
        if isinstance(source, str) and source and source[0] not in "/.~\\" and "$" not in source:
            yield source


# --- Variables ---------------------------------------------------------------------


def _variable_problems(data: dict, known: set[str]) -> list[str]:
    found: dict[str, None] = {}
    for text in _texts(data, set()):
        for problem in _scan(text, known):
            found[problem] = None
    return list(found)


def _texts(value, seen: set[int]) -> Iterator[str]:
    """Every text that compose interpolates: values, not keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list) and id(value) not in seen:
        seen.add(id(value))
        for child in value.values() if isinstance(value, dict) else value:
            yield from _texts(child, seen)


def _scan(text: str, known: set[str]) -> Iterator[str]:
    position = 0
    while (position := text.find("$", position)) >= 0:
        rest = text[position + 1 :]
        if rest.startswith("$"):
            position += 2
        elif rest.startswith("{"):
            end = _closing(text, position + 2)
            if end < 0:
                yield f"{text[position : position + 30]!r} has no closing brace"
                return
            yield from _braced(text[position + 2 : end], known)
            position = end + 1
        elif found := _VARIABLE.match(rest):
            if found[0] not in known:
                yield _missing(found[0])
            position += 1 + found.end()
        else:
            yield f"{text[position : position + 20]!r}: write $$ for a dollar sign"
            return


def _closing(text: str, start: int) -> int:
    depth = 1
    for position in range(start, len(text)):
        if text[position] == "}":
            depth -= 1
            if not depth:
                return position
        elif text.startswith("${", position):
            depth += 1
    return -1


def _braced(inside: str, known: set[str]) -> Iterator[str]:
    found = _VARIABLE.match(inside)
    rest = inside[found.end() :] if found else ""
    operator = re.match(r":?[-?+]", rest)
    if not found or (rest and not operator):
        yield f"'${{{inside}}}' is not a variable"
        return
    default = rest[operator.end() :] if operator else ""
    if (not operator or operator[0].endswith("?")) and found[0] not in known:
        yield _missing(found[0])
    elif operator and not operator[0].endswith("?"):
        yield from _scan(default, known)


def _missing(name: str) -> str:
    return f"the variable {name} has no value"


# --- The operation's key -------------------------------------------------------------


def operation_key(text: str) -> str:
    """The key of the operation that made this text, '' if it names none."""
    try:
        data = read_compose(text)
    except InvalidCompose:
        return ""
    if key := data.get(OPERATION_KEY):
        return str(key)
    services = data.get("services")
    for service in services.values() if isinstance(services, dict) else ():
        labels = service.get("labels") if isinstance(service, dict) else None
        if isinstance(labels, list):
            labels = dict(str(label).partition("=")[::2] for label in labels)
        if isinstance(labels, dict) and OPERATION_LABEL in labels:
            return str(labels[OPERATION_LABEL])
    return ""


def with_operation_key(text: str, key: str) -> str:
    """The same text, which now names the operation, unless it did already.

    :raises InvalidCompose: when nothing can be added to the text
    """
    if operation_key(text) == key:
        return text
    if not re.fullmatch(r"[\w.:-]+", key):
        raise ValueError("An operation's key is made of letters, digits, dots and dashes.")
    text = re.sub(rf'^{OPERATION_KEY}: "[^"\n]*"\n?', "", text, flags=re.MULTILINE)
    text = text.rstrip("\n") + f'\n{OPERATION_KEY}: "{key}"\n'
    if operation_key(text) != key:
        raise InvalidCompose(["write its top level as lines `key: value` that begin at the margin"])
    return text
