"""Checklist lines 1 to 21, 65 and 66: a fresh server, logins and keys."""

import pytest
from portainer_harness import ADMIN, PASSWORD, Api


def test_line_1_status_needs_no_credentials(fresh):
    """1: `GET /api/status` and `/api/system/status` return Version and InstanceID."""
    for path in ("/status", "/system/status"):
        answer = fresh.anonymous.get(path)
        assert answer.status_code == 200
        assert answer.json()["Version"] == "2.23.0"
        assert len(answer.json()["InstanceID"]) == 36


def test_line_2_admin_check_before_and_after(fresh):
    """2: 404 with message and details before, 204 without a body after."""
    before = fresh.anonymous.get("/users/admin/check")
    assert before.status_code == 404
    assert set(before.json()) == {"message", "details"}
    fresh.init_admin()
    after = fresh.anonymous.get("/users/admin/check")
    assert (after.status_code, after.content) == (204, b"")


def test_line_3_the_length_of_a_password_is_all_that_counts(fresh):
    """3: eleven characters are refused, twelve lower-case letters pass."""
    short = fresh.init_admin(password="abcdefghijk")
    assert short.status_code == 400
    assert short.json()["message"] == "Password does not meet the requirements"
    assert fresh.init_admin(password="abcdefghijkl").status_code == 200


def test_line_4_a_second_administrator_is_refused_first(fresh):
    """4: 409 even when the password is too short."""
    fresh.init_admin()
    for password in (PASSWORD, "short"):
        again = fresh.init_admin(password=password)
        assert again.status_code == 409
        assert again.json()["message"] == "Unable to create administrator user"
        assert again.json()["details"] == "An administrator user already exists"


def test_line_5_a_space_in_the_name_is_refused(fresh):
    """5: 400."""
    answer = fresh.init_admin(name="the admin")
    assert answer.status_code == 400
    assert "whitespace" in answer.json()["details"]


def test_line_6_admin_init_shows_the_user_and_sets_no_cookie(fresh):
    """6: 200, Id 1, Role 1, lower-cased name."""
    answer = fresh.init_admin(name="Admin")
    user = answer.json()
    assert answer.status_code == 200
    assert (user["Id"], user["Role"], user["Username"]) == (1, 1, "admin")
    assert user["Password"].startswith("$2")
    assert "Set-Cookie" not in answer.headers


def test_line_7_five_minutes_without_administrator_lock_the_server(fresh):
    """7: 303 without a place to go, for all but two exact addresses; a restart opens it."""
    fresh.double.clock.advance(301)
    for path in ("/system/status", "/users/admin/check", "/status?x=1", "/endpoints", "/nowhere"):
        answer = fresh.anonymous.get(path)
        assert answer.status_code == 303, path
        assert answer.headers["Redirect-Reason"] == "AdminInitTimeout"
        assert "Location" not in answer.headers
        assert answer.json()["message"] == "Administrator initialization timeout"
    assert fresh.init_admin().status_code == 303
    assert fresh.anonymous.get("/status").status_code == 200
    assert fresh.anonymous.get("/settings/public").status_code == 200
    assert fresh.anonymous.post("/_double/restart").status_code == 204
    assert fresh.init_admin().status_code == 200


def test_line_7_an_administrator_in_time_keeps_it_open(fresh):
    """7: the look is taken once."""
    fresh.init_admin()
    assert fresh.anonymous.post("/_double/clock", {"advance": 400}).status_code == 200
    assert fresh.anonymous.get("/users/admin/check").status_code == 204


def test_line_8_refused_logins(fresh):
    """8: a wrong password is 422, an empty field 400."""
    fresh.init_admin()
    wrong = fresh.anonymous.post("/auth", {"Username": ADMIN, "Password": "wrong"})
    assert wrong.status_code == 422
    assert wrong.json() == {"message": "Invalid credentials", "details": "Unauthorized"}
    empty = fresh.anonymous.post("/auth", {"Username": ADMIN, "Password": ""})
    assert (empty.status_code, empty.json()["message"]) == (400, "Invalid request payload")
    nobody = fresh.anonymous.post("/auth")
    assert (nobody.status_code, nobody.json()["details"]) == (400, "EOF")


def test_line_9_a_login_gives_a_token_and_a_cookie(fresh):
    """9: `{"jwt"}` and the cookie portainer_api_key; keys of the body have no case."""
    fresh.init_admin()
    answer = fresh.anonymous.post("/auth", {"username": "ADMIN", "password": PASSWORD})
    assert answer.status_code == 200
    assert list(answer.json()) == ["jwt"]
    assert answer.cookies["portainer_api_key"] == answer.json()["jwt"]
    assert "HttpOnly" in answer.headers["Set-Cookie"]


