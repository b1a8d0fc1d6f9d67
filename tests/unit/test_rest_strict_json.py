"""JSON and forms from strangers."""

import pytest
from saas_rest import forms, strict_json
from saas_rest.problems import Problem


def refused(body, **limits):
    with pytest.raises(Problem) as caught:
        strict_json.loads(body, **limits)
    return caught.value.code


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"domain": NaN}', "invalid-number"),
        (b"[Infinity]", "invalid-number"),
        (b"[-Infinity]", "invalid-number"),
        (b"[1e999]", "invalid-number"),
        (b"[" + b"9" * 5000 + b"]", "invalid-number"),
        (b'{"a": 1, "a": 2}', "duplicate-key"),
        (b'{"b": {"a": 1, "\\u0061": 2}}', "duplicate-key"),
        (b'{"name": "\\u0000"}', "nul-character"),
        (b'{"\\u0000": 1}', "nul-character"),
        (b'["\\ud800"]', "invalid-utf8"),
        (b'["\xff"]', "invalid-utf8"),
        (b"[" * 100_000, "json-too-deep"),
        (b'{"a":' * 100_000, "json-too-deep"),
        (b'{"name": "x', "bad-json"),
        (b'{"name": "x"} x', "bad-json"),
        (b"{'name': 1}", "bad-json"),
        (b"", "bad-json"),
    ],
)
def test_what_is_ambiguous_endless_or_not_storable_is_refused(body, code):
    """B58: every hostile body has its own code."""
    assert refused(body) == code


def test_brackets_inside_texts_are_no_nesting():
    assert strict_json.loads(b'["[[[[\\"[[[["]', max_depth=1) == ['[[[["[[[[']


def test_the_depth_that_is_allowed_is_read():
    assert strict_json.loads(b"[" * 64 + b"]" * 64)
    assert refused(b"[" * 65 + b"]" * 65) == "json-too-deep"


def test_texts_may_be_long_but_not_endless():
    assert strict_json.loads(b'"' + b"x" * 10 + b'"', max_string=10) == "x" * 10
    assert refused(b'"' + b"x" * 11 + b'"', max_string=10) == "value-too-large"


def test_a_pair_of_surrogates_is_one_character():
    assert strict_json.loads(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_the_place_of_a_fault_is_told():
    with pytest.raises(Problem) as caught:
        strict_json.loads(b'{"a": 1,\n "b": }')
    assert "line 2" in caught.value.detail


URLENCODED = b"db=REST_TEST&login=admin&password=a%26b+c"
WANTED = {"db": "REST_TEST", "login": "admin", "password": "a&b c"}


@pytest.mark.parametrize(
    "content_type",
    [
        "application/x-www-form-urlencoded",
        "multipart/form-data;",
        "multipart/form-data",
        "",
        "text/plain",
    ],
)
def test_an_urlencoded_body_is_read_whatever_it_is_called(content_type):
    """B2: also as multipart without a boundary, as real clients send it."""
    assert forms.parse(URLENCODED, content_type) == WANTED


def test_real_multipart_is_read():
    """B3: also with a file in between, which is left out."""
    body = (
        b'--x\r\nContent-Disposition: form-data; name="db"\r\n\r\nREST_TEST\r\n'
        b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nfile\r\n'
        b'--x\r\nContent-Disposition: form-data; name="login"\r\n\r\nadmin\r\n--x--\r\n'
    )
    found = forms.parse(body, "multipart/form-data; boundary=x")
    assert found == {"db": "REST_TEST", "login": "admin"}


def test_json_is_read_as_a_form():
    """B3: JSON on a GET, whatever its type is called."""
    body = b'{"db": "a", "login": "b", "password": "c", "n": 3}'
    assert forms.parse(body, "") == {"db": "a", "login": "b", "password": "c"}


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"db=%ff", "", "invalid-utf8"),
        (b"db=\xff", "", "invalid-utf8"),
        (b"db=%00", "", "nul-character"),
        (b"&".join([b"a=b"] * 1000), "", "bad-json"),
        (b"[1]", "", "bad-json"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x", "bad-json"),
    ],
)
def test_broken_forms_are_refused_as_what_they_are(body, content_type, code):
    with pytest.raises(Problem) as caught:
        forms.parse(body, content_type)
    assert caught.value.code == code


def test_a_text_that_never_ends_is_read_once():
    """B58: a megabyte of quotes costs no more than a megabyte of anything else."""
    assert refused(b'"' + b'\\"' * 1_000_000) == "bad-json"
