"""A clip that stands in another folder gets a name in this one too: by a hard link where that can be, else a copy."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from batchgen.download import disk
from batchgen.download.memory import PIECE_BYTES
from batchgen.download.places import inside, with_folders
from batchgen.download.store import give_name, is_clip
from batchgen.errors import DownloadError, FileTaken
from batchgen.model import Clip

_NO_LINK = {
    errno.EXDEV,  # another file system
    errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EACCES,
}  # fmt: skip


def transplant(source: Path, output: Path, file: str, clip: Clip) -> None:
    """Let the clip at ``source`` stand under ``file`` in this output folder, durably.  Blocks; may be repeated.

    It is verified under a partial name before it gets the final one.  Raises DownloadError when ``source`` is not
    this clip, FileTaken when another file has the name, DiskFull.
    """
    final = with_folders(output, file)
    part = _part(final)
    try:
        if not is_clip(final, clip):
            _bring(source, part)
            if not is_clip(part, clip):
                raise DownloadError(f"{source}: this file is not the clip that its ledger knows")
            if not give_name(part, final):
                raise FileTaken(f"{final}: {disk.kind_of(final)} that is not this clip stands there")
    finally:
        _clear(part)


def clear(output: Path, file: str) -> None:
    """Remove what an earlier try may have left beside the name of a clip.  Blocks.  Raises as ``transplant``."""
    _clear(_part(inside(output, file)))


def _part(final: Path) -> Path:
    return final.with_name(final.name + ".part")


def _clear(part: Path) -> None:
    with disk.disk_errors(part):
        disk.remove(part)
        if part.parent.is_dir():
            disk.sync_folder(part.parent)


def _bring(source: Path, part: Path) -> None:
    """The content of ``source`` under the partial name, unless nothing ordinary stands there."""
    with disk.disk_errors(source):
        kind = disk.kind_of(source)
        if kind != "file":
            raise DownloadError(f"{source}: {'no file' if kind is None else kind} stands there")
        disk.remove(part)
        if not _link(source, part):
            _copy(source, part)


def _link(source: Path, part: Path) -> bool:
    try:
        os.link(source, part, follow_symlinks=False)
    except OSError as error:
        if error.errno in _NO_LINK:
            return False
        raise
    return True


def _copy(source: Path, part: Path) -> None:
    with (
        os.fdopen(disk.open_existing(source, os.O_RDONLY), "rb") as there,
        os.fdopen(disk.open_new(part), "wb") as copy,
    ):
        shutil.copyfileobj(there, copy, PIECE_BYTES)
        copy.flush()
        os.fsync(copy.fileno())
