"""Is this a whole video?  Reads the boxes of an MP4 file (ISO/IEC 14496-12), decides, changes nothing.

The bytes come from outside.  Whatever they are, the answer is a ``VideoFacts`` or ``NotAVideo``; work and
memory are bounded by ``MAX_BOXES`` and ``MAX_MOOV_BYTES``, and only a fixed path of boxes is descended.

A fragmented MP4 (``moof``) is refused: cut between two fragments it looks whole, so that wholeness cannot
be told, and the service makes plain ones.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO

from batchgen.errors import NotAVideo
from batchgen.model import VideoFacts

#: A moov box of a clip of seconds has kilobytes, an hour's has about two megabytes.
MAX_MOOV_BYTES = 4 * 1024**2
#: Boxes beside each other, in the file or in one box.
MAX_BOXES = 4096
#: Bytes that ``describe`` and the check of the first box want to see.
HEAD_BYTES = 512

_HEADER = struct.Struct(">I4s")
_UNKNOWN_LENGTHS = (0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    kind: str
    start: int  # of the payload, in bytes from the beginning of the file
    end: int


def probe(file: BinaryIO, size: int) -> VideoFacts:
    """What the video of ``size`` bytes in the seekable ``file`` says of itself.

    Raises NotAVideo, with the reason, unless it is an MP4 with ``ftyp``, ``moov``, ``mdat``, no box of it
    cut, with a video track whose sample table stays inside the file.
    """
    check_head(_read(file, 0, min(size, HEAD_BYTES)))
    boxes = _top_boxes(file, size)
    moov = _movie_box(boxes)
    view = memoryview(_read(file, moov.start, moov.end - moov.start))
    tracks = [track for kind, track in _children(view) if kind == b"trak"]
    for track in tracks:
        _check_chunks(track, size)
    return _video_facts(view, tracks)


def check_head(head: bytes) -> None:
    """Refuse what does not begin as an MP4; ``head`` is the first ``HEAD_BYTES``, or at least eight."""
    if head[4:8] != b"ftyp":
        raise NotAVideo(f"not a video: {describe(head)}")


def describe(head: bytes) -> str:
    """In words, what a file that begins with ``head`` seems to be."""
    if not head:
        return "an empty file"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if re.match(rb"<(!doctype\s+html|html|head|body)", text, re.IGNORECASE):
        return "an HTML page"
    if text.startswith((b"<?xml", b"<Error")):
        code = re.search(rb"<Code>([A-Za-z0-9._-]{1,60})</Code>", text)
        return f"an XML error, {code[1].decode()}" if code else "an XML document"
    if text.startswith((b"{", b"[")):
        return "a JSON document"
    if head.startswith(b"\x1f\x8b"):
        return "a gzip stream"
    return f"bytes of another kind, beginning with {head[:8].hex(' ')}"


# --- the boxes of the file -------------------------------------------------------------------------------


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    file.seek(start)
    data = file.read(length)
    if len(data) != length:
        raise NotAVideo(f"not a whole video: it ends after {start + len(data)} bytes")
    return data


def _top_boxes(file: BinaryIO, size: int) -> list[_Box]:
    boxes: list[_Box] = []
    at = 0
    while at < size:
        if len(boxes) == MAX_BOXES:
            raise NotAVideo(f"not a video: more than {MAX_BOXES} boxes")
        box = _box_at(file, at, size)
        boxes.append(box)
        at = box.end
    return boxes


def _box_at(file: BinaryIO, at: int, size: int) -> _Box:
    header = _read(file, at, min(16, size - at))
    if len(header) < 8:
        raise NotAVideo(f"not a whole video: cut inside the header of a box, at byte {size}")
    length, kind = _number(header, 0), header[4:8]
    if not _is_printable(kind):
        raise NotAVideo(f"not a whole video: no box at byte {at}")
    name, start = kind.decode("latin-1"), at + 8
    if length == 1:
        start, length = at + 16, _number(header, 8, 8)
    elif length == 0:
        length = size - at
    if at + length < start:
        raise NotAVideo(f"not a video: box {name} says that it has {length} bytes")
    if at + length > size:
        raise NotAVideo(f"not a whole video: box {name} has {size - at} of {length} bytes")
    return _Box(kind=name, start=start, end=at + length)


def _movie_box(boxes: Sequence[_Box]) -> _Box:
    kinds = [box.kind for box in boxes]
    if "moof" in kinds:
        raise NotAVideo("a fragmented MP4 (moof): whether it is whole cannot be told")
    for kind in ("moov", "mdat"):
        if kind not in kinds:
            raise NotAVideo(f"not a whole video: no box {kind}")
    for kind in ("ftyp", "moov"):
        if kinds.count(kind) > 1:
            raise NotAVideo(f"not one video: {kinds.count(kind)} boxes {kind}")
    moov = boxes[kinds.index("moov")]
    if moov.end - moov.start > MAX_MOOV_BYTES:
        raise NotAVideo(f"not a video: box moov has {moov.end - moov.start} bytes")
    return moov


# --- inside moov -----------------------------------------------------------------------------------------


def _bytes(data: bytes | memoryview, at: int, width: int) -> bytes:
    piece = bytes(data[at : at + width])
    if len(piece) != width:
        raise NotAVideo("not a whole video: a box is shorter than what it holds")
    return piece


def _number(data: bytes | memoryview, at: int, width: int = 4) -> int:
    return int.from_bytes(_bytes(data, at, width))


def _is_printable(kind: bytes) -> bool:
    return all(0x20 <= byte < 0x7F or byte == 0xA9 for byte in kind)


def _children(view: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    at = 0
    for _ in range(MAX_BOXES):
        if len(view) - at < 8:  # some writers end a box with four zero bytes
            return
        length, kind = _HEADER.unpack_from(view, at)
        start = at + 8
        if length == 1:
            start, length = at + 16, _number(view, at + 8, 8)
        elif length == 0:
            length = len(view) - at
        if at + length < start or at + length > len(view):
            raise NotAVideo("not a whole video: a box inside moov does not fit into its parent")
        yield kind, view[start : at + length]
        at += length
    raise NotAVideo(f"not a video: more than {MAX_BOXES} boxes")


def _find(view: memoryview, *path: bytes) -> memoryview | None:
    for step in path:
        for kind, child in _children(view):
            if kind == step:
                view = child
                break
        else:
            return None
    return view


def _need(view: memoryview, *path: bytes) -> memoryview:
    found = _find(view, *path)
    if found is None:
        raise NotAVideo(f"not a whole video: no box {path[-1].decode()} where one must be")
    return found


def _rows(view: memoryview, layout: str, *, start: int = 8) -> Iterator[tuple[int, ...]]:
    """The rows of a counted table; the count stands before ``start``, and is not believed."""
    count = _number(view, start - 4)
    width = struct.calcsize(layout)
    if count * width > len(view) - start:
        raise NotAVideo("not a whole video: a sample table is shorter than it says")
    return struct.iter_unpack(layout, view[start : start + count * width])


# --- the sample tables -----------------------------------------------------------------------------------


def _check_chunks(track: memoryview, size: int) -> None:
    """Every chunk of the track must lie inside the file, to its last byte."""
    table = _need(track, b"mdia", b"minf", b"stbl")
    offsets = _chunk_offsets(table)
    for offset, length in zip(offsets, _chunk_lengths(table, len(offsets)), strict=True):
        if offset + max(length, 1) > size:
            raise NotAVideo(f"not a whole video: frames at byte {offset + length} of {size}")


def _chunk_offsets(table: memoryview) -> list[int]:
    narrow = _find(table, b"stco")
    if narrow is not None:
        return [offset for (offset,) in _rows(narrow, ">I")]
    return [offset for (offset,) in _rows(_need(table, b"co64"), ">Q")]


def _chunk_lengths(table: memoryview, chunks: int) -> Iterator[int]:
    """The bytes of each chunk in turn: the sizes of the samples that it holds."""
    upto = _sizes_up_to(table)
    sample = 0
    for samples in _samples_per_chunk(_need(table, b"stsc"), chunks):
        following = sample + samples
        yield upto(following) - upto(sample)
        sample = following


class _SampleSizes:
    """How many bytes the first so many samples of a track have."""

    def __init__(self, *, count: int, each: int, sums: Sequence[int]) -> None:
        self._count, self._each, self._sums = count, each, sums

    def __call__(self, samples: int) -> int:
        samples = min(samples, self._count)
        return self._sums[samples] if self._sums else samples * self._each


def _sizes_up_to(table: memoryview) -> _SampleSizes:
    sizes = _find(table, b"stsz")
    if sizes is None:  # the compact form, stz2, is not worth a reader: the chunks' beginnings are checked
        return _SampleSizes(count=0, each=0, sums=())
    each, count = _number(sizes, 4), _number(sizes, 8)
    if each:
        return _SampleSizes(count=count, each=each, sums=())
    sums = list(accumulate((size for (size,) in _rows(sizes, ">I", start=12)), initial=0))
    return _SampleSizes(count=count, each=0, sums=sums)


def _samples_per_chunk(view: memoryview, chunks: int) -> Iterator[int]:
    """From runs (first chunk, samples in each), one number for each of so many chunks."""
    runs = [(first, samples) for first, samples, _ in _rows(view, ">III")]
    at = 0
    for chunk in range(1, chunks + 1):
        while at + 1 < len(runs) and runs[at + 1][0] <= chunk:
            at += 1
        yield runs[at][1] if runs else 0


# --- what the video says of itself -----------------------------------------------------------------------


def _video_facts(moov: memoryview, tracks: Sequence[memoryview]) -> VideoFacts:
    track = next((track for track in tracks if _is_video(track)), None)
    if track is None:
        raise NotAVideo("not a video: no video track")
    table = _need(track, b"mdia", b"minf", b"stbl")
    codec, width, height = _picture(track, _need(table, b"stsd"))
    frames, ticks = _frames_and_ticks(_need(table, b"stts"))
    ticks_per_second, told = _length(_need(track, b"mdia", b"mdhd"))
    if not frames or not ticks or not ticks_per_second:
        raise NotAVideo("not a video: no frames")
    seconds = (told or ticks) / ticks_per_second
    movie_rate, movie_length = _length(_need(moov, b"mvhd"))
    if not told and movie_rate and movie_length:
        seconds = movie_length / movie_rate
    return VideoFacts(
        width=width,
        height=height,
        seconds=round(seconds, 3),
        fps=round(frames * ticks_per_second / ticks, 3),
        codec=codec,
    )


def _is_video(track: memoryview) -> bool:
    handler = _find(track, b"mdia", b"hdlr")
    return handler is not None and bytes(handler[8:12]) == b"vide"


def _picture(track: memoryview, descriptions: memoryview) -> tuple[str, int, int]:
    """Codec, width and height in pixels: as coded (stsd), or where that is silent as shown (tkhd)."""
    codec = _bytes(descriptions, 12, 4)
    width, height = _number(descriptions, 40, 2), _number(descriptions, 42, 2)
    if not width or not height:
        tkhd = _need(track, b"tkhd")
        at = 88 if _number(tkhd, 0, 1) == 1 else 76
        width, height = _number(tkhd, at) >> 16, _number(tkhd, at + 4) >> 16
    if not width or not height or not _is_printable(codec):
        raise NotAVideo("not a video: its track has no codec or no size")
    return codec.decode("latin-1").strip(), width, height


def _frames_and_ticks(view: memoryview) -> tuple[int, int]:
    frames = ticks = 0
    for count, each in _rows(view, ">II"):
        frames += count
        ticks += count * each
    return frames, ticks


def _length(header: memoryview) -> tuple[int, int]:
    """Ticks a second and length in ticks from mvhd or mdhd; 0 for a length that is not told."""
    if _number(header, 0, 1) == 1:
        rate, length = _number(header, 20), _number(header, 24, 8)
    else:
        rate, length = _number(header, 12), _number(header, 16)
    return rate, 0 if length in _UNKNOWN_LENGTHS else length
