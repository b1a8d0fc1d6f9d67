"""What a person reads about the difference of two compose texts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from saas_stack import describe_difference, render
from saas_stack_samples import EXTERNAL, FULL, PLAIN, with_field

SECRET = "hunter2-Geheim"


def changed_lines(text):
    return [line for line in text.splitlines() if line[0] in "+-"]


def test_the_same_text_has_no_difference():
    assert describe_difference(render(FULL), render(FULL)) == ""


def test_what_compose_reads_as_the_same_is_the_same():
    text = render(PLAIN)
    other = "# a remark\n" + text.replace('"5432"', "'5432'") + "\n"
    assert describe_difference(text, other) == ""


def test_a_changed_setting_is_one_line_before_and_one_after():
    text = describe_difference(render(FULL), render(with_field(FULL, "odoo.limit_time_cpu", 900)))
    assert [line.split() for line in changed_lines(text)] == [
        ["-", "-", "--limit-time-cpu=611"],
        ["+", "-", "--limit-time-cpu=900"],
    ]
    assert "--workers=3" in text, "the lines around it are shown"


def test_a_database_that_moves_out_is_shown():
    text = describe_difference(render(FULL), render(EXTERNAL))
    assert "-    image: postgres:17" in text
    assert "+      HOST: pg.example.net" in text


def test_everything_is_new_the_first_time():
    text = describe_difference("", render(PLAIN))
    assert all(line.startswith(("+", "-", "@")) for line in text.splitlines())
    assert "+    image: saas-client:19.0" in text


@pytest.mark.parametrize(
    "line",
    [
        "    environment: {POSTGRES_PASSWORD: %s}",
        "    environment: {DB_PASS: '%s'}",
        "    environment: {API_TOKEN: %s, A: b}",
        "    environment:\n      - PASSWORD=%s with spaces",
        "    environment: [SAAS_SECRET_KEY=%s]",
        "    environment: {MY_APIKEY: {value: 1}, x_access_key: %s}",
        "    command: odoo --db_password=%s --workers=2",
        "    command: odoo --db_password %s --workers=2",
        "    command: [odoo, --db_password=%s]",
        "    command: [odoo, --db_password, %s]",
        "    environment: {URL: 'postgres://odoo:%s@db/odoo'}",
        "    environment: {DSN: 'host=db password=%s user=x'}",
        "    command: |\n      set -e\n      PASSWORD='%s' psql",
        "    labels: {admin.passwd: %s}",
    ],
)
def test_a_secret_that_somebody_wrote_into_a_text_is_never_shown(line):
    new = f"services:\n  odoo:\n    image: odoo:19.0\n{line % SECRET}\n"
    old = new.replace("odoo:19.0", "odoo:18.0")
    removed = "services:\n  odoo:\n    image: odoo:19.0\n"
    for before, after in ((old, new), (removed, new), (new, removed)):
        text = describe_difference(before, after)
        assert text
        assert SECRET not in text
        assert "Geheim" not in text


@pytest.mark.parametrize("text", ["\t: [broken %s", "- %s", "%s"])
def test_a_text_that_is_no_compose_file_is_not_shown_at_all(text):
    for before, after in ((text % SECRET, render(PLAIN)), (text % SECRET, text % "other")):
        found = describe_difference(before, after)
        assert "-(hidden 1)" in found
        assert SECRET not in found


def test_a_secret_that_changes_is_seen_to_change():
    old = f"services:\n  odoo:\n    environment: {{PASSWORD: {SECRET}}}\n"
    text = describe_difference(old, old.replace(SECRET, "other-secret"))
    assert [line.strip("+- ") for line in changed_lines(text)] == [
        "PASSWORD: (hidden 1)",
        "PASSWORD: (hidden 2)",
    ]


def test_the_name_of_a_variable_and_the_place_of_a_secret_are_no_secrets():
    new = render(FULL)
    text = describe_difference("services: {}", new)
    assert "PASSWORD: ${DB_PASSWORD}" in text
    assert "hidden" not in text


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text())
def test_any_two_texts_can_be_compared(old, new):
    describe_difference(old, new)
