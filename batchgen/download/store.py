"""Puts whole clips under their final names, atomically, over nothing of the user's.

A name is given by a hard link, which fails when anything has the name already.  Where the file system has no
hard links, the name is looked at and the file then renamed: a file that someone else puts there between the
two, microseconds apart, would be lost.  Other runs are kept out by the lock on the folder.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from batchgen.download import disk
from batchgen.download.batcher import Batcher
from batchgen.download.memory import PIECE_BYTES
from batchgen.download.places import (
    absolute,
    inside,
    line_beside,
    named,
    part_name,
    stay_inside,
    with_folders,
)
from batchgen.errors import DiskFull, DownloadError, FileTaken
from batchgen.model import Clip, Submission

_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


class FolderStore:
    """Implements ``ports.Store`` over an output folder.

    Files are named relative to it.  All methods raise FileTaken for a name that leads out of the folder or
    belongs to a file that is not ours, DownloadError and DiskFull for what the disk refuses.
    """

    def __init__(self, output: Path) -> None:
        self.root = absolute(output)  # below which every file stands
        self._naming = Batcher(partial(_put_all, self.root))

    def part(self, submission: Submission, /) -> Path:
        """``videos/ID.mp4.part``; with the task id before ``.mp4`` unless it is the job's first submission."""
        return named(self.root, part_name(submission))

    async def put(self, part: Path, file: str, clip: Clip, over: Clip | None, /) -> None:
        """Give ``part`` its final name, durably, in place of nothing or of exactly ``over``.

        Doing it again after a crash at any step is harmless.
        """
        await self._naming.join(_Wish(part=part, file=file, clip=clip, over=over))

    async def keep(self, file: str, earlier: Clip, to: str, /) -> None:
        """Let the clip ``file`` stand under the name ``to`` as well; nothing to do when it is not there."""
        await disk.in_thread(_keep, self.root, file, earlier, to)

    async def gathered(self, part: Path, clip: Clip, /) -> bool:
        """Whether the partial file is the clip already, to the byte."""
        return await disk.in_thread(_is_gathered, self.root, part, clip)

    async def holds(self, file: str, clip: Clip, /) -> bool:
        """Whether the file stands there already, to the byte."""
        path = await disk.in_thread(inside, self.root, file)
        return await disk.in_thread(is_clip, path, clip)


def _is_gathered(output: Path, part: Path, clip: Clip) -> bool:
    stay_inside(output, part)
    return is_clip(part, clip)


def is_clip(path: Path, clip: Clip) -> bool:
    """Whether an ordinary file with exactly this content stands at ``path``: its size first, then its hash."""
    with disk.disk_errors(path):
        if disk.kind_of(path) != "file" or path.lstat().st_size != clip.bytes:
            return False
        with os.fdopen(disk.open_existing(path, os.O_RDONLY), "rb", buffering=0) as file:
            content = hashlib.sha256()
            while piece := file.read(PIECE_BYTES):
                content.update(piece)
    return content.hexdigest() == clip.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """A partial file that is to have its final name."""

    part: Path
    file: str
    clip: Clip
    over: Clip | None


def _put_all(output: Path, wishes: Sequence[_Wish]) -> list[Exception | None]:
    """Give each its name, then flush each folder once for all of them; the error of each that has one.

    To flush a folder costs as much as everything else about a name, and on some disks much more.
    """
    outcomes: list[Exception | None] = []
    touched: dict[Path, list[int]] = {}
    for number, wish in enumerate(wishes):
        try:
            folders = _put(output, wish)
        except Exception as error:  # it is that one's, and is raised where it waits
            outcomes.append(error)
            continue
        outcomes.append(None)
        for folder in folders:
            touched.setdefault(folder, []).append(number)
    for folder, numbers in touched.items():
        trouble = _flush(folder)
        if trouble is not None:
            for number in numbers:
                outcomes[number] = type(trouble)(str(trouble))  # each its own, with its own traceback
    return outcomes


def _flush(folder: Path) -> DownloadError | DiskFull | None:
    try:
        with disk.disk_errors(folder):
            disk.sync_folder(folder)
    except (DownloadError, DiskFull) as error:
        return error
    return None


def _put(output: Path, wish: _Wish) -> set[Path]:
    """Give one its name; the folders in which that is not durable yet."""
    part, clip, final = wish.part, wish.clip, with_folders(output, wish.file)
    stay_inside(output, part)
    _check_part(part, final, clip)
    if not give_name(part, final):
        _settle(part, final, clip, wish.over)
    with disk.disk_errors(final):
        disk.remove(part)
        disk.remove(line_beside(part))
    return {final.parent, part.parent}


def _check_part(part: Path, final: Path, clip: Clip) -> None:
    """What gets the name must be a file of the clip's size; when it is not, the clip must have the name."""
    with disk.disk_errors(part):
        size = disk.size_of(part)
    if size != clip.bytes and not is_clip(final, clip):
        raise DownloadError(f"{part}: {'the clip is not there any more' if size is None else 'another file'}")


def give_name(part: Path, final: Path) -> bool:
    """Give the name if nothing has it, never over anything; whether that is done."""
    with disk.disk_errors(final):
        return _link(part, final) or _rename(part, final)


def _link(source: Path, target: Path) -> bool:
    """A second name for a file that is there; false when that is taken, or the file system has no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except (FileExistsError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            return False
        raise
    return True


def _rename(part: Path, final: Path) -> bool:
    if disk.kind_of(part) is None or disk.kind_of(final) is not None:
        return False
    part.rename(final)
    return True


def _settle(part: Path, final: Path, clip: Clip, over: Clip | None) -> None:
    """Something has the name: the clip itself, the clip that may be replaced, or a file of the user's."""
    if is_clip(final, clip):
        return
    if over is None or not is_clip(final, over):
        raise FileTaken(f"{final}: {disk.kind_of(final)} that is not this clip stands there")
    with disk.disk_errors(final):
        part.replace(final)


def _keep(output: Path, file: str, earlier: Clip, to: str) -> None:
    source, target = inside(output, file), with_folders(output, to)
    if is_clip(target, earlier):
        return
    with disk.disk_errors(source):
        if disk.kind_of(source) is None:
            return
    if not is_clip(source, earlier):
        raise FileTaken(f"{source}: {disk.kind_of(source)} that is not the earlier clip stands there")
    with disk.disk_errors(target):
        if not _link(source, target) and not _copy(source, target):
            raise FileTaken(f"{target}: {disk.kind_of(target)} that is not the earlier clip stands there")
        disk.sync_folder(target.parent)


def _copy(source: Path, target: Path) -> bool:
    """A copy under a partial name first, so that the target is whole when it is there; false when it is taken."""
    part = target.with_name(target.name + ".part")
    if disk.kind_of(target) is not None:
        return False
    disk.remove(part)
    with (
        os.fdopen(disk.open_existing(source, os.O_RDONLY), "rb") as there,
        os.fdopen(disk.open_new(part), "wb") as copy,
    ):
        shutil.copyfileobj(there, copy, PIECE_BYTES)
        copy.flush()
        os.fsync(copy.fileno())
    return _rename(part, target)
