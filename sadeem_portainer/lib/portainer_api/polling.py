"""How often one looks again at what a server does in the background."""

from collections.abc import Iterator

#: The pause between two looks doubles from the first to the last, in seconds.
POLL_PAUSES = (0.5, 4)


def pauses() -> Iterator[float]:
    pause, longest = POLL_PAUSES
    while True:
        yield pause
        pause = min(pause * 2, longest)
