"""Signed requests, and how they travel."""

import contextlib
import socket
import threading
import xmlrpc.client
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import jwt
import pytest
from saas_wire import (
    ADMIN_UID,
    ClientConnection,
    ClientDenied,
    ClientFailed,
    ClientRejected,
    ClientUnavailable,
    SigningKey,
    WireError,
    XmlRpcTransport,
    ask_status,
)

NOW = datetime(2030, 1, 31, 12, tzinfo=UTC)


# -- keys ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def key():
    return SigningKey.generate()


def read(token, key, **options):
    return jwt.decode(token, key.public_pem(), algorithms=["EdDSA"], **options)


def test_a_key_is_the_same_after_it_was_stored(key):
    stored = SigningKey.from_pem(key.private_pem())
    assert stored.public_pem() == key.public_pem()
    assert read(stored.sign_request("portal", "client", "status"), key, audience="client")


def test_every_key_is_another():
    assert SigningKey.generate().public_pem() != SigningKey.generate().public_pem()


def test_the_public_part_does_not_hold_the_private_part(key):
    assert "PRIVATE" in key.private_pem()
    assert "PRIVATE" not in key.public_pem()


def test_a_request_says_who_asks_whom_for_what(key):
    token = key.sign_request("portal", "client", "apply", {"params": []}, now=NOW)
    claims = jwt.decode(token, options={"verify_signature": False})
    assert len(claims.pop("jti")) == 32
    assert claims == {
        "iss": "portal",
        "aud": "client",
        "iat": NOW.timestamp(),
        "exp": NOW.timestamp() + 60,
        "action": "apply",
        "payload": {"params": []},
    }
    assert jwt.get_unverified_header(token)["alg"] == "EdDSA"


def test_a_request_without_payload_carries_an_empty_one(key):
    assert (
        read(key.sign_request("portal", "client", "status"), key, audience="client")["payload"]
        == {}
    )


def test_two_requests_are_never_the_same(key):
    assert key.sign_request("p", "c", "status", now=NOW) != key.sign_request(
        "p", "c", "status", now=NOW
    )


def test_a_request_is_void_after_a_minute(key):
    late = datetime.now(UTC) - timedelta(seconds=61)
    with pytest.raises(jwt.ExpiredSignatureError):
        read(key.sign_request("p", "c", "status", now=late), key, audience="c")


def test_a_request_is_void_for_another_client_and_under_another_key(key):
    token = key.sign_request("portal", "client", "status")
    with pytest.raises(jwt.InvalidAudienceError):
        read(token, key, audience="other")
    with pytest.raises(jwt.InvalidSignatureError):
        read(token, SigningKey.generate(), audience="client")


# -- transport -------------------------------------------------------------------------------------


