"""The trust anchor: the portal's public keys in a file, where no database can reach them."""

import re
from pathlib import Path

from saas_driver import DriverRejected, Identity

from .settings import write_text

_UUID = re.compile(r"[0-9a-zA-Z-]{1,64}")


def publish_keys(data: Path, identity: Identity) -> None:
    """Let this server believe the portal of the identity, with the keys that it has now.

    `saas_client` reads the file; see its module ``trust``.
    """
    if not _UUID.fullmatch(identity.portal_uuid):
        raise DriverRejected("The portal's uuid is no name of a file.")
    path = data / "saas_trust" / f"{identity.portal_uuid}.pem"
    if not path.exists() or path.read_text() != identity.portal_key:
        write_text(path, identity.portal_key)
