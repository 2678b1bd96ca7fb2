"""The keys below `budget:`, declared once."""

from __future__ import annotations

from decimal import Decimal

from batchgen.jobfile.budget_kinds import Amount, Currency, Table
from batchgen.jobfile.kinds import Boolean, Field, Integer, fields
from batchgen.jobfile.offers import MODELS, OFFERED
from batchgen.settings import Cap

MAX_CLIPS = 1_000_000_000

_CAP = fields(
    Field(name="cost", kind=Amount(), help="At most so much money, in the budget's currency."),
    Field(name="clips", kind=Integer(minimum=0, maximum=MAX_CLIPS), help="At most so many clips."),
)


def _cap(name: str, about: str) -> Field:
    kind = Table(where=f"`{name}`", fields=_CAP, example="{cost: 500}", make=lambda values: Cap(**values))
    return Field(name=name, kind=kind, help=about)


def _seconds(resolution: str) -> Table:
    return Table(
        where=resolution,
        entry="duration",
        fields=fields(
            *(
                Field(name=str(seconds), kind=Amount(), help=f"What a clip of {seconds} seconds costs.")
                for seconds in OFFERED[resolution]
            )
        ),
        example="{6: 2.00}",
    )


def _resolutions(model: str) -> Table:
    return Table(
        where=model,
        entry="resolution",
        fields=fields(
            *(
                Field(name=resolution, kind=_seconds(resolution), help="Prices by seconds.")
                for resolution in OFFERED
            )
        ),
        example="{768P: {6: 2.00}}",
    )


def _by_kind(models: dict[str, dict[str, dict[str, Decimal]]]) -> dict[tuple[str, str, int], Decimal]:
    return {
        (model, resolution, int(seconds)): price
        for model, resolutions in models.items()
        for resolution, lengths in resolutions.items()
        for seconds, price in lengths.items()
    }


BUDGET = fields(
    Field(name="currency", kind=Currency(), help="The currency of all amounts: three capital letters."),
    Field(
        name="prices",
        kind=Table(
            where="`prices`",
            entry="model",
            fields=fields(
                *(
                    Field(name=model, kind=_resolutions(model), help="Prices by resolution.")
                    for model in MODELS
                )
            ),
            example=f"{{{MODELS[0]}: {{768P: {{6: 2.00}}}}}}",
            make=_by_kind,
        ),
        help="What a clip costs, by model, resolution and seconds. A cap in cost needs them.",
    ),
    _cap("total", "All runs into this output folder together."),
    _cap("per_day", "All runs of one day together."),
    _cap("per_run", "Each run."),
    Field(
        name="failed_clips_are_free",
        kind=Boolean(),
        help="Whether the provider takes nothing for a generation that failed. If not, it counts as spent.",
    ),
)
