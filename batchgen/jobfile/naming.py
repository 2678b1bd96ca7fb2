"""What a job and its clip are called: the id with all that is appended to it, and the path below ``videos/``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from batchgen.jobfile import editions, filenames
from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.ids import MAX_BYTES, parse_id, repeated_id, slug
from batchgen.jobfile.templates import SLUG_BYTES, Template
from batchgen.model import API_DEFAULTS, Request


def full_id(text: str, appended: Sequence[str], edition: str | None, repeat: int) -> str:
    """An explicit id with what makes it one of its own.  Raises Wrong.

    ``appended`` are values of combinations, ``repeat`` how many clips will be numbered after it.
    """
    tail = "" if not appended else "".join(f"-{slug(value, SLUG_BYTES)}" for value in appended)
    tail += "" if edition is None else f"-{editions.in_id(edition)}"
    try:
        word = parse_id(text)
    except ValueError as error:
        raise Wrong(f"{shown(text)} {error}", f"write for example `{slug(text)}`") from None
    if not tail and repeat == 1:
        return word
    if len(repeated_id(word + tail, repeat).encode()) > MAX_BYTES:
        last = f"-{repeat}" if repeat > 1 else ""
        message = f"leaves no room for the `{tail}{last}` that is appended: at most {MAX_BYTES} bytes in all"
        raise Wrong(message, "shorten it")
    return word + tail


def clip_path(
    template: Template,
    id_: str,
    request: Request,
    metadata: Mapping[str, object],
    values: Mapping[str, object],
    edition: str | None,
) -> str:
    """The path of a clip below ``videos/``.  Raises Wrong and Unfilled.

    The nearest value counts: the id and the edition, what ``matrix`` and a row give, the request, the metadata.
    """
    known = {**metadata, **API_DEFAULTS, **request.body(), **values, "id": id_, "edition": edition}
    return filenames.parse_filename(template.fill(known))
