"""docs/rest.md is executed as it stands; the Postman collection is that of the server."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest

from devkit.postman import OLDER, make_collection

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "rest.md"
COLLECTION = ROOT / "docs" / "saas_rest_api.postman_collection.json"
BLOCK = re.compile(r"```bash\n(?P<script>.*?)```\n<!-- (?P<after>[^>]*) -->", re.DOTALL)
# Everything goes to the real curl, and what it asked and got into a file.
SHIM = """#!/bin/sh
exec {curl} -w '%{{stderr}}\\n@@ %{{method}} %{{url_effective}} %{{http_code}}\\n' "$@" \\
    2>>"$CURL_LOG"
"""

pytestmark = pytest.mark.one_shape


@pytest.fixture(scope="module")
def document(rest):
    token = rest.token(scopes=["*:*", "admin"])
    answer = rest.call("GET", "/api/v1/openapi.json", token=token)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def asked(rest, tmp_path_factory):
    """Runs the page; (verb, path, status) of each request in it."""
    folder = tmp_path_factory.mktemp("curl")
    shim = folder / "bin" / "curl"
    shim.parent.mkdir()
    shim.write_text(SHIM.format(curl="/usr/bin/curl"))
    shim.chmod(shim.stat().st_mode | stat.S_IEXEC)
    log = folder / "curl.log"
    environment = {
        **os.environ,
        "PATH": f"{shim.parent}:{os.environ['PATH']}",
        "CURL_LOG": str(log),
        "ODOO": f"http://{rest.name}:{rest.port}",
        "DB": rest.name,
        "LOGIN": "admin",
        "PASSWORD": rest.admin_password,
        "no_proxy": "*",
    }
    blocks = list(BLOCK.finditer(PAGE.read_text()))
    assert len(blocks) == PAGE.read_text().count("```bash")
    requests = []
    for block in blocks:
        log.write_text("")
        run = subprocess.run(
            ["bash", "-c", block["script"]],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        entries = re.findall(r"@@ (\S+) (\S+) (\d+)", log.read_text())
        wanted = set(re.findall(r"\b\d{3}\b", block["after"]))
        for verb, url, status in entries:
            assert status in wanted, (verb, url, status, run.stdout)
        assert len(entries) == len(re.findall(r"^curl", block["script"], re.MULTILINE)), run.stderr
        requests += [(verb, url.split("?")[0].split("/", 3)[3], int(s)) for verb, url, s in entries]
        for name, path in re.findall(r"(\w+)=([\w.]+)", block["after"]):
            value = json.loads(run.stdout)
            for step in path.split("."):
                value = value[int(step) if step.isdecimal() else step]
            environment[name] = str(value)
    return requests


def test_each_example_does_what_the_page_says(asked):
    assert len(asked) > 60


def test_each_endpoint_has_an_example(asked, document):
    """A curl for every endpoint: each verb of each path is asked at least once."""
    known = {
        (verb.upper(), path)
        for path, item in document["paths"].items()
        for verb in item
        if verb != "parameters"
    }
    known |= {(verb, path) for verb, path, _fields in OLDER}
    # PATCH and POST of the same older call, GET and POST of the same token call.
    known -= {
        ("POST", "/api/{model}/{record_id}/{action}"),
        ("PATCH", "/api/{model}/{record_id}"),
        ("POST", "/api/auth/token"),
        ("GET", "/rest/sky/token"),
    }
    missing = set()
    for verb, path in known:
        pattern = re.sub(r"\{record_id\}|\{\w+_id\}", r"(?:\\d+|current)", path.strip("/"))
        pattern = re.sub(r"\{\w+\}", r"[^/]+", pattern.replace(".", r"\."))
        if not any(verb == asked_verb and re.fullmatch(pattern, p) for asked_verb, p, _s in asked):
            missing.add((verb, path))
    assert not missing


def test_the_postman_collection_is_that_of_the_server(document):
    """After a change: ``python -m devkit.postman openapi.json > docs/….json``, see there."""
    assert json.loads(COLLECTION.read_text()) == make_collection(document)
