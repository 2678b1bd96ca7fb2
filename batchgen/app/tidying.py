"""What the last run left open, and what the user's standing orders say of it.  All of this blocks."""

from __future__ import annotations

from collections.abc import Sequence

from batchgen.app import folder
from batchgen.app.reusing import Source, restore_reused
from batchgen.app.this_run import Run
from batchgen.ledger import Ledger, orders, queries
from batchgen.settings import OnUnknown

_SHOWN = 5


def tidy(this: Run, ledger: Ledger, sources: Sequence[Source], clips: folder.Look) -> None:
    """What the last run left open, and what the user's standing orders say of it.

    ``sources``: folders from which clips may be taken; ``clips``: what was found of those that should stand.
    """
    place, options = this.place, this.options
    interrupted = ledger.change(orders.interrupted)
    if interrupted:
        this.warn(
            f"the last run ended while {_few(interrupted)} {_were(interrupted)} being submitted: "
            "perhaps accepted, perhaps charged"
        )
    ledger.select(options.selection, place.name)
    if this.submit and options.regenerate_changed and options.selection:
        ledger.change(lambda db: orders.regenerate_changed(db, place.name, ledger.among))
    if this.submit and place.settings.on_unknown is OnUnknown.RESUBMIT:
        again = ledger.change(lambda db: orders.resubmit_unknown(db, place.name, ledger.among))
        if again:
            this.warn(f"ordered again by on_unknown: resubmit: {_few(again)}")
    scan = folder.note(ledger, clips)
    if scan.number and options.restore_missing:
        folder.set_damaged_aside(ledger, place.output)
        ledger.change(orders.restore_missing)
        restore_reused(ledger, place, sources, this.now())
    elif scan.number:
        this.warn(
            f"{scan.number} stored clips are missing or damaged ({_few(scan.missing, scan.number)}); "
            "--restore-missing fetches them again if the service still has them"
        )
    for origin, number in ledger.ask(lambda db: queries.open_at_others(db, place.origin)).items():
        at = "1 submission is" if number == 1 else f"{number} submissions are"
        this.warn(
            f"{at} under way at {origin}; this brings in what is there: {this.commands.at(origin).collect()}"
        )


def _few(ids: Sequence[str], number: int | None = None) -> str:
    shown = ", ".join(ids[:_SHOWN])
    more = (len(ids) if number is None else number) - min(len(ids), _SHOWN)
    return f"{shown} and {more} more" if more else shown


def _were(ids: Sequence[str]) -> str:
    return "was" if len(ids) == 1 else "were"
