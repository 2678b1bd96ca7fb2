"""The data set card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from batchgen.reports.card import MARKER, card_text, write_card
from batchgen.reports.dataset import Contents
from batchgen.reports.rows import manifest_row
from reports.records import delivered, record


def contents() -> Contents:
    """Two clips, one of them with odd metadata, and a job without a clip."""
    found = Contents()
    for job in (delivered("狐狸", metadata={"a|`b\x85": 1}), delivered("b"), record()):
        found.add(manifest_row(job))
    return found


def header(text: str) -> dict[str, Any]:
    """The card's YAML."""
    _, front, _ = text.split("---\n", 2)
    loaded = yaml.safe_load(front)
    assert isinstance(loaded, dict)
    return loaded


def test_the_header_has_one_split_and_the_type_of_every_column() -> None:
    """Names such as train-1 and test_2 make no splits, and no loader has to guess a type."""
    (config,) = header(card_text(contents(), simulated=False))["configs"]
    assert config["data_files"] == [
        {"split": "train", "path": ["videos/metadata.jsonl", "videos/**/*.mp4"]},
    ]
    types = {feature["name"]: feature["dtype"] for feature in config["features"]}
    assert list(types)[:3] == ["video", "id", "prompt"]
    assert (types["video"], types["duration"], types["metadata.a|`b\x85"]) == ("video", "int64", "int64")


def test_the_card_says_what_there_is_and_where_it_is_from() -> None:
    """Counts, size, length, and that the clips are generated."""
    text = card_text(contents(), simulated=False)
    assert "2 clips, 6.2 MB, 10 s in all:" in text
    assert "| MiniMax-Hailuo-2.3 | 768P | 6 s | 2 |" in text
    assert "| `metadata.a\\|'b` | int64 |" in text
    assert "AI generated" in text
    assert "imulated" not in text


def test_simulated_clips_are_called_so() -> None:
    """Nobody takes test patterns for the real thing."""
    text = card_text(contents(), simulated=True)
    assert "These clips are simulated" in text
    assert "simulated" in header(text)["tags"]
    assert "AI generated" not in text


def test_an_empty_folder_has_a_card_too() -> None:
    """No clips is a number like any other."""
    assert "0 clips, 0 B, 0 s in all:" in card_text(Contents(), simulated=False)


def test_our_own_card_is_rewritten(tmp_path: Path) -> None:
    """It carries the marker line, so the next run brings it up to date."""
    assert write_card(tmp_path, Contents(), simulated=False)
    assert write_card(tmp_path, contents(), simulated=False)
    assert "2 clips" in (tmp_path / "README.md").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize("text", ["# Mine", "", f"quoted: {MARKER}"])
def test_the_users_readme_is_left_alone(tmp_path: Path, text: str) -> None:
    """Without the marker on a line of its own it is the user's, byte for byte."""
    path = tmp_path / "README.md"
    path.write_text(text)
    assert not write_card(tmp_path, contents(), simulated=False)
    assert path.read_text() == text


def test_a_link_or_folder_under_the_name_is_left_alone(tmp_path: Path) -> None:
    """Neither is something that batchgen makes."""
    (tmp_path / "README.md").mkdir()
    assert not write_card(tmp_path, contents(), simulated=False)
    (tmp_path / "README.md").rmdir()
    (tmp_path / "README.md").symlink_to(tmp_path / "nowhere")
    assert not write_card(tmp_path, contents(), simulated=False)
    theirs = tmp_path / "theirs.md"
    theirs.write_text(f"{MARKER}\n")
    (tmp_path / "README.md").unlink()
    (tmp_path / "README.md").symlink_to(theirs)
    assert not write_card(tmp_path, contents(), simulated=False)
    assert theirs.read_text() == f"{MARKER}\n"