def test_line_10_no_credentials(portainer):
    """10: 401 with its own message."""
    answer = portainer.anonymous.get("/endpoints")
    assert answer.status_code == 401
    assert answer.json()["message"] == "A valid authorization token is missing"


def test_line_11_a_bogus_key(portainer):
    """11: 401 "Invalid JWT token"."""
    answer = portainer.anonymous.get("/endpoints", headers={"X-API-Key": "ptr_nonsense"})
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid JWT token")


def test_line_12_a_key_is_no_bearer(portainer):
    """12: 401."""
    answer = portainer.bearer(portainer.key).get("/endpoints")
    assert (answer.status_code, answer.json()["message"]) == (401, "Invalid JWT token")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_line_13_two_credentials_are_one_too_many(portainer, method):
    """13: 403 with a fixed message, on any method."""
    headers = {"X-API-Key": portainer.key, "Authorization": f"Bearer {portainer.jwt}"}
    answer = portainer.anonymous.request(method, "/users/me", headers=headers)
    assert answer.status_code == (403 if method == "GET" else 405)
    answer = portainer.anonymous.request(method, "/tags", headers=headers)
    assert answer.status_code == 403
    message = "api key and auth header are not allowed at the same time"
    assert answer.json()["message"] == message


def test_line_14_the_session_cookie_wants_a_csrf_token(portainer):
    """14: 403 as text, even with a valid Bearer; with the token of an earlier reply it works."""
    cookie = {"portainer_api_key": portainer.jwt}
    refused = portainer.bearer().post("/tags", {"Name": "csrf"}, cookies=cookie)
    assert refused.status_code == 403
    assert refused.headers["Content-Type"].startswith("text/plain")
    assert refused.text.strip() == "Forbidden - CSRF token not found in request"
    read = portainer.anonymous.get("/tags", cookies=cookie)
    assert read.status_code == 200
    cookie["_gorilla_csrf"] = read.cookies["_gorilla_csrf"]
    headers = {"X-CSRF-Token": read.headers["X-Csrf-Token"]}
    allowed = portainer.anonymous.post("/tags", {"Name": "csrf"}, cookies=cookie, headers=headers)
    assert allowed.status_code == 200
    assert portainer.api.delete(f"/tags/{allowed.json()['ID']}").status_code == 204


def test_a_newer_server_wants_an_origin_too(new_portainer):
    """Section 0 of the contract, 2.45: a cookie without Origin is refused."""
    cookie = {"portainer_api_key": new_portainer.jwt}
    refused = new_portainer.anonymous.post("/tags", {"Name": "origin"}, cookies=cookie)
    assert (refused.status_code, refused.text.strip()) == (403, "Forbidden - origin invalid")


@pytest.mark.parametrize("header", ["X-API-KEY", "x-api-key", "X-Api-Key"])
def test_line_15_the_name_of_the_key_header_has_no_case(portainer, header):
    """15."""
    answer = portainer.anonymous.get("/users/me", headers={header: portainer.key})
    assert (answer.status_code, answer.json()["Username"]) == (200, "admin")
    assert answer.headers["X-Csrf-Token"] == ""


def test_line_16_a_restart_ends_jwts_and_keeps_keys(double_of, tmp_path):
    """16: both a simulated restart and a new process on the same folder."""
    first = double_of(folder=tmp_path).bootstrap(endpoint=None)
    assert first.bearer().get("/users/me").status_code == 200
    first.anonymous.post("/_double/restart")
    assert first.bearer().get("/users/me").json()["message"] == "Invalid JWT token"
    assert first.api.get("/users/me").status_code == 200
    first.stop()
    second = double_of(folder=tmp_path)
    assert second.bearer(first.jwt).get("/users/me").status_code == 401
    assert Api(second.url, **{"X-API-Key": first.key}).get("/users/me").status_code == 200


def test_a_jwt_ends_after_eight_hours(double_of):
    """Section 2 of the contract."""
    portainer = double_of().bootstrap(endpoint=None)
    portainer.double.clock.advance(8 * 3600 + 1)
    assert portainer.bearer().get("/users/me").status_code == 401
    assert portainer.api.get("/users/me").status_code == 200


def test_line_17_a_key_makes_no_key(portainer):
    """17: 401 "Auth not supported"."""
    body = {"password": PASSWORD, "description": "x"}
    answer = portainer.api.post("/users/1/tokens", body)
    assert answer.status_code == 401
    assert answer.json() == {"message": "Auth not supported", "details": "Authentication required"}


