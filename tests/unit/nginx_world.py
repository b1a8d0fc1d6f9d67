"""A real nginx on the loopback in front of two small servers that tell what they were asked."""

import base64
import contextlib
import hashlib
import http.client
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from devkit.ports import free_port
from devkit.waiting import wait_for

_MAIN = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/clients.conf;
}}
"""
_HANDSHAKE = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def program() -> str | None:
    """nginx, which Debian keeps out of ordinary users' paths."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


class Backend:
    """Stands for a port of a client's Odoo: answers what it was asked, and accepts websockets."""

    def __init__(self, name):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.name = name
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._accept_websocket()
            return
        self._tell(b"")

    def do_POST(self):
        self._tell(self.rfile.read(int(self.headers["Content-Length"])))

    def _tell(self, body):
        headers = {name.lower(): value for name, value in self.headers.items()}
        told = {"server": self.server.name, "path": self.path, "headers": headers}
        content = json.dumps({**told, "length": len(body)}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _accept_websocket(self):
        """The handshake of RFC 6455; what comes afterwards is sent back as it came."""
        digest = hashlib.sha1((self.headers["Sec-WebSocket-Key"] + _HANDSHAKE).encode()).digest()
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(digest).decode())
        self.send_header("X-Server", self.server.name)
        self.end_headers()
        self.wfile.flush()
        self.close_connection = True
        while data := self.connection.recv(1024):
            self.connection.sendall(data)

    def log_message(self, *arguments):
        pass


class Nginx:
    """An nginx with a configuration of clients; ``refused`` says why it would not take it."""

    def __init__(self, folder: Path, text: str):
        self.folder = folder
        (folder / "clients.conf").write_text(text)
        (folder / "nginx.conf").write_text(_MAIN.format(folder=folder))

    def refused(self) -> str:
        """What ``nginx -t`` complains of, '' if it takes the configuration."""
        tried = subprocess.run(self._command("-t"), capture_output=True, text=True, check=False)
        warned = [line for line in tried.stderr.splitlines() if "[warn]" in line]
        return "\n".join(warned) if tried.returncode == 0 else tried.stderr

    @contextlib.contextmanager
    def running(self, port):
        process = subprocess.Popen(self._command(), stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: _listens(port), 20, "nginx")
            yield
        finally:
            process.terminate()
            process.wait(20)

    def _command(self, *arguments):
        return [program(), "-p", self.folder, "-c", self.folder / "nginx.conf", *arguments]


def _listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Proxy:
    """Asks the proxy at ``port``, over TLS (whoever it says it is) if so wanted."""

    def __init__(self, port, tls=False):
        self.port = port
        self._tls = tls

    def _connect(self):
        if self._tls:
            context = ssl._create_unverified_context()
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, host, path="/", body=None, **headers):
        """(status, headers, decoded JSON or text)"""
        with contextlib.closing(self._connect()) as connection:
            method = "GET" if body is None else "POST"
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"Host": host, **headers}.items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            content = answer.read().decode()
        if answer.headers.get_content_type() == "application/json":
            content = json.loads(content)
        return answer.status, answer.headers, content

    def raw(self, request: bytes) -> bytes:
        """The beginning of the answer to these very bytes."""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(request)
            return connection.recv(65536)

    @contextlib.contextmanager
    def websocket(self, host, path="/websocket"):
        """(head of the answer, socket)"""
        with socket.create_connection(("127.0.0.1", self.port), 20) as connection:
            connection.sendall(
                f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
            )
            head = b""
            while b"\r\n\r\n" not in head and (data := connection.recv(1)):
                head += data
            yield head.decode(), connection


@contextlib.contextmanager
def proxy(render):
    """A running nginx whose configuration is ``render(listen)``, as `Proxy`."""
    port = free_port(31000)
    with tempfile.TemporaryDirectory() as folder:
        nginx = Nginx(Path(folder), render(f"127.0.0.1:{port}"))
        complaint = nginx.refused()
        assert not complaint, complaint
        with nginx.running(port):
            yield Proxy(port)
