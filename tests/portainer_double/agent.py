"""A stand-in for Portainer's agent: a Docker engine behind TLS, and a ping."""

import contextlib

from werkzeug.wrappers import Request, Response

from . import docker_api, docker_proxy
from .state import Store

LOCAL = {"URL": docker_api.LOCAL_SOCKET, "TLSConfig": {"TLS": False}}


class Agent:
    """Takes every caller for its Portainer: signatures are not checked."""

    def __init__(self, state, engine, version="2.23.0"):
        self.store = Store(state)  # holds the certificate
        self.engine, self.version = engine, version
        self.server = None

    def __call__(self, environ, start_response):
        request = Request(environ)
        response = self.ping() if request.path == "/ping" else self.forward(request)
        return response(environ, start_response)

    def ping(self):
        headers = {"Portainer-Agent": self.version, "Portainer-Agent-Platform": "1"}
        return Response(b"", 204, headers)

    def forward(self, request):
        connection = docker_api.connect(self, LOCAL)
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
