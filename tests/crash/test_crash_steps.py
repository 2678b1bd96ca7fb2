"""Killed at every point between two durable writes, batchgen pays once, loses nothing, and carries on."""

from __future__ import annotations

from pathlib import Path

import pytest

from crash.tour import opened, tour

#: Steps that the scenes must reach: if one is missing, the sweep proves less than it says.
_MUST_COME = {
    "LedgerBook.intend",
    "commit of LedgerBook.intend",
    "Hailuo.submit",
    "commit of LedgerBook.accepted",
    "commit of LedgerBook.lost",
    "commit of LedgerBook.refused",
    "commit of LedgerBook.not_accepted",
    "commit of LedgerBook.failed",
    "commit of LedgerBook.generated",
    "commit of LedgerBook.checked",
    "commit of LedgerBook.superseded",
    "commit of LedgerBook.stored",
    "commit of interrupted",
    "commit of retry",
    "link videos/ID.mp4 in store.give_name",
    "link superseded/ID.N.mp4 in store._keep",
    "replace videos/ID.mp4 in store._settle",
    "rename videos/ID.mp4 in store.give_name",
    "rename ledger.sqlite3 in opening.create",
    "replace manifest.jsonl in atomic.__exit__",
    "ManifestWriter.append",
    "checkpoint of database.close",
}


@pytest.mark.timeout(400)  # half a minute on two idle cores
async def test_killed_before_and_after_each_durable_step(tmp_path: Path) -> None:
    """Before and after each named step, and with a POST in the air: at most one task a job, nothing lost."""
    async with opened(tmp_path) as (theatre, lanes):
        visits, left = await tour(theatre, lanes, every=False)
    assert left == 0
    wrong = [f"{one.scene}, {one.point}: {found}" for one in visits for found in one.broken]
    assert not wrong, "\n".join(wrong)
    missed = [f"{one.scene}, {one.point}" for one in visits if not one.reached]
    assert not missed, f"not reached: {missed}"
    assert {one.point.step for one in visits if one.point} >= _MUST_COME
    assert sum(one.cut_short for one in visits) > 20
    print(f"{len(visits)} kills at named steps")  # noqa: T201  shown when asked for
