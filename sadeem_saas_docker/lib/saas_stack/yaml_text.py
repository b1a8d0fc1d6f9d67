"""Data as the YAML text of a compose file, in which nothing is interpolated but variables."""

import re
from dataclasses import dataclass

import yaml

# YAML 1.1, 1.2 and compose read some words differently (1e5, 0o17, 22:22); all of them begin with
# a digit or a sign, or are short. Words like `yes` PyYAML quotes itself.
_PLAIN = re.compile(r"[A-Za-z/].+", re.DOTALL)


@dataclass(frozen=True)
class Variable:
    """A variable of the stack, whose value is not in the text."""

    name: str


class _Dumper(yaml.SafeDumper):
    """Writes texts so that every reader of YAML reads a text, and repeats instead of referring."""

    def ignore_aliases(self, data):
        return True

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = None if _PLAIN.fullmatch(text) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


def _represent_value(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return _represent_text(dumper, text.replace("$", "$$"))


def _represent_variable(dumper: _Dumper, variable: Variable) -> yaml.ScalarNode:
    return _represent_text(dumper, f"${{{variable.name}}}")


def _represent_mapping(dumper: _Dumper, data: dict) -> yaml.MappingNode:
    """Compose interpolates values only: keys stay as they are."""
    pairs = [(_represent_text(dumper, key), dumper.represent_data(data[key])) for key in data]
    return yaml.MappingNode("tag:yaml.org,2002:map", pairs, flow_style=False)


_Dumper.add_representer(str, _represent_value)
_Dumper.add_representer(Variable, _represent_variable)
_Dumper.add_representer(dict, _represent_mapping)


def write(data: dict) -> str:
    """The text of a compose file; dollar signs in its values are doubled."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
