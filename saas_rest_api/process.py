"""What the addon adds to the process, outside of any database."""

from . import dispatcher, header_shim, log_filter

PARTS = (header_shim, dispatcher, log_filter)


def attach() -> None:
    """Puts everything in; a second time does nothing."""
    for part in PARTS:
        part.install()


def detach() -> None:
    """Leaves the process as it was."""
    for part in PARTS:
        part.remove()
