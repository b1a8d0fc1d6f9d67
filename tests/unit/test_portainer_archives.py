"""Files as tar archives that are never whole in memory."""

import io
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portainer_api.archives import FileAsTar, FileTooLarge, unpack_file


@given(content=st.binary(max_size=3000), piece=st.integers(1, 2000))
def test_an_archive_says_its_length_and_holds_the_file(content, piece):
    archive = FileAsTar(io.BytesIO(content), "in.zip", len(content), 0o640)
    pieces = []
    while part := archive.read(piece):
        assert len(part) <= piece
        pieces.append(part)
    made = b"".join(pieces)
    assert len(made) == len(archive)
    with tarfile.open(fileobj=io.BytesIO(made)) as found:
        (member,) = found.getmembers()
        assert (member.name, member.mode) == ("in.zip", 0o640)
        assert found.extractfile(member).read() == content


@given(content=st.binary(max_size=3000))
def test_what_was_packed_is_unpacked(content):
    packed = FileAsTar(io.BytesIO(content), "in.zip", len(content), 0o644).read()
    target = io.BytesIO()
    assert unpack_file(io.BytesIO(packed), target, len(content)) == len(content)
    assert target.getvalue() == content


@pytest.mark.parametrize("kept", [0, 100, 512, 700, 1500])
def test_an_archive_that_ends_too_early_is_none(kept):
    packed = FileAsTar(io.BytesIO(b"x" * 2000), "in.zip", 2000, 0o644).read()
    with pytest.raises(tarfile.TarError):
        unpack_file(io.BytesIO(packed[:kept]), io.BytesIO(), 2000)


def test_nothing_is_written_of_a_file_that_is_too_large():
    packed = FileAsTar(io.BytesIO(b"x" * 2000), "in.zip", 2000, 0o644).read()
    target = io.BytesIO()
    with pytest.raises(FileTooLarge, match="2000"):
        unpack_file(io.BytesIO(packed), target, 1999)
    assert target.getvalue() == b""


def test_holes_of_a_file_count_too():
    """Half a kilobyte in the archive, a terabyte on the disk."""
    member = tarfile.TarInfo("in.zip")
    member.size = 512
    member.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "in.zip",
        "GNU.sparse.realsize": str(2**40),
    }
    packed = member.tobuf(tarfile.PAX_FORMAT) + b"0\n".ljust(512, b"\0") + b"\0" * 1024
    with pytest.raises(FileTooLarge):
        unpack_file(io.BytesIO(packed), io.BytesIO(), 10_000)


def test_a_file_that_becomes_shorter_is_not_sent_as_if_it_were_whole():
    archive = FileAsTar(io.BytesIO(b"short"), "in.zip", 2000, 0o644)
    with pytest.raises(OSError, match="shorter"):
        archive.read()
