"""A small HTTP server that answers what a test lays down, and notes what it was asked.

Only for how requests travel; how Portainer behaves is the business of tests/portainer_double.
"""

import datetime
import ipaddress
import json
import socket
import ssl
import struct
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Request:
    method: str
    path: str
    query: dict
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    """``drop``: close the connection instead; ``delay``: before the answer, in seconds.

    ``letters``: the pause after each byte of the content, in seconds.
    """

    status: int = 200
    content: bytes = b""
    headers: tuple = ()
    drop: bool = False
    cut: bool = False
    delay: float = 0
    letters: float = 0


def answer(data, status=200, **options) -> Reply:
    """A JSON answer."""
    headers = (("Content-Type", "application/json"),)
    return Reply(status, json.dumps(data).encode(), headers, **options)


def refusal(status, message="", details="") -> Reply:
    """An error as Portainer words it."""
    return answer({"message": message, "details": details or message}, status)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        request = Request(
            self.command, parts.path, query, dict(self.headers), self.rfile.read(length)
        )
        reply = self.server.stub.reply_to(request)
        time.sleep(reply.delay)
        if reply.drop:
            # A reset: the answer is lost, whatever was done.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers:
            self.send_header(name, value)
        if reply.status not in (204, 304):
            self.send_header("Content-Length", str(len(reply.content) + (100 if reply.cut else 0)))
        self.end_headers()
        if reply.letters:
            for byte in reply.content:
                self.wfile.write(bytes([byte]))
                time.sleep(reply.letters)
        else:
            self.wfile.write(reply.content)
        if reply.cut:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _serve

    def log_message(self, *args):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass


class Stub:
    """``on(method, path, *replies)``: the last reply is given again and again."""

    def __init__(self, certificate=None):
        self.requests: list[Request] = []
        self._replies: dict[tuple[str, str], list] = {}
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        scheme = "http"
        if certificate:
            scheme = "https"
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_error):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def on(self, method, path, *replies):
        self._replies[method, f"/api{path}"] = list(replies)
        return self

    def reply_to(self, request: Request) -> Reply:
        self.requests.append(request)
        replies = self._replies.get((request.method, request.path))
        if not replies:
            return Reply(404, b"404 page not found\n", (("Content-Type", "text/plain"),))
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        return reply(request) if callable(reply) else reply

    def asked(self, method, path) -> list[Request]:
        return [r for r in self.requests if (r.method, r.path) == (method, f"/api{path}")]


def self_signed(folder) -> tuple[str, str]:
    """Path of a new certificate with its key, and its SHA-256 fingerprint in plain digits."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "portainer")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{certificate.serial_number}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return str(path), certificate.fingerprint(hashes.SHA256()).hex()


class Clock:
    """Time that passes only while the client sleeps."""

    now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
