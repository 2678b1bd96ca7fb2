"""Whole videos are told from everything else, whatever the bytes."""

from __future__ import annotations

import io
import struct
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mp4_builder import box, build_mp4, full_box

from batchgen import mp4
from batchgen.errors import NotAVideo
from batchgen.model import VideoFacts

GOOD = build_mp4()
SLOW_START = build_mp4(faststart=False)
PIXELS = struct.pack(">HH", 1366, 768)


def probe(data: bytes) -> VideoFacts:
    """Probe bytes as a file."""
    return mp4.probe(io.BytesIO(data), len(data))


def refusal(data: bytes) -> str:
    """Why the bytes are refused."""
    with pytest.raises(NotAVideo) as caught:
        probe(data)
    return str(caught.value)


@pytest.mark.parametrize("faststart", [True, False])
@pytest.mark.parametrize("wide_offsets", [True, False])
@pytest.mark.parametrize("codec", ["avc1", "hvc1", "hev1", "av01", "vp09", "mp4v"])
def test_facts_are_read(codec: str, wide_offsets: bool, faststart: bool) -> None:  # noqa: FBT001  columns of a table
    """Size, length, frame rate and codec are those of the video track, wherever moov stands."""
    data = build_mp4(
        width=1920,
        height=1080,
        seconds=10,
        codec=codec.encode(),
        faststart=faststart,
        wide_offsets=wide_offsets,
    )
    assert probe(data) == VideoFacts(width=1920, height=1080, seconds=10.0, fps=24.0, codec=codec)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(
            lambda: _with_mdat(struct.pack(">I4sQ", 1, b"mdat", 116) + b"x" * 100), id="64-bit size"
        ),
        pytest.param(lambda: _with_mdat(struct.pack(">I4s", 0, b"mdat") + b"x" * 100), id="mdat to the end"),
        pytest.param(lambda: GOOD.replace(PIXELS, bytes(4)), id="no size in stsd: that of tkhd"),
        pytest.param(lambda: GOOD + box(b"free", bytes(9)), id="a free box at the end"),
        pytest.param(lambda: _with_length(0), id="no length in mdhd: that of mvhd"),
        pytest.param(lambda: _with_length(2**32 - 1), id="unknown length in mdhd"),
    ],
)
def test_legal_variants_are_read(data: Callable[[], bytes]) -> None:
    """Every legal way to write sizes and lengths is understood."""
    assert probe(data()) == VideoFacts(width=1366, height=768, seconds=6.0, fps=24.0, codec="avc1")


def _with_length(ticks: int) -> bytes:
    """A clip whose mdhd says that it has so many ticks."""
    return GOOD.replace(struct.pack(">II", 24000, 144000), struct.pack(">II", 24000, ticks))


def _with_mdat(mdat: bytes) -> bytes:
    """A slow-start file whose mdat is another one; moov stands before it."""
    good = build_mp4(payload=b"x" * 100)
    return good[: good.index(b"mdat") - 4] + mdat


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html>login</html>", "an HTML page"),
        (b"\xef\xbb\xbf\n <HTML><body>", "an HTML page"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "an XML error, AccessDenied"),
        (b"<?xml version='1.0'?><x/>", "an XML document"),
        (b'{"error": "no"}', "a JSON document"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "a gzip stream"),
        (b"\x00" * 40, "another kind"),
        (b"\x00\x00", "another kind"),
        (b"\x00\x00\x00\x10ftypisom\x00\x00\x00\x00", "no box moov"),
        (box(b"ftyp", b"isom") + box(b"moov"), "no box mdat"),
        (box(b"ftyp", b"isom") + box(b"mdat") + box(b"moov"), "no video track"),
        (box(b"ftyp", b"isom") + box(b"mdat") + box(b"free") * 5000, "more than"),
        (box(b"ftyp", b"isom") + box(b"mdat") + box(b"moov", box(b"free") * 5000), "more than"),
        (box(b"ftyp", b"isom") + struct.pack(">I4s", 4, b"mdat") + bytes(8), "says that it has 4"),
        (box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 2**64 - 1), "box mdat has"),
        (box(b"ftyp", b"isom") + struct.pack(">I4sQ", 1, b"mdat", 8), "says that it has 8"),
        (box(b"ftyp", b"isom") + struct.pack(">I4s", 1, b"mdat"), "shorter than what it holds"),
        (box(b"ftyp", b"isom") + bytes(64), "no box at byte 12"),
        (GOOD + b"\0\0\0", "header of a box"),
        (GOOD + GOOD, "not one video"),
        (GOOD + box(b"moof"), "fragmented"),
        (build_mp4(handler=b"soun"), "no video track"),
        (build_mp4(seconds=0), "no frames"),
        (build_mp4(chunk_offset=10**9), "frames at byte"),
        (build_mp4(chunk_offset=2**40, wide_offsets=True), "frames at byte"),
        (GOOD.replace(b"stbl", b"stbx"), "no box stbl"),
        (GOOD.replace(b"mvhd", b"mvhx"), "no box mvhd"),
        (GOOD.replace(b"stco\0\0\0\0\0\0\0\1", b"stco\0\0\0\0\xff\xff\xff\xff"), "shorter"),
        (GOOD.replace(b"avc1", b"\0\0\0\0"), "no codec"),
        (
            GOOD.replace(PIXELS, bytes(4)).replace(struct.pack(">II", 1366 << 16, 768 << 16), bytes(8)),
            "no size",
        ),
    ],
)
def test_refusals_say_why(data: bytes, word: str) -> None:
    """What is no whole video is refused in words that say what it is."""
    assert word in refusal(data)


