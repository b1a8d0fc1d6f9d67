"""The driver as the portal imports it, but without the portal's models.

Its packages are known to Python under `odoo.addons`, where their own `__init__` would load models;
the libraries in them are the ones that tests import by their short names.
"""

import sys
from types import ModuleType

import portainer_api
import saas_driver
import saas_stack

from devkit.paths import ROOT


def _package(name, path, **attributes):
    module = sys.modules.setdefault(name, ModuleType(name))
    module.__path__ = [str(path)]
    vars(module).update(attributes)


for _addon, _library in (
    ("saas_portal", saas_driver),
    ("sadeem_portainer", portainer_api),
    ("sadeem_saas_docker", saas_stack),
):
    _base = f"odoo.addons.{_addon}"
    _package(_base, ROOT / _addon)
    _package(f"{_base}.lib", ROOT / _addon / "lib", **{_library.__name__: _library})
    sys.modules[f"{_base}.lib.{_library.__name__}"] = _library

# Only now can they be found.
from odoo.addons.sadeem_portainer import stack_calls  # noqa: E402
from odoo.addons.sadeem_portainer.stack_calls import Target  # noqa: E402
from odoo.addons.sadeem_saas_docker.portainer_driver import (  # noqa: E402
    Deployment,
    ExternalServer,
    Place,
    PortainerDriver,
    agent_calls,
    deploying,
    driver,
    external,
    files,
    pinning,
)

__all__ = [
    "Deployment",
    "ExternalServer",
    "Place",
    "PortainerDriver",
    "Target",
    "agent_calls",
    "deploying",
    "driver",
    "external",
    "files",
    "pinning",
    "stack_calls",
]
