"""The same thing asked of the REST layer by several callers at the same moment."""

import secrets

import pytest

from harness import at_once

PARTNERS = "/api/v1/res.partner"


@pytest.fixture
def mark():
    """A reference that no other test's partner has."""
    return secrets.token_hex(8)


def count(rest, mark):
    ((number,),) = rest.psql(rest.name, "SELECT count(*) FROM res_partner WHERE ref = %s", mark)
    return number


def test_an_external_key_is_created_once(rest, mark):
    """B48: two at once create once; the other one changes it or finds it unchanged."""
    token = rest.token()
    path = f"{PARTNERS}/ext/shop/{mark}"

    def put():
        return rest.call("PUT", path, token=token, json={"name": "Twice", "ref": mark})

    statuses = sorted(answer.status_code for answer in at_once(*[put] * 4))
    assert statuses == [201, 204, 204, 204]
    assert count(rest, mark) == 1


def test_an_idempotency_key_works_once(rest, mark):
    """B49: twenty in parallel make one record and have one answer."""
    token = rest.token()
    headers = {"Idempotency-Key": mark}

    def post():
        values = {"name": "Twenty times", "ref": mark}
        return rest.call("POST", PARTNERS, token=token, json=values, headers=headers)

    answers = at_once(*[post] * 20)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    replayed = [answer for answer in answers if "Idempotency-Replayed" in answer.headers]
    assert len(replayed) == 19
    assert count(rest, mark) == 1


def test_of_two_changes_to_one_version_one_wins(rest, mark):
    """B51: one 200, one 412, and the record is the winner's."""
    token = rest.token()
    made = rest.call("POST", PARTNERS, token=token, json={"name": "Contested", "ref": mark})
    path, etag = made.headers["Location"], made.headers["ETag"]

    def patch(name):
        headers = {"If-Match": etag}
        return rest.call("PATCH", path, token=token, json={"name": name}, headers=headers)

    answers = at_once(*(lambda name=name: patch(name) for name in ("A", "B", "C", "D")))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 412, 412, 412]
    winner = next(answer for answer in answers if answer.status_code == 200)
    now = rest.call("GET", f"{path}?fields=name", token=token).json()["data"]["name"]
    assert now == winner.json()["data"]["name"]


def test_of_two_deletions_of_one_version_one_wins(rest, mark):
    """B51: the other one finds nothing any more."""
    token = rest.token()
    made = rest.call("POST", PARTNERS, token=token, json={"name": "Doomed", "ref": mark})
    path, etag = made.headers["Location"], made.headers["ETag"]

    def delete():
        return rest.call("DELETE", path, token=token, headers={"If-Match": etag})

    statuses = sorted(answer.status_code for answer in at_once(*[delete] * 3))
    assert statuses == [204, 404, 404]


def test_a_walk_by_cursor_meets_each_row_once_while_others_write(rest, mark):
    """B32: rows come and go in other transactions while somebody reads page by page."""
    token = rest.token()
    rows = [{"name": f"Walk {number:03d}", "ref": mark} for number in range(300)]
    made = rest.call("POST", PARTNERS, token=token, json=rows, headers={"Prefer": "return=minimal"})
    wanted = {row["id"] for row in made.json()["data"]}

    def walk():
        seen, cursor = [], ""
        while cursor is not None:
            params = {"filter[ref]": mark, "order": "name", "limit": 20, "cursor": cursor}
            page = rest.call("GET", PARTNERS, token=token, params=params).json()
            seen += [row["id"] for row in page["data"]]
            cursor = page["meta"]["next_cursor"]
        return seen

    def disturb():
        for number in range(30):
            values = {"name": f"Walk {number * 9:03d} more", "ref": mark}
            answer = rest.call("POST", PARTNERS, token=token, json=values)
            if number % 2:
                rest.call("DELETE", answer.headers["Location"], token=token)

    seen, failure = at_once(walk, disturb)
    assert failure is None
    assert len(seen) == len(set(seen))
    assert wanted <= set(seen)
