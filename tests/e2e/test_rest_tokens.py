"""Tokens of the REST layer over several processes and databases."""

import re
import subprocess
import sys

import pytest

from devkit import odoo
from devkit.paths import DEV, ROOT
from harness import at_once

TOKEN = re.compile(r"^access_token_[0-9a-f]{40}$")
ME = "/api/v1/me"
# More than enough for each worker to answer some.
MANY = 12


def statuses(rest, token, count=MANY, **options):
    return {rest.call("GET", ME, token=token, **options).status_code for _number in range(count)}


def codes(rest, token, count=MANY):
    answers = [rest.call("GET", ME, token=token) for _number in range(count)]
    return {(answer.status_code, answer.json()["type"].rpartition("/")[2]) for answer in answers}


def credentials(rest, **values):
    return {"db": rest.name, "login": "admin", "password": rest.admin_password, **values}


def test_the_seed_calls_work_as_written(rest):
    """B1, B2, B5, B7: typed as the older documentation has them."""
    answer = rest.call("GET", "/api/auth/token", data=credentials(rest))
    assert list(answer.json()) == ["uid", "company_id", "partner_id", "access_token"]
    token = answer.json()["access_token"]
    assert TOKEN.match(token)
    headers = {"content-type": "multipart/form-data;", "access-token": token}
    for path in ("/api/auth/token", "/rest/sky/token"):
        again = rest.call("GET", path, data=credentials(rest), headers=headers)
        assert again.json()["uid"] == 2, again.text
    gone = rest.call("DELETE", "/api/auth/token", data=credentials(rest), headers=headers)
    assert gone.text == (
        '{"count": 1, "data": [{"desc": "access token successfully deleted", "delete": true}]}'
    )
    assert statuses(rest, token) == {401}


def test_the_header_with_an_underscore_arrives(rest):
    """B6, B7: on both server shapes."""
    token = rest.token()
    for _number in range(MANY):
        answer = rest.call("GET", ME, headers={"access_token": token})
        assert answer.status_code == 200, answer.text
    answer = rest.call("DELETE", "/rest/sky/token", headers={"access_token": token})
    assert answer.json()["count"] == 1
    answer = rest.call("DELETE", "/rest/sky/token", headers={"access_token": token})
    assert answer.status_code == 401


@pytest.mark.one_shape
def test_other_headers_with_underscores_stay_outside(rest):
    """B6, H14: this one name only, and not as another user's way in."""
    token = rest.token()
    answer = rest.call("GET", ME, token=token, headers={"X_Company_Id": "999"})
    assert answer.status_code == 200
    answer = rest.call("GET", ME, token=token, headers={"access_token": "x" * 53})
    assert answer.status_code == 400


def test_an_expired_token_is_refused_in_every_worker(rest):
    """B14: right after each of them has accepted it."""
    token = rest.token()
    assert statuses(rest, token) == {200}
    rest.psql(
        rest.name,
        "UPDATE saas_rest_token SET expiration_date = now() AT TIME ZONE 'utc'"
        " - interval '1 second' WHERE prefix = %s",
        token[13:21],
    )
    assert codes(rest, token) == {(401, "token-expired")}


def test_archiving_the_user_ends_his_tokens_everywhere_and_for_ever(rest):
    """B15"""
    user = rest.user("archived@example.com")
    token = rest.token("archived@example.com", "archived@example.com")
    assert statuses(rest, token) == {200}
    rest.admin.call("res.users", "write", [user], {"active": False})
    assert codes(rest, token) == {(401, "token-invalid")}
    rest.admin.call("res.users", "write", [user], {"active": True})
    assert codes(rest, token) == {(401, "token-invalid")}


@pytest.mark.one_shape
def test_a_token_opens_no_other_database(rest):
    """B17: neither by header nor by host, although the other one is a copy."""
    token = rest.token()
    with rest.duplicate("copy.localhost") as copy:
        assert statuses(rest, token) == {200}
        answer = rest.call("GET", ME, token=token, host=copy)
        assert (answer.status_code, answer.json()["title"]) == (
            401,
            "The access token is not valid",
        )
        with rest.other_server(dbfilter="") as port:
            for name, status in ((copy, 401), (rest.name, 200)):
                headers = {"X-Odoo-Database": name}
                answer = rest.call("GET", ME, token=token, headers=headers, port=port)
                assert answer.status_code == status, answer.text


