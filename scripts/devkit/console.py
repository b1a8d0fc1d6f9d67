"""What the person at the terminal sees."""

import sys
import time

BOLD, RED, GREEN, PLAIN = "\033[1m", "\033[31m", "\033[32m", "\033[0m"


class Failure(Exception):
    """Ends the command with a readable message and without a traceback."""


def say(text):
    print(f"{BOLD}==>{PLAIN} {text}", file=sys.stderr, flush=True)


class Step:
    """Names a piece of work, shows its progress and, at the end, how long it took."""

    def __init__(self, title):
        self.title = title
        self.live = sys.stderr.isatty()
        self.shown = ""
        self.shown_at = 0.0

    def __enter__(self):
        self.start = self.shown_at = time.monotonic()
        self._write(f"{BOLD}==>{PLAIN} {self.title} ... ")
        return self

    def progress(self, text):
        """Rewrites the line on a terminal; elsewhere a line every ten seconds at most."""
        now = time.monotonic()
        if text == self.shown:
            return
        if self.live:
            self._write(f"\r\033[K{BOLD}==>{PLAIN} {self.title} ... {text} ")
        elif now - self.shown_at > 10:
            self._write(f"\n      {text} ")
        else:
            return
        self.shown, self.shown_at = text, now

    def __exit__(self, kind, error, trace):
        if self.live and self.shown:
            self._write(f"\r\033[K{BOLD}==>{PLAIN} {self.title} ... ")
        took = f"{time.monotonic() - self.start:.0f}s"
        self._write("failed\n" if kind else took + "\n")

    def _write(self, text):
        sys.stderr.write(text)
        sys.stderr.flush()
