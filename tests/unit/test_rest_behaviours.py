"""Each numbered behaviour of the REST contract (B) and each hole to be closed (H) has its test."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = [
    *(ROOT / "saas_rest_api" / "tests").glob("test_*.py"),
    *(ROOT / "tests").glob("*/test_rest_*.py"),
]
NUMBER = re.compile(r"\b([BH])(\d+)\b")


def kept():
    """The tests by what their docstrings name: {"B1": ["test_seed.py: test_…"], …}."""
    found = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                for kind, number in NUMBER.findall(ast.get_docstring(node) or ""):
                    found.setdefault(f"{kind}{number}", []).append(f"{path.name}: {node.name}")
    return found


def test_each_behaviour_is_kept_by_a_test():
    wanted = {f"B{number}" for number in range(1, 81)} | {f"H{number}" for number in range(1, 26)}
    assert wanted - kept().keys() == set()
