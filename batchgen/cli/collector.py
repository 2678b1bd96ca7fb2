"""The garbage collector of a process that is one command's own."""

from __future__ import annotations

import gc

#: New objects between two looks at the youngest of them; Python's own figure is 700.
_OBJECTS = 10_000


def spare_the_collector() -> None:
    """Let it do only what such a process has of it; called when all is imported."""
    # What was imported stays to the end: it need not be walked again and again, and not at the exit.
    gc.freeze()
    # Nearly all that a run drops is in no cycle.
    gc.set_threshold(_OBJECTS)
