import os
from pathlib import Path

from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import config

#: Below the data folder; `saas_client` reads it, and keeps its policies there.
_FOLDER = "saas_trust"


class SaasPortalKeyring(models.AbstractModel):
    """The trust anchor: the portal's public keys in a file, where no database can reach them.

    Clients on this server believe it more than anything in their own database. Other servers are
    given the file by their operator (docs/operator.md).
    """

    _inherit = "saas_portal.keyring"

    @api.model
    def _publish_anchor(self):
        """Write the public keys beside the data of this server, unless they are there.

        :raises UserError: another portal database, a copy of this one, has written them
        """
        uuid = self._get_portal_uuid()
        self._check_anchor_is_ours(uuid)
        _ensure_file(_get_folder() / f"{uuid}.portal", self.env.cr.dbname)
        _ensure_file(_get_folder() / f"{uuid}.pem", self._get_public_keys())

    @api.model
    def _check_anchor_is_ours(self, uuid):
        owner = _read(_get_folder() / f"{uuid}.portal")
        if owner not in ("", self.env.cr.dbname) and _read(_get_folder() / f"{uuid}.pem") not in (
            "",
            self._get_public_keys(),
        ):
            raise UserError(
                self.env._(
                    "The database %(other)s is a portal with the same uuid, and the clients on"
                    " this server belong to it. If it is gone, remove %(file)s from the folder"
                    " saas_trust in Odoo's data folder.",
                    other=owner,
                    file=f"{uuid}.portal",
                )
            )

    @api.model
    def _publish_policy(self, client_uuid, token):
        """Let a client on this server find its policy before it is there itself."""
        _ensure_file(_get_folder() / f"{client_uuid}.policy", token)

    @api.model
    def _forget_policy(self, client_uuid):
        """Remove what a client that no longer exists has kept on this server."""
        for path in _get_folder().glob(f"{client_uuid}.*"):
            path.unlink(missing_ok=True)


def _get_folder() -> Path:
    return Path(config["data_dir"]) / _FOLDER


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _ensure_file(path: Path, text: str) -> None:
    """Replace a file at once: whoever reads sees the former text or this one."""
    if _read(path) == text:
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    staged.write_text(text)
    os.replace(staged, path)
