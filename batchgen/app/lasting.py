"""What a run was started with that the commands after it go by: its edition, and what a table was given.

The next morning `status` must look at the clips of the night, whatever the day is now; and a table that was run
with ``--default duration=10`` is that table only with it.  So both are facts of the ledger, by job file.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from batchgen.errors import ConfigError
from batchgen.jobfile import Wrong, checked_edition, edition_on
from batchgen.ledger import Ledger
from batchgen.ledger.peeking import fact_of
from batchgen.settings import Settings

Given = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """An edition, and keys with values for the rows of a table."""

    edition: str | None = None
    given: Given = ()


def last_run(ledger: Path, job_file: str) -> Lasting:
    """What the last run of a job file (relative to the output folder) was started with.  Blocks."""
    text = fact_of(ledger, _fact(job_file))
    try:
        known = json.loads(text or "{}")
        given = tuple((str(key), str(value)) for key, value in known.get("given", []))
        return Lasting(edition=known.get("edition"), given=given)
    except (ValueError, TypeError, AttributeError):  # not what a run wrote: as if there had been none
        return Lasting()


def keep(ledger: Ledger, job_file: str, lasting: Lasting) -> None:
    """Write down what this run was started with.  Blocks."""
    name, text = _fact(job_file), json.dumps({"edition": lasting.edition, "given": lasting.given})
    known = ledger.fact(name)
    if text != known and (known or lasting != Lasting()):
        ledger.change(lambda db: db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, text)))


def _fact(job_file: str) -> str:
    return f"last run of {job_file}"


def edition(settings: Settings, said: str | None, last: Lasting, starts: date | None) -> str | None:
    """The edition that a command is about: the one said; for a run that of its day, else that of the last run.

    ``starts`` is the local day on which a run would start.  Raises ConfigError.
    """
    if said is not None:
        return _said(settings, said)
    if settings.edition is None:
        return None
    if starts is None and last.edition is not None:
        return last.edition
    return edition_on(settings.edition, starts)


def _said(settings: Settings, said: str) -> str:
    if settings.edition is None:
        raise ConfigError('--edition needs an edition in the job file, such as `edition: "{date}"`')
    if "{" in said and "{{" not in settings.edition:  # else it may be what the job file says itself
        raise ConfigError(f"--edition {said}: it is taken to the letter; {_EXAMPLE}")
    try:
        return checked_edition(said)
    except Wrong as wrong:
        raise ConfigError(f"--edition {wrong.message}; {_EXAMPLE}") from None


_EXAMPLE = "write for example 2026-07-31, or leave it out for that of today"


def told(given: Sequence[tuple[str, str]]) -> str:
    """The options that say this."""
    return " ".join(f"--default {key}={value}" for key, value in given)
