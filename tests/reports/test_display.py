"""The live display, on consoles of several sizes and kinds."""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console

from batchgen.model import Status
from batchgen.ports import Event
from batchgen.reports.board import Board
from batchgen.reports.display import LiveDisplay, can_be_live
from batchgen.reports.frame import ASCII, UNICODE, frame, glyphs
from reports.events import changed, ended, rested, started, stopping, vitals, warned
from reports.records import LOST, SENSITIVE, STALLED

S = Status
FOX = "狐狸在雪地里奔跑-768P"
TAILS: list[list[Event]] = [[], [stopping(halt=True, reason="余额不足" * 20)], [ended(succeeded=27)]]


def busy() -> list[Event]:
    """A run in the middle, with everything that a picture can show."""
    return [
        started(pending=20, succeeded=5, submitted=2, to_submit=20, simulated=True),
        changed(S.SUBMITTING, S.PENDING, key=1),
        changed(S.SUBMITTED, S.SUBMITTING, key=1),
        changed(S.GENERATED, S.SUBMITTED, key=1),
        changed(S.SUCCEEDED, S.GENERATED, key=1, job_id=FOX),
        changed(S.FAILED, S.SUBMITTED, key=2, job_id="[red]x\x1b[31m", fault=SENSITIVE),
        changed(S.UNKNOWN, S.SUBMITTED, key=3, job_id="lost", fault=LOST),
        rested(STALLED, job_id="stalled"),
        vitals(1),
        vitals(751, downloaded=3_000_000_000, held_by="slots"),
    ]


def picture(events: list[Event], *, width: int, height: int = 30) -> list[str]:
    """The lines of the picture after these events, as plain text."""
    clock = iter(range(1000))
    board = Board(clock=lambda: float(next(clock)))
    for event in events:
        board.take(event)
    lines = frame(board, width=width, height=height, signs=UNICODE)
    return [line.plain for line in lines]


def test_the_whole_picture() -> None:
    """Counts, bar, pulse, estimate, what holds the run back, and the newest jobs."""
    assert picture(busy(), width=100) == [
        "jobs.yaml > output",
        "SIMULATED service: no real clips",
        "━" * 17 + "─" * 63 + " 6/27  22%",
        "6 delivered  19 pending  1 failed  1 unknown",
        "slots 2/50  fetching 1 (+2 waiting) 4.0 MB/s  12:31  about 1 min left  held back by: slots",
        "✓ 狐狸在雪地里奔跑-768P  videos/狐狸在雪地里奔跑-768P.mp4 3.1 MB",
        "✗ [red]x\\x1b[31m  1026 input is sensitive",
        "? lost  lost connection lost",
        "· stalled  download host is silent",
    ]


def test_a_narrow_picture() -> None:
    """Parts flow onto more lines, names are cut by cells."""
    assert picture(busy(), width=40)[3:] == [
        "6 delivered  19 pending  1 failed",
        "1 unknown",
        "slots 2/50",
        "fetching 1 (+2 waiting) 4.0 MB/s  12:31",
        "about 1 min left  held back by: slots",
        "✓ 狐狸在雪地里奔跑-…  videos/狐狸在雪地…",
        "✗ [red]x\\x1b[31m  1026 input is sensiti…",
        "? lost  lost connection lost",
        "· stalled  download host is silent",
    ]


@pytest.mark.parametrize("width", [1, 5, 20, 40, 80, 200])
@pytest.mark.parametrize("height", [1, 4, 8, 30])
@pytest.mark.parametrize("tail", TAILS)
def test_no_picture_is_larger_than_its_terminal(width: int, height: int, tail: list[Event]) -> None:
    """At any size, in any state of the run."""
    for upto in range(len(busy()) + 1):
        lines = picture(busy()[:upto] + tail, width=width, height=height)
        assert len(lines) <= height
        assert max(map(cell_len, lines)) <= width


def test_the_real_service_is_named() -> None:
    """Money is spent there."""
    assert picture([started(pending=1)], width=80)[1] == "https://www.dmxapi.cn"


def test_a_stop_is_told_and_the_end_shows_no_pulse() -> None:
    """Why nothing more is sent; afterwards only what came of it."""
    events: list[Event] = [started(pending=3), vitals(1, held_by="slots"), stopping(halt=True)]
    assert "no more submissions: no balance" in picture(events, width=80)
    assert picture([*events, ended(pending=1, succeeded=2)], width=80)[3:] == [
        "2 delivered  1 pending",
        "took 1:35",
    ]


