"""What counts as a change of an addon."""

import pytest
from saas_driver.fingerprint import fingerprint


@pytest.fixture
def addon(tmp_path):
    for name in ("models/thing.py", "views/thing.xml", "static/app.js", "tests/test_thing.py"):
        path = tmp_path / name
        path.parent.mkdir()
        path.write_text("before")
    return tmp_path


@pytest.mark.parametrize("name", ["models/thing.py", "views/thing.xml", "data/new.csv"])
def test_what_a_database_takes_from_an_addon_changes_it(addon, name):
    before = fingerprint(addon)
    (addon / name).parent.mkdir(exist_ok=True)
    (addon / name).write_text("after")
    assert fingerprint(addon) != before


@pytest.mark.parametrize("name", ["static/app.js", "tests/test_thing.py", "models/notes.txt"])
def test_what_no_database_takes_does_not(addon, name):
    before = fingerprint(addon)
    (addon / name).write_text("after")
    assert fingerprint(addon) == before


def test_a_file_that_moves_or_goes_changes_it(addon):
    before = fingerprint(addon)
    (addon / "models/thing.py").rename(addon / "models/other.py")
    moved = fingerprint(addon)
    (addon / "models/other.py").unlink()
    assert len({before, moved, fingerprint(addon)}) == 3
