"""A table without a job file: the one entry that a job file for it would have."""

from __future__ import annotations

from collections.abc import Sequence

from batchgen.jobfile.fields import MANY, MANY_JOBS, METADATA
from batchgen.jobfile.flaws import Flaw
from batchgen.jobfile.mappings import read_mapping
from batchgen.jobfile.nodes import Mapping, Node, Scalar

#: What the command line may say of all rows.
GIVEN = {name: field for name, field in MANY_JOBS.items() if name not in (*MANY, METADATA.name)}
_TEXTS = frozenset({"prompt", "id", "filename"})  # these are no numbers, whatever they look like


def table_entry(table: str, given: Sequence[tuple[str, str]]) -> tuple[Mapping, list[Flaw]]:
    """The entry for a table (a path relative to itself), and what is wrong with what was given."""
    flaws: list[Flaw] = []
    pairs: list[tuple[Scalar, Node]] = [
        (_word(key, plain=False), _word(value, plain=key not in _TEXTS)) for key, value in dict(given).items()
    ]
    read_mapping(_mapping(pairs), GIVEN, flaws, where="a row")
    return _mapping([(_word("from", plain=False), _word(table, plain=False)), *pairs]), flaws


def _word(text: str, *, plain: bool) -> Scalar:
    return Scalar(text, plain, 1, 1)


def _mapping(pairs: list[tuple[Scalar, Node]]) -> Mapping:
    return Mapping(pairs, 1, 1, 2 * len(pairs) + 1, 1)
