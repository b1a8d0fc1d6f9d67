"""What is remembered of answers, so that they need not be made again."""

from saas_rest.revalidation import Representations


def test_a_tag_is_known_for_its_question_and_its_state_only():
    """B50"""
    known = Representations()
    known.keep(("user 1", "/a"), b"state", "tag")
    assert known.etag(("user 1", "/a"), b"state") == "tag"
    assert known.etag(("user 2", "/a"), b"state") is None
    assert known.etag(("user 1", "/a"), b"other") is None
    known.keep(("user 1", "/a"), b"other", "tag 2")
    assert known.etag(("user 1", "/a"), b"state") is None
    assert known.etag(("user 1", "/a"), b"other") == "tag 2"


def test_what_nobody_asks_for_is_forgotten_first():
    known = Representations(kept=2)
    for name in ("a", "b"):
        known.keep(name, b"", name)
    assert known.etag("a", b"") == "a"
    known.keep("c", b"", "c")
    assert [known.etag(name, b"") for name in ("a", "b", "c")] == ["a", None, "c"]
