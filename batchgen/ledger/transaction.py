"""One durable transaction: all of it is on disk, or none of it, and the error says whose fault that was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from batchgen.errors import IllegalTransition, LedgerNotWritable

#: Errors of ``sqlite3`` that are neither the disk's fault nor a refusal: our own misuse of it.
MISUSE = (sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.DataError, sqlite3.NotSupportedError)


@contextmanager
def transaction(connection: sqlite3.Connection, name: str = "the ledger") -> Iterator[None]:
    """Make what is done inside durable, in one transaction.

    Raises IllegalTransition when the database refuses a change, LedgerNotWritable when the disk does.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except sqlite3.IntegrityError as error:
        roll_back(connection)
        raise IllegalTransition(str(error)) from error
    except MISUSE:
        roll_back(connection)
        raise
    except sqlite3.Error as error:
        roll_back(connection)
        raise LedgerNotWritable(f"{name} can't be written: {error}") from error
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Undo what is open.  A disk that refuses even this leaves it to the next try, or the next opening."""
    with suppress(sqlite3.Error):
        if connection.in_transaction:  # a full disk ends the transaction by itself
            connection.execute("ROLLBACK")
