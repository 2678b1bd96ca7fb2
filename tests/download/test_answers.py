"""What an answer means is decided by numbers and headers alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from batchgen.download.answers import (
    Begun,
    Meaning,
    Rest,
    StartOver,
    Whole,
    meaning,
    range_headers,
    validator,
)
from batchgen.errors import DownloadError

NOW, SECOND_AGO = "Tue, 18 Nov 2025 10:00:01 GMT", "Tue, 18 Nov 2025 10:00:00 GMT"
BEGUN = Begun(size=10, place="p", validator='"v1"', total=100)


@pytest.mark.parametrize(
    ("headers", "strong"),
    [
        ({"etag": '"v1"'}, '"v1"'),
        ({"ETag": '"v1"', "Last-Modified": SECOND_AGO, "Date": NOW}, '"v1"'),
        ({"ETag": 'W/"v1"'}, None),
        ({"ETag": 'W/"v1"', "Last-Modified": SECOND_AGO, "Date": NOW}, None),
        ({"ETag": "v1"}, None),
        ({"ETag": '"' + "v" * 501 + '"'}, None),
        ({"Last-Modified": SECOND_AGO, "Date": NOW}, SECOND_AGO),
        ({"Last-Modified": NOW, "Date": NOW}, None),
        ({"Last-Modified": SECOND_AGO}, None),
        ({"Last-Modified": "yesterday", "Date": NOW}, None),
        ({"Last-Modified": "Tue, 18 Nov 2025 10:00:00", "Date": NOW}, None),
        ({}, None),
    ],
)
def test_only_strong_validators_count(headers: dict[str, str], strong: str | None) -> None:
    """An ETag that promises equal bytes, or a time that is old enough; else nothing is continued."""
    assert validator(CIMultiDict(headers)) == strong


def test_a_range_is_never_asked_for_without_a_condition() -> None:
    """Range comes with If-Range, or not at all."""
    assert range_headers(BEGUN) == {"Range": "bytes=10-", "If-Range": '"v1"'}
    assert range_headers(None) == {}
    assert range_headers(Begun(size=10, place="p", validator=None, total=100)) == {}


@pytest.mark.parametrize(
    ("told", "length", "result"),
    [
        ("bytes 10-99/100", "90", Rest(total=100)),
        ("bytes 10-99/100", None, Rest(total=100)),
        ("bytes 10-99/100", "91", StartOver()),
        ("bytes 10-98/100", "89", StartOver()),
        ("bytes 10-98/100", None, StartOver()),
        ("bytes 9-99/100", "91", StartOver()),
        ("bytes 10-99/*", "90", StartOver()),
        ("bytes 10-100/101", "91", StartOver()),
        ("bytes 10-", "90", StartOver()),
        ("items 10-99/100", "90", StartOver()),
        (None, "90", StartOver()),
    ],
)
def test_the_rest_must_fit(told: str | None, length: str | None, result: Meaning) -> None:
    """Only exactly the missing bytes of the same whole are the rest."""
    named = {"Content-Range": told, "Content-Length": length}
    headers = CIMultiDict({name: value for name, value in named.items() if value is not None})
    assert meaning(206, headers, BEGUN) == result


@given(
    st.integers(100, 599),
    st.dictionaries(
        st.sampled_from(["ETag", "Content-Range", "Content-Length", "Content-Type", "Last-Modified", "Date"]),
        st.text() | st.sampled_from([NOW, '"v1"', "bytes 10-99/100", "bytes */10", "-1", "9" * 40]),
    ),
    st.sampled_from([None, BEGUN]),
)
def test_any_answer_has_a_meaning(status: int, headers: dict[str, str], asked: Begun | None) -> None:
    """Any status with any headers ends in a meaning or in an error of the download."""
    try:
        result = meaning(status, CIMultiDict(headers), asked)
    except DownloadError:
        return
    if asked is None:
        assert isinstance(result, Whole)
    validator(CIMultiDict(headers))
