"""Where a job file's output goes, and to which service its jobs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from batchgen import names
from batchgen.app.lasting import Lasting, edition, last_run
from batchgen.app.options import Options
from batchgen.download.places import absolute
from batchgen.errors import ConfigError
from batchgen.hailuo import normal_origin
from batchgen.jobfile import CLEAR_TEXT, JobFile, is_clear_text, open_job_file, parse_base_url
from batchgen.ledger.portions import Shard
from batchgen.settings import Settings

SIMULATED = "simulated"
LEDGER = "ledger.sqlite3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A job file with everything that it and the options name, resolved."""

    job_file: JobFile
    name: str  # of the job file, relative to the output folder: by it the ledger knows whose a job is
    settings: Settings
    output: Path
    ledger: Path
    base_url: str
    origin: str  # as the ledger keeps it
    simulated: bool
    lasting: Lasting  # the edition of this command, and what its table is given
    recalled: bool  # the latter by the last run, and not by this command
    shard: Shard | None = None

    @property
    def day(self) -> str | None:
        """The edition, where a run of another day would have another one."""
        return None if self.lasting.edition == self.settings.edition else self.lasting.edition

    @property
    def clear_text(self) -> bool:
        """Whether the key travels unencrypted, by the user's word."""
        return not self.simulated and is_clear_text(self.origin)

    def job_file_exists(self, name: str) -> bool:
        """Whether another job file, named relative to the output folder, is still there."""
        return (self.output / name).exists()


def resolve(path: Path, options: Options, starts: date | None = None) -> Place:
    """Read the head of a job file and settle where everything is.  Blocks.  Raises JobFileError or ConfigError.

    ``starts``: the local day on which a run starts; without it the edition is that of the last run.
    """
    job_file = open_job_file(path, allow_http=options.allow_http, given=options.defaults)
    settings = options.applied_to(job_file.settings)
    home = path.absolute().parent
    output = absolute(options.output or home / settings.output)
    ledger = home / settings.ledger if settings.ledger else output / LEDGER
    if _stands(output) and not output.is_dir():
        raise ConfigError(f"{output}: the output folder is not a folder")
    _stands(ledger)
    if options.simulate:
        output /= SIMULATED
        if output.is_symlink():
            raise ConfigError(
                f"{output}: a symbolic link is not followed from the output folder; move it away"
            )
        ledger = output / LEDGER
    base_url = options.base_url or settings.service.base_url
    if options.base_url is not None:  # the job file's own was looked at with the rest of the file
        _refuse_address(base_url, allow_http=settings.service.allow_http)
    name = as_text(os.path.relpath(path.absolute(), output))
    as_text(os.path.relpath(output, ledger.parent))
    last = last_run(ledger, name) if settings.edition or job_file.table else Lasting()
    recalled = bool(job_file.table and last.given and not options.defaults)
    if recalled:
        job_file = open_job_file(path, given=last.given)
    lasting = Lasting(
        edition=edition(settings, options.edition, last, starts),
        given=last.given if recalled else options.defaults,
    )
    return Place(
        job_file=replace(job_file, edition=lasting.edition),
        name=name,
        settings=settings,
        output=output,
        ledger=ledger,
        base_url=base_url,
        origin=SIMULATED if options.simulate else normal_origin(base_url),
        simulated=options.simulate,
        shard=options.shard,
        lasting=lasting,
        recalled=recalled,
    )


def _stands(path: Path) -> bool:
    """Whether anything is there.

    Raises ConfigError when nothing can be: letters that names can't have, a name too long, links in a circle.
    """
    if not names.can_name(str(path)):
        raise ConfigError(
            f"{path}: no file can have this name: the encoding of this locale is {names.ENCODING}; {names.REMEDY}"
        )
    try:
        return path.exists()
    except OSError as error:
        raise ConfigError(f"{path}: this path can't be used: {error.strerror}") from error


def as_text(path: str) -> str:
    """A path that the ledger is to keep.  Raises ConfigError when it is none that can be written down."""
    if not names.is_text(path):
        raise ConfigError(f"{path}: this path can't be written down: {names.NO_TEXT}; {names.RENAME}")
    return path


def _refuse_address(base_url: str, *, allow_http: bool) -> None:
    """Raise ConfigError for what would be refused in the job file: a script gives it as it likes."""
    try:
        parse_base_url(base_url)
    except ValueError as error:
        raise ConfigError(f"the service's base URL is refused: {error}") from None
    if is_clear_text(base_url) and not allow_http:
        raise ConfigError(
            f"{normal_origin(base_url)}: {CLEAR_TEXT}; write https://, or, in a network that you trust with the "
            "key, add --allow-http"
        )
