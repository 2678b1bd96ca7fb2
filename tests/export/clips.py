"""Small clips on disk as samples, and a watcher that remembers what it heard."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from batchgen.export import Limits, Sample, Shard, Target, Watcher, export_shards
from batchgen.export.shards import Packed

IDS = ["a", "a-1", "v1.0", "v1.1.x", "v1_0", "train-1", "狐狸", "狐狸.2"]
FEW = Limits(size=1 << 30, clips=3)


def sample(folder: Path, id_: str, content: bytes | None = None) -> Sample:
    """A clip that stands in a folder."""
    content = f"clip of {id_}".encode() * 100 if content is None else content
    path = folder / f"{id_}.mp4"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Sample(
        id=id_,
        clip=path,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        facts=json.dumps({"id": id_, "prompt": f"a {id_} 奔跑"}, ensure_ascii=False).encode(),
    )


def samples(folder: Path, ids: Iterable[str] = IDS) -> list[Sample]:
    """Clips in the order of their keys."""
    return sorted((sample(folder, id_) for id_ in ids), key=lambda one: one.key)


@dataclass(slots=True)
class Heard(Watcher):
    """What an export told."""

    planned_clips: int = 0
    planned_bytes: int = 0
    clips: int = 0
    bytes: int = 0
    written: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def planned(self, clips: int, length: int) -> None:
        """Note how much it is to be."""
        self.planned_clips, self.planned_bytes = clips, length

    def advanced(self, clips: int, length: int) -> None:
        """Add it up."""
        self.clips += clips
        self.bytes += length

    def finished(self, shard: Shard, *, kept: bool) -> None:
        """Note the shard."""
        (self.kept if kept else self.written).append(shard.file)


def pack(
    clips: list[Sample], target: Target, limits: Limits = FEW, *, verify: bool = False
) -> tuple[Packed, Heard]:
    """Export these clips under the name ``set``."""
    heard = Heard()
    packed = export_shards(lambda: clips, target, "set", limits, verify=verify, watcher=heard)
    return packed, heard


def contents(target: Target) -> dict[str, bytes]:
    """Everything that stands at a place."""
    return {name: b"".join(target.read(name)) for name in target.sizes()}
