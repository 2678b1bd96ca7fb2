"""What the command line says of an error, of the brake and of a result."""

from __future__ import annotations

from batchgen.app import ExitCode, RunResult
from batchgen.cli import screen
from batchgen.errors import (
    BatchgenError,
    Braked,
    DiskFull,
    FolderBusy,
    FolderNotWritable,
    JobFileError,
    LedgerNotWritable,
)
from batchgen.pipeline import Stop
from batchgen.reports.gallery import PAGE
from batchgen.reports.plain import Verbosity
from batchgen.reports.terminal import clean


def error(error: BatchgenError) -> int:
    """Tell an error; returns the exit code."""
    match error:
        case JobFileError(problems=found):
            screen.problems(found)
            number = "1 problem" if len(found) == 1 else f"{len(found)} problems"
            screen.say(f"batchgen: {number} in the job file; nothing was sent", error=True)
        case Braked():
            brake(error)
        case FolderBusy():
            screen.say(f"batchgen: {clean(str(error))}; nothing was sent", error=True)
            return ExitCode.BUSY
        case _:
            lines = map(clean, str(error).splitlines())
            screen.say("batchgen: " + "\n  ".join(lines), error=True)
    halted = isinstance(error, DiskFull | FolderNotWritable | LedgerNotWritable)
    return ExitCode.HALTED if halted else ExitCode.WRONG


def brake(brake: Braked) -> None:
    """Show both sides of an edit that would buy a whole set again."""
    lines = [f"batchgen: {brake}; nothing was sent", "  paid for, and no longer in the job file:"]
    lines += [f"    {clean(example)}" for example in brake.left_examples]
    lines += ["  new, and to be paid for:", *(f"    {clean(example)}" for example in brake.new_examples)]
    lines += [
        "  Jobs without an id are known by their request: an edit under `defaults` makes each a new one.",
        "  If that is what you want, run again with --accept-new; if not, undo the edit or give the jobs ids.",
    ]
    screen.say("\n".join(lines), error=True)


def result(result: RunResult, look: screen.Look) -> None:
    """What stands at the end, where the observers have not said it."""
    kind = screen.progress_kind(look)
    if kind == "json":
        return
    parts = [result.attention] if result.attention else []
    if look.verbosity > Verbosity.QUIET or result.attention:
        last = [] if kind == "plain" else [result.sentence]
        last += [result.cost] if result.cost else []
        if result.manifest.exists():
            what = "The clips, simulated ones," if result.simulated else "The clips"
            page = f"; to look at them: {PAGE}" if (result.output / PAGE).exists() else ""
            last.append(f"{what} and the manifest are in {clean(str(result.output))}{page}")
        parts += ["\n".join(last)] if last else []
    if result.stop is not None and result.stop.halts:
        parts.append(_halted(result.stop.halted_by or result.stop))
    if parts:
        screen.say("\n" + "\n\n".join(parts))


def _halted(stop: Stop) -> str:
    """Why a person must act, what to do, and what comes then."""
    then = f"{stop.remedy} Then the same command carries on." if stop.remedy else ""
    return "\n".join(filter(None, (f"Halted: {clean(stop.reason)}", then)))
