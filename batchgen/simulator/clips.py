r"""The clips: three short films shipped with the package, and a tail that makes each task's file its own.

They were made with ffmpeg and libx264, W, H and S being 1366, 768, 6; 1366, 768, 10 and 1920, 1080, 6::

    ffmpeg -f lavfi -i "color=c=0x1b2a41:s=WxH:r=24:d=S" -f lavfi -i "testsrc2=s=480x270:r=24:d=S" \
      -filter_complex "[0][1]overlay=x='(W-w)/2+(W-w)/3*sin(t)':y='(H-h)/2+(H-h)/4*cos(1.3*t)',
        drawtext=fontfile=DejaVuSans-Bold.ttf:text=SIMULATED:fontsize=h/8:fontcolor=white:
          x=(w-tw)/2:y=h/14,
        drawtext=fontfile=DejaVuSans-Bold.ttf:text='%{pts\:hms}':fontsize=h/16:fontcolor=white:
          x=(w-tw)/2:y=h-th-h/14" \
      -c:v libx264 -preset veryslow -crf 36 -pix_fmt yuv420p -g 48 -threads 1 \
      -fflags +bitexact -flags:v +bitexact -map_metadata -1 768P-6s.mp4

with ``-movflags +faststart`` for the 768P ones, so that these have ``moov`` at the front and the 1080P one
has it behind the pictures.

The tail is a ``uuid`` box that names the task and a ``free`` box of padding, both after the last box of the
film: no offset in it changes, and the whole stays a valid MP4.
"""

from __future__ import annotations

import hashlib
import json
import struct
from dataclasses import dataclass
from functools import cache
from importlib import resources

from batchgen.simulator.behaviour import Video
from batchgen.simulator.tasks import Task

#: The type of the ``uuid`` box.
BOX_TYPE = hashlib.sha256(b"batchgen simulated clip").digest()[:16]
SIZES = {"768P": (1366, 768), "1080P": (1920, 1080)}  # width and height in pixels
BLOCK = 4093  # bytes of padding before they repeat: a prime, so that shifted copies differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A task's file, put together piece by piece as it is read."""

    film: bytes  # shared by all tasks of the same format
    tail: bytes
    block: bytes
    padding: int  # bytes

    @property
    def length(self) -> int:
        """In bytes."""
        return len(self.film) + len(self.tail) + self.padding

    @property
    def etag(self) -> str:
        """A strong one."""
        return '"' + hashlib.sha256(self.tail + self.block).hexdigest()[:32].upper() + '"'

    def read(self, start: int, stop: int) -> bytes:
        """The bytes from ``start`` up to but not including ``stop``."""
        film, tail = len(self.film), len(self.film) + len(self.tail)
        parts = [self.film[start:stop]]
        if stop > film:
            parts.append(self.tail[max(start - film, 0) : stop - film])
        if stop > tail:
            parts.append(self._pad(max(start - tail, 0), min(stop - tail, self.padding)))
        return b"".join(parts)

    def _pad(self, start: int, stop: int) -> bytes:
        skipped = start // BLOCK
        copies = self.block * (stop // BLOCK - skipped + 1)
        return copies[start - skipped * BLOCK : stop - skipped * BLOCK]


def clip_of(task: Task, video: Video) -> Clip:
    """The file that a task has made."""
    identity = str(task.task_id).encode()
    facts = {
        "simulated": True,
        "task_id": str(task.task_id),
        "prompt_sha256": hashlib.sha256(task.prompt.encode("utf-8", "surrogatepass")).hexdigest(),
    }
    payload = BOX_TYPE + json.dumps(facts).encode()
    draw = int.from_bytes(hashlib.sha256(b"length " + identity).digest()[:8])
    padding = video.padding_min + draw % (video.padding_max - video.padding_min + 1)
    return Clip(
        film=film(task.resolution, task.duration),
        tail=struct.pack(">I4s", 8 + len(payload), b"uuid")
        + payload
        + struct.pack(">I4s", 8 + padding, b"free"),
        block=hashlib.shake_256(b"padding " + identity).digest(BLOCK),
        padding=padding,
    )


@cache
def film(resolution: str, seconds: int) -> bytes:
    """The shipped film of a format."""
    return resources.files(__package__).joinpath("clips", f"{resolution}-{seconds}s.mp4").read_bytes()
