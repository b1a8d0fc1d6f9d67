"""A stand-in for Portainer's agent, and the way by which compose reaches a real one."""

import contextlib

from werkzeug.wrappers import Request, Response

from . import docker_api, docker_proxy
from .server import Server
from .state import Store

LOCAL = {"URL": docker_api.LOCAL_SOCKET, "TLSConfig": {"TLS": False}}


class Forwarder:
    """Passes requests on to the engine of an environment, changing nothing."""

    def __init__(self, double, endpoint):
        self.double, self.endpoint = double, endpoint
        self.server = None

    def __call__(self, environ, start_response):
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, request):
        connection = docker_api.connect(self.double, self.endpoint)
        try:
            target = request.environ["REQUEST_URI"]
            answer = docker_proxy.send(request, connection, target)
        except OSError as error:
            connection.close()
            return Response(str(error), 502)

        def body():
            with contextlib.closing(connection):
                while data := answer.read1(65536):
                    yield data

        return docker_proxy.with_headers(Response(body(), answer.status), answer)


class Agent(Forwarder):
    """Takes every caller for its Portainer: signatures are not checked."""

    def __init__(self, state, engine, version="2.23.0"):
        super().__init__(self, LOCAL)
        self.store = Store(state)  # holds the certificate
        self.engine, self.version = engine, version

    def respond(self, request):
        if request.path == "/ping":
            headers = {"Portainer-Agent": self.version, "Portainer-Agent-Platform": "1"}
            return Response(b"", 204, headers)
        return super().respond(request)


@contextlib.contextmanager
def docker_host(double, endpoint):
    """The address for docker's command line; it cannot be told to trust an agent blindly."""
    if not endpoint["TLSConfig"]["TLS"]:
        yield docker_api.address(double, endpoint)
        return
    server = Server(Forwarder(double, endpoint), tls=False).start()
    try:
        yield server.url.replace("http", "tcp", 1)
    finally:
        server.stop()
