"""One picture of a run for a terminal of any size: pure, from a board to lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from batchgen.model import Status
from batchgen.ports import JobChanged, JobRested, RunStarted
from batchgen.reports.board import Board
from batchgen.reports.terminal import clean, shorten
from batchgen.reports.words import STATUS, clock, rough, size

_LATEST_SHOWN = 5

_STYLES = {
    Status.SUCCEEDED: "green",
    Status.GENERATED: "cyan",
    Status.SUBMITTED: "blue",
    Status.SUBMITTING: "blue",
    Status.PENDING: "dim",
    Status.FAILED: "red",
    Status.UNKNOWN: "magenta",
}


@dataclass(frozen=True, slots=True)
class Glyphs:
    """The signs that the terminal's encoding can show."""

    full: str
    empty: str
    good: str
    bad: str
    doubtful: str
    resting: str


UNICODE = Glyphs("━", "─", "✓", "✗", "?", "·")
ASCII = Glyphs("#", "-", "+", "x", "?", ".")


def glyphs(encoding: str) -> Glyphs:
    """The signs for an encoding."""
    return UNICODE if encoding.lower().replace("-", "").startswith("utf") else ASCII


def frame(board: Board, *, width: int, height: int, signs: Glyphs) -> list[Text]:
    """The lines of the picture, none wider than ``width`` cells, at most ``height`` of them.

    The most important come first: what is cut on a low terminal is the newest jobs.
    """
    lines = [*_head(board, width), _bar(board, width, signs)]
    lines += _flow(_counts(board), width)
    if board.end is None:
        lines += _flow(_pulse(board), width)
        lines += _stopping(board, width)
    else:
        lines += [Text(f"took {clock(board.end.elapsed)}", style="dim")]
    if board.end is None and (room := min(_LATEST_SHOWN, height - len(lines))) > 0:
        lines += [_job(event, width, signs) for event in list(board.latest)[-room:]]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines[: max(height, 1)]


def _head(board: Board, width: int) -> Iterator[Text]:
    start = board.start
    if start is None:
        yield Text("starting", style="dim")
        return
    yield Text(shorten(f"{start.job_file} > {start.output}", width), style="bold")
    yield _service(start, width)


def _service(start: RunStarted, width: int) -> Text:
    if start.simulated:
        return Text(shorten("SIMULATED service: no real clips", width), style="bold yellow")
    return Text(shorten(start.service, width), style="dim")


def _bar(board: Board, width: int, signs: Glyphs) -> Text:
    total, done = board.total, board.counts[Status.SUCCEEDED]
    told = f" {done}/{total} {100 * done // total if total else 100:3d}%"
    room = max(0, min(width - len(told), 80))
    full = room * done // total if total else room
    return Text.assemble((signs.full * full, "green"), (signs.empty * (room - full), "dim"), (told, "bold"))


def _counts(board: Board) -> Iterator[Text]:
    for status, word in STATUS.items():
        if number := board.counts[status]:
            yield Text(f"{number} {word}", style=_STYLES[status])


def _pulse(board: Board) -> Iterator[Text]:
    vitals = board.vitals
    if vitals is None:
        return
    yield Text(f"slots {vitals.at_service}/{vitals.slots}")
    if vitals.downloading or vitals.waiting_downloads or board.rate:
        waiting = f" (+{vitals.waiting_downloads} waiting)" if vitals.waiting_downloads else ""
        yield Text(f"fetching {vitals.downloading}{waiting} {size(board.rate)}/s")
    yield Text(clock(vitals.elapsed))
    if (rest := board.remaining) is not None:
        yield Text(f"about {rough(rest)} left")
    if vitals.held_by:
        yield Text(f"held back by: {clean(vitals.held_by)}", style="yellow")


def _stopping(board: Board, width: int) -> Iterator[Text]:
    if board.stopping is not None:
        style = "bold red" if board.stopping.halt else "bold yellow"
        yield Text(shorten(f"no more submissions: {board.stopping.reason}", width), style=style)


def _job(event: JobChanged | JobRested, width: int, signs: Glyphs) -> Text:
    """One line of a job that ended or rests; the reason keeps at least half of it."""
    sign, style = _sign(event, signs)
    told = _told(event)
    name = shorten(event.job_id, max(8, width // 2 - 2) if told else width - 2)
    room = width - 2 - cell_len(name) - 2
    return Text.assemble((f"{sign} ", style), name, (f"  {shorten(told, room)}" if told else "", "dim"))


def _sign(event: JobChanged | JobRested, signs: Glyphs) -> tuple[str, str]:
    if isinstance(event, JobRested):
        return signs.resting, "yellow"
    if event.status is Status.SUCCEEDED:
        return signs.good, "green"
    return (signs.bad, "red") if event.status is Status.FAILED else (signs.doubtful, "magenta")


def _told(event: JobChanged | JobRested) -> str:
    if event.fault is not None:
        return f"{event.fault.code} {event.fault.message}"
    if event.file is None:
        return ""
    return f"{event.file} {size(event.clip.bytes)}" if event.clip else event.file


def _flow(parts: Iterator[Text], width: int) -> list[Text]:
    """The parts side by side, on as few lines as hold them whole."""
    lines: list[list[Text]] = [[]]
    for part in parts:
        if lines[-1] and _cells([*lines[-1], part]) > width:
            lines.append([])
        lines[-1].append(part)
    return [Text("  ").join(line) for line in lines if line]


def _cells(parts: Sequence[Text]) -> int:
    return sum(part.cell_len for part in parts) + 2 * (len(parts) - 1)
