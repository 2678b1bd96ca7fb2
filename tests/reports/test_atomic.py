"""A file that is whole or not there at all."""

from __future__ import annotations

from pathlib import Path

from batchgen.reports.atomic import AtomicText


def test_what_was_forgotten_leaves_nothing(tmp_path: Path) -> None:
    """Also when what is written then is shorter."""
    path = tmp_path / "rows.jsonl"
    with AtomicText(path) as file:
        file.write("a long first line\nand another\n")
        file.flush()
        file.restart()
        file.write("short\n")
    assert path.read_text("utf-8") == "short\n"
