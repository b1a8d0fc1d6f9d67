"""What representations were made from, so that an unchanged one need not be made again."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

#: How many are remembered; one takes some hundred bytes.
KEPT = 2048


class Representations:
    """Remembers for questions which state of the records made which entity tag.

    The tag stays the digest of the body. What is remembered here only saves making the body to
    find that it is the same one. Each process remembers for itself.
    """

    def __init__(self, kept: int = KEPT):
        self._kept = kept
        self._lock = threading.Lock()
        self._found: OrderedDict[Hashable, tuple[bytes, str]] = OrderedDict()

    def etag(self, question: Hashable, state: bytes) -> str | None:
        """The tag of the answer to ``question`` that ``state`` made; None: not known."""
        with self._lock:
            known = self._found.get(question)
            if known is None or known[0] != state:
                return None
            self._found.move_to_end(question)
            return known[1]

    def keep(self, question: Hashable, state: bytes, etag: str) -> None:
        with self._lock:
            self._found[question] = (state, etag)
            self._found.move_to_end(question)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)
