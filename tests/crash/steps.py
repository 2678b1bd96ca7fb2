"""In the process that is to die: every step that makes something durable gets a name and is counted.

The product has no hooks for this.  What is wrapped is found by its name, so a step that was renamed or taken
away is noticed at once.  A step is a call of the book, the store, the client or the manifest, a transaction
of the ledger, or a call of the operating system that makes a file, a name or its end durable.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import re
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from batchgen.ledger.changes import Kind

#: The methods whose beginning and end are steps: class by class, as the product spells them.
METHODS = {
    "batchgen.ledger.book:LedgerBook": (
        "intend accepted not_accepted refused lost generated failed not_found found checked superseded stored rested"
    ),
    "batchgen.download.store:FolderStore": "put keep holds",
    "batchgen.hailuo.client:Hailuo": "submit",
    "batchgen.reports.manifest:ManifestWriter": "append rewrite",
}
#: What the operating system is asked, and which of its arguments tells what it is about.
SYSTEM_CALLS = {"fsync": 0, "link": 1, "replace": 1, "rename": 1, "unlink": 0}
_STATEMENTS = {"COMMIT": "commit", "PRAGMA wal_checkpoint(TRUNCATE)": "checkpoint"}
#: Functions that many share: a step is named after who called them.
_SHARED = re.compile(
    r"transaction\.transaction|database\.change|disk\.|\w+\._?sync_folder|opening\._remove|store\._(link|rename)$"
)
_TELLING: ContextVar[str] = ContextVar("_TELLING", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """Where to die: just before or just after the so-many-th time that a step comes."""

    step: str
    after: bool
    number: int = 1

    def __str__(self) -> str:
        which = "" if self.number == 1 else f", time {self.number}"
        return f"{'after' if self.after else 'before'} {self.step}{which}"


class Steps:
    """Counts every step; writes each down in a file, or dies at one of them."""

    def __init__(self, *, home: Path, record: Path | None = None, point: Point | None = None) -> None:
        self.home = str(home)
        self._point = point
        self._record = None if record is None else os.open(record, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def taking(self, *names: str) -> Iterator[None]:
        """One call that is the step of each of these names; a call that fails has ended like another."""
        numbers = [(name, self._count(name)) for name in names]
        for name, number in numbers:
            self._die_at(name, number, after=False)
        try:
            yield
        finally:
            for name, number in numbers:
                self._die_at(name, number, after=True)

    def _count(self, name: str) -> int:
        with self._lock:
            self._counts[name] += 1
            if self._record is not None:
                os.write(self._record, f"{name}\n".encode())
            return self._counts[name]

    def _die_at(self, name: str, number: int, *, after: bool) -> None:
        point = self._point
        if point is not None and (name, number, after) == (point.step, point.number, point.after):
            os.kill(os.getpid(), signal.SIGKILL)


def install(steps: Steps) -> None:
    """Wrap everything that is a step.  Raises AttributeError for a name that is not there any more."""
    for place, names in METHODS.items():
        module, _, owner = place.partition(":")
        for name in names.split():
            _wrap_method(steps, getattr(import_module(module), owner), name)
    for call, about in SYSTEM_CALLS.items():
        setattr(os, call, _watched_call(steps, call, getattr(os, call), about))
    _name_changes()
    _watch_connections(steps)


# --- methods --------------------------------------------------------------------------------------------


def _wrap_method(steps: Steps, owner: type, name: str) -> None:
    true = inspect.getattr_static(owner, name)
    step = f"{owner.__name__}.{name}"
    if not inspect.iscoroutinefunction(true):

        @wraps(true)
        def plain(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  whatever the method takes and gives
            with steps.taking(step):
                return true(*args, **kwargs)

        setattr(owner, name, plain)
        return

    @wraps(true)
    async def awaited(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  likewise
        token = _TELLING.set(step)
        try:
            with steps.taking(step):
                return await true(*args, **kwargs)
        finally:
            _TELLING.reset(token)

    setattr(owner, name, awaited)


# --- the operating system -------------------------------------------------------------------------------


def _watched_call(steps: Steps, call: str, true: Callable[..., None], about: int) -> Callable[..., None]:
    @wraps(true)
    def watched(*args: Any, **kwargs: Any) -> None:  # noqa: ANN401  whatever the call takes
        kind = _kind(steps.home, args[about])
        if kind is None or (call == "unlink" and not os.path.lexists(args[about])):
            return true(*args, **kwargs)
        with steps.taking(f"{call} {kind} in {_caller()}"):
            return true(*args, **kwargs)

    return watched


def _kind(home: str, about: int | str | Path) -> str | None:
    """What sort of file of the output folder this is: ``videos/ID.mp4.part``; ``None`` for any other file."""
    path = _path_of(about) if isinstance(about, int) else os.fspath(about)
    if not path.startswith(home):
        return None
    folder, _, name = path.removeprefix(home).strip("/").rpartition("/")
    if ".mp4" in name:
        name = re.sub(r"\.\d+", ".N", re.sub(r"^[^.]+", "ID", name))
    return f"{folder}/{name}" if folder else name or "."


def _path_of(descriptor: int) -> str:
    """Which file a descriptor is of, where the system tells."""
    try:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())
    except OSError:
        return ""


def _caller() -> str:
    """Which function of the product takes the step, without those that many share."""
    found = ""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith("batchgen."):
            name = f"{module.rpartition('.')[2]}.{frame.f_code.co_name}"
            if not _SHARED.match(name):
                return name
            found = found or name
        frame = frame.f_back
    return found


# --- the ledger -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Named:
    """A kind of changes of the ledger that knows who asked for them."""

    kind: Kind[Any, Any]
    name: str

    def __call__(self, connection: sqlite3.Connection, about: Sequence[Any]) -> Sequence[Any]:
        made: Sequence[Any] = self.kind(connection, about)
        return made


_committing = threading.local()


def _name_changes() -> None:
    """Let each commit be named after what it makes durable."""
    from batchgen.ledger.database import Ledger  # noqa: PLC0415  only where it is wrapped
    from batchgen.ledger.writer import GroupWriter  # noqa: PLC0415  likewise

    do, commit, change_ = GroupWriter.do, GroupWriter._commit, Ledger.change

    def named(self: GroupWriter, kind: Kind[Any, Any], about: object, **how: bool) -> asyncio.Future[Any]:
        return do(self, _Named(kind, _TELLING.get()), about, **how)

    def committed(self: GroupWriter, batch: Sequence[Any]) -> list[object]:
        with _naming(*sorted({kind.name for kind, *_ in batch})):
            return commit(self, list(batch))

    def changed(self: Ledger, change: Callable[[sqlite3.Connection], Any]) -> Any:  # noqa: ANN401  what the change gives
        with _naming(change.__qualname__.partition(".<locals>")[0]):
            return change_(self, change)

    for owner, name, news in (
        (GroupWriter, "do", named),
        (GroupWriter, "_commit", committed),
        (Ledger, "change", changed),
    ):
        setattr(owner, name, news)


@contextmanager
def _naming(*names: str) -> Iterator[None]:
    _committing.names = names
    try:
        yield
    finally:
        _committing.names = ()


def _watch_connections(steps: Steps) -> None:
    """Let every database in the output folder be opened by a class that takes its commits for steps."""

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:  # noqa: ANN401  as the class has it
            with self._step(_STATEMENTS.get(sql)):
                return super().execute(sql, *parameters)

        def executescript(self, sql: str, /) -> sqlite3.Cursor:
            with self._step("commit" if "COMMIT" in sql else None):
                return super().executescript(sql)

        def _step(self, kind: str | None) -> ExitStack:
            stack = ExitStack()
            if kind is not None:
                names = getattr(_committing, "names", ()) or (_caller(),)
                stack.enter_context(steps.taking(*(f"{kind} of {name}" for name in names)))
            return stack

    true = sqlite3.connect

    def connect(database: str | Path, **options: Any) -> sqlite3.Connection:  # noqa: ANN401  as the call has them
        ours = unquote(str(database).removeprefix("file://")).startswith(steps.home)
        return true(database, **options, factory=Watched if ours else sqlite3.Connection)

    vars(sqlite3)["connect"] = connect
