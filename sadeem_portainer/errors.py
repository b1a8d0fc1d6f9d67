"""Where errors of the libraries become messages for users."""

import contextlib
from collections.abc import Iterator

from odoo.exceptions import UserError

from .lib.portainer_api import PortainerError
from .lib.root_ssh import SshError


@contextlib.contextmanager
def told_to_user() -> Iterator[None]:
    """Both libraries write their errors for operators, without secrets; so they are shown."""
    try:
        yield
    except (PortainerError, SshError) as error:
        raise UserError(str(error)) from error