@pytest.mark.one_shape
def test_with_several_databases_one_has_to_be_named(rest):
    """B65, S1: all is JSON, no name is told; older clients name it in the body."""
    with rest.duplicate("copy.localhost"), rest.other_server(dbfilter="") as port:
        for method, path in (
            ("GET", "/api/v1"),
            ("GET", "/api/v1/health"),
            ("GET", ME),
            ("GET", "/api/v1/res.partner"),
            ("PATCH", "/api/v1/res.partner/1"),
            ("PUT", "/api/v1/no/such/thing/at/all"),
        ):
            answer = rest.call(method, path, port=port)
            assert answer.status_code == 400, (path, answer.text)
            assert answer.headers["Content-Type"].startswith("application/problem+json")
            assert answer.json()["type"] == "/api/v1/problems/database-required"
            assert "localhost" not in answer.text
            assert "Set-Cookie" not in answer.headers
        answer = rest.call("GET", "/api/auth/token", data=credentials(rest), port=port)
        token = answer.json()["access_token"]
        answer = rest.call(
            "POST", "/api/v1/tokens", json={"login": "admin", "password": "x"}, port=port
        )
        assert answer.json()["type"] == "/api/v1/problems/database-required"
        answer = rest.call("POST", "/api/v1/tokens", json=credentials(rest), port=port)
        assert answer.status_code == 201
        headers = {"X-Odoo-Database": rest.name}
        assert rest.call("GET", ME, token=token, headers=headers, port=port).status_code == 200
        headers = {"content-type": "multipart/form-data;", "access-token": token}
        answer = rest.call(
            "DELETE", "/api/auth/token", data=credentials(rest), headers=headers, port=port
        )
        assert answer.json()["count"] == 1


@pytest.mark.one_shape
def test_wrong_passwords_logins_and_databases_look_the_same(rest):
    """B18: in status, body and headers; also the sixth time."""

    kinds = (
        credentials(rest, password="wrong"),
        credentials(rest, login="nobody"),
        credentials(rest, db="ghost.localhost"),
        credentials(rest, db="postgres"),
        credentials(rest, db="x'; DROP DATABASE"),
    )
    with rest.other_server(dbfilter="") as port:
        for number in range(7):
            # A login of its own each time the password is wrong: others must not be locked out.
            answers = []
            for kind in kinds:
                sent = {**kind, "login": f"{kind['login']}-{kind['db'] == rest.name}"}
                answers.append(rest.call("GET", "/api/auth/token", data=sent, port=port))
            seen = {answer.status_code for answer in answers}
            assert seen == ({401} if number < 5 else {429}), number
            assert len({answer.json()["type"] for answer in answers}) == 1
            assert len({frozenset(answer.headers) for answer in answers}) == 1


def test_the_sixth_wrong_password_waits_in_every_worker(rest):
    """B20, H25: whichever worker counts; a good login of somebody else unlocks nothing."""
    rest.user("guessed@example.com")
    rest.user("other@example.com")
    wrong = {"login": "guessed@example.com", "password": "wrong"}
    answers = [rest.call("POST", "/api/v1/tokens", json=wrong) for _number in range(5)]
    assert [answer.status_code for answer in answers] == [401] * 5
    rest.token("other@example.com", "other@example.com")
    for password in ("wrong", "guessed@example.com"):
        answers = [
            rest.call("POST", "/api/v1/tokens", json={**wrong, "password": password})
            for _number in range(MANY)
        ]
        assert {answer.status_code for answer in answers} == {429}
        assert all(0 < int(answer.headers["Retry-After"]) <= 60 for answer in answers)


def test_many_guesses_at_once_are_no_way_around(rest):
    """B20, H25: twenty wrong passwords at the same moment lock the login."""
    rest.user("hammered@example.com")
    wrong = {"login": "hammered@example.com", "password": "wrong"}

    def guess():
        return rest.call("POST", "/api/v1/tokens", json=wrong).status_code

    seen = at_once(*[guess] * 20)
    assert set(seen) <= {401, 429}
    assert seen.count(401) <= 5, seen
    answer = rest.call("POST", "/api/v1/tokens", json={**wrong, "password": wrong["login"]})
    assert answer.status_code == 429


def test_logins_at_once_with_the_right_password_all_work(rest):
    token_count = 8
    tokens = at_once(*[rest.token] * token_count)
    assert len({token for token in tokens if isinstance(token, str)}) == token_count


def test_the_rate_of_a_token_holds_over_all_workers(rest):
    """B27: headers count down, another token is not touched."""
    token, other = rest.token(rate_per_minute=100), rest.token(rate_per_minute=100)
    answers = [rest.call("GET", ME, token=token) for _number in range(101)]
    assert sum(answer.status_code == 200 for answer in answers) <= 100
    assert answers[-1].status_code == 429
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert left[0] in (99, 95)
    assert left[-1] == 0
    assert rest.call("GET", ME, token=other).status_code == 200


def test_forwarded_addresses_count_behind_a_proxy_only(rest):
    """B26"""
    token = rest.token(allowed_ips="10.0.0.0/8")
    headers = {"X-Forwarded-For": "10.1.2.3", "X-Forwarded-Host": rest.name}
    assert rest.call("GET", ME, token=token, headers=headers).status_code == 403
    with rest.other_server(proxy_mode=True) as port:
        assert rest.call("GET", ME, token=token, headers=headers, port=port).status_code == 200
        assert rest.call("GET", ME, token=token, port=port).status_code == 403


