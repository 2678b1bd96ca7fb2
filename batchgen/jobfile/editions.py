"""Editions: the same jobs ordered afresh, once for each edition, side by side with those of earlier ones."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.ids import slug
from batchgen.jobfile.kinds import Schema, text_of
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.jobfile.scalars import resolve
from batchgen.jobfile.templates import parse_template

#: Bytes of an edition: it stands in every explicit id.
MAX_BYTES = 60
_DATE = "date"


def parse_edition(text: str) -> str:
    """The edition as it may stand in a job file.  Raises Wrong."""
    template = parse_template(text)
    odd = template.names - {_DATE}
    if odd:
        raise Wrong(f"has {shown('{' + min(odd) + '}')}; an edition knows `{{date}}` alone", 'write "{date}"')
    return checked(edition_on(text, date(2000, 1, 1))) and text


def checked(edition: str) -> str:
    """An edition without braces.  Raises Wrong when no id could tell it."""
    if not edition.strip() or not edition.isprintable() or edition != edition.strip():
        raise Wrong("is blank, or has blanks at an end or control characters", 'write for example "{date}"')
    if len(edition.encode(errors="replace")) > MAX_BYTES:
        raise Wrong(f"takes more than {MAX_BYTES} bytes", "shorten it: it stands in every id")
    if not any(letter.isalnum() for letter in edition):
        raise Wrong("has neither letter nor digit", 'write for example "{date}"')
    return edition


def edition_on(text: str, day: date | None = None) -> str:
    """The edition of a run that starts on this day: a local one, or else the user's today."""
    day = day or datetime.now(UTC).astimezone().date()
    return parse_template(text).fill({_DATE: day.isoformat()})


def in_id(edition: str) -> str:
    """What of an edition stands at the end of an explicit id."""
    return slug(edition, MAX_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """An edition, ``{date}`` standing for the local day on which a run starts; null for none."""

    def read(self, node: Node) -> str | None:
        """The edition, as written."""
        if isinstance(node, Scalar) and resolve(node) is None:
            return None
        return parse_edition(text_of(node))

    def schema(self) -> Schema:
        """A text, or nothing."""
        letter = r"[^{}\x00-\x1f\x7f-\x9f]|\{\{|\}\}|\{\s*date\s*(\|\s*slug\s*)?\}"
        pattern = rf"^(?!\s)({letter})+$(?<!\s)"
        return {"type": ["string", "null"], "maxLength": MAX_BYTES, "pattern": pattern}
