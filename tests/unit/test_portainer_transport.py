"""How requests to Portainer travel: credentials, TLS, repeats, and what goes wrong."""

import logging
import socket
import time

import pytest
import requests
from portainer_api import (
    CertificateChanged,
    Conflict,
    Forbidden,
    InvalidRequest,
    Locked,
    NoSuchRoute,
    NotFound,
    PortainerClient,
    PortainerError,
    ServerFailed,
    TlsPolicy,
    Unauthorized,
    Unavailable,
    UnknownOutcome,
    UntrustedCertificate,
    fetch_fingerprint,
)
from portainer_stub import Reply, Stub, answer, refusal, self_signed

TOKEN = "ptr_abc+/def="
ME = answer({"Id": 1, "Username": "admin", "Role": 1})


@pytest.fixture
def stub():
    with Stub() as stub:
        stub.on("GET", "/users/me", ME)
        yield stub


@pytest.fixture
def pauses():
    return []


@pytest.fixture
def client(stub, pauses):
    with PortainerClient(stub.url, TOKEN, timeout=5, sleep=pauses.append) as client:
        yield client


# -- credentials -----------------------------------------------------------------------------------


def test_a_token_travels_alone_in_its_own_header(stub, client):
    client.me()
    headers = {name.lower(): value for name, value in stub.requests[0].headers.items()}
    assert headers["x-api-key"] == TOKEN
    assert "authorization" not in headers


def test_a_jwt_travels_instead_of_the_token(stub, client):
    client.me(jwt="a.b.c")
    headers = {name.lower(): value for name, value in stub.requests[0].headers.items()}
    assert headers["authorization"] == "Bearer a.b.c"
    assert "x-api-key" not in headers


def test_what_needs_no_credential_gets_none(stub, client):
    stub.on("GET", "/status", answer({"Version": "2.23.0", "InstanceID": "x"}))
    stub.on("POST", "/auth", answer({"jwt": "a.b.c"}))
    client.status()
    client.login("admin", "secret")
    for request in stub.requests:
        assert not {"x-api-key", "authorization"} & {name.lower() for name in request.headers}


def test_cookies_are_never_kept(stub, client):
    cookie = ("Set-Cookie", "portainer_api_key=a.b.c; Path=/; HttpOnly")
    stub.on("POST", "/auth", Reply(200, b'{"jwt": "a.b.c"}', (cookie,)))
    client.login("admin", "secret")
    client.me()
    assert len(stub.requests) == 2
    assert not any("Cookie" in request.headers for request in stub.requests)


def test_neither_netrc_nor_a_proxy_of_the_environment_is_used(stub, client, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    client.me()
    assert "Authorization" not in stub.requests[0].headers


def test_a_session_of_the_caller_keeps_to_the_rules_too(stub):
    session = requests.Session()
    session.cookies.set("portainer_api_key", "old")
    PortainerClient(stub.url, TOKEN, session=session).me()
    assert "Cookie" not in stub.requests[0].headers


@pytest.mark.parametrize("token", ["two words", "line\nbreak", "ünïcode"])
def test_what_cannot_be_a_token_is_refused_without_showing_it(token):
    with pytest.raises(ValueError, match="no access token") as caught:
        PortainerClient("https://localhost:9443", token)
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["localhost:9443", "ftp://x", "https://", "https://u:p@x", "https://x:port", "https://x?a=1"],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ValueError, match="address"):
        PortainerClient(url)


@pytest.mark.parametrize("end", ["", "/", "/api", "/api/"])
def test_an_address_may_end_with_a_slash_or_the_apis_prefix(stub, end):
    assert PortainerClient(stub.url + end, TOKEN).me().username == "admin"


def test_no_secret_is_logged_or_told(stub, client, caplog):
    caplog.set_level(logging.DEBUG)
    stub.on("GET", "/users/me", refusal(401, f"Invalid key {TOKEN}"))
    with pytest.raises(Unauthorized) as caught:
        client.me()
    assert TOKEN not in caplog.text + str(caught.value) + repr(client)


# -- errors ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, Unauthorized),
        (403, Forbidden),
        (404, NotFound),
        (405, NoSuchRoute),
        (408, Unavailable),
        (409, Conflict),
        (418, InvalidRequest),
        (422, InvalidRequest),
        (500, ServerFailed),
    ],
)
def test_an_error_names_server_action_reason_and_next_step(stub, client, status, kind):
    stub.on("GET", "/users/me", refusal(status, "Short words", "Long words"))
    with pytest.raises(PortainerError) as caught:
        client.me()
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"{stub.url} could not tell who we are: Short words")
    assert "Long words" in str(caught.value)
    assert str(caught.value).endswith(caught.value.hint)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(403, b"Forbidden - CSRF token not found in request\n"), Forbidden),
        (Reply(404, b"404 page not found\n"), NoSuchRoute),
        (Reply(405, b""), NoSuchRoute),
        (Reply(500, b""), ServerFailed),
        (Reply(500, b"<html>proxy</html>"), ServerFailed),
        (Reply(500, b"[1]"), ServerFailed),
        (Reply(500, b"\xff\xfe"), ServerFailed),
        (answer({"message": "No such container: x"}, 404), NotFound),
    ],
)
def test_an_error_in_any_form_is_understood(stub, client, reply, kind):
    stub.on("GET", "/users/me", reply)
    with pytest.raises(PortainerError) as caught:
        client.me()
    assert type(caught.value) is kind


