"""The configuration that leads to all clients of an environment, read by a real nginx."""

import contextlib
import subprocess

import nginx_world
import pytest
from nginx_world import Backend, Proxy
from saas_stack import InvalidSpec, Nginx, Route, render_nginx

from devkit.ports import free_port

pytestmark = pytest.mark.skipif(not nginx_world.program(), reason="nginx is not installed")

#: A port of the loopback that nobody listens on: 1024 to be refused at once.
NOBODY = 1024


@pytest.fixture(scope="module")
def proxy():
    """`threads.example` on one port, `workers.example` on two, `away.example` on none."""
    with contextlib.ExitStack() as stack:
        backends = [Backend(name) for name in ("threads", "workers", "workers-websocket")]
        for backend in backends:
            stack.callback(backend.close)
        threads, workers, websocket = (backend.port for backend in backends)
        routes = [
            Route("threads.example", "127.0.0.1", threads),
            Route("workers.example", "127.0.0.1", workers, websocket),
            Route("away.example", "127.0.0.1", NOBODY),
            Route("default", "127.0.0.1", threads),
        ]
        yield stack.enter_context(
            nginx_world.proxy(
                lambda listen: render_nginx(routes, Nginx(listen=listen, max_body_mb=1))
            )
        )


@pytest.mark.parametrize("name", ["threads", "workers"])
def test_a_host_name_leads_to_its_client(proxy, name):
    status, _headers, told = proxy.ask(f"{name}.example", "/web/login?x=1%202")
    assert status == 200
    assert told["server"] == name
    assert told["path"] == "/web/login?x=1%202"


def test_capital_letters_and_a_port_lead_there_too_and_odoo_sees_small_ones(proxy):
    told = proxy.ask("Threads.EXAMPLE:8443")[2]
    assert told["server"] == "threads"
    assert told["headers"]["host"] == "threads.example:8443"
    assert told["headers"]["x-forwarded-host"] == "threads.example:8443"


def test_a_client_may_be_called_like_a_word_of_nginx(proxy):
    assert proxy.ask("default")[2]["server"] == "threads"
    assert proxy.ask("other.example")[0] == 404


@pytest.mark.parametrize(
    "host",
    [
        "unknown.example",
        "threads.example.evil.example",
        "xthreads.example",
        "127.0.0.1",
        "$saas_http",
    ]
    + ["*.example", "~.", "hostnames", "_"],
)
@pytest.mark.parametrize("path", ["/", "/websocket"])
def test_an_unknown_host_is_not_found(proxy, host, path):
    assert proxy.ask(host, path)[0] == 404


def test_a_request_without_a_host_is_not_found(proxy):
    assert b"404" in proxy.raw(b"GET / HTTP/1.0\r\n\r\n").splitlines()[0]


def test_odoo_learns_who_asked_and_how_from_the_proxy_alone(proxy):
    lies = {
        "X-Forwarded-For": "1.2.3.4",
        "X-Forwarded-Host": "workers.example",
        "X-Forwarded-Proto": "https",
        "X-Real-IP": "1.2.3.4",
        "Forwarded": "for=1.2.3.4",
    }
    headers = proxy.ask("threads.example", **lies)[2]["headers"]
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-host"] == "threads.example"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-real-ip"] == "127.0.0.1"
    assert "forwarded" not in headers


@pytest.mark.parametrize(
    ("host", "server"), [("threads.example", "threads"), ("workers.example", "workers-websocket")]
)
def test_a_websocket_is_switched_to_and_carries_data_both_ways(proxy, host, server):
    with proxy.websocket(host) as (head, connection):
        assert head.startswith("HTTP/1.1 101 ")
        assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
        assert f"X-Server: {server}" in head
        connection.sendall(b"ping")
        assert connection.recv(4) == b"ping"


def test_other_requests_of_the_websocket_go_to_the_same_port(proxy):
    assert proxy.ask("workers.example", "/websocket/health")[2]["server"] == "workers-websocket"
    assert proxy.ask("threads.example", "/websocket/health")[2]["server"] == "threads"


def test_uploads_are_taken_up_to_the_limit(proxy):
    assert proxy.ask("threads.example", "/upload", body=b"x" * 1_000_000)[2]["length"] == 1_000_000
    assert proxy.ask("threads.example", "/upload", body=b"x" * 1_100_000)[0] == 413


