"""Every job that needs a person, grouped by reason, with the command that deals with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len

from batchgen.errors import FileTaken
from batchgen.model import Charged, Record
from batchgen.reports.commands import Commands
from batchgen.reports.rows import fault_of
from batchgen.reports.standing import Standing, standing
from batchgen.reports.terminal import clean, pad, shorten
from batchgen.reports.words import count

SHOWN = 10
#: So many reasons are told apart; a service that invents a code for each job gets no more.
_REASONS = 30

#: In the order of the report: what may cost money first.
_ORDER = (
    Standing.UNKNOWN,
    Standing.MISSING,
    Standing.WAITING,
    Standing.UNDER_WAY,
    Standing.REFUSED,
    Standing.FAILED,
    Standing.HELD,
    Standing.PENDING,
)
_HEADS = {
    Standing.UNKNOWN: "with an unknown outcome, perhaps charged",
    Standing.MISSING: "delivered once, but the clip is no longer there or no longer whole",
    Standing.WAITING: "finished at the service, but not yet on disk",
    Standing.UNDER_WAY: "still at the service",
    Standing.REFUSED: "refused by the service",
    Standing.FAILED: "failed at the service",
    Standing.HELD: "held: edited after being paid for",
    Standing.PENDING: "not submitted",
}


@dataclass(frozen=True, slots=True)
class _Line:
    """What is shown of one job."""

    id: str
    source: str
    prompt: str


@dataclass(slots=True)
class _Group:
    """The jobs that need attention for one reason; ``lines`` has the first of them."""

    standing: Standing
    message: str
    code: str
    in_job_file: bool
    charged: bool  # perhaps: a job that is edited after it is held
    number: int = 0
    lines: list[_Line] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [line.id for line in self.lines]

    @property
    def whole(self) -> bool:
        return self.number == len(self.lines)


class Attention:
    """Takes records one by one, keeps a bounded few of each reason, and words the report at the end."""

    def __init__(self, commands: Commands, *, manifest: str, width: int = 100) -> None:
        """``manifest`` is named where not all ids are shown; lines aim at ``width`` cells."""
        self._commands = commands
        self._manifest = manifest
        self._width = width
        self._groups: dict[tuple[Standing, str, str, bool, bool], _Group] = {}

    def add(self, record: Record) -> None:
        """Look at one job.  One that has left the file needs attention only for what it has cost."""
        where = standing(record)
        if where not in _ORDER or not (record.in_job_file or where in _ORDER[:4]):
            return
        fault = None if where in {Standing.HELD, Standing.MISSING} else fault_of(record)
        code = fault.code if fault else ""
        charged = where is Standing.REFUSED and bool(
            record.newest and record.newest.charged is not Charged.NO
        )
        message = fault.message if fault else ""
        group = self._group(where, code, message, in_job_file=record.in_job_file, charged=charged)
        group.number += 1
        if len(group.lines) < SHOWN:
            prompt = record.prompt[: 4 * self._width]
            group.lines.append(_Line(record.id, str(record.source), prompt))

    def add_new(self, first: Sequence[Record], number: int) -> None:
        """Count jobs that nothing was ever sent for; ``first`` are as many of them as can be shown."""
        for record in first:
            self.add(record)
        if first:
            group = self._group(Standing.PENDING, "", "", in_job_file=True, charged=False)
            group.number += number - len(first)

    def _group(self, where: Standing, code: str, message: str, *, in_job_file: bool, charged: bool) -> _Group:
        # The service's codes each have one meaning, whatever it says with them; our own words may have several.
        wording = "" if code.isdigit() else message
        key = (where, code, wording, in_job_file, charged)
        if key not in self._groups and len(self._groups) >= _REASONS:
            code, message = "", "various reasons"
            key = (where, "", "", in_job_file, charged)
        text = f"{message} (code {code})" if code and message else message or code
        return self._groups.setdefault(key, _Group(where, text[:1000], code, in_job_file, charged))

    def render(self) -> str:
        """The report as plain text without a final newline; empty when no job needs attention."""
        groups = sorted(self._groups.values(), key=lambda group: _ORDER.index(group.standing))
        return "\n\n".join("\n".join(self._paragraph(group)) for group in groups)

    def _paragraph(self, group: _Group) -> Iterator[str]:
        why = f": {clean(group.message)}" if group.message else ""
        left = "" if group.in_job_file else ", no longer in the job file"
        yield f"{count(group.number, 'job')} {_HEADS[group.standing]}{left}{why}"
        yield from self._jobs(group)
        for advice, command in self._remedies(group):
            yield f"  {advice}"
            if command:
                yield f"    {command}"

    def _jobs(self, group: _Group) -> Iterator[str]:
        ids = max(cell_len(clean(line.id)) for line in group.lines)
        for line in group.lines:
            head = f"    {pad(clean(line.id), min(ids, 40))}  {clean(line.source)}  "
            room = self._width - cell_len(head)
            yield (head + shorten(line.prompt, room) if room >= 10 else head).rstrip()
        if not group.whole:
            yield f"    and {group.number - len(group.lines)} more: see {clean(self._manifest)}"

    def _remedies(self, group: _Group) -> list[tuple[str, str]]:
        """Each piece of advice with its command."""
        commands, ids = self._commands, group.ids
        match group.standing:
            case Standing.UNKNOWN:
                return self._unknown(group)
            case Standing.MISSING:
                return [("Fetch it again, if the service still has it:", commands.run("--restore-missing"))]
            case Standing.WAITING:
                first = "Move that file away, then fetch" if group.code == FileTaken.code else "Fetch"
                return [(f"{first} (nothing new is ordered):", commands.collect())]
            case Standing.UNDER_WAY:
                return [("Wait and fetch (nothing new is ordered):", commands.collect())]
            case Standing.REFUSED:
                again = ("--regenerate-changed",) if group.charged else ()
                return [
                    ("Change the prompt or the parameters in the job file, then:", commands.run(*again)),
                    ("Or settle it:", commands.dismiss(ids)),
                ]
            case Standing.FAILED:
                return [("Order again (may cost again):", self._retry_failed(group))]
            case Standing.HELD:
                return [
                    ("Order it as it reads now (costs again):", commands.run("--regenerate-changed")),
                    ("Or keep the earlier clip:", commands.dismiss(ids)),
                ]
            case _:
                return [("Carry on:", commands.run())]

    def _unknown(self, group: _Group) -> list[tuple[str, str]]:
        """A person must look; only a job that still stands in the file can be ordered again."""
        commands = self._commands
        console = ("Look in the provider's console. Where there is a task:", commands.adopt(group.ids[0]))
        if not group.in_job_file:
            return [console, ("Where there is none, settle it:", commands.dismiss(group.ids))]
        named = group.ids if group.whole else ()
        return [console, ("Where there is none, order again:", commands.retry(named, "--unknown"))]

    def _retry_failed(self, group: _Group) -> str:
        """``--failed`` orders every failed job again, so it is the command only when that is what is meant."""
        failures = [g for g in self._groups.values() if g.standing in {Standing.FAILED, Standing.REFUSED}]
        if group.whole and len(failures) > 1:
            return self._commands.retry(group.ids)
        return self._commands.retry((), "--failed")
