"""Calls that must be refused, in words."""

import contextlib

import pytest

from .rpc import Fault

USER_ERROR, ACCESS_DENIED, ACCESS_ERROR = 2, 3, 4


@contextlib.contextmanager
def refused(*words, codes=(USER_ERROR, ACCESS_ERROR)):
    """The block must raise a fault that a person can read and that holds all of the words."""
    with pytest.raises(Fault) as caught:
        yield
    text = caught.value.faultString
    assert caught.value.faultCode in codes, f"fault {caught.value.faultCode}: {text[-500:]}"
    assert "Traceback" not in text
    for word in words:
        assert str(word).lower() in text.lower()


@contextlib.contextmanager
def leaving_nothing(portal):
    """The block must leave no client, operation, user, database or file folder behind."""
    before = portal.footprint()
    yield
    assert portal.footprint() == before
