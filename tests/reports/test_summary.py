"""The sentence, the counts behind it, and the plan."""

from __future__ import annotations

import pytest

from batchgen.model import Charged, Fault, Reason, Record, Stage, State, Status
from batchgen.reports.plan import plan_table
from batchgen.reports.standing import Standing, Tally, standing
from batchgen.reports.summary import sentence, status_table
from reports.records import SENSITIVE, attempt, delivered, record

REFUSED_RESULT = Fault(code="1027", message="result is sensitive", stage=Stage.GENERATE)


def tally(*records: Record) -> Tally:
    """The counts of these jobs."""
    found = Tally()
    for one in records:
        found.add(one)
    return found


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (record(), Standing.PENDING),
        (record(attempt(State.NOT_ACCEPTED)), Standing.PENDING),
        (record(attempt(State.FAILED), status=Status.PENDING), Standing.PENDING),
        (record(attempt(State.SUBMITTING)), Standing.UNDER_WAY),
        (record(attempt(State.SUBMITTED)), Standing.UNDER_WAY),
        (record(attempt(State.GENERATED)), Standing.WAITING),
        (record(attempt()), Standing.DELIVERED),
        (record(attempt(missing=True)), Standing.MISSING),
        (record(attempt(), changed=True), Standing.HELD),
        (record(attempt(), changed=True, dismissed="fine as it is"), Standing.DISMISSED),
        (record(attempt(State.UNKNOWN)), Standing.UNKNOWN),
        (record(attempt(State.FAILED)), Standing.FAILED),
        (record(attempt(State.FAILED, fault=None)), Standing.FAILED),
        (record(attempt(State.FAILED, fault=SENSITIVE)), Standing.REFUSED),
        (record(attempt(State.FAILED, fault=REFUSED_RESULT)), Standing.REFUSED),
        (record(attempt(State.FAILED), dismissed=""), Standing.DISMISSED),
    ],
)
def test_every_job_has_one_standing(of: Record, expected: Standing) -> None:
    """The user's word comes before the ledger's, a missing clip is not delivered."""
    assert standing(of) is expected


REFUSED = record(attempt(State.FAILED, fault=SENSITIVE, charged=Charged.NO))
UNKNOWN = record(attempt(State.UNKNOWN, charged=Charged.PERHAPS))
RETRIED = record(attempt(State.FAILED), attempt(reason=Reason.RETRY))


@pytest.mark.parametrize(
    ("records", "cost", "expected"),
    [
        (
            (*[delivered("a")] * 197, REFUSED, REFUSED, UNKNOWN),
            "398 CNY",
            "200 ordered, 197 delivered, 2 refused, 1 unknown; 398 CNY; nothing paid twice.",
        ),
        ((), None, "0 ordered, 0 delivered; nothing paid twice."),
        ((delivered("a"),), None, "1 ordered, 1 delivered; nothing paid twice."),
        ((UNKNOWN,), None, "1 ordered, 0 delivered, 1 unknown; nothing paid twice."),
        (
            (
                record(attempt(State.SUBMITTED)),
                record(attempt(State.GENERATED)),
                record(attempt(State.FAILED)),
                record(attempt(), changed=True),
                record(attempt(missing=True)),
                record(),
                record(attempt(State.FAILED), dismissed="no"),
            ),
            None,
            (
                "7 ordered, 0 delivered, 1 under way, 1 waiting to be downloaded, 1 failed, 1 held, 1 missing, "
                "1 not submitted, 1 dismissed; nothing paid twice."
            ),
        ),
        (
            (delivered("a"), RETRIED),
            None,
            "2 ordered, 2 delivered; 1 ordered again by you, nothing else paid twice.",
        ),
        (
            (delivered("a"), record(attempt(), in_job_file=False), record(in_job_file=False)),
            None,
            "1 ordered, 1 delivered; 1 job sent earlier has left the job file (1 delivered); nothing paid twice.",
        ),
        (
            (record(attempt(), in_job_file=False), record(attempt(State.UNKNOWN), in_job_file=False)),
            None,
            (
                "0 ordered, 0 delivered; 2 jobs sent earlier have left the job file (1 delivered, 1 unknown); "
                "nothing paid twice."
            ),
        ),
    ],
)
def test_the_sentence(records: tuple[Record, ...], cost: str | None, expected: str) -> None:
    """Everything ordered is accounted for, in one line."""
    assert sentence(tally(*records), cost) == expected


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        ((attempt(),), "nothing paid twice."),
        ((attempt(State.NOT_ACCEPTED, charged=Charged.PERHAPS), attempt()), "nothing paid twice."),
        ((attempt(State.FAILED, charged=Charged.NO), attempt(reason=Reason.RETRY)), "nothing paid twice."),
        (
            (attempt(State.UNKNOWN, charged=Charged.PERHAPS), attempt(reason=Reason.RESUBMIT)),
            "1 ordered again by you",
        ),
        ((attempt(), attempt(reason=Reason.REGENERATE)), "1 ordered again by you"),
        ((attempt(), attempt()), "1 perhaps paid twice."),
        (
            (attempt(), attempt(), attempt(reason=Reason.RETRY)),
            "1 perhaps paid twice, 1 ordered again by you.",
        ),
    ],
)
def test_nothing_paid_twice_is_claimed_only_where_it_is_true(attempts: tuple[object, ...], told: str) -> None:
    """Possibly charged counts as charged; what the user ordered again is not an accident."""
    assert told in sentence(tally(record(*attempts)))  # type: ignore[arg-type]


def test_the_status_table() -> None:
    """Counts stand right, words left, and jobs that have left the file apart."""
    found = tally(*[delivered("a")] * 10, UNKNOWN, record(attempt(State.SUBMITTED), in_job_file=False))
    assert status_table(found).splitlines() == [
        "10  delivered  the clip is on disk, verified",
        " 1  unknown    perhaps accepted, perhaps charged",
        "11  ordered",
        "",
        "Sent earlier, and no longer in the job file:",
        "1  under way  at the service",
    ]


def test_the_status_of_an_empty_job_file() -> None:
    """Nothing ordered is told as such."""
    assert status_table(Tally()) == "0  ordered"


def test_the_plan() -> None:
    """A line per kind of clip; wide characters count as two cells; jobs that left the file are no plan."""
    jobs = [
        record(),
        record(attempt(State.GENERATED)),
        record(resolution="1080P"),
        REFUSED,
        record(attempt(), model="海螺", duration=10),
        record(attempt(), changed=True),
        UNKNOWN,
        record(in_job_file=False),
    ]
    assert plan_table(jobs).splitlines() == [
        "model               resolution  length  new  under way  done  failed  unknown  held  clips",
        "MiniMax-Hailuo-2.3  1080P       6 s       1          0     0       0        0     0      1",
        "MiniMax-Hailuo-2.3  768P        6 s       1          1     0       1        1     1      5",
        "海螺                768P        10 s      0          0     1       0        0     0      1",
        "all                                       2          1     1       1        1     1      7",
    ]


def test_the_plan_tells_missing_and_dismissed_only_where_there_are_any() -> None:
    """Two columns that are rarely needed."""
    head, *_ = plan_table([record(attempt(missing=True)), record(dismissed="no")]).splitlines()
    assert head.split()[-3:] == ["missing", "dismissed", "clips"]
