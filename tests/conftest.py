"""What every stage of pytest does."""

import signal


def pytest_configure():
    """A run that is told to end takes its servers, containers and clusters along."""
    # As Ctrl-C does it: of `pytest.exit` a test's `except Exception` may make nothing.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