class Answers(BaseHTTPRequestHandler):
    """Notes the request and answers what the test laid down."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        params, method = xmlrpc.client.loads(body)
        self.server.requests.append((self.path, dict(self.headers), method, params))
        self.reply()

    def do_GET(self):
        self.server.requests.append((self.path, dict(self.headers)))
        self.reply()

    def reply(self):
        status, content = self.server.answer
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = HTTPServer(("127.0.0.1", 0), Answers)
    server.requests = []
    server.url = f"http://127.0.0.1:{server.server_port}"
    server.answer = 200, result({"users_len": 1})
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def result(value):
    return xmlrpc.client.dumps((value,), methodresponse=True).encode()


def fault(code, text):
    return xmlrpc.client.dumps(xmlrpc.client.Fault(code, text), methodresponse=True).encode()


def call(server_or_url, timeout=5):
    url = getattr(server_or_url, "url", server_or_url)
    return XmlRpcTransport(url).execute_kw("acme.localhost", "TOKEN", "status", timeout)


def test_a_call_goes_to_the_gateway_with_the_token_as_password_and_argument(server):
    assert call(server) == {"users_len": 1}
    ((path, headers, method, params),) = server.requests
    assert path == "/xmlrpc/2/object"
    assert method == "execute_kw"
    assert params == (
        "acme.localhost",
        ADMIN_UID,
        "TOKEN",
        "saas_client.gateway",
        "status",
        ["TOKEN"],
    )
    assert headers["X-Odoo-Database"] == "acme.localhost"


@pytest.mark.parametrize("tail", ["", "/", "//"])
def test_a_slash_at_the_end_of_the_address_does_not_matter(server, tail):
    server.url += tail
    call(server)
    assert server.requests[0][0] == "/xmlrpc/2/object"


def test_a_path_in_the_address_is_kept(server):
    server.url += "/odoo/"
    call(server)
    assert server.requests[0][0] == "/odoo/xmlrpc/2/object"


@pytest.mark.parametrize(
    ("code", "text", "error", "message"),
    [
        (1, "Traceback …\nKeyError: 'x'\n", ClientFailed, "failed: KeyError: 'x'"),
        (1, "", ClientFailed, "unknown error"),
        (
            1,
            'Traceback …\nOperationalError: database "acme.localhost" does not exist',
            ClientUnavailable,
            "does not exist",
        ),
        (2, "There is no such app.\n", ClientRejected, "^There is no such app.$"),
        (3, "Access Denied", ClientDenied, "refused the portal's signature"),
        (4, "You may not", ClientDenied, "refused the portal's signature"),
    ],
)
def test_each_kind_of_fault_becomes_an_error_of_its_own(server, code, text, error, message):
    server.answer = 200, fault(code, text)
    with pytest.raises(error, match=message) as raised:
        call(server)
    assert type(raised.value) is error
    assert "TOKEN" not in str(raised.value)


@pytest.mark.parametrize("code", [1, 2])
def test_a_long_complaint_is_cut(server, code):
    server.answer = 200, fault(code, "x" * 5_000_000)
    with pytest.raises((ClientFailed, ClientRejected)) as raised:
        call(server)
    assert 400 < len(str(raised.value)) <= 2000


@pytest.mark.parametrize("status", [303, 404, 500, 502])
def test_an_answer_that_is_not_200_means_unavailable(server, status):
    server.answer = status, b"<html>Bad gateway</html>"
    with pytest.raises(ClientUnavailable, match=f"HTTP {status}"):
        call(server)


@pytest.mark.parametrize("content", [b"<html><br></html>", b"", b"\xff\xfe", b"<methodResponse/>"])
def test_an_answer_that_is_no_xml_rpc_means_unavailable(server, content):
    server.answer = 200, content
    with pytest.raises(ClientUnavailable):
        call(server)


def value(content):
    return (
        b"<methodResponse><params><param><value>%s</value></param></params></methodResponse>"
        % content
    )


def fault_of(content):
    return b"<methodResponse><fault><value>%s</value></fault></methodResponse>" % content


_DEEP = b"<array><data><value>" * 50_000 + b"</value></data></array>" * 50_000


@pytest.mark.parametrize(
    "content",
    [
        value(b"<int>abc</int>"),
        value(b"<boolean>7</boolean>"),
        value(b"<struct><member><name>a</name></member></struct>"),
        value(b"<bigdecimal>zz</bigdecimal>"),
        b"<methodResponse></array></methodResponse>",
        fault_of(b"<string>x</string>"),
        fault_of(b"<struct><member><name>x</name><value><int>2</int></value></member></struct>"),
    ],
)
def test_an_answer_whose_values_make_no_sense_means_unavailable(server, content):
    server.answer = 200, content
    with pytest.raises(ClientUnavailable, match="did not answer as Odoo does"):
        call(server)


def test_a_complaint_that_is_no_text_is_an_unknown_error(server):
    member = b"<member><name>%s</name><value>%s</value></member>"
    members = member % (b"faultCode", b"<int>1</int>") + member % (b"faultString", _DEEP)
    server.answer = 200, fault_of(b"<struct>%s</struct>" % members)
    with pytest.raises(ClientFailed, match="unknown error"):
        call(server)


def test_nobody_at_the_address_means_unavailable():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ClientUnavailable, match=r"acme\.localhost at http://127.*refused"):
            call(f"http://127.0.0.1:{taken.getsockname()[1]}")


def test_a_host_that_cannot_exist_means_unavailable():
    with pytest.raises(ClientUnavailable):
        call("http://a..b")


@contextlib.contextmanager
def listener(greeting=None):
    """A port that takes connections and says nothing, or nothing of use."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        if greeting is None:
            yield url
            return

        def greet():
            connection = listening.accept()[0]
            with connection:
                connection.recv(10_000)
                connection.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        yield url
        thread.join()


def test_a_server_that_does_not_answer_in_time_means_unavailable():
    with listener() as url, pytest.raises(ClientUnavailable, match="timed out"):
        call(url, timeout=0.1)


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-More: ",
        b"HTTP/1.0 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
    ],
)
def test_an_answer_that_comes_drop_by_drop_means_unavailable(begun):
    with drops(begun) as url, pytest.raises(ClientUnavailable, match="timed out"):
        call(url, timeout=0.3)


def test_the_status_of_a_page_is_known_however_long_the_page_is():
    with drops(b"HTTP/1.1 204 Fine\r\n\r\n", b"<" * 1_000_000, 0) as url:
        assert ask_status(f"{url}/web/health", "acme.localhost", 60) == 204


def test_a_page_whose_status_comes_drop_by_drop_has_none():
    with drops(b"HTTP/1.1 200 OK\r\nX-More: ") as url, pytest.raises(TimeoutError):
        ask_status(f"{url}/web/health", "acme.localhost", 0.3)


