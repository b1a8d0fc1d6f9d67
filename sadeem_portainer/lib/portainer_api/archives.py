"""Files in Docker's form: tar archives that are read and written piece by piece."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO

_BLOCK = 512
_PIECE = 256 * 1024


class FileAsTar:
    """A tar archive with one member, made while it is read; its length is known before.

    Whoever unpacks it as root may give the file to root: ``mode`` decides who can read it.
    """

    def __init__(self, file: BinaryIO, name: str, size: int, mode: int):
        self._file = file
        self._pieces = self._make(name, size, mode)
        self._rest = b""
        self._length = len(self._header(name, size, mode)) + _padded(size) + 2 * _BLOCK

    def __len__(self) -> int:
        return self._length

    def read(self, size: int = -1) -> bytes:  # pylint: disable=method-required-super
        while size < 0 or len(self._rest) < size:
            piece = next(self._pieces, b"")
            if not piece:
                break
            self._rest += piece
        cut = len(self._rest) if size < 0 else size
        given, self._rest = self._rest[:cut], self._rest[cut:]
        return given

    @staticmethod
    def _header(name: str, size: int, mode: int) -> bytes:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, mode
        return member.tobuf(tarfile.PAX_FORMAT)

    def _make(self, name: str, size: int, mode: int) -> Iterator[bytes]:
        yield self._header(name, size, mode)
        left = size
        while left:
            piece = self._file.read(min(_PIECE, left))
            if not piece:
                raise OSError("The file became shorter while it was read.")
            left -= len(piece)
            yield piece
        yield b"\0" * (_padded(size) - size + 2 * _BLOCK)


class FileTooLarge(Exception):
    """The file in a tar archive is larger than it may be; nothing of it was written."""


def unpack_file(stream, target: BinaryIO, max_bytes: int) -> int:
    """Write the one file of a tar archive; returns its size.

    :raises FileTooLarge: it has more than ``max_bytes``
    :raises tarfile.TarError: it is no archive, or it ends too early
    """
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        member = archive.next()
        source = member and archive.extractfile(member)
        if not source:
            raise tarfile.TarError("there is no file in it")
        if member.size > max_bytes:
            raise FileTooLarge(f"it has {member.size} bytes, and may have {max_bytes}")
        written = 0
        while piece := source.read(_PIECE):
            target.write(piece)
            written += len(piece)
        if written != member.size:
            raise tarfile.TarError("it ends too early")
    return written


def _padded(size: int) -> int:
    return -(-size // _BLOCK) * _BLOCK
