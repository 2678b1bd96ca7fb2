"""The plain and the JSON observer: literal lines."""

from __future__ import annotations

import io
import json
import os
import threading
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from batchgen import __version__
from batchgen.model import Status
from batchgen.ports import Event
from batchgen.reports.jsonl import JsonLines, event_row
from batchgen.reports.outlet import Forgiving, Outlet
from batchgen.reports.plain import PlainLines, Verbosity
from reports.events import changed, ended, rested, started, stopping, vitals, warned
from reports.records import LOST, NOON, SENSITIVE, STALLED

S = Status
BEIJING = timezone(timedelta(hours=8))
RUN: list[Event] = [
    started(pending=3, succeeded=1, to_submit=3),
    changed(S.SUBMITTING, S.PENDING),
    changed(S.SUBMITTED, S.SUBMITTING, task_id="335492703728059"),
    vitals(1),
    changed(S.GENERATED, S.SUBMITTED),
    changed(S.SUCCEEDED, S.GENERATED),
    changed(S.FAILED, S.PENDING, job_id="狐狸\x1b[2J", fault=SENSITIVE),
    changed(S.UNKNOWN, S.PENDING, job_id="x", fault=LOST),
    rested(STALLED, job_id="y"),
    warned("the key file is\nreadable by others"),
    stopping(halt=False, reason="--max-clips reached"),
    ended(succeeded=2, failed=1, unknown=1),
]


def plain(events: list[Event], verbosity: Verbosity = Verbosity.NORMAL) -> list[str]:
    """The lines that a log gets."""
    stream = io.StringIO()
    observer = PlainLines(stream, verbosity=verbosity, zone=BEIJING)
    for event in events:
        observer.observe(event)
    observer.close()
    return stream.getvalue().splitlines()


PROBLEMS = [
    "2026-07-01T20:00:02+08:00 狐狸\\x1b[2J: failed, input is sensitive (code 1026, submit)",
    "2026-07-01T20:00:02+08:00 x: unknown, connection lost (code lost, submit)",
    "2026-07-01T20:00:00+08:00 y: not over in this run, host is silent (code download, download)",
    "2026-07-01T20:00:00+08:00 warning: the key file is readable by others",
    "2026-07-01T20:00:00+08:00 stopping: no more submissions, --max-clips reached",
]
START = (
    "2026-07-01T20:00:00+08:00 start: jobs.yaml to output, service https://www.dmxapi.cn; "
    "1 delivered, 3 pending; 3 jobs to submit"
)
DELIVERED = "2026-07-01T20:00:02+08:00 book: succeeded, videos/book.mp4, 3.1 MB"
END = "2026-07-01T20:01:35+08:00 end after 1:35: 3 ordered, 2 delivered, 1 refused; nothing paid twice."
STEPS = [
    "2026-07-01T20:00:02+08:00 book: pending to submitting",
    "2026-07-01T20:00:02+08:00 book: submitting to submitted, task 335492703728059",
    "2026-07-01T20:00:02+08:00 book: submitted to generated",
]


@pytest.mark.parametrize(
    ("verbosity", "lines"),
    [
        (Verbosity.QUIET, PROBLEMS),
        (Verbosity.NORMAL, [START, DELIVERED, *PROBLEMS, END]),
        (Verbosity.VERBOSE, [START, *STEPS, DELIVERED, *PROBLEMS, END]),
    ],
)
def test_plain_lines(verbosity: Verbosity, lines: list[str]) -> None:
    """A line for what matters at each verbosity, with local time and offset, one line each."""
    assert plain(RUN, verbosity) == lines


