"""Who waits for the next commit: changes that have come, until they go to the writer together.

A commit costs much the same for one change as for ten.  Changes of one turn of the loop go together, and so do
those that come while a commit runs.  In a run they come a few at a time, so right behind a commit a change waits a
little for others; one that comes in quiet times goes at once, and so does one that is urgent, with all who wait.
Nor does it wait where workers do nothing but write, and go on as soon as they are answered: nobody else is to be
expected then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

W = TypeVar("W")

#: Seconds behind a commit during which changes wait for company.
LINGER = 0.005


def are_back(came: int, answered: int) -> bool:
    """Whether those who were answered are who came in that very turn: half of them shows it."""
    return 2 * came >= answered


class CommitQueue(Generic[W]):
    """The changes that wait; all of it runs on the loop."""

    def __init__(self, hand_over: Callable[[list[W]], None]) -> None:
        self._hand_over = hand_over
        self._loop = asyncio.get_running_loop()
        self._waiting: list[W] = []
        self._at_writer = 0  # changes whose commit runs
        self._due: asyncio.Handle | None = None  # the moment at which to go, or to see about it
        self._quiet_from = self._loop.time()
        self._urgent = False  # one of those who wait is

    def join(self, change: W, *, urgent: bool = False) -> None:
        """Wait with the others, or only for the end of this turn and of the commit that runs."""
        self._waiting.append(change)
        hurries = urgent and not self._urgent
        self._urgent |= urgent
        if hurries and self._due is not None:
            self._due.cancel()
            self._due = None
        if self._due is None and not self._at_writer:
            self._await_quiet()

    def _await_quiet(self) -> None:
        """At the end of this turn at the earliest: whoever else comes in it goes too."""
        if self._urgent or self._loop.time() >= self._quiet_from:
            self._due = self._loop.call_soon(self.go)
        else:
            self._due = self._loop.call_at(self._quiet_from, self.go)

    def go(self) -> None:
        """Let all who wait go to the writer."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if self._waiting:
            self._at_writer += len(self._waiting)
            self._hand_over(self._waiting)
            self._waiting, self._urgent = [], False

    def answered(self, changes: int) -> None:
        """So many changes are on disk, and those who wait for them go on in the turn that comes."""
        self._at_writer -= changes
        if not self._at_writer:
            self._quiet_from = self._loop.time() + LINGER
            self._due = self._loop.call_soon(self._settle, changes, len(self._waiting))

    def _settle(self, answered: int, before: int) -> None:
        """At the end of the turn behind a commit."""
        self._due = None
        if are_back(len(self._waiting) - before, answered):
            self.go()
        elif self._waiting:
            self._await_quiet()
