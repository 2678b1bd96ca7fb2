"""What a written page holds, read as a browser would."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from batchgen.model import Record
from batchgen.reports.gallery import Heading, Sizes, gallery_line, write_gallery

_PART = re.compile(r"galleryPart\((\d+), (\".*\")\);\n", re.DOTALL)


def heading(job_file: str = "") -> Heading:
    """What stands above the rows."""
    return Heading(job_file=job_file or "jobs.yaml", sentence="2 ordered, 2 delivered.", simulated=False)


def written(folder: Path, records: Iterable[Record], sizes: Sizes | None = None, job_file: str = "") -> Page:
    """Write the page of these records and read it."""
    assert write_gallery(folder, map(gallery_line, records), lambda: heading(job_file), sizes or Sizes())
    return Page((folder / "index.html").read_text("utf-8"), folder)


class Page(HTMLParser):
    """The page taken apart."""

    def __init__(self, text: str, folder: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.folder = folder
        self.elements: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(attrs)))
        self._inside = tag
        if tag == "script":
            self.scripts.append((dict(attrs), ""))
        elif tag == "style":
            self.styles.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002  the parser's signature
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            attributes, text = self.scripts[-1]
            self.scripts[-1] = (attributes, text + data)
        elif self._inside == "style":
            self.styles[-1] += data

    def json(self, id_: str) -> Any:  # noqa: ANN401  JSON
        """What an element of JSON says."""
        (text,) = [text for attributes, text in self.scripts if attributes.get("id") == id_]
        return json.loads(text)

    @property
    def code(self) -> str:
        """The one script that runs."""
        (text,) = [text for attributes, text in self.scripts if "type" not in attributes]
        return text

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Every row, those of the parts too."""
        found = list(self.json("rows"))
        for number, part in enumerate(self.json("about")["parts"]):
            match = _PART.fullmatch((self.folder / part["file"]).read_text("utf-8"))
            assert match is not None
            assert int(match[1]) == number
            rows = json.loads(json.loads(match[2]))
            assert len(rows) == part["rows"]
            found += rows
        return found

    @property
    def policy(self) -> dict[str, list[str]]:
        """The content security policy, by directive."""
        (text,) = [
            dict(attributes)["content"]
            for tag, attributes in self.elements
            if tag == "meta" and ("http-equiv", "Content-Security-Policy") in attributes
        ]
        assert text is not None
        return {words[0]: words[1:] for words in map(str.split, text.split(";"))}
