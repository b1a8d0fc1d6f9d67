"""Connections to Docker engines: a socket, plain TCP, or an agent behind TLS."""

import contextlib
import http.client
import json
import socket
import ssl
from urllib.parse import urlsplit

LOCAL_SOCKET = "unix:///var/run/docker.sock"


class SocketConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def address(double, endpoint):
    """The engine of an environment; Portainer's own socket is the engine named at the start."""
    return double.engine if endpoint["URL"] == LOCAL_SOCKET else endpoint["URL"]


def is_socket(endpoint):
    return endpoint["URL"].startswith("unix:")


def connect(double, endpoint, timeout=None):
    url = urlsplit(address(double, endpoint))
    if url.scheme == "unix":
        return SocketConnection(url.path, timeout)
    if endpoint["TLSConfig"]["TLS"]:
        return http.client.HTTPSConnection(url.netloc, timeout=timeout, context=careless())
    return http.client.HTTPConnection(url.netloc, timeout=timeout)


def careless():
    """Agents show certificates that they signed themselves."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def get(double, endpoint, path, timeout=10):
    """The decoded answer of a GET; OSError whenever there is none."""
    with contextlib.closing(connect(double, endpoint, timeout)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            content = answer.read()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
    if answer.status != 200:
        raise OSError(f"{path}: {answer.status} {content[:200].decode(errors='replace')}")
    return json.loads(content)


def ping_agent(url, tls):
    """The platform that an agent tells (1 Docker, 2 Kubernetes), or OSError."""
    where = urlsplit(url).netloc
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    options = {"context": careless()} if tls else {}
    with contextlib.closing(kind(where, timeout=3, **options)) as connection:
        try:
            connection.request("GET", "/ping")
            answer = connection.getresponse()
        except http.client.HTTPException as error:
            raise OSError(str(error)) from None
    if answer.status != 204 or not answer.headers.get("Portainer-Agent"):
        raise OSError("failed request with status " + str(answer.status))
    return int(answer.headers.get("Portainer-Agent-Platform", 0)), answer.headers["Portainer-Agent"]
