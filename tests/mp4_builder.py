"""Builds small, whole MP4 files for tests: the right boxes around a payload that no player would show."""

from __future__ import annotations

import struct


def box(kind: bytes, *parts: bytes) -> bytes:
    """One box with a 32-bit size."""
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def full_box(kind: bytes, *parts: bytes, version: int = 0) -> bytes:
    """One box with a version and no flags."""
    return box(kind, struct.pack(">I", version << 24), *parts)


def table(kind: bytes, layout: str, *rows: tuple[int, ...]) -> bytes:
    """A counted table of a sample table box."""
    return full_box(kind, struct.pack(">I", len(rows)), *(struct.pack(f">{layout}", *row) for row in rows))


def build_mp4(
    *,
    width: int = 1366,
    height: int = 768,
    seconds: float = 6,
    fps: int = 24,
    codec: bytes = b"avc1",
    payload: bytes = b"frame" * 200,
    faststart: bool = True,
    handler: bytes = b"vide",
    chunk_offset: int | None = None,
    wide_offsets: bool = False,
) -> bytes:
    """A whole MP4 of one track: every frame in one chunk, the last one taking what is left of ``payload``.

    ``chunk_offset`` puts a false place into the sample table; ``wide_offsets`` uses co64.
    """
    ftyp = box(b"ftyp", b"isom", struct.pack(">I", 512), b"isommp41")
    mdat = box(b"mdat", payload)

    def movie(offset: int) -> bytes:
        place = offset if chunk_offset is None else chunk_offset
        chunks = table(b"co64", "Q", (place,)) if wide_offsets else table(b"stco", "I", (place,))
        samples = _sample_table(round(seconds * fps), len(payload), width, height, codec, chunks)
        return _moov(width, height, seconds, fps, handler, samples)

    length = len(movie(0))
    if faststart:
        return ftyp + movie(len(ftyp) + length + 8) + mdat
    return ftyp + mdat + movie(len(ftyp) + 8)


def _sample_table(frames: int, size: int, width: int, height: int, codec: bytes, chunks: bytes) -> bytes:
    entry = box(
        codec,
        struct.pack(">6xH16xHHII4xH32xHh", 1, width, height, 0x480000, 0x480000, 1, 24, -1),
    )
    each = size // frames if frames else 0
    sizes = [each] * (frames - 1) + [size - each * (frames - 1)] if frames else []
    return box(
        b"stbl",
        full_box(b"stsd", struct.pack(">I", 1), entry),
        table(b"stts", "II", (frames, 1000)),
        table(b"stsc", "III", (1, frames, 1)),
        full_box(b"stsz", struct.pack(">II", 0, frames), *(struct.pack(">I", n) for n in sizes)),
        chunks,
    )


def _moov(width: int, height: int, seconds: float, fps: int, handler: bytes, samples: bytes) -> bytes:
    length = round(seconds * fps) * 1000
    tkhd = struct.pack(">III4xI52xII", 0, 0, 1, round(seconds * 1000), width << 16, height << 16)
    return box(
        b"moov",
        full_box(b"mvhd", struct.pack(">IIII80x", 0, 0, 1000, round(seconds * 1000))),
        box(
            b"trak",
            full_box(b"tkhd", tkhd),
            box(
                b"mdia",
                full_box(b"mdhd", struct.pack(">IIIIHH", 0, 0, fps * 1000, length, 0x55C4, 0)),
                full_box(b"hdlr", struct.pack(">I4s12x", 0, handler), b"\0"),
                box(b"minf", samples),
            ),
        ),
    )