def test_progress_is_told_each_half_minute_at_most_and_only_if_there_is_any() -> None:
    """A log of a quiet night stays short."""
    quiet = [vitals(second / 2) for second in range(200)]
    assert [line[:35] for line in plain([started(pending=3), *quiet])[1:]] == [
        "2026-07-01T20:00:30+08:00 progress:"
    ]
    moving = [vitals(second, downloaded=second * 1_000_000, held_by="downloads") for second in range(100)]
    lines = plain([started(pending=3), *moving])[1:]
    assert [line[17:19] for line in lines] == ["30", "00", "30"]
    assert lines[0] == (
        "2026-07-01T20:00:30+08:00 progress: 0 of 3 delivered; 3 pending; slots 2/50; 1.0 MB/s; "
        "held back by downloads; 0:30 elapsed"
    )


def test_lines_of_a_second_have_its_time_and_no_others() -> None:
    """To the last microsecond, and in whatever order they come."""
    times = (0.0, 0.999999, 1.0, 1.5, 0.5)
    events: list[Event] = [replace(warned(), at=NOON + timedelta(seconds=second)) for second in times]
    assert [line[17:19] for line in plain(events)] == ["00", "00", "01", "01", "00"]


def test_a_simulated_run_says_so() -> None:
    """In the first line of the log."""
    (line,) = plain([started(simulated=True, to_submit=1)])
    assert line.endswith("SIMULATED service, no real clips; no jobs; 1 job to submit")


def test_warnings_and_stops_may_have_a_stream_of_their_own() -> None:
    """Standard error, beside lines on standard output."""
    out, err = io.StringIO(), io.StringIO()
    observer = PlainLines(out, problems=err, zone=BEIJING)
    for event in (warned(), stopping(halt=True), ended()):
        observer.observe(event)
    observer.close()
    assert [line[26:] for line in err.getvalue().splitlines()] == [
        "warning: the key file is readable by others",
        "halt: no more submissions, no balance",
    ]
    assert [line[26:] for line in out.getvalue().splitlines()] == [END[26:]]


def test_json_lines() -> None:
    """Each event is an object with stable fields."""
    counts = dict.fromkeys(
        ("pending", "submitting", "unknown", "submitted", "generated", "succeeded", "failed"), 0
    )
    at, later = "2026-07-01T12:00:00.000Z", "2026-07-01T12:00:02.000Z"
    job = {"job_key": 1, "id": "book", "task_id": None, "file": None, "bytes": None, "error": None}
    sensitive = {"code": "1026", "message": "input is sensitive", "stage": "submit"}
    stalled = {"code": "download", "message": "host is silent", "stage": "download"}
    stream = io.StringIO()
    observer = JsonLines(stream)
    for event in [RUN[0], *RUN[2:4], *RUN[5:7], *RUN[8:]]:
        observer.observe(event)
    observer.close()
    assert [json.loads(line) for line in stream.getvalue().splitlines()] == [
        {
            "event": "run_started",
            "at": at,
            "schema_version": 1,
            "batchgen_version": __version__,
            "job_file": "jobs.yaml",
            "output": "output",
            "service": "https://www.dmxapi.cn",
            "simulated": False,
            "counts": {**counts, "pending": 3, "succeeded": 1},
            "to_submit": 3,
        },
        {
            "event": "job_changed",
            "at": later,
            **job,
            "status": "submitted",
            "previous": "submitting",
            "task_id": "335492703728059",
        },
        {
            "event": "vitals",
            "at": "2026-07-01T12:00:01.000Z",
            "elapsed": 1,
            "at_service": 2,
            "slots": 50,
            "downloading": 1,
            "waiting_downloads": 2,
            "downloaded_bytes": 0,
            "held_by": "",
        },
        {
            "event": "job_changed",
            "at": later,
            **job,
            "status": "succeeded",
            "previous": "generated",
            "file": "videos/book.mp4",
            "bytes": 3_100_000,
        },
        {
            "event": "job_changed",
            "at": later,
            **job,
            "id": "狐狸\x1b[2J",
            "status": "failed",
            "previous": "pending",
            "error": sensitive,
        },
        {"event": "job_rested", "at": at, "job_key": 1, "id": "y", "status": "generated", "error": stalled},
        {"event": "warned", "at": at, "message": "the key file is\nreadable by others"},
        {"event": "stopping", "at": at, "reason": "--max-clips reached", "halt": False, "remedy": None},
        {
            "event": "run_ended",
            "at": "2026-07-01T12:01:35.000Z",
            "elapsed": 95.25,
            "exit_code": 1,
            "counts": {**counts, "succeeded": 2, "failed": 1, "unknown": 1},
            "sentence": "3 ordered, 2 delivered, 1 refused; nothing paid twice.",
        },
    ]