def test_a_client_that_does_not_answer_is_away_for_a_while_in_words(proxy):
    status, headers, text = proxy.ask("away.example")
    assert status == 503
    assert headers["Retry-After"] == "10"
    assert "cannot be reached at the moment" in text


def test_without_any_client_nginx_starts_and_finds_nothing():
    with nginx_world.proxy(lambda listen: render_nginx([], Nginx(listen=listen))) as proxy:
        assert proxy.ask("threads.example")[0] == 404


def test_a_thousand_clients_with_the_longest_names_are_taken(tmp_path):
    routes = [
        Route(f"{number:04}-{'x' * 50}.example", "10.0.0.1", 20000 + number, 40000 + number)
        for number in range(1000)
    ]
    assert (
        nginx_world.Nginx(tmp_path, render_nginx(routes, Nginx("127.0.0.1:31999"))).refused() == ""
    )


def test_with_a_certificate_everything_goes_over_tls(tmp_path):
    certificate, key = tmp_path / "saas.pem", tmp_path / "saas.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=*.example", "-out", certificate, "-keyout", key],
        check=True,
        capture_output=True,
    )
    tls_port = free_port(32000)
    files = {"certificate": str(certificate), "certificate_key": str(key)}
    with contextlib.closing(Backend("threads")) as backend:
        routes = [Route("threads.example", "127.0.0.1", backend.port)]

        def render(listen):
            return render_nginx(routes, Nginx(listen, f"127.0.0.1:{tls_port}", **files))

        with nginx_world.proxy(render) as proxy:
            status, headers, _text = proxy.ask("threads.example:8080", "/web?x=1")
            assert status == 308
            assert headers["Location"] == f"https://threads.example:{tls_port}/web?x=1"
            assert proxy.ask("unknown.example")[0] == 404
            secure = Proxy(tls_port, tls=True)
            told = secure.ask("threads.example", "/web?x=1")[2]
            assert told["path"] == "/web?x=1"
            assert told["headers"]["x-forwarded-proto"] == "https"
            assert secure.ask("unknown.example")[0] == 404


def test_on_the_usual_port_the_address_of_https_is_short():
    files = {"certificate": "/etc/ssl/a.pem", "certificate_key": "/etc/ssl/a.key"}
    assert "return 308 https://$host$request_uri;" in render_nginx([], Nginx(**files))


def test_the_order_of_the_clients_makes_no_difference():
    routes = [Route(f"c{number}.example", "10.0.0.1", 20000 + number) for number in range(9)]
    assert render_nginx(routes) == render_nginx(reversed(routes))


@pytest.mark.parametrize(
    ("route", "field"),
    [
        (Route("a b.example", "10.0.0.1", 20001), "host"),
        (Route("a.example;", "10.0.0.1", 20001), "host"),
        (Route("$host", "10.0.0.1", 20001), "host"),
        (Route("a.example", "8.8.8.8", 20001), "address"),
        (Route("a.example", "10.0.0.1;", 20001), "address"),
        (Route("a.example", "10.0.0.1", 80), "http"),
        (Route("a.example", "10.0.0.1", 20001, 0), "gevent"),
    ],
)
def test_a_route_that_would_be_another_configuration_is_refused(route, field):
    with pytest.raises(InvalidSpec) as caught:
        render_nginx([route])
    assert caught.value.field == field


def test_two_clients_cannot_have_one_host_name():
    with pytest.raises(InvalidSpec, match="two clients"):
        render_nginx([Route("a.example", "10.0.0.1", 20001), Route("a.example", "10.0.0.2", 20002)])


@pytest.mark.parametrize(
    "settings",
    [
        {"listen": "http"},
        {"listen": "0"},
        {"listen": "999.1.1.1:80"},
        {"tls_listen": "443 default"},
        {"certificate": "/etc/ssl/a.pem"},
        {"certificate": "/etc/ssl/a;.pem", "certificate_key": "/etc/ssl/a.key"},
        {"certificate": "a.pem", "certificate_key": "a.key"},
        {"max_body_mb": -1},
        {"timeout": 0},
    ],
)
def test_a_setting_that_nginx_cannot_use_is_refused_by_its_name(settings):
    with pytest.raises(InvalidSpec) as caught:
        render_nginx([], Nginx(**settings))
    assert caught.value.field in settings
