"""Files on their way in and out: names that are safe in headers, bodies read piece by piece."""

import re
import tempfile
from typing import BinaryIO

from .problems import Problem
from .text import _lt

PIECE = 64 * 1024
IN_MEMORY = 1024 * 1024
MAX_NAME = 150
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f"\\/:*?<>|\u2028\u2029\u202a-\u202e\u2066-\u2069]+')


def safe_name(name: str, default: str = "file") -> str:
    """A file's name without anything that ends a header, leads elsewhere or turns text around."""
    clean = _UNSAFE.sub("_", name.encode("utf-8", "replace").decode()).strip(" ._")
    if len(clean) > MAX_NAME:
        stem, dot, extension = clean.rpartition(".")
        keep = dot + extension if stem and len(extension) <= 10 else ""
        clean = clean[: MAX_NAME - len(keep)] + keep
    return clean or default


def receive(stream: BinaryIO, length: int | None, limit: int) -> BinaryIO:
    """The whole body in a temporary file, at its beginning.

    :param length: what ``Content-Length`` says; None: it was not sent
    :raises Problem: ``body-too-large``, before more than ``limit`` bytes have been read;
        ``bad-json`` when less arrives than was announced
    """
    if length is not None and length > limit:
        raise too_large(limit)
    spool = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY)  # noqa: SIM115 - the caller's
    received = 0
    while piece := stream.read(min(PIECE, limit + 1 - received)):
        received += len(piece)
        if received > limit:
            raise too_large(limit)
        spool.write(piece)
    if length is not None and received < length:
        raise Problem("invalid-parameter", _lt("The body ended too early."))
    spool.seek(0)
    return spool


def too_large(limit: int) -> Problem:
    """The problem of a body above the limit."""
    return Problem("body-too-large", _lt("At most %(limit)s bytes are taken.", limit=limit))
