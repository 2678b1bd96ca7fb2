"""Whole MP4 files of a wanted size, for a server to hand out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mp4_builder import build_mp4

_NOISE_BYTES = 1024**2


def make_clips(folder: Path, count: int, size: int) -> list[Path]:
    """So many files of exactly ``size`` bytes, each unlike the others; the index is behind the frames.

    Hailuo's clips have it before them, but a check that has to look at both ends is the harder one.
    """
    folder.mkdir(parents=True)
    frame = len(build_mp4(payload=b"", faststart=False))
    return [_make(folder / f"{number}.mp4", size - frame) for number in range(count)]


def _make(path: Path, payload: int) -> Path:
    noise = hashlib.shake_256(path.name.encode()).digest(min(payload, _NOISE_BYTES))
    body = noise * (payload // len(noise)) + noise[: payload % len(noise)]
    path.write_bytes(build_mp4(payload=body, faststart=False))
    return path
