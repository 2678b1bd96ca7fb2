"""How fast clips come to disk, against curl from the same server in the same run."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.clip_stock import make_clips
from benchmarks.downloading import Load, Round, Way, by_curl, by_fetcher, by_pipeline
from benchmarks.frame import Finding
from benchmarks.web_server import program, serving

AT_ONCE = 16
_MIB = 1024**2
_WAYS = {"fetcher and store": by_fetcher, "whole fetch stage": by_pipeline}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """Clips of one size, and what is asked of their speed."""

    mib: int
    clips: int
    speed: float  # at least so many times curl's throughput

    @property
    def bytes(self) -> int:
        """Of all clips together."""
        return self.mib * self.clips * _MIB


KINDS = [_Kind(mib=2, clips=400, speed=0.85), _Kind(mib=64, clips=16, speed=1.0)]
QUICK = [_Kind(mib=2, clips=40, speed=0.85), _Kind(mib=64, clips=2, speed=1.0)]
#: Clips of different content; each is asked for several times.
_STOCK = 16
#: Seconds between rounds.  A disk is busy for a while after it has said that all is there, and holds back whoever
#: comes next; for what of that is left, each way comes behind each other one.
_REST = 1.0


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Throughput, processor time, lag of the loop and memory.  Raises ProgramMissing."""
    program("curl")
    with tempfile.TemporaryDirectory(prefix="batchgen-downloads-") as folder:
        home = Path(folder)
        (home / "clips").mkdir()
        with serving(home / "clips", home) as address:
            for kind in QUICK if quick else KINDS:
                clips = make_clips(home / "clips" / str(kind.mib), min(_STOCK, kind.clips), kind.mib * _MIB)
                yield from _of_kind(kind, _rounds(kind, _load(kind, address, clips), home, repeats))


def _load(kind: _Kind, address: str, clips: Sequence[Path]) -> Load:
    links = [f"{address}/{kind.mib}/{clips[n % len(clips)].name}?clip={n}" for n in range(kind.clips)]
    return Load(links=links, at_once=AT_ONCE, bytes=kind.bytes)


def _rounds(kind: _Kind, load: Load, home: Path, repeats: int) -> dict[str, list[Round]]:
    """Each way once a repeat."""
    ways: dict[str, Way] = {"curl": by_curl, **_WAYS, "flushed": _by_curl_flushed}
    rounds: dict[str, list[Round]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name in balanced(list(ways), repeat):
            output = home / f"{kind.mib}-{repeat}-{name.split()[0]}"
            os.sync()
            time.sleep(_REST)
            rounds[name].append(ways[name](load, output))
            _empty(output)
    return rounds


def balanced(names: Sequence[str], repeat: int) -> list[str]:
    """An order for each repeat; in as many repeats as there are names, an even number, each follows each other once.

    Williams, "Experimental Designs Balanced for the Estimation of Residual Effects of Treatments", 1949.
    """
    zigzag = [(place + 1) // 2 if place % 2 else -(place // 2) for place in range(len(names))]
    return [names[(step + repeat) % len(names)] for step in zigzag]


def _of_kind(kind: _Kind, rounds: Mapping[str, Sequence[Round]]) -> Iterator[Finding]:
    curl, flushed = rounds["curl"], rounds["flushed"]
    for name in _WAYS:
        took = rounds[name]
        what = f"{kind.clips} clips of {kind.mib} MiB, {name}"
        yield from _findings(what, kind, curl, took)
        ratios = [theirs.seconds / ours.seconds for theirs, ours in zip(flushed, took, strict=True)]
        yield Finding(what=f"{what}: throughput", measured=ratios, against="curl --parallel, then flushed")
    lags = [one.lag_p99 for one in curl]
    yield Finding(
        what=f"the same 99 % of a loop that idles beside curl, {kind.mib} MiB", measured=lags, unit="ms"
    )


def _by_curl_flushed(load: Load, output: Path) -> Round:
    """Curl, and what batchgen does besides: each clip flushed to the disk."""
    round_ = by_curl(load, output)
    before = time.perf_counter()
    for path in output.glob("*.mp4"):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    return replace(round_, seconds=round_.seconds + time.perf_counter() - before)


def _empty(folder: Path) -> None:
    """Give back the room, and keep the names: ext4 without a journal is slow to make files where many have gone."""
    for path in folder.rglob("*.mp4"):
        os.truncate(path, 0)


def _findings(what: str, kind: _Kind, curl: Sequence[Round], took: Sequence[Round]) -> Iterator[Finding]:
    yield Finding(
        what=f"{what}: throughput",
        measured=[theirs.seconds / ours.seconds for theirs, ours in zip(curl, took, strict=True)],
        against="curl --parallel",
        limit=kind.speed,
        at_least=True,
    )
    yield Finding(
        what=f"{what}: processor time",
        measured=[one.cpu / (kind.bytes / 2**30) for one in took],
        unit="s/GiB",
        limit=2.7,
    )
    yield Finding(
        what=f"{what}: processor time",
        measured=[ours.cpu / theirs.cpu for theirs, ours in zip(curl, took, strict=True)],
        against="curl --parallel",
    )
    yield Finding(
        what=f"{what}: lag of the loop, 99 %", measured=[one.lag_p99 for one in took], unit="ms", limit=20
    )
    yield Finding(what=f"{what}: lag of the loop, most", measured=[one.lag_max for one in took], unit="ms")
    yield Finding(
        what=f"{what}: memory for {AT_ONCE} at once", measured=[one.grown for one in took], unit="MiB"
    )
