"""Which part of the jobs an id belongs to, by its hash: a shard, a sample, a folder below ``videos/``.

So the parts depend on nothing but the ids: not on the order of the job file, not on what else stands in it.
Ids that some file system can't tell apart are one.  The rules are frozen: folders that exist were made by them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from batchgen.ledger.rows import folded

#: With more jobs than these in a new output folder, clips go to folders below ``videos/``.
FAN_OUT_ABOVE = 10_000
_SHARD = re.compile(r"([1-9][0-9]{0,5})/([1-9][0-9]{0,5})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The ``number``-th (from 1) of ``of`` parts that are disjoint and together complete."""

    number: int
    of: int

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if not 1 <= self.number <= self.of:
            raise ValueError(f"'{self}' is no part: write I/N with I from 1 to N, for example 1/3")

    @classmethod
    def parse(cls, text: str) -> Self:
        """``I/N``, with I from 1 to N.  Raises ValueError."""
        match = _SHARD.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no part: write I/N with I from 1 to N, for example 1/3")
        return cls(number=int(match[1]), of=int(match[2]))

    def has(self, id_: str) -> bool:
        """Whether the job of this id is in this part."""
        return _number(id_, "shard") % self.of == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def rank(id_: str) -> int:
    """The place of an id in one random order of all ids, the same for ever: a sample takes the first ones."""
    return _number(id_, "sample")


def clip_name(id_: str, filename: str | None, *, fanned: bool, number: int = 1) -> str:
    """The name of a job's clip, relative to the output folder; ``number`` tells apart those that want the same.

    "~" stands in no id.
    """
    name = filename or (f"{_fan(id_)}/{id_}.mp4" if fanned else f"{id_}.mp4")
    return f"videos/{name}" if number == 1 else f"videos/{name.removesuffix('.mp4')}~{number}.mp4"


def superseded_name(id_: str, submission: int, *, fanned: bool) -> str:
    """Where an earlier clip of a job is kept, relative to the output folder."""
    return f"superseded/{f'{_fan(id_)}/' if fanned else ''}{id_}.{submission}.mp4"


def _fan(id_: str) -> str:
    """One of 256 folders: a million clips make some 4,000 files in each."""
    return f"{_number(id_, 'folder') % 256:02x}"


def _number(id_: str, purpose: str) -> int:
    """64 bits of a hash; each purpose has its own, so that a sample of a shard is a fair one."""
    return int.from_bytes(sha256(f"{purpose}:{folded(id_)}".encode()).digest()[:8], "big")
