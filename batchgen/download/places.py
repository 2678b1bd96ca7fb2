"""Where the output folder is, and where in it a file may stand.  Nothing leaves it, also not by a symbolic link."""

from __future__ import annotations

import itertools
import os
import re
from hashlib import sha256
from pathlib import Path, PurePosixPath

from batchgen.download import disk
from batchgen.errors import FileTaken
from batchgen.model import Submission

VIDEOS = "videos"
_PLAIN_TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def absolute(folder: Path) -> Path:
    """The absolute path of a folder that a user named.

    As it is spelled, with ``..`` taken out: ``Path.absolute`` keeps that, and ``Path.resolve`` would show where links
    lead instead of what was named.
    """
    return Path(os.path.abspath(folder))  # noqa: PTH100  neither of pathlib's does it


def part_name(submission: Submission) -> str:
    """The name of a submission's partial file, relative to the output folder.

    The first submission of a job has ``ID.mp4.part``.  Any other one has its task id in the name, so that two
    submissions of one job, both under way, never share a file.
    """
    if submission.first:
        return f"{VIDEOS}/{submission.job_id}.mp4.part"
    task = submission.task_id or f"submission-{submission.key}"
    if not _PLAIN_TASK_ID.fullmatch(task):  # the service chooses it: never a path
        task = sha256(task.encode()).hexdigest()[:16]
    return f"{VIDEOS}/{submission.job_id}.{task}.mp4.part"


def line_beside(part: Path) -> Path:
    """Where the line stands that belongs to a partial file."""
    return part.with_name(part.name.removesuffix(".part") + ".from.part")


def named(output: Path, file: str) -> Path:
    """The path of ``file``, which is relative to the output folder; raises FileTaken if the name leads out.

    Looks at no disk: a folder on the way may still be a symbolic link, which ``stay_inside`` refuses.
    """
    name = PurePosixPath(file)
    if not file or "\0" in file or name.is_absolute() or ".." in name.parts or not name.name:
        raise FileTaken(f"{file!r} is no name inside the output folder")
    return output / name


def stay_inside(output: Path, path: Path) -> None:
    """Raises FileTaken when a folder above a ``named`` path is a symbolic link that leads out.  Blocks.

    The name itself may be a symbolic link: those who open it do not follow it.
    """
    between = itertools.takewhile(lambda folder: folder != output, path.parents)
    if any(map(os.path.islink, between)) and _leads_out(output, path.parent):
        raise FileTaken(f"{path.parent}: a symbolic link that leads out of the output folder")


def inside(output: Path, file: str) -> Path:
    """The path of ``file``, which leads out of the output folder in neither way.  Blocks.  Raises FileTaken."""
    path = named(output, file)
    stay_inside(output, path)
    return path


def _leads_out(output: Path, folder: Path) -> bool:
    try:
        return not folder.resolve().is_relative_to(output.resolve())
    except (OSError, RuntimeError):  # links that lead in a circle
        return True


def with_folders(output: Path, file: str) -> Path:
    """Like ``inside``, with the folders above the file made."""
    path = inside(output, file)
    with disk.disk_errors(path):
        disk.make_folders(path.parent)
    return path
