"""HTTP to a database by its host name, without DNS."""

import re
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter


class LoopbackAdapter(HTTPAdapter):
    """Sends every request to this machine; the host name goes into the Host header alone."""

    def send(self, request, **options):
        parts = urlsplit(request.url)
        sent = request.copy()
        sent.headers["Host"] = parts.netloc
        port = parts.port or {"http": 80, "https": 443}[parts.scheme]
        sent.url = urlunsplit(parts._replace(netloc=f"127.0.0.1:{port}"))
        options["timeout"] = options.get("timeout") or 120
        response = super().send(sent, **options)
        response.url, response.request = request.url, request
        return response


class HostSession(requests.Session):
    """A browser's session, with paths instead of whole URLs."""

    def __init__(self, port, host, scheme="http"):
        super().__init__()
        self.host, self.base = host, f"{scheme}://{host}:{port}"
        self.trust_env = False
        self.mount("http://", LoopbackAdapter())
        self.mount("https://", LoopbackAdapter())

    def request(self, method, url, *args, **kwargs):
        return super().request(method, urljoin(self.base, url), *args, **kwargs)

    def login(self, login, password):
        """Logs in by the page's form; true when it let the user in."""
        page = self.get("/web/login")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
        answer = self.post(
            "/web/login",
            data={
                "csrf_token": token[1] if token else "",
                "login": login,
                "password": password,
            },
        )
        return answer.ok and "/web/login" not in urlsplit(answer.url).path


def http_session(port, host, scheme="http"):
    return HostSession(port, host, scheme)
