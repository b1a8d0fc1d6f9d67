"""docs/api.md: what it shows is what happens."""

import json
import re
from pathlib import Path

import pytest
from passlib.hash import pbkdf2_sha512

from harness.example import SCRIPT

DOCUMENT = Path(SCRIPT).parents[1] / "api.md"


@pytest.mark.one_shape
def test_the_examples_of_the_reference_run_from_top_to_bottom(portal, plan, unique_name):
    blocks = re.findall(r"(?ms)^```python\n(.*?)^```", DOCUMENT.read_text())
    assert len(blocks) > 5
    source = "\n".join(blocks)
    # What stands for the reader's own portal, and nothing else, is put in.
    name = unique_name("doc")
    for example, here in (
        ("http://portal.localhost:8069", f"http://127.0.0.1:{portal.port}"),
        ('"portal.localhost"', f'"{portal.name}"'),
        ('"admin", "admin"', f'"admin", "{portal.admin_password}"'),
        ("client-email@example.com", f"{name}@example.com"),
        ('"shop.localhost"', f'"{name}"'),
        ('"Demo"', '"End to end"'),
    ):
        assert example in source
        source = source.replace(example, here)
    exec(compile(source, str(DOCUMENT), "exec"), {})
    (client,) = portal.admin.call(
        "saas_portal.client", "search_read", [("name", "=", f"new-{name}")], ["state", "max_users"]
    )
    assert client["state"] == "open"
    assert client["max_users"] == 4
    assert portal.has_database(f"new-{name}")


@pytest.mark.one_shape
def test_the_calls_answer_by_the_successor_of_xml_rpc_too(portal, plan, client):
    """As the reference says: the same methods and argument names under /json/2"""
    key = "0123456789abcdef0123456789abcdef01234567"
    portal.psql(
        portal.name,
        "INSERT INTO res_users_apikeys (name, user_id, scope, key, index)"
        " VALUES ('test', 2, 'rpc', %s, %s)",
        pbkdf2_sha512.using(rounds=6000).hash(key),
        key[:8],
    )

    def call(path, **arguments):
        return portal.http().post(
            f"/json/2/{path}", json=arguments, headers={"Authorization": f"Bearer {key}"}
        )

    answer = call("saas.config/do_upgrade_database", payload={}, database=client.id)
    assert answer.status_code == 200
    assert json.loads(answer.json()) == {client.name: {}}
    answer = call("saas_portal.plan/create_new_database", ids=[plan], dbname=client.name)
    assert answer.status_code == 422
    assert client.name in answer.json()["message"]
    answer = call("saas_portal.client/sync_client", ids=[client.id])
    assert answer.json() is True


def test_the_reference_names_every_payload_key_in_its_order():
    from saas_rules.payload import _PARSERS, ALIASES

    rows = re.findall(r"(?m)^\| `(\w+)`", DOCUMENT.read_text())
    keys = [key for key in rows if key in _PARSERS]
    assert keys == list(_PARSERS)
    for alias in ALIASES:
        assert f"`{alias}`" in DOCUMENT.read_text()
