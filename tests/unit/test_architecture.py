"""The arrows between the parts, as docs/architecture.md draws them."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ADDONS = sorted(path.parent for path in ROOT.glob("*/__manifest__.py"))
NAMES = {addon.name for addon in ADDONS}
# What an addon may know of its siblings; the glue alone knows two.
MAY_KNOW = {
    "saas_portal": set(),
    "saas_client": set(),
    "saas_rest_api": set(),
    "sadeem_portainer": set(),
    "sadeem_saas_docker": {"saas_portal", "sadeem_portainer"},
}
# Controllers and wizards go through a model: these would go around it.
AROUND_A_MODEL = (
    "psycopg2",
    "requests",
    "xmlrpc",
    "urllib.request",
    "http.client",
    "socket",
    "docker",
    "paramiko",
)
SQL_CALLS = {"execute", "execute_values", "executemany"}


def sources(*patterns):
    for addon in ADDONS:
        for pattern in patterns:
            for path in sorted(addon.glob(pattern)):
                yield addon.name, path


def imports(path):
    """Absolute dotted names that a file imports; relative ones are resolved."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def addon_of(name):
    """The addon of ours that an imported name belongs to, or None."""
    parts = name.removeprefix("odoo.addons.").split(".")
    return parts[0] if parts[0] in NAMES else None


def lib_packages():
    return {
        path.name: addon.name
        for addon in ADDONS
        for path in (addon / "lib").glob("*")
        if path.is_dir() and path.name != "__pycache__"
    }


def test_every_addon_has_its_place_in_the_design():
    assert set(MAY_KNOW) >= NAMES


def test_lib_is_plain_python_and_knows_no_sibling():
    owners = lib_packages()
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for addon, path in sources("lib/**/*.py")
        for name in imports(path)
        if name.split(".")[0] == "odoo"
        or owners.get(name.split(".")[0], addon) != addon
        or addon_of(name) not in (None, addon)
    ]
    assert not wrong


def test_an_addon_imports_only_the_siblings_it_may_know():
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for addon, path in sources("**/*.py")
        for name in imports(path)
        if addon_of(name) not in {None, addon, *MAY_KNOW.get(addon, ())}
    ]
    assert not wrong


def test_manifests_depend_only_on_the_siblings_they_may_know():
    for addon in ADDONS:
        manifest = ast.literal_eval((addon / "__manifest__.py").read_text())
        siblings = NAMES & set(manifest["depends"])
        assert siblings <= MAY_KNOW[addon.name], f"{addon.name} depends on {siblings}"


def test_controllers_and_wizards_leave_sql_and_the_network_to_the_models():
    wrong = []
    for _addon, path in sources("controllers/**/*.py", "wizards/**/*.py"):
        wrong += [
            f"{path.relative_to(ROOT)} imports {name}"
            for name in imports(path)
            if f"{name}.".startswith(tuple(f"{module}." for module in AROUND_A_MODEL))
        ]
        wrong += [
            f"{path.relative_to(ROOT)}:{node.lineno} writes SQL"
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in SQL_CALLS
        ]
    assert not wrong


def requirement_names():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {
        re.match(r"[\w.-]+", line)[0].lower() for line in lines if line and not line.startswith("#")
    }


@pytest.mark.parametrize("addon", ADDONS, ids=lambda addon: addon.name)
def test_requirements_name_what_the_manifest_needs(addon):
    manifest = ast.literal_eval((addon / "__manifest__.py").read_text())
    needed = {name.lower() for name in manifest.get("external_dependencies", {}).get("python", [])}
    assert needed <= requirement_names()