def test_line_18_a_key_needs_the_password(portainer):
    """18: a wrong one is 403, an empty one 400."""
    wrong = portainer.bearer().post("/users/1/tokens", {"password": "no", "description": "x"})
    assert (wrong.status_code, wrong.json()["message"]) == (403, "Current password doesn't match")
    empty = portainer.bearer().post("/users/1/tokens", {"password": "", "description": "x"})
    assert empty.status_code == 400
    assert empty.json()["details"] == "Invalid password: cannot be empty"
    blank = portainer.bearer().post("/users/1/tokens", {"password": PASSWORD, "description": " "})
    assert blank.status_code == 400


def test_lines_19_and_20_the_life_of_a_key(portainer, wait_for):
    """19: 201 with raw key and digest. 20: lists omit it, unknown is 500, deleted stops at once."""
    body = {"password": PASSWORD, "description": "life"}
    made = portainer.bearer().post("/users/1/tokens", body)
    assert made.status_code == 201
    raw, row = made.json()["rawAPIKey"], made.json()["apiKey"]
    assert raw.startswith("ptr_") and len(raw) == 48 and raw.endswith("=")
    assert row["digest"] and row["prefix"] == raw[:7] and row["lastUsed"] == 0
    listed = portainer.api.get("/users/1/tokens").json()
    assert row["id"] in [item["id"] for item in listed]
    assert not any("digest" in item for item in listed)
    unknown = portainer.api.delete("/users/1/tokens/9999")
    assert (unknown.status_code, unknown.json()["message"]) == (500, "API Key not found")
    caller = Api(portainer.url, **{"X-API-Key": raw})
    assert caller.get("/users/me").status_code == 200
    assert portainer.api.delete(f"/users/1/tokens/{row['id']}").status_code == 204
    assert caller.get("/users/me").status_code == 401


def test_line_21_eleven_logins_within_a_second_ban_the_address(fresh):
    """21: 403 for an hour, on these routes only."""
    fresh.init_admin()
    fresh.double.clock.now = lambda: 1_000_000.0  # all within one moment, however slow the machine
    wrong = {"Username": ADMIN, "Password": ""}
    codes = [fresh.anonymous.post("/auth", wrong).status_code for _ in range(11)]
    assert codes == [400] * 10 + [403]
    fresh.double.clock.now = lambda: 1_003_599.0
    banned = fresh.anonymous.post("/auth", wrong)
    assert (banned.status_code, banned.json()["message"]) == (403, "Access denied")
    assert fresh.anonymous.get("/status").status_code == 200
    fresh.double.clock.now = lambda: 1_003_601.0
    assert fresh.anonymous.post("/auth", wrong).status_code == 400


def test_a_standard_user_is_no_administrator(portainer):
    """Section 1.4 of the contract: 403 by role, and no environment without a grant."""
    body = {"Username": "standard", "Password": "another-password", "Role": 2}
    made = portainer.api.post("/users", body)
    assert made.status_code == 200
    assert portainer.api.post("/users", body).status_code == 409
    token = portainer.login("standard", "another-password")
    user = portainer.bearer(token)
    assert user.get("/endpoints").json() == []
    assert user.get(f"/endpoints/{portainer.endpoint}").status_code == 403
    refused = user.post("/tags", {"Name": "x"})
    assert (refused.status_code, refused.json()["message"]) == (403, "Access denied")
    assert portainer.api.delete(f"/users/{made.json()['Id']}").status_code == 204


def test_line_65_unknown_routes_and_methods(portainer):
    """65: 404 as text, 405 without a body; a trailing slash is another route."""
    for path in ("/nowhere", "/endpoints/", "/endpoints/1/docker"):
        unknown = portainer.api.get(path)
        assert (unknown.status_code, unknown.text.strip()) == (404, "404 page not found")
        assert unknown.headers["Content-Type"].startswith("text/plain")
    wrong = portainer.api.put("/stacks")
    assert (wrong.status_code, wrong.content) == (405, b"")


def test_line_66_a_newer_server_wants_its_setup_token(double_of):
    """66: 403 without the token that the log shows, 200 with it."""
    portainer = double_of(mode="2.45")
    body = {"Username": "admin", "Password": PASSWORD}
    for headers in ({}, {"X-Setup-Token": "0" * 64}):
        refused = portainer.anonymous.post("/users/admin/init", body, headers=headers)
        assert refused.status_code == 403
        assert refused.json()["message"].startswith("Invalid or missing setup token.")
    assert len(portainer.double.setup_token) == 64
    assert portainer.init_admin().status_code == 200
