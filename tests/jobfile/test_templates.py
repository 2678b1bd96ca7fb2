"""Texts with names in braces, slugs, and the paths that clips get."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from batchgen.jobfile import parse_id
from batchgen.jobfile.filenames import parse_filename
from batchgen.jobfile.flaws import Wrong
from batchgen.jobfile.ids import slug
from batchgen.jobfile.templates import Unfilled, parse_template

NAMES = st.text(st.characters(exclude_characters="{}|"), min_size=1).filter(lambda name: name == name.strip())


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("{a} in {b}", "A b in 7"),
        ("{ a }", "A b"),
        ("{a|slug}-{b}", "A-b-7"),
        ("{{a}} {{{a}}}", "{a} {A b}"),
        ("{雪}地", "白马地"),
        ("{c d}{t}{f}", "xtrue2.5"),
        ("", ""),
    ],
)
def test_names_are_filled_and_doubled_braces_are_braces(text: str, filled: str) -> None:
    """Values stand as they were written; what is no name stays to the letter."""
    values = {"a": "A b", "b": 7, "雪": "白马", "c d": "x", "t": True, "f": 2.5}
    assert parse_template(text).fill(values) == filled


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("{a", "`{` without its `}`", "`{{`"),
        ("a}", "`}` without its `{`", "`}}`"),
        ("{}", "names nothing", "`{{`"),
        ("{ |slug}", "names nothing", "`{{`"),
        ("{a|slugg}", '"slugg"', "did you mean `slug`?"),
        ("{a|upper}", '"upper"', "the only filter is `slug`"),
    ],
)
def test_odd_braces_are_told(text: str, message: str, remedy: str) -> None:
    """With what would be right."""
    with pytest.raises(Wrong) as refused:
        parse_template(text)
    assert message in refused.value.message
    assert remedy in str(refused.value.remedy)


@pytest.mark.parametrize("value", [None, [1], {"a": 1}])
def test_what_is_no_single_value_fills_no_text(value: object) -> None:
    """The name is told."""
    with pytest.raises(Unfilled, match=re.escape("`{a}`")) as unfilled:
        parse_template("x {a}").fill({"a": value})
    assert unfilled.value.name == "a"


@given(st.text())
def test_a_text_with_doubled_braces_is_itself(text: str) -> None:
    """Whatever a text holds, its braces doubled it comes out as it was."""
    assert parse_template(text.replace("{", "{{").replace("}", "}}")).fill({}) == text


@given(name=NAMES, value=st.text(), before=st.text(), after=st.text())
def test_a_value_passes_to_the_letter(name: str, value: str, before: str, after: str) -> None:
    """A value's own braces are not read again."""
    literal = [text.replace("{", "{{").replace("}", "}}") for text in (before, after)]
    template = parse_template(f"{literal[0]}{{{name}}}{literal[1]}")
    assert template.fill({name: value}) == before + value + after
    assert template.names == {name}


@given(st.text(), st.integers(20, 100))
@example("\u0301\u0301", 20)
@example("COM1.x", 20)
@example("-.\u093e.-a", 20)
@example("..con..", 20)
def test_a_slug_is_an_id_and_its_own_slug(text: str, most: int) -> None:
    """Whatever it is made from; and it is as short as was asked for."""
    word = slug(text, most)
    assert parse_id(word) == word
    assert slug(word, most) == word
    assert len(word.encode()) <= most + len("clip-")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("狐狸 在雪地里", "狐狸-在雪地里"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
        ("São Paulo/2024", "São-Paulo-2024"),
        ("train/0001.jpg", "train-0001.jpg"),
        ("cafe\u0301", "caf\u00e9"),
        ("1.5", "1.5"),
        ("a  --  b", "a-b"),
        ("🦊", "job"),
    ],
)
def test_letters_of_any_script_survive_a_slug(text: str, word: str) -> None:
    """All else becomes a hyphen."""
    assert slug(text) == word


@pytest.mark.parametrize(
    "text", ["a.mp4", "MiniMax-Hailuo-2.3/狐狸.mp4", "a/b/c/d/e.mp4", f"{'a' * 120}.mp4"]
)
def test_paths_of_clips(text: str) -> None:
    """Folders and a name, each of what an id is made of."""
    assert parse_filename(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("a.mp3", ".mp4", "a", "/a.mp4", "a//b.mp4", "../a.mp4", "a/../b.mp4", "./a.mp4", ".a/b.mp4"),
        *("a/.b.mp4", "a\\b.mp4", "a b.mp4", "a:b.mp4", "con.mp4", "nul/a.mp4", "x.mp4/a.mp4", "X.MP4/a.mp4"),
        *("b.mp4.part/a.mp4", "b.MP4.from.Part/a.mp4", "metadata.jsonl/a.mp4"),
        *("a/b/c/d/e/f.mp4", f"{'a' * 121}.mp4", f"{'a' * 121}/b.mp4", "a\0.mp4"),
    ],
)
def test_what_is_no_path_of_a_clip(text: str) -> None:
    """Nothing leads out of the folder, hides, or cannot be a file name somewhere."""
    with pytest.raises(Wrong):
        parse_filename(text)


@given(st.text(max_size=150))
def test_a_path_is_safe_whatever_was_written(text: str) -> None:
    """What is accepted stays below its folder, and is accepted again."""
    try:
        path = parse_filename(text + ".mp4")
    except Wrong:
        return
    parts = path.split("/")
    assert all(part and not part.startswith(".") and len(part.encode()) <= 124 for part in parts)
    assert parse_filename(path) == path