def test_secrets_leave_no_trace_in_the_log(rest):
    """B21, H7"""
    token = rest.token()
    query = credentials(rest, password="in-the-address", access_token=token)
    answer = rest.call("GET", "/api/auth/token", params=query)
    assert answer.status_code == 400
    rest.call("DELETE", "/api/auth/token", headers={"access-token": token})
    log = rest.log_text()
    assert "password=***" in log
    for secret in ("in-the-address", token, rest.admin_password):
        assert secret not in log


@pytest.mark.one_shape
def test_the_dump_opens_nothing(rest):
    """B22, H1: what pg_dump would write of the table."""
    token = rest.token()
    rows = rest.psql(rest.name, "SELECT t::text FROM saas_rest_token t")
    dump = "\n".join(text for (text,) in rows)
    assert token not in dump
    assert token[13:] not in dump
    values = set(re.findall(r"[0-9a-f]{64}", dump))
    assert values
    for value in values:
        for form in (value, value[:40], "access_token_" + value[:40]):
            assert rest.call("GET", ME, token=form).status_code == 401


@pytest.mark.one_shape
def test_neutralizing_a_copy_deletes_its_tokens(rest):
    """B77: and stops its webhooks, which cannot sign in the original's name either."""
    body = {"url": "https://hooks.example.org/", "models": ["res.country"]}
    token = rest.token()
    hook = rest.call("POST", "/api/v1/webhooks", token=token, json=body).json()["data"]["id"]
    rest.call("POST", f"/api/v1/webhooks/{hook}/test", token=token)
    left = (
        "SELECT (SELECT count(*) FROM saas_rest_token) > 0,"
        " (SELECT count(*) FROM saas_rest_webhook WHERE active OR sealed_secret IS NOT NULL) > 0,"
        " (SELECT count(*) FROM saas_rest_delivery) > 0"
    )
    with rest.duplicate("neutral.localhost") as copy:
        assert rest.psql(copy, left) == [(True, True, True)]
        command = [sys.executable, str(ROOT / "scripts" / "bin" / "odoo"), "neutralize"]
        subprocess.run(
            [*command, "-c", str(rest.conf), "-d", copy],
            check=True,
            cwd=DEV,
            env=odoo.environment(rest.cluster),
            capture_output=True,
        )
        assert rest.psql(copy, left) == [(False, False, False)]
    rest.call("DELETE", f"/api/v1/webhooks/{hook}", token=token)


@pytest.mark.one_shape
def test_uninstalling_leaves_no_trace(rest):
    """B77: no table, no view, no group, no watching, and Odoo works on."""
    body = {"url": "https://hooks.example.org/", "models": ["res.country"]}
    with rest.duplicate("without.localhost") as copy:
        # Odoo uninstalls nothing that the whole server loads.
        with rest.other_server(server_wide_modules="base,rpc,web") as port:
            token = rest.token(database=copy)
            made = rest.call(
                "POST", "/api/v1/webhooks", token=token, host=copy, port=port, json=body
            )
            assert made.status_code == 201, made.text
            rpc = rest.rpc(copy, "admin", rest.admin_password, port=port)
            (module,) = rpc.call("ir.module.module", "search", [("name", "=", "saas_rest_api")])
            rpc.call("ir.module.module", "button_immediate_uninstall", [module])
            country = rpc.call("res.country", "search", [], limit=1)
            assert rpc.call("res.country", "write", country, {"phone_code": 7})
        left = rest.psql(copy, "SELECT tablename FROM pg_tables WHERE tablename LIKE 'saas_rest%'")
        assert left == []
        for table, column in (
            ("ir_model", "model"),
            ("ir_model_fields", "name"),
            ("ir_ui_view", "name"),
            ("ir_config_parameter", "key"),
            ("ir_cron", "cron_name"),
        ):
            left = rest.psql(
                copy, f"SELECT {column} FROM {table} WHERE {column} LIKE '%rest_token%'"
                f" OR {column} LIKE 'saas_rest%'"
            )  # fmt: skip
            assert left == []
        assert rest.psql(copy, "SELECT 1 FROM ir_model_data WHERE module = 'saas_rest_api'") == []
        page = rest.http(copy)
        assert page.login("admin", rest.admin_password)
        answer = rest.call("GET", "/api/v1/me", host=copy)
        assert answer.json()["type"] == "/api/v1/problems/database-required"
        rpc = rest.rpc(copy, "admin", rest.admin_password)
        views = rpc.call("res.users", "get_views", [(False, "form")])
        assert "rest_token" not in views["views"]["form"]["arch"]