def test_no_event_carries_a_control_character_to_a_terminal() -> None:
    """JSON escapes them, so that even a person may look at the lines."""
    stream = io.StringIO()
    observer = JsonLines(stream)
    observer.observe(RUN[6])
    observer.close()
    assert "\x1b" not in stream.getvalue()
    assert event_row(RUN[6])["id"] == "狐狸\x1b[2J"


class Reader(io.StringIO):
    """A reader who is gone, or pauses until told."""

    def __init__(self, *, gone: bool = False) -> None:
        super().__init__()
        self.gone = gone
        self.writes = 0
        self.reached, self.go = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        self.writes += 1
        self.reached.set()
        if self.gone:
            raise BrokenPipeError
        assert self.go.wait(5)
        return super().write(text)


@pytest.mark.parametrize("kind", [PlainLines, JsonLines])
def test_a_closed_pipe_makes_an_observer_silent(kind: type[PlainLines | JsonLines]) -> None:
    """Whoever reads may leave; the run goes on, and nothing is written to a pipe that is known to be gone."""
    stream = Reader(gone=True)
    observer = kind(stream)
    observer.observe(RUN[0])
    assert stream.reached.wait(5)
    for event in RUN[1:]:
        observer.observe(event)
    observer.close()
    assert stream.writes == 1


def test_a_reader_who_pauses_stalls_nothing() -> None:
    """What is beyond the backlog is dropped, and the drop is told where it happened."""
    stream = Reader()
    outlet = Outlet(stream, lost=lambda number: f"lost {number}", backlog=3)
    outlet.write("first")
    assert stream.reached.wait(5)
    for number in range(10):
        outlet.write(f"{number}")
    stream.go.set()
    outlet.close()
    assert stream.getvalue().splitlines() == ["first", "0", "1", "2", "lost 7"]


def test_closing_does_not_wait_for_ever() -> None:
    """A reader who never comes back costs the end of a run a moment."""
    stream = Reader()
    outlet = Outlet(stream, lost=str)
    outlet.write("line")
    assert stream.reached.wait(5)
    outlet.close(timeout=0.01)
    outlet.write("after the end")
    stream.go.set()


def test_a_closed_stream_is_like_a_closed_pipe() -> None:
    """Nothing raises."""
    stream = io.StringIO()
    stream.close()
    observer = JsonLines(stream)
    observer.observe(RUN[0])
    observer.close()


def test_a_stream_that_forgives_is_still_the_stream() -> None:
    """A console asks it what it is; a stream that is closed is no terminal."""
    with Path(os.devnull).open("w", encoding="ascii") as null:
        stream = Forgiving(null)
        assert (stream.encoding, stream.isatty(), stream.fileno()) == ("ascii", False, null.fileno())
    assert not stream.isatty()
    assert stream.write("gone") == 4
    assert stream.silent
    assert Forgiving(io.StringIO()).encoding == "utf-8"


def test_an_encoding_that_cannot_say_it_gets_escapes() -> None:
    """A log in ASCII loses no line."""
    raw = io.BytesIO()
    observer = PlainLines(io.TextIOWrapper(raw, encoding="ascii"), zone=BEIJING)
    observer.observe(RUN[6])
    observer.close()
    assert b"\\u72d0\\u72f8" in raw.getvalue()