def test_an_engine_that_is_down_is_unavailable(stub, client):
    stub.on("GET", "/users/me", refusal(500, "Unable to proxy the request via the Docker socket"))
    with pytest.raises(Unavailable, match="Docker engine"):
        client.me()


def test_another_server_is_not_taken_for_portainer(stub, client):
    stub.on("GET", "/users/me", Reply(200, b"<html>Welcome</html>"))
    with pytest.raises(Unavailable, match="does not answer as Portainer"):
        client.me()
    stub.on("GET", "/status", answer({"hello": 1}))
    with pytest.raises(InvalidRequest, match="not a Portainer"):
        client.status()


def test_a_locked_server_says_so(stub, client):
    headers = (("Redirect-Reason", "AdminInitTimeout"),)
    stub.on("GET", "/users/me", Reply(303, b'{"message": "x"}', headers))
    with pytest.raises(Locked, match="Restart Portainer"):
        client.me()


def test_a_redirect_is_not_followed(stub, client):
    target = f"{stub.url}/api/elsewhere?secret=1"
    stub.on("GET", "/users/me", Reply(307, b"", (("Location", target),)))
    with pytest.raises(InvalidRequest, match="redirects to") as caught:
        client.me()
    assert len(stub.requests) == 1
    assert "secret" not in str(caught.value)


# -- repeats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad", [Reply(502), Reply(503), Reply(504), Reply(drop=True), Reply(cut=True)]
)
def test_a_read_is_tried_again_when_the_way_there_fails(stub, client, pauses, bad):
    stub.on("GET", "/users/me", bad, bad, ME)
    assert client.me().id == 1
    assert pauses == [0.5, 2]


def test_a_read_is_not_tried_for_ever(stub, client, pauses):
    stub.on("GET", "/users/me", Reply(502))
    with pytest.raises(Unavailable, match="HTTP 502"):
        client.me()
    assert len(stub.requests) == 3


def test_a_failure_of_the_server_is_not_repeated(stub, client, pauses):
    stub.on("GET", "/users/me", refusal(500, "broken"))
    with pytest.raises(ServerFailed):
        client.me()
    assert pauses == []


@pytest.mark.parametrize(
    "bad", [Reply(502), Reply(504), Reply(drop=True), Reply(200, b"{", cut=True), Reply(200, b"?")]
)
def test_a_write_whose_answer_is_lost_is_never_repeated(stub, client, pauses, bad):
    stub.on("POST", "/auth", bad)
    with pytest.raises(UnknownOutcome, match="look before you try again"):
        client.login("admin", "secret")
    assert len(stub.requests) == 1
    assert pauses == []


def test_a_write_that_takes_too_long_has_an_unknown_outcome(stub):
    stub.on("POST", "/auth", Reply(200, b"{}", delay=1))
    with pytest.raises(UnknownOutcome, match="in time"):
        PortainerClient(stub.url, timeout=0.2).login("admin", "secret")


def test_a_read_that_takes_too_long_is_unavailable(stub):
    stub.on("GET", "/users/me", Reply(200, b"{}", delay=1))
    with pytest.raises(Unavailable, match="in time"):
        PortainerClient(stub.url, TOKEN, timeout=0.2).me()


def test_a_write_after_an_idle_while_meets_no_half_closed_connection(stub, client):
    stub.on("POST", "/auth", answer({"jwt": "x"}))
    stub.on("GET", "/users/me", Reply(200, ME.content, (("Connection", "close"),)))
    for _again in range(5):
        client.me()
        assert client.login("admin", "secret") == "x"


@pytest.mark.parametrize("call", [lambda c: c.me(), lambda c: c.login("admin", "secret")])
def test_where_nobody_listens_nothing_was_sent(call):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unavailable, match=f"http://127.0.0.1:{port} could not"):
        call(PortainerClient(f"http://127.0.0.1:{port}", TOKEN, sleep=lambda _seconds: None))


def test_an_unknown_host_is_unavailable():
    with pytest.raises(Unavailable):
        PortainerClient("http://nowhere.invalid:9000", sleep=lambda _seconds: None).status()


