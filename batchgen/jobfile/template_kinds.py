"""The kinds of values that hold texts with ``{names}``: prompts and ids of many jobs, and their metadata."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from batchgen.jobfile.flaws import Wrong
from batchgen.jobfile.kinds import Schema, text_of
from batchgen.jobfile.nodes import MAX_TEXT, Node, Scalar
from batchgen.jobfile.request_kinds import Metadata, json_of_mapping
from batchgen.jobfile.templates import Template, parse_template


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text with ``{names}``; what becomes of it is checked once they are filled."""

    def read(self, node: Node) -> Template:
        """The text, its names found."""
        text = text_of(node)
        if not text.strip():
            raise Wrong("is empty", "write a text, or remove the line")
        return parse_template(text)

    def schema(self) -> Schema:
        """A text that is not blank."""
        return {"type": "string", "pattern": r"\S", "maxLength": MAX_TEXT}


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledMetadata(Metadata):
    """Metadata whose texts, however deep, may have ``{names}``."""

    def read(self, node: Node) -> dict[str, object]:
        """The metadata, with templates in the place of texts that have names."""
        return json_of_mapping(node, _text_or_template)


def _text_or_template(node: Scalar) -> object:
    text = node.text
    if "{" not in text and "}" not in text:
        return text
    try:
        template = parse_template(text)
    except Wrong as wrong:
        raise Wrong(wrong.message, wrong.remedy, at=(node.line, node.column)) from None
    return template if template.names else template.fill({})


def filled(value: object, values: Mapping[str, object]) -> object:
    """A piece of metadata with its texts filled.  Raises Unfilled."""
    if isinstance(value, Template):
        return value.fill(values)
    if isinstance(value, dict):
        return {key: filled(item, values) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, values) for item in value]
    return value


def templates_in(value: object) -> Iterator[Template]:
    """The templates of a piece of metadata."""
    if isinstance(value, Template):
        yield value
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from templates_in(item)
