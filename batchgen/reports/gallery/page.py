r"""The page's text: template, style and code of this package, and what is said about the rows.

Nothing that comes from a job reaches the page as HTML.  It stands in elements of JSON, in which ``<`` is
written ``\u003c``, and the code makes text nodes of it.  Should that ever fail, the content security policy
names the one script and the one style by their hashes, and everything else does nothing.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from importlib import resources

from batchgen import __version__
from batchgen.reports.column_types import as_text
from batchgen.reports.gallery.parts import Part, rows_text

#: A page with this line is ours to rewrite; without it, it is the user's.
MARKER = '<meta name="generator" content="batchgen">'

#: In this order they are one script.
_SCRIPTS = ("rows.js", "search.js", "elements.js", "cards.js", "detail.js", "toolbar.js", "main.js")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands above the rows."""

    job_file: str
    sentence: str  # what was made, what was not, and what it cost
    simulated: bool


def page_text(heading: Heading, lines: Sequence[str], parts: Sequence[Part]) -> Iterator[str]:
    """The page in pieces.  Rows are in ``lines``, each a JSON object, or in ``parts``."""
    style, script = _source("style.css"), _script()
    about = {**asdict(heading), "version": __version__, "parts": [asdict(part) for part in parts]}
    filled = {
        "policy": _policy(style, script, loads=bool(parts)),
        "style": style,
        "about": _harmless(as_text(about)),
        "rows": _harmless(rows_text(list(lines))),
        "script": script,
    }
    for number, piece in enumerate(_source("page.html").split("%%")):
        yield filled[piece] if number % 2 else piece


def _policy(style: str, script: str, *, loads: bool) -> str:
    """Only this style and this script; where there are parts, also what this script itself loads."""
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}" + (" 'strict-dynamic'" if loads else ""),
            f"style-src {_hash(style)}",
            "media-src 'self' file:",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(sha256(text.encode()).digest()).decode()}'"


def _harmless(json_text: str) -> str:
    """The same JSON without a character that could end the element that it stands in."""
    return json_text.replace("<", "\\u003c")


@cache
def _script() -> str:
    return '(() => {\n"use strict";\n' + "\n".join(map(_source, _SCRIPTS)) + "})();\n"


@cache
def _source(name: str) -> str:
    return resources.files(__package__).joinpath("page", name).read_text("utf-8")
