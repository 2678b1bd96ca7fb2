"""Which jobs a command is about: does this job match?  Decisions without side effects."""

from __future__ import annotations

import fnmatch
import heapq
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from batchgen.ledger.portions import rank
from batchgen.ledger.rows import folded
from batchgen.model import API_DEFAULTS, Status

_GLOB = re.compile(r"[*?\[]")
_REQUEST_KEYS = frozenset({"prompt", *API_DEFAULTS})
METADATA = "metadata."
#: What `--where` knows of every job.
OWN_KEYS = ("id", "status", "edition", "prompt", *API_DEFAULTS)
_MOST_NAMED = 20  # ids in a command that is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Jobs whose id matches one of ``only``, and which have, of each key in ``where``, one of its values.

    Of those ``sample`` jobs, chosen at random by their ids: the same ones each time, and a larger sample has all of
    a smaller one.  What is empty restricts nothing.
    """

    only: tuple[str, ...] = ()  # ids, or globs as a shell has them
    where: tuple[str, ...] = ()  # KEY=VALUE
    sample: int | None = None

    def __bool__(self) -> bool:
        return bool(self.only or self.where or self.sample is not None)

    def at(self, ids: Sequence[str]) -> Selection:
        """What is about these jobs still when their status is another one; they are named where they are few."""
        if not any(parse_where(one)[0] == "status" for one in self.where):
            return self
        if len(ids) <= _MOST_NAMED:
            return Selection(only=tuple(ids))
        return replace(self, where=tuple(one for one in self.where if parse_where(one)[0] != "status"))

    def words(self) -> tuple[str, ...]:
        """As it stands on the command line."""
        parts = [*(("--only", one) for one in self.only), *(("--where", one) for one in self.where)]
        if self.sample is not None:
            parts.append(("--sample", str(self.sample)))
        return tuple(word for part in parts for word in part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What of a job a selection looks at."""

    id: str
    status: Status
    edition: str | None
    request: Mapping[str, object]
    metadata: Mapping[str, object]


def parse_where(text: str) -> tuple[str, str]:
    """The key and the value of ``KEY=VALUE``.  Raises ValueError."""
    key, sign, value = text.partition("=")
    if not sign or not key.strip():
        raise ValueError(f"{text!r} has no key and value: write it as KEY=VALUE, for example scene=library")
    return _normal(key.strip()), _normal(value)


class Matcher:
    """Looks at one job after the other, and remembers which parts of the selection matched none."""

    def __init__(self, selection: Selection) -> None:
        """Raises ValueError for what is no KEY=VALUE."""
        self._ids = {folded(one): one for one in selection.only if not _GLOB.search(one)}
        globs = [one for one in selection.only if _GLOB.search(one)]
        self._globs = [(re.compile(fnmatch.translate(folded(one))), one) for one in globs]
        self._wanted: dict[str, list[tuple[str, str]]] = {}
        for one in selection.where:
            key, value = parse_where(one)
            self._wanted.setdefault(key, []).append((value, one))
        self._silent = dict.fromkeys(
            [*(("--only", one) for one in selection.only), *(("--where", one) for one in selection.where)]
        )

    def matches(self, job: Described) -> bool:
        """Whether all parts of the selection but the sample hold for this job."""
        named = self._is_named(folded(job.id)) if self._ids or self._globs else True
        had = [self._has_one(job, key, values) for key, values in self._wanted.items()]
        return named and all(had)

    def silent(self) -> list[tuple[str, str]]:
        """Parts that have matched no job, as they stand on the command line."""
        return list(self._silent)

    def _is_named(self, id_: str) -> bool:
        found = [("--only", self._ids[id_])] if id_ in self._ids else []
        found += [("--only", text) for pattern, text in self._globs if pattern.match(id_)]
        return self._heard(found)

    def _has_one(self, job: Described, key: str, values: list[tuple[str, str]]) -> bool:
        found = list(_values(job, key))
        return self._heard(
            [("--where", text) for wanted, text in values if any(is_equal(one, wanted) for one in found)]
        )

    def _heard(self, parts: list[tuple[str, str]]) -> bool:
        for part in parts:
            self._silent.pop(part, None)
        return bool(parts)


def _values(job: Described, key: str) -> Iterator[object]:
    """The value that a job has under a key; each one of a list, nothing as ``None``."""
    value = _value(job, key)
    if isinstance(value, list):
        yield from value
    else:
        yield value


def _value(job: Described, key: str) -> object:
    """The job's own facts come first, then what is requested, then its metadata, nested ones by dots."""
    match key:
        case "id":
            return job.id
        case "status":
            return job.status.value
        case "edition":
            return job.edition
    if key in _REQUEST_KEYS:
        return job.request.get(key, API_DEFAULTS.get(key))
    return _below(job.metadata, key.removeprefix(METADATA))


def _below(values: Mapping[str, object], key: str) -> object:
    if key in values:  # keys may have dots of their own
        return values[key]
    first, _, rest = key.partition(".")
    inner = values.get(first)
    return _below(inner, rest) if rest and isinstance(inner, Mapping) else None


def is_equal(value: object, wanted: str) -> bool:
    """Whether a value is the one that is written so: numbers by their size, nothing as an empty text."""
    match value:
        case None:
            return not wanted
        case bool():
            return wanted.lower() == str(value).lower()
        case int() | float():
            return _number(wanted) == value
        case str():
            return _normal(value) == wanted
        case _:
            return False


def _number(text: str) -> float | int | None:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _normal(text: str) -> str:
    return unicodedata.normalize("NFC", text)


class Sample:
    """The ``most`` jobs that come first in the random order of all ids; takes them one by one."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[tuple[int, int]] = []  # a heap, the last in the order first

    def add(self, id_: str, key: int) -> None:
        """Look at one more job."""
        entry = (-rank(id_), key)
        if len(self._kept) < self._most:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)

    def keys(self) -> list[int]:
        """The jobs' keys."""
        return [key for _, key in self._kept]
