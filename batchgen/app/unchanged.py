"""Is the job file still the one that the ledger's jobs were read from?  Then it need not be read again."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from batchgen import __version__, names
from batchgen.app.options import Options
from batchgen.app.place import Place
from batchgen.ledger.marks import seems_marked

#: A job file that may name other files is read each time, as those may have changed: one with the key ``from``, or
#: with a key that may turn out to be it (an alias, a key written with "?", one with a letter of it escaped).
#: No two of a pattern's repeats can take the same text: else a line of "#" or "*" would keep it busy for hours.  And
#: each begins with what it looks for, and looks back from there: so it passes over all else at once.
_MAY_NAME_OTHERS = tuple(
    map(
        re.compile,
        (
            rb"""from(?<=\bfrom)\b["']?(\s|#[^\n]*\n)*:""",
            rb"\*[^\s*,\[\]{}]+\s*:",
            rb"\?(?<![^-\[{,\s]\?)\s",
            rb"\\[xuU]0*(66|72|6[FfDd])",
        ),
    )
)
_PIECE_BYTES = 1024**2
#: Longer than any key: it is seen whole, in one piece or the other.
_OVERLAP_BYTES = 16 * 1024


def mark_of(place: Place, options: Options) -> str | None:
    """Everything that the jobs depend on, as a hash; ``None`` where the file's bytes don't tell all.  Blocks."""
    if place.job_file.problems or place.shard is not None or options.selection or options.rebuild_ledger:
        return None
    if not names.TAKES_ALL:
        return None  # it may have been read in a locale that has more names
    told = f"{__version__}\0{place.job_file.path}\0{place.job_file.edition}\0{place.lasting}\0"
    mark, end = hashlib.sha256(told.encode()), b""
    try:
        for piece in _pieces(place.job_file.path):
            # A table names no other file, whatever stands in its cells.
            if place.job_file.table is None and _may_name_others(end + piece):
                return None
            mark.update(piece)
            end = (end + piece)[-_OVERLAP_BYTES:]
    except OSError:
        return None  # reading it properly will tell what is wrong
    return mark.hexdigest()


def _may_name_others(text: bytes) -> bool:
    return any(pattern.search(text) for pattern in _MAY_NAME_OTHERS)


def _pieces(path: Path) -> Iterator[bytes]:
    """The file's bytes: however long it is, little of it is held."""
    with path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def seems_read(place: Place, mark: str | None) -> bool:
    """Whether the ledger seems to have exactly the jobs of this mark.  Blocks."""
    return mark is not None and seems_marked(place.ledger, place.name, mark)
