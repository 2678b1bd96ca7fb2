"""Jobs that need attention, grouped by reason, with their commands."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from rich.cells import cell_len

from batchgen.model import Charged, Fault, Record, State
from batchgen.reports.attention import Attention
from batchgen.reports.commands import Commands
from reports.records import BROKE, SENSITIVE, STALLED, attempt, delivered, record


def report(
    *records: Record, job_file: str = "jobs.yaml", width: int = 100, options: tuple[str, ...] = ()
) -> str:
    """The report on these jobs."""
    attention = Attention(
        Commands(job_file=job_file, options=options), manifest="output/manifest.jsonl", width=width
    )
    for one in records:
        attention.add(one)
    return attention.render()


LINE = "    book  jobs.yaml:12  A man picks up a book [Pedestal up]."


@pytest.mark.parametrize(
    ("of", "lines"),
    [
        (
            record(attempt(State.UNKNOWN)),
            [
                "1 job with an unknown outcome, perhaps charged: connection lost (code lost)",
                LINE,
                "  Look in the provider's console. Where there is a task:",
                "    batchgen adopt jobs.yaml book TASK_ID",
                "  Where there is none, order again:",
                "    batchgen retry jobs.yaml book --unknown",
            ],
        ),
        (
            record(attempt(missing=True)),
            [
                "1 job delivered once, but the clip is no longer there or no longer whole",
                LINE,
                "  Fetch it again, if the service still has it:",
                "    batchgen jobs.yaml --restore-missing",
            ],
        ),
        (
            record(attempt(State.GENERATED, fault=STALLED)),
            [
                "1 job finished at the service, but not yet on disk: host is silent (code download)",
                LINE,
                "  Fetch (nothing new is ordered):",
                "    batchgen collect jobs.yaml",
            ],
        ),
        (
            record(attempt(State.SUBMITTED)),
            [
                "1 job still at the service",
                LINE,
                "  Wait and fetch (nothing new is ordered):",
                "    batchgen collect jobs.yaml",
            ],
        ),
        (
            record(attempt(State.FAILED, fault=SENSITIVE, charged=Charged.NO)),
            [
                "1 job refused by the service: input is sensitive (code 1026)",
                LINE,
                "  Change the prompt or the parameters in the job file, then:",
                "    batchgen jobs.yaml",
                "  Or settle it:",
                "    batchgen dismiss jobs.yaml book --reason REASON",
            ],
        ),
        (
            record(attempt(State.FAILED)),
            [
                "1 job failed at the service: unknown error (code 1000)",
                LINE,
                "  Order again (may cost again):",
                "    batchgen retry jobs.yaml --failed",
            ],
        ),
        (
            record(attempt(), changed=True),
            [
                "1 job held: edited after being paid for",
                LINE,
                "  Order it as it reads now (costs again):",
                "    batchgen jobs.yaml --regenerate-changed",
                "  Or keep the earlier clip:",
                "    batchgen dismiss jobs.yaml book --reason REASON",
            ],
        ),
        (record(), ["1 job not submitted", LINE, "  Carry on:", "    batchgen jobs.yaml"]),
        (delivered("a"), []),
        (record(attempt(State.FAILED), dismissed="no"), []),
        (record(attempt(State.FAILED), in_job_file=False), []),
        (record(in_job_file=False), []),
    ],
)
def test_each_reason_has_its_command(of: Record, lines: list[str]) -> None:
    """What is delivered, settled or no longer ordered needs nobody."""
    assert report(of).splitlines() == lines


@pytest.mark.parametrize("state", [State.UNKNOWN, State.SUBMITTED, State.GENERATED])
def test_what_was_paid_for_is_told_after_it_left_the_job_file(state: State) -> None:
    """Leaving the file does not make a clip free."""
    assert report(record(attempt(state), in_job_file=False)).startswith("1 job ")


def test_ten_ids_are_shown_and_the_manifest_has_the_rest() -> None:
    """The report stays readable and bounded, and its command covers all."""
    lines = report(*(record(attempt(State.UNKNOWN), id=f"job-{n}") for n in range(47))).splitlines()
    assert lines[0].startswith("47 jobs with an unknown outcome")
    assert [line.split()[0] for line in lines[1:11]] == [f"job-{n}" for n in range(10)]
    assert lines[11] == "    and 37 more: see output/manifest.jsonl"
    assert lines[-1] == "    batchgen retry jobs.yaml --unknown"


def test_exactly_ten_are_all() -> None:
    """No "and 0 more"."""
    assert "more: see" not in report(*(record(id=f"job-{n}") for n in range(10)))


def test_reasons_are_told_apart_by_code_and_money_comes_first() -> None:
    """A message may differ from job to job, the code does not."""
    other = replace(BROKE, message="another wording")
    text = report(
        record(id="p"),
        record(attempt(State.FAILED), id="f"),
        record(attempt(State.FAILED, fault=other), id="g"),
        record(attempt(State.FAILED, fault=SENSITIVE), id="r"),
        record(attempt(State.UNKNOWN), id="u"),
    )
    assert [paragraph.split(":")[0] for paragraph in text.split("\n\n")] == [
        "1 job with an unknown outcome, perhaps charged",
        "1 job refused by the service",
        "2 jobs failed at the service",
        "1 job not submitted\n    p  jobs.yaml",
    ]
    assert "batchgen retry jobs.yaml f g" in text


def test_a_service_that_invents_codes_does_not_fill_the_report() -> None:
    """Reasons beyond thirty are told as one."""
    faults = (Fault(code=f"x{n}", message="m", stage=BROKE.stage) for n in range(500))
    text = report(*(record(attempt(State.FAILED, fault=fault)) for fault in faults))
    assert len(text.split("\n\n")) == 31
    assert "470 jobs failed at the service: various reasons" in text


@pytest.mark.parametrize(
    ("job_file", "job_id", "words"),
    [
        ("my jobs.yaml", "狐狸", ["batchgen", "retry", "my jobs.yaml", "狐狸", "-o", "a b", "--unknown"]),
        ("$(rm -rf x).yaml", "a", ["batchgen", "retry", "$(rm -rf x).yaml", "a", "-o", "a b", "--unknown"]),
        ("-x.yaml", "a", ["batchgen", "retry", "./-x.yaml", "a", "-o", "a b", "--unknown"]),
        ("jobs.yaml", "-a", ["batchgen", "retry", "-o", "a b", "--unknown", "--", "jobs.yaml", "-a"]),
    ],
)
def test_commands_survive_the_shell(job_file: str, job_id: str, words: list[str]) -> None:
    """What is pasted reaches batchgen as it was meant, with the user's own options."""
    commands = Commands(job_file=job_file, options=("-o", "a b"))
    assert shlex.split(commands.retry([job_id], "--unknown")) == words


def test_lines_fit_and_nothing_in_them_acts() -> None:
    """Wide characters count as two; control characters are written out."""
    text = report(record(id="狐狸", prompt="狐狸\x1b[31m\n在雪地里\u202e奔跑" * 30), width=60)
    assert max(map(cell_len, text.splitlines())) <= 60
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "狐狸\\x1b[31m 在雪地里" in text
