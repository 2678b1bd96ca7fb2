"""When changes go to the writer: together where that is worth a few milliseconds, at once where it is not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from batchgen.ledger.commit_queue import LINGER, CommitQueue, are_back

pytestmark = pytest.mark.looptime


class Writer:
    """Takes changes as the writer does, and answers a commit later; notes when each batch came, in seconds.

    Changes in capitals are urgent.
    """

    def __init__(self, commit: float = 0.0) -> None:
        self._commit = commit  # seconds; never: infinite
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self._futures: dict[str, asyncio.Future[None]] = {}
        self.commits = CommitQueue[str](self._take)
        self.batches: list[tuple[float, list[str]]] = []

    def write(self, change: str) -> Awaitable[None]:
        """The answer to a change."""
        self._futures[change] = self._loop.create_future()
        self.commits.join(change, urgent=change.isupper())
        return self._futures[change]

    def _take(self, changes: list[str]) -> None:
        self.batches.append((round(self._loop.time() - self._begun, 6), changes))
        self._loop.call_later(self._commit, self._answer, changes)

    def _answer(self, changes: list[str]) -> None:
        for change in changes:
            self._futures[change].set_result(None)
        self.commits.answered(len(changes))


def at(writer: Writer, delay: float, *changes: str) -> asyncio.Task[None]:
    """These changes come together, so many seconds from now, from somebody who does nothing else."""

    async def come() -> None:
        await asyncio.sleep(delay)
        await asyncio.gather(*map(writer.write, changes))

    return asyncio.create_task(come())


async def test_in_quiet_times_all_of_one_turn_go_at_its_end() -> None:
    """Nobody waits for a clock, and none of the turn is left behind."""
    writer = Writer()
    await asyncio.gather(*map(writer.write, "abc"))
    await asyncio.sleep(LINGER)
    await writer.write("d")
    assert writer.batches == [(0, ["a", "b", "c"]), (LINGER, ["d"])]


async def test_right_behind_a_commit_changes_wait_for_company() -> None:
    """Those that come one by one share the next commit, no later than a moment behind the last one."""
    writer = Writer()
    await asyncio.gather(at(writer, 0, "a"), *(at(writer, 0.001 * n, f"b{n}") for n in range(1, 5)))
    assert writer.batches == [(0, ["a"]), (LINGER, ["b1", "b2", "b3", "b4"])]


async def test_those_who_come_while_a_commit_runs_share_the_next() -> None:
    """They too wait for more of their kind: that they came meanwhile shows a crowd that comes and goes."""
    writer = Writer(commit=0.003)
    await asyncio.gather(*(at(writer, 0.0011 * n, f"{n}") for n in range(7)))
    assert writer.batches == [(0, ["0"]), (0.003 + LINGER, ["1", "2", "3", "4", "5", "6"])]


@pytest.mark.parametrize("workers", [1, 2, 64])
async def test_workers_that_only_write_are_never_held_up(workers: int) -> None:
    """They are back as soon as they are answered, so nobody else is waited for."""
    writer = Writer(commit=0.001)

    async def work(name: int) -> None:
        for n in range(5):
            await writer.write(f"{name}.{n}")

    await asyncio.gather(*map(work, range(workers)))
    assert [(when, len(batch)) for when, batch in writer.batches] == [
        (round(0.001 * n, 6), workers) for n in range(5)
    ]


async def test_an_urgent_change_waits_for_no_company() -> None:
    """It takes along who waits, and those of its own turn; behind a commit that runs it goes at once."""
    writer = Writer(commit=0.002)
    comes = ((0, "a"), (0.003, "b"), (0.004, "Cd"), (0.0045, "E"), (0.005, "f"), (0.007, "g"))
    await asyncio.gather(*(at(writer, when, *changes) for when, changes in comes))
    assert [batch for _, batch in writer.batches] == [["a"], ["b", "C", "d"], ["E", "f"], ["g"]]
    assert [when for when, _ in writer.batches] == pytest.approx([0, 0.004, 0.006, 0.008 + LINGER], abs=1e-4)


async def test_an_end_is_not_waited_for() -> None:
    """What goes at once takes along who waits, and their moment means nothing to those who come later."""
    writer = Writer(commit=0.002)
    late = [at(writer, when, change) for when, change in ((0, "a"), (0.003, "b"), (0.0065, "c"))]
    await asyncio.sleep(0.004)
    writer.commits.go()
    await asyncio.gather(*late)
    assert writer.batches == [(0, ["a"]), (0.004, ["b"]), (0.006 + LINGER, ["c"])]


async def test_a_commit_in_parts_is_over_with_its_last_part() -> None:
    """Until then nobody else goes."""
    batches: list[list[str]] = []
    commits = CommitQueue[str](batches.append)
    for change in "abc":
        commits.join(change)
    await asyncio.sleep(0)
    commits.join("d")
    commits.answered(2)
    await asyncio.sleep(2 * LINGER)
    assert batches == [["a", "b", "c"]]
    commits.answered(1)
    await asyncio.sleep(2 * LINGER)
    assert batches == [["a", "b", "c"], ["d"]]


@pytest.mark.parametrize(
    ("came", "answered", "back"), [(0, 1, False), (1, 1, True), (1, 2, True), (31, 64, False), (32, 64, True)]
)
def test_half_of_those_who_were_answered_show_that_they_are_back(
    came: int, answered: int, *, back: bool
) -> None:
    """Some of them may have ended, or do something else first."""
    assert are_back(came, answered) is back
