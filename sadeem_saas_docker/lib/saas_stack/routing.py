"""One nginx configuration that leads to all clients of an environment, or of several."""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .checks import check_address, check_host, check_number, check_port
from .errors import InvalidSpec

_LISTEN = re.compile(r"(?:([0-9.]{7,15}|\[[0-9a-f:.]+\]):)?([0-9]{1,5})")
_FILE = re.compile(r"(?:/[A-Za-z0-9_][A-Za-z0-9_.@-]*)+")
#: Words with a meaning inside a map; a host of such a name needs a backslash.
_MAP_WORDS = frozenset({"default", "hostnames", "include", "volatile"})

_MAPS = """\
map_hash_bucket_size 128;

# Where the HTTP port of each client is; nothing for a host that is no client's.
map $host $saas_http {{
    default "";
{http}}}

# Where its websockets are.
map $host $saas_websocket {{
    default "";
{websocket}}}

map $http_upgrade $saas_connection {{
    default upgrade;
    "" "";
}}

# The port that the browser knows; nginx makes the host name small, Odoo does not.
map $http_host $saas_port {{
    default "";
    "~(?<saas_asked_port>:[0-9]+)$" $saas_asked_port;
}}
"""

_REDIRECT = """
server {{
    listen {listen} default_server;
    server_name _;
    server_tokens off;
    if ($saas_http = "") {{
        return 404;
    }}
    return 308 https://$host{port}$request_uri;
}}
"""

_SERVER = """
server {{
    listen {listen} default_server;
    server_name _;
    server_tokens off;
{tls}    client_max_body_size {max_body_mb}m;

    if ($saas_http = "") {{
        return 404;
    }}

    # What visitors say of themselves in these headers is overwritten: Odoo believes them.
    proxy_http_version 1.1;
    proxy_set_header Host $host$saas_port;
    proxy_set_header X-Forwarded-Host $host$saas_port;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header Forwarded "";
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $saas_connection;
    proxy_connect_timeout 5s;
    proxy_send_timeout {timeout}s;
    proxy_read_timeout {timeout}s;
    proxy_redirect off;

    gzip on;
    gzip_proxied any;
    gzip_min_length 1024;
    gzip_types text/css text/javascript application/javascript;

    error_page 502 504 =503 @saas_away;

    location /websocket {{
        proxy_pass http://$saas_websocket;
    }}

    location / {{
        proxy_pass http://$saas_http;
    }}

    location @saas_away {{
        internal;
        default_type text/plain;
        add_header Retry-After 10 always;
        return 503 "This database cannot be reached at the moment. Please try again in a while.\\n";
    }}
}}
"""

_TLS = """\
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
"""


@dataclass(frozen=True)
class Route:
    """Where a client is.

    ``host``: its host name; ``address``: the loopback or private IP address that its ports are
    published on; ``http``, ``gevent``: the ports, the second None with threads.
    """

    host: str
    address: str
    http: int
    gevent: int | None = None


@dataclass(frozen=True)
class Nginx:
    """What the configuration holds besides the routes.

    ``listen``: port, or address:port, for plain requests; ``tls_listen``: the same for TLS, in use
    when ``certificate`` and ``certificate_key``, files of the proxy's machine, are given: plain
    requests are then sent there. ``max_body_mb``: the largest upload, in MiB, 0 for any;
    ``timeout``: seconds that an answer may take, or a websocket may be silent.
    """

    listen: str = "80"
    tls_listen: str = "443"
    certificate: str = ""
    certificate_key: str = ""
    max_body_mb: int = 512
    timeout: int = 720


def render_nginx(routes: Iterable[Route], settings: Nginx | None = None) -> str:
    """A file for nginx's ``conf.d``; the order of the routes makes no difference.

    :raises InvalidSpec: when a route or a setting would make another configuration of it
    """
    settings = settings or Nginx()
    routes = sorted(_checked(routes), key=lambda route: route.host)
    _check_settings(settings)
    text = _MAPS.format(
        http=_entries((route.host, route.address, route.http) for route in routes),
        websocket=_entries(
            (route.host, route.address, route.gevent or route.http) for route in routes
        ),
    )
    listen, tls = settings.listen, ""
    if settings.certificate:
        port = settings.tls_listen.rpartition(":")[2]
        text += _REDIRECT.format(listen=listen, port="" if port == "443" else f":{port}")
        listen = f"{settings.tls_listen} ssl"
        tls = _TLS.format(certificate=settings.certificate, key=settings.certificate_key)
    return text + _SERVER.format(
        listen=listen, tls=tls, max_body_mb=settings.max_body_mb, timeout=settings.timeout
    )


def _checked(routes: Iterable[Route]) -> list[Route]:
    seen = {}
    for route in routes:
        check_host("host", route.host)
        check_address("address", route.address)
        check_port("http", route.http)
        if route.gevent is not None:
            check_port("gevent", route.gevent)
        if route.host in seen:
            raise InvalidSpec("host", f"two clients have the host name {route.host}.")
        seen[route.host] = route
    return list(seen.values())


def _check_settings(settings: Nginx) -> None:
    check_number("max_body_mb", settings.max_body_mb, 0, 1024 * 1024)
    check_number("timeout", settings.timeout, 1, 24 * 3600)
    for name in ("listen", "tls_listen"):
        _check_listen(name, getattr(settings, name))
    if bool(settings.certificate) != bool(settings.certificate_key):
        raise InvalidSpec("certificate", "a certificate and its key go together.")
    for name in ("certificate", "certificate_key"):
        value = getattr(settings, name)
        if value != "" and not (type(value) is str and _FILE.fullmatch(value)):
            raise InvalidSpec(name, "write the file with its absolute path.")


def _check_listen(field: str, value: object) -> None:
    found = _LISTEN.fullmatch(value) if type(value) is str else None
    if not found or not 1 <= int(found[2]) <= 65535:
        raise InvalidSpec(field, "write a port, or address:port.")
    if found[1]:
        try:
            ipaddress.ip_address(found[1].strip("[]"))
        except ValueError:
            raise InvalidSpec(field, f"{found[1]} is not an IP address.") from None


def _entries(entries: Iterable[tuple[str, str, int]]) -> str:
    return "".join(
        f"    {_escaped(host)} {_authority(address)}:{port};\n" for host, address, port in entries
    )


def _escaped(host: str) -> str:
    return f"\\{host}" if host in _MAP_WORDS else host


def _authority(address: str) -> str:
    return f"[{address}]" if ":" in address else address
