"""The HTTP server: a thread for each connection, TLS by a certificate of its own."""

import contextlib
import datetime
import ipaddress
import os
import socket
import ssl
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler


class Handler(WSGIRequestHandler):
    # As Portainer, which tells nobody what it runs on.
    server_version, sys_version = "", ""

    def log(self, type, message, *arguments):
        """Requests are not logged: the tests ask `faults.seen`."""

    def connection_dropped(self, error, environ=None):
        self.close_connection = True


class Listener(ThreadedWSGIServer):
    """TLS is negotiated in the connection's thread: a silent client holds up nobody else."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, host, port, app, context=None):
        super().__init__(host, port, app, handler=Handler)
        self.ssl_context = context  # makes the requests' scheme https
        self.open = set()

    def finish_request(self, request, client_address):
        if self.ssl_context:
            request.settimeout(30)
            try:
                request = self.ssl_context.wrap_socket(request, server_side=True)
            except OSError:
                return
            request.settimeout(None)
        self.open.add(request)
        try:
            super().finish_request(request, client_address)
        finally:
            self.open.discard(request)
            if self.ssl_context:
                self.shutdown_request(request)

    def handle_error(self, request, client_address):
        """Clients that go away are part of the play."""

    def end_connections(self):
        for request in list(self.open):
            with contextlib.suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)


class Server:
    """A double that listens; `stop()` and `start()` are its crash and its return."""

    def __init__(self, double, host="127.0.0.1", port=0, tls=True):
        self.double, self.host, self.port, self.tls = double, host, port, tls
        self.scheme = "https" if tls else "http"
        self.lock = threading.Lock()
        self.listener = self.timer = None
        double.server = double.server or self

    @property
    def url(self):
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        return f"{self.scheme}://{host}:{self.port}"

    def start(self):
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate(self.double.store.folder))
        self.listener = Listener(self.host, self.port, self.double, context)
        self.port = self.listener.server_port
        # The look for the end comes often, so that tests need not wait for it.
        serve = self.listener.serve_forever
        threading.Thread(target=serve, args=(0.05,), daemon=True).start()
        return self

    def stop(self):
        if self.timer:
            self.timer.cancel()
        with self.lock:
            listener, self.listener = self.listener, None
        if listener:
            listener.shutdown()
            listener.server_close()
            listener.end_connections()

    def refuse(self, seconds):
        """Nobody listens for a while; what is under way still gets its answer."""
        with self.lock:
            listener, self.listener = self.listener, None
        listener.shutdown()
        listener.server_close()
        self.timer = threading.Timer(seconds, self.start)
        self.timer.daemon = True
        self.timer.start()


def certificate(folder):
    """(certificate, key) files, made when missing: a new certificate is a deleted file away."""
    crt, key = Path(folder, "certs", "cert.pem"), Path(folder, "certs", "key.pem")
    if not crt.exists():
        crt.parent.mkdir(parents=True, exist_ok=True)
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "0.0.0.0")])
        now = datetime.datetime.now(datetime.UTC)
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=5 * 365))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(private, hashes.SHA256())
        )
        with open(os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(
                private.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.TraditionalOpenSSL,
                    serialization.NoEncryption(),
                )
            )
        crt.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return crt, key
