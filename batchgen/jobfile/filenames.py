"""Which texts can name a clip's file below ``videos/``: folders and a name, each as safe as an id."""

from __future__ import annotations

from dataclasses import dataclass

from batchgen.jobfile.flaws import Wrong, shown
from batchgen.jobfile.ids import parse_id
from batchgen.jobfile.kinds import Schema, text_of
from batchgen.jobfile.nodes import Node, Scalar
from batchgen.jobfile.scalars import resolve
from batchgen.jobfile.templates import Template, parse_template

SUFFIX = ".mp4"
MAX_PARTS = 5
_PARTIAL = ".part"  # ends what is on its way to a clip
_TAKEN = frozenset({"metadata.jsonl"})  # stands in `videos/` itself
_EXAMPLE = 'write for example "{model}/{id}.mp4"'


def parse_filename(text: str) -> str:
    """The path in form NFC.  Raises Wrong that says what cannot stand in one."""
    if not text.endswith(SUFFIX):
        raise Wrong(f"{shown(text)} does not end in `.mp4`", _EXAMPLE)
    parts = text.removesuffix(SUFFIX).split("/")
    if len(parts) > MAX_PARTS:
        raise Wrong(f"{shown(text)} has {len(parts)} parts; at most {MAX_PARTS} are allowed", _EXAMPLE)
    return "/".join(_part(part, folder=place < len(parts)) for place, part in enumerate(parts, 1)) + SUFFIX


def _part(part: str, *, folder: bool) -> str:
    try:
        word = parse_id(part)
    except ValueError as error:
        raise Wrong(
            f"has the part {shown(part)}, which {error}", "use `{name|slug}` for values of any kind"
        ) from None
    if folder and (word.casefold().endswith((SUFFIX, _PARTIAL)) or word.casefold() in _TAKEN):
        raise Wrong(f"has the folder {shown(word)}, a name that files have here", "give it another name")
    return word


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """The path of a clip below ``videos/``, with ``{names}``; ``nullable`` when null means the default."""

    nullable: bool = False

    def read(self, node: Node) -> Template | None:
        """The path, its names found."""
        if self.nullable and isinstance(node, Scalar) and resolve(node) is None:
            return None
        template = parse_template(text_of(node))
        last = template.parts[-1] if template.parts else ""
        if not (isinstance(last, str) and last.endswith(SUFFIX)):
            raise Wrong(f"must end in `.mp4`, not {shown(template.text)}", _EXAMPLE)
        if template.text.startswith("/") or ".." in template.text.split("/"):
            raise Wrong("must stay below `videos/`", _EXAMPLE)
        return template

    def schema(self) -> Schema:
        """A text that ends as the names of clips do."""
        return {
            "type": ["string", "null"] if self.nullable else "string",
            "pattern": r"^(?!/)([^{}]|\{\{|\}\}|\{[^{}]*\})*\.mp4$",
        }
