"""A clip is read once, and is what the ledger says, or it is told."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from batchgen.errors import BatchgenError
from batchgen.export.packing import Sample

PIECE_BYTES = 1 << 20


class Damaged(BatchgenError):
    """A clip is not there, or not what the ledger says."""

    def __init__(self, sample: Sample, why: str) -> None:
        super().__init__(f"{sample.clip}: {why}")
        self.sample = sample


def pieces(sample: Sample) -> Iterator[bytes]:
    """The clip's content, exactly ``sample.size`` of it.  Raises Damaged, at the end at the latest."""
    content, length = hashlib.sha256(), 0
    try:
        with _opened(sample) as file:
            while piece := file.read(PIECE_BYTES):
                length += len(piece)
                if length > sample.size:
                    break
                content.update(piece)
                yield piece
    except OSError as error:
        raise Damaged(sample, error.strerror or str(error)) from error
    if length != sample.size or content.hexdigest() != sample.sha256:
        raise Damaged(sample, "the clip is not the one that was stored")


def _opened(sample: Sample) -> BinaryIO:
    descriptor = os.open(sample.clip, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Damaged(sample, "no ordinary file stands there")
    return os.fdopen(descriptor, "rb", buffering=0)


def is_whole(sample: Sample) -> bool:
    """Whether the clip is what the ledger says."""
    try:
        for _ in pieces(sample):
            pass
    except Damaged:
        return False
    return True
