"""WebDataset shards: written one after the other, each whole or not at all; a second run adds what is missing."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from batchgen.errors import ConfigError
from batchgen.export.damage import Damaged, is_whole, pieces
from batchgen.export.destination import Sink, Target
from batchgen.export.index import Index
from batchgen.export.packing import Limits, Sample, Shard, end_of, padding, plan

_SHOWN = 5


class Watcher:
    """Hears how an export goes on; this one does nothing with it."""

    def planned(self, clips: int, length: int) -> None:
        """So much is to be done; ``length`` in bytes."""

    def advanced(self, clips: int, length: int) -> None:
        """So much more is done, or was there already."""

    def finished(self, shard: Shard, *, kept: bool) -> None:
        """A shard is there; ``kept``: it was already."""


@dataclass(slots=True)
class Packed:
    """What an export came to."""

    clips: int = 0
    bytes: int = 0
    written: int = 0  # shards
    kept: int = 0  # shards that were there already
    spoiled: int = 0  # shards that could not be written, as clips of theirs are damaged
    damaged: int = 0
    examples: list[Damaged] = field(default_factory=list)  # the first few


def export_shards(
    samples: Callable[[], Iterable[Sample]],
    target: Target,
    name: str,
    limits: Limits,
    *,
    verify: bool = False,
    watcher: Watcher | None = None,
) -> Packed:
    """Pack the samples, which come in the order of their keys each time they are asked for.

    Shards that are there already are kept when their size is right; with ``verify`` their content is read and
    compared too.  A shard with a damaged clip is not written, the others are.  Memory depends on the number of
    shards, not of clips.
    Raises ConfigError, with nothing written, when something else stands at the place; DiskFull and
    FolderNotWritable when the place takes no more.
    """
    watcher = watcher or Watcher()
    index = Index(list(plan(samples(), limits, name)))
    watcher.planned(sum(one.clips for one in index.shards), sum(one.bytes for one in index.shards))
    packed = Packed()
    if not index.shards:
        return packed
    packing = _Packing(target, f"{name}.index", index, watcher, packed)
    there = packing.look_around(name)
    rest = iter(samples())
    for shard in index.shards:
        packing.settle(
            shard, itertools.islice(rest, shard.clips), is_there=shard.file in there, verify=verify
        )
    return packed


class _Packing:
    def __init__(
        self, target: Target, index_name: str, index: Index, watcher: Watcher, packed: Packed
    ) -> None:
        self._target, self._index_name, self._index = target, index_name, index
        self._watcher, self._packed = watcher, packed

    def look_around(self, name: str) -> set[str]:
        """The shards that are there.  Begins the index.  Raises ConfigError for what is not of this export."""
        sizes = self._target.sizes()
        begun = self._index_name in sizes
        if begun:
            content = b"".join(self._target.read(self._index_name))
            self._index.recall(content, self._index_name)
        planned = {shard.file: shard.bytes for shard in self._index.shards}
        for file in sorted(filter(re.compile(rf"{re.escape(name)}-\d{{6,}}\.tar").fullmatch, sizes)):
            if not begun or file not in planned:
                raise _not_ours(file, "no export that was begun here has this shard")
            if sizes[file] != planned[file]:
                raise _not_ours(file, f"it has {sizes[file]} bytes, and should have {planned[file]}")
        if not begun:
            self._note()
        return planned.keys() & sizes.keys()

    def settle(self, shard: Shard, samples: Iterator[Sample], *, is_there: bool, verify: bool) -> None:
        """Let the shard be there; on return ``samples`` is used up."""
        if is_there:
            self._keep(shard, samples, verify=verify)
        else:
            self._write(shard, samples)

    def _keep(self, shard: Shard, samples: Iterator[Sample], *, verify: bool) -> None:
        """See that the shard is the one that it should be, at least by its size."""
        known = self._index.sha256.get(shard.file)
        if known is None:  # it was named, and the run ended before that was noted
            known = self._packed_hash(samples)
            if known is None:
                return
            verify = True
        if verify and _hash(self._target.read(shard.file)) != known:
            raise _not_ours(shard.file, "its content is another")
        _use_up(samples)
        self._done(shard, known, kept=True)

    def _packed_hash(self, samples: Iterator[Sample]) -> str | None:
        """The hash that the shard would have; None when a clip of it is damaged."""
        nowhere = _Hashing()
        try:
            write_archive(samples, nowhere, lambda _clips, _length: None)
        except Damaged as damaged:
            self._spoil(damaged, samples)
            return None
        return nowhere.sha256

    def _write(self, shard: Shard, samples: Iterator[Sample]) -> None:
        try:
            with self._target.new(shard.file) as sink:
                hashing = _Hashing(sink)
                write_archive(samples, hashing, self._watcher.advanced)
        except Damaged as damaged:
            self._spoil(damaged, samples)
            return
        self._done(shard, hashing.sha256, kept=False)

    def _spoil(self, damaged: Damaged, rest: Iterator[Sample]) -> None:
        """Tell of a shard that can't be written, with all clips in it that are damaged."""
        packed = self._packed
        packed.spoiled += 1
        more = (Damaged(sample, "damaged or missing") for sample in rest if not is_whole(sample))
        for one in itertools.chain([damaged], more):
            packed.damaged += 1
            if len(packed.examples) < _SHOWN:
                packed.examples.append(one)

    def _done(self, shard: Shard, sha256: str, *, kept: bool) -> None:
        packed = self._packed
        packed.clips += shard.clips
        packed.bytes += shard.bytes
        packed.kept += kept
        packed.written += not kept
        if kept:
            self._watcher.advanced(shard.clips, shard.bytes)
        if self._index.sha256.get(shard.file) != sha256:
            self._index.sha256[shard.file] = sha256
            self._note()
        self._watcher.finished(shard, kept=kept)

    def _note(self) -> None:
        self._target.put(self._index_name, self._index.to_json())


def write_archive(samples: Iterable[Sample], sink: Sink, advanced: Callable[[int, int], None]) -> None:
    """Write a tar archive of these samples; ``advanced`` hears of clips and bytes.

    Raises Damaged, with the archive unfinished.
    """
    size = 0
    for sample in samples:
        front, behind = sample.front(), padding(sample.size)
        sink.write(front)
        for piece in pieces(sample):
            sink.write(piece)
        sink.write(behind)
        length = len(front) + sample.size + len(behind)
        size += length
        advanced(1, length)
    end = end_of(size)
    sink.write(end)
    advanced(0, len(end))


class _Hashing:
    """Hashes what it hands on."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._sink = sink
        self._content = hashlib.sha256()

    def write(self, content: bytes, /) -> None:
        self._content.update(content)
        if self._sink is not None:
            self._sink.write(content)

    @property
    def sha256(self) -> str:
        return self._content.hexdigest()


def _hash(content: Iterator[bytes]) -> str:
    found = hashlib.sha256()
    for piece in content:
        found.update(piece)
    return found.hexdigest()


def _use_up(samples: Iterator[Sample]) -> None:
    for _ in samples:
        pass


def _not_ours(file: str, why: str) -> ConfigError:
    return ConfigError(
        f"{file}: {why}; it is not as this export wrote it and is left alone: move it away, or give another "
        "folder or --name"
    )
