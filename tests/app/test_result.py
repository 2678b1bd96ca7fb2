"""The exit code of a run: of several that apply, the one for which most must be done."""

from __future__ import annotations

from typing import Any

import pytest

from batchgen.app.result import exit_code
from batchgen.ledger.queries import Standing
from batchgen.model import Status
from batchgen.pipeline import Stop, StopKind


def _standing(**given: Any) -> Standing:  # noqa: ANN401  numbers of jobs
    counts = dict.fromkeys(Status, 0) | given.pop("counts", {})
    zero = dict.fromkeys(("to_submit", "held", "dismissed", "open_elsewhere", "unsettled", "missing"), 0)
    return Standing(counts=counts, **{**zero, **given})


DONE = _standing(counts={Status.SUCCEEDED: 3})
FAILED = _standing(counts={Status.FAILED: 1}, unsettled=1)
PENDING = _standing(counts={Status.PENDING: 1}, to_submit=1, unsettled=1)
UNDER_WAY = _standing(counts={Status.SUBMITTED: 1}, unsettled=1)
ELSEWHERE = _standing(open_elsewhere=1)

SIGNAL, MAX_CLIPS, HALT, KEY = (
    Stop(kind=kind, reason="")
    for kind in (StopKind.SIGNAL, StopKind.MAX_CLIPS, StopKind.HALT, StopKind.KEY_REFUSED)
)
INTERRUPTED_HALT = Stop(
    kind=StopKind.SIGNAL, reason="", halted_by=Stop(kind=StopKind.HALT, reason="no balance")
)


@pytest.mark.parametrize(
    ("standing", "stop", "written", "code"),
    [
        (DONE, None, True, 0),
        (FAILED, None, True, 1),
        (UNDER_WAY, None, True, 1),
        (ELSEWHERE, None, True, 1),
        (PENDING, None, True, 1),  # a collect
        (DONE, HALT, True, 3),
        (PENDING, HALT, True, 3),
        (PENDING, KEY, True, 3),
        (PENDING, INTERRUPTED_HALT, True, 3),
        (DONE, None, False, 3),
        (PENDING, SIGNAL, False, 3),
        (PENDING, SIGNAL, True, 4),
        (UNDER_WAY, SIGNAL, True, 4),
        (ELSEWHERE, SIGNAL, True, 4),
        (DONE, SIGNAL, True, 0),
        (PENDING, MAX_CLIPS, True, 4),
        (UNDER_WAY, MAX_CLIPS, True, 1),
        (DONE, MAX_CLIPS, True, 0),
    ],
)
def test_exit_codes(standing: Standing, stop: Stop | None, *, written: bool, code: int) -> None:
    """Halted before unfinished, unfinished before unsettled, unsettled before done."""
    assert exit_code(standing, stop, written=written) == code
