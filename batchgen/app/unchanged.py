"""Is the job file still the one that the ledger's jobs were read from?  Then it need not be read again."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from batchgen import __version__
from batchgen.app.options import Options
from batchgen.app.place import Place
from batchgen.ledger.marks import seems_marked

#: A job file that may name other files is read each time, as those may have changed: one with the key ``from``, or
#: with a key that may turn out to be it (an alias, a key written with "?", an escaped "f").
_MAY_NAME_OTHERS = re.compile(
    rb"""\bfrom\b["']?\s*(\#[^\n]*\s*)*: | \*[^\s,\[\]{}]+\s*: | (^|[-\[{,\s])\?\s | \\[xuU]0*66""",
    re.VERBOSE,
)


def mark_of(place: Place, options: Options) -> str | None:
    """Everything that the jobs depend on, as a hash; ``None`` where the file's bytes don't tell all.  Blocks."""
    if place.job_file.problems or place.shard is not None or options.selection or options.rebuild_ledger:
        return None
    try:
        content = Path(place.job_file.path).read_bytes()
    except OSError:
        return None  # reading it properly will tell what is wrong
    if _MAY_NAME_OTHERS.search(content):
        return None
    told = f"{__version__}\0{place.job_file.path}\0{place.job_file.edition}\0{place.lasting}\0"
    return hashlib.sha256(told.encode() + content).hexdigest()


def seems_read(place: Place, mark: str | None) -> bool:
    """Whether the ledger seems to have exactly the jobs of this mark.  Blocks."""
    return mark is not None and seems_marked(place.ledger, place.name, mark)