def test_an_answer_in_drops_does_not_hold_us_for_ever(stub):
    """The pause between two pieces never reaches the timeout, the whole does."""
    clock = iter(range(0, 100_000, 3))
    stub.on("GET", "/users/me", Reply(200, b" " * 2_000_000))
    client = PortainerClient(stub.url, TOKEN, timeout=5, clock=lambda: next(clock))
    with pytest.raises(Unavailable, match="too long"):
        client.me()


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    path, fingerprint = self_signed(tmp_path_factory.mktemp("tls"))
    with Stub(path) as stub:
        stub.on("GET", "/users/me", ME)
        stub.on("POST", "/auth", answer({"jwt": "x"}))
        stub.fingerprint = fingerprint
        stub.certificate = path
        yield stub


def test_the_fingerprint_is_read_before_anything_is_trusted(secure):
    fingerprint = fetch_fingerprint(secure.url)
    assert fingerprint.replace(":", "").lower() == secure.fingerprint
    assert fingerprint[2] == ":"


def test_a_self_signed_certificate_is_refused_unless_pinned(secure):
    before = len(secure.requests)
    with pytest.raises(UntrustedCertificate, match="not trusted") as caught:
        PortainerClient(secure.url, TOKEN).me()
    assert type(caught.value) is UntrustedCertificate
    assert len(secure.requests) == before
    pinned = TlsPolicy.pinned(fetch_fingerprint(secure.url))
    assert PortainerClient(secure.url, TOKEN, tls=pinned).me().id == 1


def test_verification_cannot_be_changed_by_the_environment(secure, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", secure.certificate)
    monkeypatch.setenv("CURL_CA_BUNDLE", secure.certificate)
    with pytest.raises(UntrustedCertificate):
        PortainerClient(secure.url, TOKEN).me()


@pytest.mark.parametrize("call", [lambda c: c.me(), lambda c: c.login("admin", "secret")])
def test_another_certificate_than_the_pinned_one_gets_no_token(secure, call):
    before = len(secure.requests)
    client = PortainerClient(secure.url, TOKEN, tls=TlsPolicy.pinned("ab" * 32))
    shown = fetch_fingerprint(secure.url)
    with pytest.raises(CertificateChanged, match=f"but {shown} .* reset the server to draft"):
        call(client)
    assert len(secure.requests) == before


def test_a_certificate_that_changes_meanwhile_is_noticed(tmp_path):
    path, _fingerprint = self_signed(tmp_path)
    with Stub(path) as old:
        pinned = TlsPolicy.pinned(fetch_fingerprint(old.url))
    path, _fingerprint = self_signed(tmp_path)
    with Stub(path) as new, pytest.raises(CertificateChanged):
        PortainerClient(new.url, TOKEN, tls=pinned).me()


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verification_can_be_switched_off(secure):
    assert PortainerClient(secure.url, TOKEN, tls=TlsPolicy.insecure()).me().id == 1


@pytest.mark.parametrize("text", ["", "ab:cd", "sha1:" + "ab" * 20])
def test_what_is_no_fingerprint_is_refused(text):
    with pytest.raises(ValueError, match="fingerprint"):
        TlsPolicy.pinned(text)


def test_https_to_a_plain_server_is_explained(stub):
    url = stub.url.replace("http:", "https:")
    with pytest.raises(Unavailable, match="no TLS"):
        PortainerClient(url, sleep=lambda _seconds: None).me()
    with pytest.raises(Unavailable):
        fetch_fingerprint(url)


def test_a_docker_client_keeps_to_the_same_rules(secure):
    secure.on("GET", "/endpoints/3/docker/version", answer({"ApiVersion": "1.41"}))
    secure.on("GET", "/endpoints/3/docker/v1.41/containers/json", answer([]))
    pinned = TlsPolicy.pinned(secure.fingerprint)
    client = PortainerClient(secure.url, TOKEN, tls=pinned).docker_client(3)
    assert client.containers() == []
    assert secure.requests[-1].headers["X-API-Key"] == TOKEN
    other = PortainerClient(secure.url, TOKEN, tls=pinned)
    other._transport.tls = TlsPolicy.pinned("ab" * 32)
    with pytest.raises(requests.exceptions.SSLError):
        other.docker_client(3).containers()


# -- waiting ---------------------------------------------------------------------------------------


def test_a_server_that_is_starting_is_waited_for(stub, client, pauses):
    up = answer({"Version": "2.45.1", "InstanceID": "x"})
    stub.on("GET", "/status", *[Reply(502)] * 4, up)
    assert client.wait_until_ready(timeout=time.monotonic()).version_info == (2, 45, 1)


def test_a_server_that_never_starts_is_given_up(stub):
    stub.on("GET", "/status", Reply(502))
    now = iter(range(0, 10_000, 5))
    client = PortainerClient(stub.url, clock=lambda: next(now), sleep=lambda _seconds: None)
    with pytest.raises(Unavailable):
        client.wait_until_ready(timeout=60)
