"""The look at the clips that goes on beside other work: given up with it, and never a reason of its own to wait."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from ledger.workshop import NOON, ORIGIN

from batchgen.app import folder
from batchgen.errors import LedgerError
from batchgen.ledger import Ledger, queries

ENDLESS = queries.Stored(submission=1, job_key=1, file="a.mp4", bytes=1, sha256="0", missing=0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger, closed in the end."""
    opened = Ledger.open(tmp_path / "ledger.sqlite3", origin=ORIGIN, now=NOON)
    yield opened
    opened.close()


@pytest.mark.timeout(30)
def test_a_look_is_given_up_when_the_work_beside_it_fails(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is refused says so at once, however many clips were still to be read."""
    monkeypatch.setattr(queries, "stored", lambda _: itertools.repeat(ENDLESS))
    with (
        pytest.raises(LedgerError, match="refused"),
        folder.looking(ledger, tmp_path, thorough=True),
    ):
        raise LedgerError("refused")


def test_what_goes_wrong_with_the_look_is_told_where_it_is_asked_for(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that can't be read ends the command, and not only the thread."""

    def unreadable(_: object) -> None:
        raise LedgerError("can't be read")

    monkeypatch.setattr(queries, "stored", unreadable)
    with folder.looking(ledger, tmp_path, thorough=False) as look, pytest.raises(LedgerError, match="read"):
        look.result()
