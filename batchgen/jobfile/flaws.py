"""What is wrong with a job file before it is known to which job it belongs, and the words for it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from batchgen.model import Problem, Source

_SHOWN = 60  # characters of a value that a message shows
_SECRET_NAME = re.compile(
    r"(?i)(^|[_-])(api[_-]?key|access[_-]?key|secret|(access|auth|api)?[_-]?token|password|authorization|bearer)$"
    r"|^key$|^apikey$"
)
_SECRET_VALUE = re.compile(
    r"(?i)\b(sk|pk|ak)-[\w-]{8,}|^bearer\s|^(?=\S*\d)(?=\S*[A-Za-z])[A-Za-z0-9+/=.\-]{28,}$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong at a place (from 1), or only odd."""

    line: int
    column: int
    message: str
    remedy: str | None = None
    warning: bool = False

    def problem(self, file: str, job: str | None = None) -> Problem:
        """This flaw as it is told to the user."""
        source = Source(file=file, line=self.line, column=self.column)
        return Problem(source=source, message=self.message, job=job, remedy=self.remedy, warning=self.warning)


class Stop(Exception):
    """What is wrong makes the rest of the file unreadable."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.message)
        self.flaw = flaw


class Wrong(Exception):
    """A value is not what its key takes; the message goes on where the key's name ends."""

    def __init__(self, message: str, remedy: str | None = None, *, at: tuple[int, int] | None = None) -> None:
        super().__init__(message)
        self.message, self.remedy = message, remedy
        self.at = at  # line and column, when it is not the whole value that is wrong


class WrongInside(Exception):
    """A value is a mapping with flaws of its own, each with its place."""

    def __init__(self, flaws: list[Flaw]) -> None:
        super().__init__("; ".join(flaw.message for flaw in flaws))
        self.flaws = flaws


def secret_name(name: str) -> bool:
    """Whether a key of this name would hold an API key or a password."""
    return bool(_SECRET_NAME.search(name))


def secret_value(text: str) -> bool:
    """Whether a text looks like an API key: such a text is never shown."""
    return bool(_SECRET_VALUE.search(text))


def shown(value: object) -> str:
    """A value as a message may show it: short, printable, and no secret."""
    if isinstance(value, str):
        if secret_value(value):
            return "a text that looks like a key (not shown)"
        cut = value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…"
        quoted = json.dumps(cut, ensure_ascii=False)
        return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in quoted)
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def close_to(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word that was probably meant, if one is near (1: the same, 0: nothing alike)."""
    lowered = {candidate.lower(): candidate for candidate in known}
    folded = word.strip().lower()[:100]
    for low, candidate in lowered.items():
        if folded.replace("-", "_").replace(" ", "_") == low.replace("-", "_"):
            return candidate
    near = difflib.get_close_matches(folded, lowered, n=1, cutoff=cutoff)
    if near:
        return lowered[near[0]]
    within = [candidate for candidate in lowered if len(folded) >= 3 and folded in candidate]
    return lowered[within[0]] if len(within) == 1 else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A remedy that names the word that was probably meant."""
    near = close_to(word, known)
    return f"did you mean `{near}`?" if near else None


def listed(words: Iterable[object]) -> str:
    """``a``, ``b`` or ``c``."""
    texts = [str(word) for word in words]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} or {texts[-1]}"
