"""A process that is killed at any moment has lost nothing that it was told is on disk."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from batchgen.ledger import Ledger, opening, orders
from ledger.workshop import NOON, ORIGIN, job, look, names, reconcile

WRITER = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from batchgen.ledger import Ledger, LedgerBook, queries
from batchgen.ledger.intending import Account

def now():
    return datetime.now(UTC)

async def one(book, order):
    submission = await book.intend(order)
    print("intended", order.id, flush=True)
    await book.accepted(submission, f"task-{order.id}")
    print("accepted", order.id, flush=True)

async def main():
    ledger = Ledger.open(Path(sys.argv[1]), origin=sys.argv[2], now=now())
    book = LedgerBook(ledger, Account(name="default", origin=sys.argv[2], key_print="p"), now)
    await ledger.start_writing()
    position = -1
    while page := await ledger.read(lambda db: queries.orders(db, sys.argv[3], position, 16)):
        position = page[-1][0]
        await asyncio.gather(*(one(book, order) for _, order in page))

asyncio.run(main())
"""


@pytest.mark.parametrize("after", [1, 40, 333])
def test_everything_that_was_acknowledged_survives_a_kill(tmp_path: Path, after: int) -> None:
    """Killed in the middle of a stream of commits: each intent and each task id that was told is there."""
    path = tmp_path / "ledger.sqlite3"
    ledger = Ledger.open(path, origin=ORIGIN, now=NOON)
    reconcile(ledger, [job(f"job-{n}") for n in range(1000)], "jobs.yaml")
    ledger.close()
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), ORIGIN, "jobs.yaml"], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout is not None
    lines = [writer.stdout.readline() for _ in range(after)]
    writer.kill()
    lines += writer.stdout.readlines()
    writer.stdout.close()
    assert writer.wait(30) == -9
    told = [tuple(line.split()) for line in lines if line.endswith("\n")]
    intended = {id_ for word, id_ in told if word == "intended"}
    accepted = {id_ for word, id_ in told if word == "accepted"}
    assert intended
    again = Ledger.open(path, origin=ORIGIN, now=NOON)
    again.change(orders.interrupted)
    rows = again.ask(
        lambda db: db.execute(
            "SELECT id, state, task_id FROM submissions JOIN jobs ON jobs.key = submissions.job"
        ).fetchall()
    )
    again.close()
    assert list(names(tmp_path)) == [path.name]
    assert intended <= {row["id"] for row in rows}
    assert accepted <= {row["id"] for row in rows if row["task_id"] == f"task-{row['id']}"}
    assert {row["state"] for row in rows} <= {"submitted", "unknown"}
    assert len(rows) == len({row["id"] for row in rows}) < 1000


CREATOR = """
import sys, time
from pathlib import Path
from batchgen.ledger import opening

def stall(connection):
    connection.execute("INSERT INTO facts VALUES ('half', 'done')")
    print("stalled", flush=True)
    time.sleep(60)

opening.create(Path(sys.argv[1]), {"origin": "x"}, stall)
"""


def test_a_ledger_whose_beginning_was_killed_is_not_there(tmp_path: Path) -> None:
    """No half of a ledger is ever found under its name, and the next run begins it."""
    path = tmp_path / "ledger.sqlite3"
    creator = subprocess.Popen([sys.executable, "-c", CREATOR, str(path)], stdout=subprocess.PIPE, text=True)
    assert creator.stdout is not None
    assert creator.stdout.readline() == "stalled\n"
    creator.kill()
    creator.stdout.close()
    creator.wait(30)
    assert not path.exists()
    Ledger.open(path, origin=ORIGIN, now=NOON).close()
    assert list(names(tmp_path)) == [path.name]
    assert look(path, "PRAGMA user_version") == [(opening.VERSION,)]
