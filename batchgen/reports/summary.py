"""The sentence people want in the morning, and the counts behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from batchgen.reports.standing import Standing, Tally
from batchgen.reports.terminal import clean, table
from batchgen.reports.words import count

#: In the order of the sentence; ``delivered`` is told even when it is 0.
_SENTENCE_ORDER = (
    Standing.DELIVERED,
    Standing.UNDER_WAY,
    Standing.WAITING,
    Standing.REFUSED,
    Standing.FAILED,
    Standing.UNKNOWN,
    Standing.HELD,
    Standing.MISSING,
    Standing.PENDING,
    Standing.DISMISSED,
)

_MEANINGS = {
    Standing.DELIVERED: "the clip is on disk, verified",
    Standing.UNDER_WAY: "at the service",
    Standing.WAITING: "finished at the service, not yet on disk",
    Standing.REFUSED: "the service will not make this clip",
    Standing.FAILED: "the service tried, and failed",
    Standing.UNKNOWN: "perhaps accepted, perhaps charged",
    Standing.HELD: "edited after it was paid for",
    Standing.MISSING: "the clip was stored, and is no longer whole there",
    Standing.PENDING: "nothing stands sent",
    Standing.DISMISSED: "settled by you",
}


def sentence(tally: Tally, cost: str | None = None) -> str:
    """The whole outcome, as in "200 ordered, 197 delivered, 2 refused, 1 unknown; nothing paid twice.".

    ``cost`` is told when it is known, as in ``398 CNY``.
    """
    parts = [", ".join(_counts(tally)), *([clean(cost)] if cost else []), _paid(tally)]
    if tally.not_selected:
        parts.insert(1, f"{count(tally.not_selected, 'job')} not selected")
    if tally.left:
        left = count(tally.left.total(), "job")
        verb = "has" if tally.left.total() == 1 else "have"
        parts.insert(1, f"{left} sent earlier {verb} left the job file ({', '.join(_told(tally.left))})")
    return "; ".join(parts) + "."


def _counts(tally: Tally) -> Iterator[str]:
    yield f"{tally.ordered} ordered"
    if not tally.standings[Standing.DELIVERED]:
        yield "0 delivered"
    for word in _told(tally.standings):
        reused = tally.reused and word.endswith(f" {Standing.DELIVERED.value}")
        yield f"{word} ({tally.reused} reused)" if reused else word


def _told(standings: Mapping[Standing, int]) -> Iterator[str]:
    for standing in _SENTENCE_ORDER:
        if number := standings.get(standing, 0):
            yield f"{number} {standing.value}"


def _paid(tally: Tally) -> str:
    """Whether anything was charged more than once, and on whose word."""
    again = f"{tally.ordered_again} ordered again by you"
    if tally.paid_twice:
        twice = f"{tally.paid_twice} perhaps paid twice"
        return f"{twice}, {again}" if tally.ordered_again else twice
    return f"{again}, nothing else paid twice" if tally.ordered_again else "nothing paid twice"


def status_table(tally: Tally) -> str:
    """The counts of all standings that occur, with what each means, as aligned plain text."""
    rows = [
        (f"{tally.standings[standing]}", standing.value, _MEANINGS[standing])
        for standing in _SENTENCE_ORDER
        if tally.standings[standing]
    ]
    lines = _lines([*rows, (f"{tally.ordered}", "ordered", "")])
    if tally.left:
        lines += ["", "Sent earlier, and no longer in the job file:"]
        lines += _lines(
            [(f"{tally.left[s]}", s.value, _MEANINGS[s]) for s in _SENTENCE_ORDER if tally.left[s]]
        )
    return "\n".join(lines)


def _lines(rows: list[tuple[str, str, str]]) -> list[str]:
    width = max(len(number) for number, _, _ in rows)
    return table(
        (" " * width, "", ""),
        [(number.rjust(width), word, meaning) for number, word, meaning in rows],
        words=3,
    )[1:]