def test_a_huge_moov_is_not_read() -> None:
    """A moov box beyond the limit is refused from its header alone."""

    class Recorder(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            self.largest = max(self.largest, size or 0)
            return super().read(size)

    data = box(b"ftyp", b"isom") + box(b"mdat") + box(b"moov", bytes(mp4.MAX_MOOV_BYTES + 1))
    file = Recorder(data)
    with pytest.raises(NotAVideo, match="box moov has"):
        mp4.probe(file, len(data))
    assert file.largest <= mp4.HEAD_BYTES


def test_the_worst_tables_take_bounded_time() -> None:
    """Tables that claim billions of samples and fill the largest moov are answered within seconds."""
    count = 500_000
    table = box(
        b"stbl",
        full_box(b"stsd", struct.pack(">I", 1)),
        full_box(b"stts", struct.pack(">III", 1, 2**32 - 1, 2**32 - 1)),
        full_box(b"stsc", struct.pack(">IIII", 1, 1, 2**32 - 1, 1)),
        full_box(b"stsz", struct.pack(">II", 1, 2**32 - 1)),
        full_box(b"stco", struct.pack(">I", count), bytes(4 * count)),
    )
    hdlr = full_box(b"hdlr", struct.pack(">I4s", 0, b"vide"))
    moov = box(b"moov", box(b"trak", box(b"mdia", hdlr, box(b"minf", table))))
    before = time.monotonic()
    refusal(box(b"ftyp", b"isom") + box(b"mdat") + moov)
    assert time.monotonic() - before < 10


def test_a_file_that_shrinks_is_refused() -> None:
    """A file that holds less than its size said is not whole."""
    with pytest.raises(NotAVideo, match="ends after"):
        mp4.probe(io.BytesIO(GOOD[:100]), len(GOOD))


@pytest.mark.parametrize("good", [GOOD, SLOW_START], ids=["faststart", "slowstart"])
def test_every_truncation_is_refused(good: bytes) -> None:
    """A clip that lacks any number of its last bytes is never taken for whole."""
    for length in range(len(good)):
        refusal(good[:length])


def test_every_truncation_of_an_open_ended_mdat_is_refused() -> None:
    """An mdat to the end of the file hides no missing frame: the sample table tells."""
    good = _with_mdat(struct.pack(">I4s", 0, b"mdat") + b"x" * 100)
    probe(good)
    for length in range(len(good)):
        refusal(good[:length])


@given(st.binary(max_size=400))
def test_any_bytes_are_answered(data: bytes) -> None:
    """Any bytes at all end in an answer or in NotAVideo."""
    refusal(data)


@given(
    st.lists(
        st.tuples(st.sampled_from([b"ftyp", b"moov", b"mdat", b"trak", b"mdia"]), st.binary(max_size=60))
    )
)
def test_any_boxes_are_answered(boxes: list[tuple[bytes, bytes]]) -> None:
    """Well-formed boxes around any bytes end in NotAVideo."""
    refusal(box(b"ftyp", b"isom") + b"".join(box(kind, body) for kind, body in boxes))


@given(at=st.integers(0, len(GOOD) - 1), value=st.integers(1, 255), good=st.sampled_from([GOOD, SLOW_START]))
def test_any_flipped_byte_is_answered(at: int, value: int, good: bytes) -> None:
    """A clip with one byte changed is answered with facts or NotAVideo, nothing else."""
    data = bytearray(good)
    data[at] ^= value
    with suppress(NotAVideo):
        assert probe(bytes(data)).width > 0
