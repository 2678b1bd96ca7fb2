"""Which clips go into which shard, and what each shard will be: decided before a byte is written.

A shard is the same to the byte whenever its clips and their facts are: ``recipe`` stands for both.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: WebDataset takes a file's key to end at the first dot of its name, so an id's own dots are written like this
#: in a key (RFC 3986; no id has a ``%``).  ``urllib.parse.unquote`` gives the id back.
KEY_DOT = "%2E"

_MODE = 0o644


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A clip with what is known of it."""

    id: str
    clip: Path
    size: int  # bytes
    sha256: str
    facts: bytes  # JSON

    @property
    def key(self) -> str:
        """The name of both its files, without the ending."""
        return self.id.replace(".", KEY_DOT)

    def front(self) -> bytes:
        """What stands before the clip in an archive: its facts, and its header."""
        facts = _header(f"{self.key}.json", len(self.facts)) + self.facts + padding(len(self.facts))
        return facts + _header(f"{self.key}.mp4", self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much goes into one shard; a clip that is larger has a shard of its own."""

    size: int  # bytes
    clips: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """An archive of clips whose keys stand in order."""

    file: str
    clips: int
    bytes: int  # of the archive
    first: str  # key
    last: str  # key
    recipe: str  # SHA-256 of what makes its content


def plan(samples: Iterable[Sample], limits: Limits, name: str) -> Iterator[Shard]:
    """The shards that these samples, in the order of their keys, make."""
    open_: _Filling | None = None
    number = 0
    for sample in samples:
        front = sample.front()
        size = len(front) + sample.size + len(padding(sample.size))
        if open_ is not None and open_.is_full(size, limits):
            yield open_.shard(name, number)
            open_, number = None, number + 1
        if open_ is None:
            open_ = _Filling(sample.key)
        open_.add(sample, front, size)
    if open_ is not None:
        yield open_.shard(name, number)


def padding(size: int) -> bytes:
    """What fills the last block of a content of ``size`` bytes."""
    return bytes(-size % tarfile.BLOCKSIZE)


def end_of(size: int) -> bytes:
    """What ends an archive of ``size`` bytes: two empty blocks, and more up to a whole record."""
    whole = size + 2 * tarfile.BLOCKSIZE
    return bytes(-(-whole // tarfile.RECORDSIZE) * tarfile.RECORDSIZE - size)


class _Filling:
    """A shard while clips are put into it."""

    def __init__(self, first: str) -> None:
        self._first = self._last = first
        self._clips = self._bytes = 0
        self._recipe = hashlib.sha256()

    def is_full(self, more: int, limits: Limits) -> bool:
        size = self._bytes + more
        return self._clips == limits.clips or size + len(end_of(size)) > limits.size

    def add(self, sample: Sample, front: bytes, size: int) -> None:
        self._last = sample.key
        self._clips += 1
        self._bytes += size
        self._recipe.update(front)
        self._recipe.update(sample.sha256.encode())

    def shard(self, name: str, number: int) -> Shard:
        return Shard(
            file=f"{name}-{number:06d}.tar",
            clips=self._clips,
            bytes=self._bytes + len(end_of(self._bytes)),
            first=self._first,
            last=self._last,
            recipe=self._recipe.hexdigest(),
        )


def _header(name: str, size: int) -> bytes:
    """A file's header, the same at any time and for any user."""
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, _MODE
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")