@pytest.mark.parametrize(("encoding", "signs"), [("utf-8", UNICODE), ("UTF8", UNICODE), ("ascii", ASCII)])
def test_signs_follow_the_encoding(encoding: str, signs: object) -> None:
    """A terminal that cannot show a tick gets a plus."""
    assert glyphs(encoding) is signs


class Screen(io.StringIO):
    """A terminal in memory, which may break."""

    def __init__(self, *, breaking: bool = False) -> None:
        super().__init__()
        self.breaking = breaking

    def write(self, text: str) -> int:
        if self.breaking:
            raise BrokenPipeError
        return super().write(text)


def terminal(screen: io.TextIOBase, width: int = 80) -> Console:
    """A console that believes in the terminal."""
    return Console(file=screen, force_terminal=True, width=width, height=24, legacy_windows=False)  # type: ignore[arg-type]


def until(happened: Callable[[], bool]) -> None:
    """Wait for another thread, at most five seconds."""
    deadline = time.monotonic() + 5
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_warnings_come_above_and_the_terminal_is_given_back() -> None:
    """The cursor is shown again, and markup in a message is only text."""
    screen = Screen()
    with LiveDisplay(terminal(screen)) as display:
        for event in (*busy(), warned("[bold]密钥\x1b[2J[/bold]"), ended(succeeded=27)):
            display.observe(event)
        until(lambda: "warning" in screen.getvalue())
    text = screen.getvalue()
    assert "[bold]密钥\\x1b[2J[/bold]" in text
    assert "\x1b[2J" not in text
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "27/27 100%" in text


def test_a_message_of_the_last_moment_is_told() -> None:
    """Stopping right after a halt loses no line."""
    screen = Screen()
    with LiveDisplay(terminal(screen)) as display:
        display.observe(stopping(halt=True, reason="key refused"))
    assert "stopping: " in screen.getvalue()
    assert "key refused" in screen.getvalue()


def test_a_terminal_that_is_gone_ends_nothing() -> None:
    """The display goes silent, and so does all else that uses its console."""
    console = terminal(Screen(breaking=True))
    with LiveDisplay(console) as display:
        for event in busy():
            display.observe(event)
    console.print("afterwards")


def test_an_ascii_terminal_is_no_reason_to_raise() -> None:
    """What it cannot show is written as escapes."""
    raw = io.BytesIO()
    screen = io.TextIOWrapper(raw, encoding="ascii", errors="strict", write_through=True)
    with LiveDisplay(terminal(screen)) as display:
        for event in busy():
            display.observe(event)
        until(lambda: b"\\u72d0" in raw.getvalue())
    assert b"\x1b[32m+ " in raw.getvalue()


def test_a_painting_that_fails_does_not_end_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug in a picture must not cost what is paid for."""

    def failing(*_: object, **__: object) -> None:
        raise RuntimeError("no picture")

    monkeypatch.setattr("batchgen.reports.display.frame", failing)
    with LiveDisplay(terminal(Screen())) as display:
        display.observe(warned())


def test_ten_thousand_events_are_cheap() -> None:
    """A second of the busiest run costs a small part of it, painting included."""
    with LiveDisplay(terminal(Screen())) as display:
        display.observe(started(pending=10_000, to_submit=10_000))
        begin = time.process_time()
        for key in range(10_000):
            display.observe(changed(S.FAILED, S.PENDING, key=key, fault=SENSITIVE))
        assert time.process_time() - begin < 0.5


@pytest.mark.parametrize(
    ("console", "live"),
    [
        (Console(file=io.StringIO(), force_terminal=True, width=80, _environ={"TERM": "xterm"}), True),
        (Console(file=io.StringIO(), force_terminal=True, width=80, _environ={"TERM": "dumb"}), False),
        (Console(file=io.StringIO(), force_terminal=True, width=10, _environ={"TERM": "xterm"}), False),
        (Console(file=io.StringIO(), width=80, _environ={}), False),
    ],
)
def test_where_a_live_display_makes_sense(console: Console, *, live: bool) -> None:
    """Only where the cursor can move, and there is room."""
    assert can_be_live(console) is live
