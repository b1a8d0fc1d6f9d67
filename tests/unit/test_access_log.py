"""The access log of a client: health checks are left out, and nothing else is."""

import importlib.util
import logging

import pytest

from devkit.paths import ROOT

_SPEC = importlib.util.spec_from_file_location("access_log", ROOT / "saas_client/access_log.py")
access_log = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(access_log)


@pytest.mark.parametrize(
    ("line", "is_kept"),
    [
        ('"GET /web/health HTTP/1.1" 200 -', False),
        ('"GET /web/health?db_server_status=1 HTTP/1.1" 200 -', False),
        ('"GET /web/health HTTP/1.1" 500 -', True),
        ('"GET /web/healthy HTTP/1.1" 200 -', True),
        ('"GET /web/login HTTP/1.1" 200 -', True),
    ],
)
def test_only_the_lines_of_good_health_checks_are_left_out(line, is_kept):
    record = logging.LogRecord(
        "werkzeug", logging.INFO, "", 0, "%s - - [%s] %s", ("::1", "now", line), None
    )
    assert access_log.HealthFilter().filter(record) is is_kept
