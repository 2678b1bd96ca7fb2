"""Writes the gallery of an output folder.  It blocks; call it in a thread."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from batchgen.reports.atomic import AtomicText
from batchgen.reports.gallery.page import MARKER, Heading, page_text
from batchgen.reports.gallery.parts import ORDINARY, Parts, Sizes

PAGE = "index.html"
_LOOK_FOR_MARKER = 4096  # bytes


def write_gallery(
    folder: Path, lines: Iterable[str], heading: Callable[[], Heading], sizes: Sizes = ORDINARY
) -> bool:
    """Write the page anew; False when an ``index.html`` of the user's stands there and was left alone.

    ``lines`` are the rows of the jobs, ``gallery_line`` of each; ``heading`` is asked after the last.  The page
    changes all at once, the same rows make the same bytes, and memory does not grow with their number.  Raises
    OSError, with the old page untouched.
    """
    path = folder / PAGE
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder):
        if not _is_ours(path):
            return False
        parts = Parts(folder, sizes)
        for line in lines:
            parts.add(line)
        inline = parts.end()
        with AtomicText(path) as page:
            for text in page_text(heading(), inline, parts.written):
                page.write(text)
        parts.tidy()
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time: a run holds the folder's lock, but the command that rebuilds the page does not."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_ours(path: Path) -> bool:
    if not path.is_symlink() and not path.exists():
        return True
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return MARKER.encode() in file.read(_LOOK_FOR_MARKER).splitlines()
