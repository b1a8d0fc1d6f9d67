"""Waiting for something that another process does."""

import time


def wait_for(condition, timeout, what="the condition", interval=0.1):
    """The first true value of `condition()`; TimeoutError naming `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise TimeoutError(f"waited {timeout} s in vain for {what}")
        time.sleep(interval)  # a pause between two looks, not a hope that all is done after it
