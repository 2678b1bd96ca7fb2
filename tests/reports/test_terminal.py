"""Text for terminals, and numbers in words."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from batchgen.reports.terminal import clean, pad, shorten, table
from batchgen.reports.words import clock, count, rough, size


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("plain", "plain"),
        ("狐狸 🦊", "狐狸 🦊"),
        ("two\nlines\r\n and\ttabs", "two lines and tabs"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\u202egnp.exe", "a\\u202egnp.exe"),
        ("\u2066\u200f\ufeff", "\\u2066\\u200f\\ufeff"),
        ("\x9b31m", "\\x9b31m"),
        ("\ud800", "\\ud800"),
        ("\U000e0001", "\\U000e0001"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("[red]no markup[/red]", "[red]no markup[/red]"),
    ],
)
def test_clean(text: str, harmless: str) -> None:
    """What would act on a terminal or its reader is written out; the rest is untouched."""
    assert clean(text) == harmless


@given(st.text())
def test_clean_leaves_nothing_that_acts(text: str) -> None:
    """Whatever comes, the result is one line of characters to see, and cleaning it again changes nothing."""
    line = clean(text)
    acting = {c for c in line if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    assert acting <= {"\u200c", "\u200d"}
    assert clean(line) == line


@given(st.text(), st.integers(0, 40))
def test_shorten_never_exceeds_its_room(text: str, room: int) -> None:
    """Also where the cut falls within a wide character."""
    assert cell_len(shorten(text, room)) <= room


@pytest.mark.parametrize(
    ("text", "room", "short"),
    [
        ("book", 4, "book"),
        ("books", 4, "boo…"),
        ("狐狸奔跑", 8, "狐狸奔跑"),
        ("狐狸奔跑", 6, "狐狸…"),
        ("x", 0, ""),
    ],
)
def test_shorten(text: str, room: int, short: str) -> None:
    """An ellipsis shows that something is missing, and only then."""
    assert shorten(text, room) == short


def test_pad_and_table_count_cells() -> None:
    """Columns stand below each other in any script."""
    assert pad("狐", 4) + "|" == "狐  |"
    assert table(["a", "n"], [["狐狸", "1"], ["b\x1b", "10"]]) == ["a       n", "狐狸    1", "b\\x1b  10"]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (count(1, "job"), "1 job"),
        (count(2, "job"), "2 jobs"),
        (count(2, "entry", "entries"), "2 entries"),
        (size(0), "0 B"),
        (size(999), "999 B"),
        (size(999.7), "1.0 kB"),
        (size(3_100_000), "3.1 MB"),
        (size(999_600), "1.0 MB"),
        (size(120e6), "120 MB"),
        (size(5e15), "5000 TB"),
        (clock(-1), "0:00"),
        (clock(7), "0:07"),
        (clock(751), "12:31"),
        (clock(3723), "1:02:03"),
        (rough(1), "5 s"),
        (rough(52), "50 s"),
        (rough(59), "1 min"),
        (rough(725), "12 min"),
        (rough(3600), "1 h"),
        (rough(12_100), "3 h 20 min"),
        (rough(7_190), "2 h"),
        (rough(188_000), "2 d 4 h"),
    ],
)
def test_words(told: str, expected: str) -> None:
    """Numbers are told as exactly as they deserve."""
    assert told == expected
