"""Is the file that is written still the one that the next run will find under the ledger's name?

A ledger that was deleted, moved or replaced while it is open goes on taking writes, and forgets them.
"""

from __future__ import annotations

import os
from pathlib import Path


class Anchor:
    """The ledger's file and its write-ahead log, as they stood when the ledger was opened.

    SQLite holds both open, so that no other file can get their numbers meanwhile.
    """

    def __init__(self, ledger: Path) -> None:
        both = (ledger, ledger.with_name(ledger.name + "-wal"))
        self._known = [(path, path.stat()) for path in both if path.exists()]

    def trouble(self) -> str | None:
        """What is wrong, or ``None``.  Two calls of the operating system."""
        for path, known in self._known:
            try:
                there = path.stat()
            except OSError as error:
                return f"{path}: the ledger is not there any more: {error.strerror or error}"
            if not os.path.samestat(there, known):
                return f"{path}: another file has taken the place of the ledger"
        return None
