"""Exporting shards: against ``tar`` of the same files, and in memory as there are more of them.

An export hashes every clip and every archive and has each archive on the disk before it has a name; so it is held
against ``tar`` followed by ``sync``, and against the same with ``sha256sum`` of the clips and of the archive.
"""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from batchgen.export import Limits, Sample, export_shards
from batchgen.export.local import LocalFolder
from benchmarks.frame import Finding

_SHARD = Limits(size=10**9)
_FACTS = b'{"prompt": "A man picks up a book [Pedestal up], then reads [Static shot]."}' + b" " * 600
#: Bytes in a unit of ``ru_maxrss``.
_UNIT = 1 if sys.platform == "darwin" else 1024


def measure(repeats: int, *, quick: bool) -> Iterator[Finding]:
    """Throughput with clips as the service makes them; memory with small ones."""
    number, size = (40, 1_000_000) if quick else (150, 3_000_000)
    ours, tar, hashed = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        samples = clips(Path(folder) / "clips", number, size)
        for repeat in range(repeats):
            ours.append(_timed(partial(_export, samples, Path(folder) / f"out-{repeat}")))
            tar.append(_timed(lambda: _tar(Path(folder))))
            hashed.append(_timed(lambda: _hashed_tar(Path(folder))))
    what = f"export of {number} clips of {size / 1e6:g} MB, speed"
    yield Finding(what=what, measured=_ratios(tar, ours), against="tar and sync", at_least=True, limit=0.3)
    yield Finding(
        what=what, measured=_ratios(hashed, ours), against="the same and sha256sum", at_least=True, limit=0.8
    )
    yield from _memory(repeats, quick=quick)


def _memory(repeats: int, *, quick: bool) -> Iterator[Finding]:
    many = 1_000 if quick else 2_000
    pairs = [(_peak(many), _peak(200)) for _ in range(repeats)]
    yield Finding(
        what=f"export of {many:,} small clips, peak memory beyond that of 200",
        measured=[(large - small) / 1e6 for large, small in pairs],
        unit="MB",
        limit=5,
    )


def clips(folder: Path, number: int, size: int) -> list[Sample]:
    """Files that nothing can compress, as samples."""
    folder.mkdir(parents=True)
    return [_clip(folder / f"{at:06d}.mp4", os.urandom(size)) for at in range(number)]


def _clip(path: Path, content: bytes) -> Sample:
    path.write_bytes(content)
    sha256 = hashlib.sha256(content).hexdigest()
    return Sample(id=path.stem, clip=path, size=len(content), sha256=sha256, facts=_FACTS)


def _export(samples: list[Sample], to: Path) -> None:
    packed = export_shards(lambda: samples, LocalFolder(to), "set", _SHARD)
    assert packed.clips == len(samples)


def _tar(folder: Path) -> None:
    path = folder / "baseline.tar"
    path.unlink(missing_ok=True)
    subprocess.run(["tar", "-C", folder, "-cf", path, "clips"], check=True)  # noqa: S607
    subprocess.run(["sync", path], check=True)  # noqa: S607


def _hashed_tar(folder: Path) -> None:
    _tar(folder)
    paths = [folder / "baseline.tar", *(folder / "clips").iterdir()]
    subprocess.run(["sha256sum", *paths], check=True, stdout=subprocess.DEVNULL)  # noqa: S607


def _timed(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _ratios(baseline: list[float], ours: list[float]) -> list[float]:
    return [theirs / own for theirs, own in zip(baseline, ours, strict=True)]


def _peak(number: int) -> float:
    """Peak memory of a process that exports so many small clips, in bytes."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_export_small, number).result()


def _export_small(number: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)

        def samples() -> Iterator[Sample]:
            return (_clip(path / f"{at:06d}.mp4", f"clip {at}".encode() * 1000) for at in range(number))

        packed = export_shards(samples, LocalFolder(path / "out"), "set", Limits(size=10**9, clips=100))
        assert packed.clips == number
    return _peak_of_this()


def _peak_of_this() -> float:
    """Peak memory of this process alone, in bytes; ``ru_maxrss`` on Linux begins with what the parent had."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    (line,) = [line for line in status.read_text("ascii").splitlines() if line.startswith("VmHWM:")]
    return float(line.split()[1]) * 1024
