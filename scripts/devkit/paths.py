"""Where things lie."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEV = Path(os.environ.get("SAAS_DEV_DIR") or ROOT / ".dev").absolute()
LOGS = DEV / "log"


def our_addons():
    """Technical names of the addons in this repository."""
    return sorted(manifest.parent.name for manifest in ROOT.glob("*/__manifest__.py"))


def addons_path():
    """Odoo's own addons first, then ours."""
    import odoo.release

    package = Path(odoo.release.__file__).parent
    folders = [package / "addons", package.parent / "addons", ROOT]
    return [str(folder) for folder in folders if folder.is_dir()]


def ensure_secret(path, make):
    """The secret kept in the file `path`, made (for its owner only) when it is not there."""
    path = Path(path)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(make())
    return path.read_text().strip()
