import functools
from pathlib import Path

from odoo import models
from odoo.modules.module import Manifest

from ..lib.saas_driver.fingerprint import fingerprint


class SaasPortalServer(models.Model):
    """Which addons a server has for its templates and clients."""

    _inherit = "saas_portal.server"

    def _read_addons(self, names, fresh=False):
        """Versions of these addons and of all that they need: name → ``[version, fingerprint]``.

        :param fresh: look at the files now, whatever this process has read before
        :return: None when the portal does not see the server's addons
        """
        self.ensure_one()
        if self.driver != "local":
            return None
        read = _read_addon.__wrapped__ if fresh else _read_addon
        return {name: read(name) for name in _list_needed(names)}


def _list_needed(names):
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        manifest = name not in found and Manifest.for_addon(name, display_warning=False)
        if manifest:
            found.add(name)
            waiting += manifest["depends"]
    return sorted(found)


@functools.cache
def _read_addon(name):
    """The code of a running process does not change: what was read once is good."""
    manifest = Manifest.for_addon(name)
    return [manifest["version"], fingerprint(Path(manifest.path))]
