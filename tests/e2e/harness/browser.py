"""A headless Chromium, driven over its debugging protocol.

Chromium finds every ``*.localhost`` on this machine by itself, as people's browsers do.
"""

import base64
import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import websocket

from devkit.waiting import wait_for

_PROGRAMS = ("google-chrome", "chromium", "chromium-browser", "google-chrome-stable")
_SECONDS = 60


class Browser:
    """One tab. Use as a context manager."""

    def __init__(self, width=1280, height=900, mobile=False):
        self.size = {"width": width, "height": height, "mobile": mobile, "deviceScaleFactor": 1}
        self.complaints = []
        self._numbers = itertools.count(1)

    def __enter__(self):
        program = next(filter(None, map(shutil.which, _PROGRAMS)))
        self._folder = tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True)
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        arguments += ["--remote-debugging-port=0", "--remote-allow-origins=*", "--no-first-run"]
        arguments += ["--disable-extensions", "--disable-background-networking", "--lang=en-US"]
        # A page that is left within a moment would be frozen while Odoo opens IndexedDB, and the
        # next page's scripts would wait for it for ever: nobody but a program leaves so fast.
        arguments += ["--disable-features=BackForwardCache"]
        self._process = subprocess.Popen(
            [program, *arguments, f"--user-data-dir={self._folder.name}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        port_file = Path(self._folder.name, "DevToolsActivePort")
        wait_for(
            lambda: port_file.exists() and "\n" in port_file.read_text(), _SECONDS, "the browser"
        )
        port = port_file.read_text().split()[0]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=_SECONDS) as answer:
            (tab,) = (tab for tab in json.load(answer) if tab["type"] == "page")
        self._socket = websocket.create_connection(
            tab["webSocketDebuggerUrl"], timeout=_SECONDS, suppress_origin=True
        )
        for domain in ("Page", "Runtime", "Log"):
            self._send(f"{domain}.enable")
        self._send("Emulation.setDeviceMetricsOverride", **self.size)
        return self

    def __exit__(self, *_error):
        self._socket.close()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        self._folder.cleanup()

    # --- what a person does -----------------------------------------------------

    def open(self, url):
        self._send("Page.navigate", url=url)
        self.wait_for("document.readyState === 'complete'", f"the page {url}")

    def type(self, selector, text):
        """Replace what is in a field; again when the page was not ready to take it."""
        self.wait_for_element(selector)

        def is_typed():
            self.run(f"(() => {{ const e = {_find(selector)}; e.focus(); e.select?.(); }})()")
            self._send("Input.insertText", text=text)
            return self.run(f"{_find(selector)}.value") == text

        wait_for(is_typed, _SECONDS, f"the text in {selector}")

    def click(self, selector):
        self.wait_for_element(selector)
        self.run(f"{_find(selector)}.click()")

    def press(self, selector):
        """A real click of the mouse, which alone may open a tab."""
        middle = (
            f"(() => {{ const e = {_find(selector)}; if (!e) return null;"
            " e.scrollIntoView({block: 'nearest'}); const r = e.getBoundingClientRect();"
            " const [x, y] = [r.x + r.width / 2, r.y + r.height / 2];"
            " return e.contains(document.elementFromPoint(x, y)) ? {x, y} : null; })()"
        )
        # While a window slides in, the place under the mouse is soon another one.
        self.wait_for(
            f"(async () => {{ const a = {middle}; await new Promise(r => setTimeout(r, 100));"
            f" const b = {middle}; return !!a && !!b && a.x === b.x && a.y === b.y; }})()",
            f"{selector} to stand still",
        )
        box = self.run(middle)
        for kind in ("mousePressed", "mouseReleased"):
            self._send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **box)

    def wait_for_tab(self, url):
        """Until another tab is at an address that begins so."""

        def is_there():
            targets = self._send("Target.getTargets")["targetInfos"]
            return any(target["url"].startswith(url) for target in targets)

        wait_for(is_there, _SECONDS, f"a tab at {url}")
        # Nothing is drawn in a tab that nobody sees.
        self._send("Page.bringToFront")

    # --- what a person sees -----------------------------------------------------

    @property
    def url(self):
        return self.run("location.href")

    @property
    def text(self):
        return self.run("document.body ? document.body.innerText : ''")

    def wait_for_text(self, text, seconds=_SECONDS):
        self.wait_for(
            f"document.body && document.body.innerText.includes({json.dumps(text)})",
            f"the text “{text}”",
            seconds,
        )

    def wait_for_element(self, selector):
        self.wait_for(f"!!{_find(selector)}", f"the element {selector}")

    def wait_for(self, condition, what, seconds=_SECONDS):
        """Until the JavaScript is true; the page may change meanwhile."""

        def is_true():
            with contextlib.suppress(RuntimeError):
                return self.run(condition)

        try:
            wait_for(is_true, seconds, what)
        except TimeoutError as error:
            raise TimeoutError(f"{error} at {self.url}:\n{self.text[:2000]}") from None

    def is_wider_than_screen(self):
        return self.run("document.documentElement.scrollWidth > window.innerWidth + 1")

    def picture(self, path):
        """A PNG of the whole page."""
        data = self._send("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def run(self, expression):
        """The value of a JavaScript expression; RuntimeError when it throws."""
        answer = self._send(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return answer["result"].get("value")

    def _send(self, method, **parameters):
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            message = json.loads(self._socket.recv())
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self._note(message)
        raise TimeoutError(f"The browser did not answer {method}")

    def _note(self, message):
        """Keep what a developer would see in red."""
        if message.get("method") == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif message.get("method") == "Log.entryAdded":
            entry = message["params"]["entry"]
            url = entry.get("url", "")
            # There is no internet here: fonts of other sites are nobody's mistake.
            if entry["level"] == "error" and not _is_elsewhere(url):
                self.complaints.append(f"{entry['text']} {url}")


def _is_elsewhere(url):
    host = urlsplit(url).hostname or "localhost"
    return not host.endswith("localhost") and host != "127.0.0.1"


def _find(selector):
    return f"document.querySelector({json.dumps(selector)})"
