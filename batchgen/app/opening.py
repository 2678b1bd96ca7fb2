"""The ledger of a run, opened and with the job file's jobs in it.  All of this blocks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from batchgen.app import folder, lasting, reusing
from batchgen.app.loading import load
from batchgen.app.options import Options
from batchgen.app.place import Place
from batchgen.app.rebuilding import rebuild_from_manifest, refuse_after_rebuild
from batchgen.app.this_run import Run
from batchgen.app.tidying import tidy
from batchgen.budget import Kind, told_unpriced, unpriced
from batchgen.errors import Braked, ConfigError
from batchgen.ledger import Ledger, Staging, queries
from batchgen.ports import Reused
from batchgen.reports.words import count


def open_for(
    this: Run, staging: Staging, mark: str | None, *, staged: bool = True
) -> tuple[Ledger, queries.Standing]:
    """The ledger with the job file's jobs in it, and how they stand.

    They need not be ``staged`` where it has those of this mark.
    """
    place, options = this.place, this.options
    sources = [reusing.source_of(folder, place) for folder in options.reuse_from]
    ledger = open_ledger(place, options, this.now(), this.warn, visit=not this.submit)
    try:
        with folder.looking(ledger, place.output, thorough=options.restore_missing) as look:
            try:
                _bring_in(this, ledger, staging, mark, staged=staged)
            except Braked as brake:
                if this.submit:
                    raise
                this.warn(f"{brake}; until a run has accepted them with --accept-new the old jobs count")
            clips = look.result()
        tidy(this, ledger, sources, clips)
        if this.submit:
            folder.refuse_merged(ledger, place.output)
            lasting.keep(ledger, place.name, place.lasting)
            _reuse(this, ledger, sources)
        standing = ledger.ask(lambda db: queries.standing(db, place.name, ledger.among))
        if this.submit and standing.to_submit:
            kinds = ledger.ask(lambda db: queries.to_submit_by_kind(db, place.name, ledger.among))
            refuse_unpriced(place, options, kinds)
            if options.rebuild_ledger:
                refuse_after_rebuild(place, standing.to_submit)
    except BaseException:
        ledger.close()
        raise
    return ledger, standing


def _reuse(this: Run, ledger: Ledger, sources: Sequence[reusing.Source]) -> None:
    """Take what others have paid for, and tell."""
    for source in sources:
        outcome = reusing.reuse(ledger, this.place, source, this.now, stopped=this.stopper.asked)
        this.tell(Reused(at=this.now(), clips=outcome.reused, folder=outcome.folder))
        if outcome.unusable_number:
            this.warn(
                f"{count(outcome.unusable_number, 'clip')} of {outcome.folder} can't be reused: "
                + "; ".join(outcome.unusable)
            )


def _bring_in(this: Run, ledger: Ledger, staging: Staging, mark: str | None, *, staged: bool) -> None:
    place, options = this.place, this.options
    regenerate = options.regenerate_changed and this.submit and not options.selection
    if not staged:
        if mark is not None and ledger.carry_on(
            place.name, mark, exists=place.job_file_exists, regenerate_changed=regenerate
        ):
            return
        load(place.job_file, staging, shard=place.shard)  # somebody was here meanwhile
    ledger.reconcile(
        staging,
        place.name,
        exists=place.job_file_exists,
        accept_new=options.accept_new,
        regenerate_changed=regenerate,
        mark=mark,
    )


def open_ledger(
    place: Place, options: Options, now: datetime, warn: Callable[[str], None], *, visit: bool = False
) -> Ledger:
    """Open or begin the ledger of a folder, or restore it from the manifest.  Raises LedgerError.

    ``visit``: the service may be one that the ledger belonged to earlier, as nothing new is sent there.
    """
    if options.rebuild_ledger:
        rebuild_from_manifest(place, now, warn)
    folder.refuse_without_ledger(place.output, place.ledger)
    folder.refuse_unusable(place.output, place.ledger)
    ledger = Ledger.open(
        place.ledger, origin=place.origin, now=now, switch=options.switch_service, visit=visit
    )
    try:
        ledger.settle_output(os.path.relpath(place.output, place.ledger.parent))
        ledger.settle_shard(place.shard)
        reusing.settle_unfinished(ledger, place.output, now, writable=True)
    except BaseException:
        ledger.close()
        raise
    return ledger


def refuse_unpriced(place: Place, options: Options, kinds: Iterable[Kind]) -> None:
    """Raise ConfigError when a cap in cost must cover clips that have no price."""
    missing = unpriced(place.settings.budget, kinds, max_cost=options.max_cost)
    if missing:
        raise ConfigError(told_unpriced(missing))
