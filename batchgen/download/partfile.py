"""The partial file: what is on disk of a clip, and what it is a part of.

Beside ``ID.mp4.part`` stands ``ID.mp4.from.part``, a line of JSON: of which task the bytes are, where they
came from, and by which validator they can be continued.  It is written when a transfer ends early or lasts:
making a second file for each clip that is there at once would cost more than fetching anew what a crash takes.
Both are removed, durably, before bytes of another origin come: whatever is lost in a crash, bytes of two origins
never meet in one file.  Without a readable line the partial file is fetched afresh.  All of it blocks: it is
called in threads.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from batchgen.download import disk
from batchgen.download.answers import Begun
from batchgen.download.hashing import HashingFile
from batchgen.download.places import line_beside, stay_inside
from batchgen.errors import DiskFull, DownloadError, FileTaken
from batchgen.model import Clip

_LINE_BYTES = 4096


class PartFile:
    """One partial file and the line beside it.  Raises DownloadError and DiskFull.

    Its name is made of the job's id, and ids can move to other jobs: a file of another task is never continued.
    """

    def __init__(self, path: Path, task_id: str = "", root: Path | None = None) -> None:
        """``root``: the folder out of which the file must not lead, also not by a symbolic link on the way."""
        self.path = path
        self._task_id, self._root = task_id, root
        self._line = line_beside(path)
        self._unnoted: Begun | None = None  # what the line will say
        self._opening: Callable[[], None] | None = None
        self.file: HashingFile | None = None

    def begun(self) -> Begun | None:
        """What can be continued; ``None`` when nothing is there, or nothing that can be trusted.

        A file that has a second name is not continued: the other name may be the finished clip.
        """
        self._stay_inside()
        with disk.disk_errors(self.path):
            disk.make_folders(self.path.parent)
            if not self._check_kind():
                return None
            there = self.path.lstat()
        return None if there.st_nlink > 1 or not there.st_size else self._read_line(there.st_size)

    def _stay_inside(self) -> None:
        """Raises FileTaken; called before anything is made, opened or removed, as it can change at any time."""
        if self._root is not None:
            stay_inside(self._root, self.path)

    def _check_kind(self) -> bool:
        """Whether a file of ours may stand under the name; raises FileTaken for what is none."""
        kind = disk.kind_of(self.path)
        if kind not in {None, "file"}:
            raise FileTaken(f"{self.path}: {kind} stands where the clip is to be gathered")
        return kind is not None

    def opens_by(self, opening: Callable[[], None]) -> None:
        """Do this, ``start`` or ``resume``, before the first byte is written or the clip sealed."""
        self._opening = opening

    def _open(self) -> None:
        opening, self._opening = self._opening, None
        if opening is not None:
            opening()

    def writelines(self, pieces: Iterable[memoryview]) -> None:
        """Write and hash all of the pieces; nothing more once something has failed."""
        self._open()
        if self.file is not None:
            with disk.disk_errors(self.path):
                self.file.writelines(pieces)

    def start(self, begun: Begun) -> None:
        """Begin from nothing: whatever was there is removed, the line that says of what it was above all."""
        self._stay_inside()
        with disk.disk_errors(self.path):
            if disk.remove(self._line):
                disk.sync_folder(self.path.parent)
            self.file = HashingFile(self._made(), cached=False)
        self._unnoted = begun

    def _made(self) -> int:
        """A new file under the name.  What a look would have told beforehand shows when it can't be made."""
        try:
            return disk.open_new(self.path)
        except FileNotFoundError:
            disk.make_folders(self.path.parent)
        except FileExistsError:
            self._check_kind()
            self.discard()
        return disk.open_new(self.path)

    def note(self) -> None:
        """Let the next try continue what is there, also after a crash."""
        begun, self._unnoted = self._unnoted, None
        if begun is not None:
            self._stay_inside()
            with disk.disk_errors(self._line):
                self._write_line(begun)

    def resume(self, begun: Begun) -> None:
        """Go on behind the bytes that are there."""
        self.close()
        self._stay_inside()
        with disk.disk_errors(self.path):
            file = HashingFile(disk.open_existing(self.path, os.O_RDWR))
            try:
                file.take_up(begun.size)
            except BaseException:
                file.close()  # nobody may write where the reading stopped
                raise
        self.file = file

    @property
    def is_open(self) -> bool:
        """Whether ``close`` has something to do."""
        return self.file is not None and not self.file.closed

    @property
    def size(self) -> int:
        """Bytes that are on disk and hashed."""
        return self.file.size if self.file else 0

    def sealed(self, last: Sequence[memoryview] = ()) -> Clip:
        """The clip with its last pieces, flushed to disk and checked; raises NotAVideo."""
        self.writelines(last)
        if self.file is None:
            raise DownloadError(f"{self.path}: nothing was fetched")
        with disk.disk_errors(self.path):
            try:
                clip = self.file.sealed(last)
            except OSError:
                self._unnoted = None
                self._stay_inside()
                disk.remove(self._line)  # what could not be flushed may be gone, whatever a reader sees now
                raise
            self._unnoted = None
            self.file.close()
        return clip

    def close(self) -> None:
        """Let go of the file; what is on disk stays, and can be continued if the disk takes the line."""
        if self.file is None or self.file.closed:
            return
        with disk.disk_errors(self.path):
            self.file.close()
        if self.size:
            with suppress(DownloadError, DiskFull):
                self.note()

    def discard(self) -> None:
        """Remove the partial file and its line, durably."""
        self._unnoted = None
        self.close()
        self._stay_inside()
        with disk.disk_errors(self.path):
            removed = [disk.remove(path) for path in (self._line, self.path)]
            if any(removed):
                disk.sync_folder(self.path.parent)

    def _write_line(self, begun: Begun) -> None:
        line = {
            "task": self._task_id,
            "place": begun.place,
            "validator": begun.validator,
            "total": begun.total,
        }
        with os.fdopen(disk.open_new(self._line), "w", encoding="ascii") as file:
            json.dump(line, file)

    def _read_line(self, size: int) -> Begun | None:
        try:
            with os.fdopen(disk.open_existing(self._line, os.O_RDONLY), encoding="ascii") as file:
                line = json.loads(file.read(_LINE_BYTES))
            return _begun(size, **line) if line.pop("task") == self._task_id else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return None


def _begun(size: int, *, place: object, validator: object, total: object) -> Begun | None:
    if not isinstance(place, str) or not isinstance(validator, str | None):
        return None
    if not isinstance(total, int | None):
        return None
    return Begun(size=size, place=place, validator=validator, total=total)
