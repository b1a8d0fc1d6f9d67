"""What a command writes, made fit to be shown and kept while the command runs."""

import re
import time
from collections.abc import Callable, Iterable

#: Of the lines that come within one pause, this much is handed on (the end of them).
MAX_PIECE = 8000
#: A line that does not end is handed on when it has this many characters.
_MAX_LINE = 2000
_ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class LiveOutput:
    """Collects output and hands it on in whole lines, no more often than every ``pause`` seconds.

    Secrets, escape sequences and control characters never get through.

    :param write: takes the text of some lines, '' when none came; what it raises ends the
        waiting for the command
    :param secrets: texts to be replaced; those of several lines line by line
    """

    def __init__(
        self,
        write: Callable[[str], None],
        secrets: Iterable[str] = (),
        pause: float = 1,
        clock=time.monotonic,
    ):
        self._write, self._pause, self._clock = write, pause, clock
        lines = {line.strip() for secret in secrets for line in secret.splitlines()}
        # The longest first: one secret may be part of another.
        self._secrets = sorted(filter(None, lines), key=len, reverse=True)
        self._rest, self._ready = "", ""
        self._due = clock()

    def add(self, text: str) -> None:
        """Called with each piece of output."""
        *lines, self._rest = re.split(r"\r?\n", self._rest + text)
        while len(self._rest) > _MAX_LINE:
            lines.append(self._rest[:_MAX_LINE])
            self._rest = self._rest[_MAX_LINE:]
        self._ready += "".join(f"{self._clean(line)}\n" for line in lines)
        self.tick()

    def tick(self) -> None:
        """Called again and again while nothing may come; hands on what is due."""
        if self._clock() >= self._due:
            self._due = self._clock() + self._pause
            self._hand_on()

    def finish(self) -> None:
        """The last lines, the one that did not end included."""
        if self._rest:
            self._ready += self._clean(self._rest) + "\n"
            self._rest = ""
        if self._ready:
            self._hand_on()

    def _hand_on(self) -> None:
        text, self._ready = self._ready, ""
        if len(text) > MAX_PIECE:
            text = "…\n" + text[-MAX_PIECE:].partition("\n")[2]
        self._write(text)

    def _clean(self, line: str) -> str:
        # Of a line that was written over, as progress bars are, the last state counts.
        line = line.rstrip("\r").rpartition("\r")[2]
        line = _CONTROLS.sub("", _ESCAPES.sub("", line))
        for secret in self._secrets:
            line = line.replace(secret, "…")
        return line