def test_a_page_is_asked_for_under_the_clients_name(server):
    server.answer = 303, b"elsewhere"
    assert ask_status(f"{server.url}/web/login", "acme.localhost", 5) == 303
    ((path, headers),) = server.requests
    assert (path, headers["Host"]) == ("/web/login", "acme.localhost")


def test_an_answer_without_end_means_unavailable():
    """It comes as fast as it is read: only its size can end it."""
    begun = b"HTTP/1.1 200 OK\r\n\r\n"
    flood = drops(begun, b"<" * 1_000_000, 0)
    with flood as url, pytest.raises(ClientUnavailable, match="too long"):
        call(url, timeout=60)


def test_no_answer_is_unpacked(server):
    assert call(server) == {"users_len": 1}
    ((_path, headers, _method, _params),) = server.requests
    assert "gzip" not in headers.get("Accept-Encoding", "")


@contextlib.contextmanager
def drops(begun, drop=b"x", pause=0.05):
    """A server whose answer goes on until nobody listens any more."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def pour():
            connection = listening.accept()[0]
            with connection, contextlib.suppress(OSError):
                connection.recv(10_000)
                connection.sendall(begun)
                while True:
                    connection.sendall(drop)
                    # Its pause is shorter than the timeout of a read.
                    threading.Event().wait(pause)

        thread = threading.Thread(target=pour)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("greeting", [b"", b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 200 OK\r\n"])
def test_a_server_of_another_kind_means_unavailable(greeting):
    with listener(greeting) as url, pytest.raises(ClientUnavailable):
        call(url)


def test_a_call_whose_connection_was_lost_is_not_sent_again():
    with listener(b"") as url, pytest.raises(ClientUnavailable, match="closed"):
        # A second attempt would find nobody to accept it, and run into the timeout.
        call(url, timeout=1)


def test_plain_http_where_tls_is_expected_means_unavailable(server):
    with pytest.raises(ClientUnavailable):
        call(server.url.replace("http:", "https:"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "acme.localhost:8069",
        "ftp://acme.localhost",
        "http://",
        "http://acme:port",
        "http://user:hush@acme.localhost",
    ],
)
def test_what_is_no_address_of_an_http_server_is_refused_at_once(url):
    with pytest.raises(ValueError, match="address") as raised:
        XmlRpcTransport(url)
    assert "hush" not in str(raised.value)


# -- connection ------------------------------------------------------------------------------------


class RecordingTransport:
    def __init__(self, answer):
        self.calls, self.answer = [], answer

    def execute_kw(self, database, token, method, timeout):
        self.calls.append((database, token, method, timeout))
        return self.answer


def connect(answer, key):
    transport = RecordingTransport(answer)
    return ClientConnection.open(transport, key, "portal", "acme.localhost", "client"), transport


def test_a_connection_signs_each_request_for_its_client(key):
    connection, transport = connect({"params": ["parameter not allowed: x"]}, key)
    assert connection.apply({"params": []}, timeout=7) == {"params": ["parameter not allowed: x"]}
    connection.apply({}, timeout=7)
    (applied, again) = transport.calls
    assert (applied[0], applied[2], applied[3]) == ("acme.localhost", "apply", 7)
    claims = read(applied[1], key, audience="client", issuer="portal")
    assert (claims["action"], claims["payload"]) == ("apply", {"params": []})
    assert again[1] != applied[1], "each request has a token of its own"


@pytest.mark.parametrize("answer", ["hello", 7, ["x"], (), None])
def test_a_report_that_is_none_means_unavailable(key, answer):
    connection, _transport = connect(answer, key)
    with pytest.raises(ClientUnavailable, match=r"acme\.localhost did not answer as a client does"):
        connection.apply({"params": []}, timeout=7)


def test_of_a_report_only_what_was_asked_for_is_taken(key):
    answer = {
        "owner": {"id": 7, "name": "<b>x</b>"},
        "params": "much",
        "access_owner_add": {"id": "1"},
        "install_addons": ["addon not found: x", 3, {"a": []}],
        "update_addons": ["never asked for"],
        "more": 1,
    }
    connection, _transport = connect(answer, key)
    asked = {step: [] for step in ("owner", "params", "access_owner_add", "install_addons")}
    assert connection.apply(asked, timeout=7) == {
        "owner": {"id": 7},
        "install_addons": ["addon not found: x", "", ""],
    }


def test_a_long_report_is_cut(key):
    connection, _transport = connect({"params": ["x" * 1_000_000] * 5000}, key)
    remarks = connection.apply({"params": []}, timeout=7)["params"]
    assert sum(map(len, remarks)) < 60_000
    assert remarks[0].startswith("xxx")
    assert remarks[0].endswith("…")
    assert remarks[-1] == "… (and 4900 more)"


def test_every_error_of_the_wire_is_one_family():
    for error in (ClientDenied, ClientFailed, ClientRejected, ClientUnavailable):
        assert issubclass(error, WireError)
