"""Large files, PDF, and webhooks as a running server handles them."""

import hashlib
import http.client
import os
import shutil

import psutil
import pytest

from harness import at_once

MEGABYTE = 1024 * 1024


@pytest.fixture
def partner(rest):
    return rest.admin.call("res.partner", "create", {"name": "Deco"})


def resident(rest):
    """Memory of all the server's processes, in bytes."""
    server = psutil.Process(int(rest.server.pid_file.read_text()))
    return sum(process.memory_info().rss for process in [server, *server.children(recursive=True)])


@pytest.mark.one_shape
def test_a_large_file_is_sent_in_pieces(rest, partner, tmp_path):
    """B73: a download of 100 MB lets the server grow by less than 40 MB, and Range answers 206."""
    token = rest.token()
    path = f"/api/v1/res.partner/{partner}/attachments"
    content = os.urandom(MEGABYTE) * 100
    made = rest.call("POST", path, token=token, files={"file": ("large.bin", content)}, timeout=120)
    assert made.status_code == 201, made.text
    path = f"{path}/{made.json()['data'][0]['id']}"
    rest.server.restart()
    assert rest.call("GET", path, token=token, headers={"Range": "bytes=0-9"}).status_code == 206
    before = highest = resident(rest)
    digest, answer = hashlib.sha256(), rest.call("GET", path, token=token, stream=True, timeout=120)
    for piece in answer.iter_content(MEGABYTE):
        digest.update(piece)
        highest = max(highest, resident(rest))
    assert digest.digest() == hashlib.sha256(content).digest()
    assert highest - before < 40 * MEGABYTE
    part = rest.call("GET", path, token=token, headers={"Range": f"bytes={50 * MEGABYTE}-"})
    assert part.status_code == 206
    assert part.content == content[50 * MEGABYTE :]


@pytest.mark.one_shape
def test_an_upload_beyond_the_limit_is_refused(rest, partner):
    """B73, B59: more than 128 MiB is 413 as soon as it is announced: no byte of it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", rest.port, timeout=60)
    connection.putrequest("PUT", f"/api/v1/res.partner/{partner}/binary/image_1920", skip_host=True)
    connection.putheader("Host", rest.name)
    connection.putheader("Authorization", f"Bearer {rest.token()}")
    connection.putheader("Content-Length", str(128 * MEGABYTE + 1))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert answer.headers["Content-Type"].startswith("application/problem+json")


@pytest.mark.one_shape
def test_a_record_is_printed(rest):
    """B74: ``%PDF`` for a record that may be read, 404 for another one."""
    if not shutil.which("wkhtmltopdf"):
        pytest.skip("wkhtmltopdf is not installed")
    token = rest.token()
    path = "/api/v1/res.company/{}/report/web.action_report_externalpreview.pdf"
    answer = rest.call("GET", path.format(1), token=token, timeout=120)
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["Content-Type"] == "application/pdf"
    assert "filename" in answer.headers["Content-Disposition"]
    hidden = rest.call("GET", path.format(999999), token=token)
    assert (hidden.status_code, hidden.json()["type"]) == (404, "/api/v1/problems/not-found")


def test_each_process_notes_changes_and_none_forgets(rest):
    """B75: a webhook made in one process is known in the others; what they write is noted."""
    token = rest.token()
    body = {"url": "https://hooks.example.org/", "models": ["res.country"], "events": ["updated"]}
    made = rest.call("POST", "/api/v1/webhooks", token=token, json=body)
    assert made.status_code == 201, made.text
    hook = made.json()["data"]["id"]
    countries = rest.admin.call("res.country", "search", [], limit=20)
    path = "/api/v1/res.country/{}"

    def rename(country):
        return rest.call("PATCH", path.format(country), token=token, json={"phone_code": country})

    answers = at_once(*(lambda country=country: rename(country) for country in countries))
    assert {answer.status_code for answer in answers} == {200}
    rows = rest.psql(
        rest.name, "SELECT res_ids FROM saas_rest_delivery WHERE webhook_id = %s", hook
    )
    assert sorted(id_ for (ids,) in rows for id_ in ids) == sorted(countries)
    deleted = rest.call("DELETE", f"/api/v1/webhooks/{hook}", token=token)
    assert deleted.status_code == 204


def test_no_process_watches_any_more_when_the_last_webhook_is_gone(rest):
    """B77: without subscribers nothing is noted, in no process."""
    token = rest.token()
    rest.psql(rest.name, "DELETE FROM saas_rest_delivery")
    country = rest.admin.call("res.country", "search", [], limit=1)[0]
    for _time in range(4):
        answer = rest.call(
            "PATCH", f"/api/v1/res.country/{country}", token=token, json={"phone_code": 7}
        )
        assert answer.status_code == 200, answer.text
    assert rest.psql(rest.name, "SELECT count(*) FROM saas_rest_delivery") == [(0,)]
