"""Where a job stands, in the words people use: one word for each job, and how many there are of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from batchgen.model import Attempt, Charged, Fault, Reason, Record, Stage, State, Status

#: The service's word that it will not make this clip: sensitive prompt, invisible characters, sensitive result.
_REFUSALS = frozenset({"1026", "1027", "1042"})


class Standing(StrEnum):
    """Where a job stands.  A job has exactly one standing, the first that fits in this order but the last."""

    DISMISSED = "dismissed"
    HELD = "held"  # edited after it was paid for
    MISSING = "missing"  # its clip was stored and is gone
    DELIVERED = "delivered"
    WAITING = "waiting to be downloaded"
    UNDER_WAY = "under way"
    UNKNOWN = "unknown"
    REFUSED = "refused"
    FAILED = "failed"
    PENDING = "not submitted"


_BY_STATUS = {
    Status.PENDING: Standing.PENDING,
    Status.SUBMITTING: Standing.UNDER_WAY,
    Status.SUBMITTED: Standing.UNDER_WAY,
    Status.UNKNOWN: Standing.UNKNOWN,
    Status.GENERATED: Standing.WAITING,
}


def standing(record: Record) -> Standing:
    """Where the job stands."""
    newest = record.newest
    if record.dismissed is not None:
        return Standing.DISMISSED
    if record.changed:
        return Standing.HELD
    if record.status is Status.SUCCEEDED:
        return Standing.MISSING if newest and newest.missing else Standing.DELIVERED
    if record.status is Status.FAILED:
        return Standing.REFUSED if newest and refused(newest.fault) else Standing.FAILED
    return _BY_STATUS[record.status]


def refused(fault: Fault | None) -> bool:
    """Whether a failure is the service's refusal of what was asked, and not a generation that went wrong."""
    return fault is not None and (fault.stage is Stage.SUBMIT or fault.code in _REFUSALS)


@dataclass(slots=True)
class Tally:
    """How many jobs stand where, and how many were charged more than once.

    Jobs that have left the job file are not ``ordered``; those among them that were sent are counted apart.
    """

    ordered: int = 0
    standings: Counter[Standing] = field(default_factory=Counter)
    left: Counter[Standing] = field(default_factory=Counter)
    ordered_again: int = 0  # charged anew on the user's word: retry, resubmit, regenerate
    paid_twice: int = 0  # charged anew without it
    reused: int = 0  # of those delivered: clips that another folder paid for
    not_selected: int = 0  # jobs of the file that the command was not about; they count nowhere else

    def add_new(self, jobs: int, *, not_selected: int = 0) -> None:
        """Count jobs that nothing was ever sent for."""
        self.ordered += jobs
        self.not_selected += not_selected
        if jobs:
            self.standings[Standing.PENDING] += jobs

    def add(self, record: Record) -> None:
        """Count one job."""
        if not record.selected:
            self.not_selected += record.in_job_file
            return
        if record.in_job_file:
            self.ordered += 1
            where = standing(record)
            self.standings[where] += 1
            self.reused += where is Standing.DELIVERED and _is_reused(record)
        elif record.newest is not None:
            self.left[standing(record)] += 1
        charged = [attempt for attempt in record.attempts if _counts_as_charged(attempt)]
        self.ordered_again += any(attempt.reason is not Reason.FIRST for attempt in charged[1:])
        self.paid_twice += sum(attempt.reason is Reason.FIRST for attempt in charged) > 1


def _is_reused(record: Record) -> bool:
    return record.newest is not None and record.newest.reason is Reason.REUSE


def _counts_as_charged(attempt: Attempt) -> bool:
    return attempt.state is not State.NOT_ACCEPTED and attempt.charged is not Charged.NO
