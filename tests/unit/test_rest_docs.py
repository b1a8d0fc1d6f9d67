"""What docs/rest.md says of errors is what the API answers."""

import re
from pathlib import Path

from saas_rest.openapi_schemas import BODIES, COMPONENTS, PARAMETERS
from saas_rest.problems import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "rest.md").read_text()
ROW = re.compile(r"^\| (\d{3}) \| `([a-z0-9-]+)` \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)


def test_each_code_has_its_row_with_status_and_title():
    """The table of errors and the catalogue of problems name the same codes."""
    table = TEXT.partition("<!-- errors -->")[2].partition("<!-- /errors -->")[0]
    rows = {code: (int(status), title) for status, code, title, _hint in ROW.findall(table)}
    assert rows == {code: (status, str(title)) for code, (status, title) in CATALOGUE.items()}


def test_each_row_says_what_to_do():
    assert all(len(hint) > 10 for _status, _code, _title, hint in ROW.findall(TEXT))


def test_schemas_refer_to_schemas_that_exist():
    found = re.findall(r"#/components/schemas/(\w+)", repr((BODIES, COMPONENTS, PARAMETERS)))
    assert set(found) <= set(COMPONENTS)
