"""The API key is checked before use and stands in no text; the service's address has one form."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.errors import ConfigError
from batchgen.hailuo import check_key, normal_origin
from batchgen.hailuo.address import api_root
from batchgen.hailuo.secret import Scrubber

KEY = "sk-Q7w/8+Zx0123456789abcdefGHIJ"


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"  {KEY}\r\n", f"\ufeff{KEY}\n", f"\t{KEY}"])
def test_a_key_is_stripped(text: str) -> None:
    """White space around a key, and a byte order mark before it, come from editors and are dropped."""
    assert check_key(text) == KEY


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "sk-secret 123",
        "Bearer sk-secret",
        "sk-secret\n123",
        "sk-secret\x00",
        "sk-secret\x7f",
        "sk-sécret",
        "ｓｋ－secret",
        "sk-secret\u200b",
        "密钥secret",
        "secret" * 1000,
    ],
)
def test_a_bad_key_is_refused_unseen(text: str) -> None:
    """What cannot be a key is refused before anything is sent, and not shown."""
    with pytest.raises(ConfigError) as caught:
        check_key(text)
    assert "secret" not in str(caught.value)
    assert "sécret" not in str(caught.value)


@pytest.mark.parametrize(
    "told",
    [
        f"Incorrect API key provided: {KEY}.",
        f"KEY {KEY.upper()} AND {KEY.lower()}",
        f"sent\nAuthorization: Bearer {KEY}\r\n",
        base64.b64encode(KEY.encode()).decode(),
        base64.urlsafe_b64encode(KEY.encode()).decode(),
        "x" * 290 + KEY,
    ]
    + [
        base64.b64encode(before + KEY.encode() + b" and more").decode()
        for before in (b"B", b"Be", b"Bearer ")
    ],
)
def test_the_key_is_taken_out(told: str) -> None:
    """Neither the key nor its base64, wherever it was encoded, is left in a text, also where it is cut."""
    shown = Scrubber(KEY)(told)
    core = base64.b64encode(KEY.encode()).decode().rstrip("=")[:-1]
    assert KEY.casefold() not in shown.casefold()
    assert core not in shown
    assert core.replace("+", "-").replace("/", "_") not in shown
    for shift in range(3):
        assert base64.b64encode(b"\0" * shift + KEY.encode()).decode()[4:-4] not in shown
    assert KEY[:8] not in shown


def test_a_short_key_garbles_nothing() -> None:
    """The word that a simulated service takes for a key is no secret."""
    assert Scrubber("k")("the key is bad") == "the key is bad"


def test_a_links_signature_is_taken_out() -> None:
    """A message may name a link's scheme, host and path, and not what signs it."""
    told = 'no: "https://cdn.example/a%2Fb.mp4?Expires=1&Signature=9Z9J8h5b%2B3" (HTTP 403)'
    assert Scrubber(KEY)(told) == 'no: "https://cdn.example/a%2Fb.mp4?..." (HTTP 403)'


@given(st.text(max_size=400))
def test_a_foreign_text_becomes_one_bounded_line(text: str) -> None:
    """Any text becomes one printable line of at most 300 characters."""
    shown = Scrubber(KEY)(text)
    assert shown.isprintable()
    assert len(shown) <= 300


def test_a_long_text_is_scrubbed_in_no_time() -> None:
    """Texts that are made to be slow to search are cut first."""
    for text in ("a." * 500_000, "a://" * 250_000, "x" * 1_000_000):
        assert len(Scrubber(KEY)(text)) == 300


def test_nothing_shows_the_key() -> None:
    """The parts of a client do not show the key."""
    assert KEY not in repr(Scrubber(KEY))


@pytest.mark.parametrize(
    ("base_url", "origin", "root"),
    [
        ("https://www.dmxapi.cn", "https://www.dmxapi.cn", "https://www.dmxapi.cn"),
        ("https://www.dmxapi.cn/", "https://www.dmxapi.cn", "https://www.dmxapi.cn"),
        (" HTTPS://WWW.DMXAPI.CN:443/\n", "https://www.dmxapi.cn", "https://www.dmxapi.cn"),
        ("http://127.0.0.1:80", "http://127.0.0.1", "http://127.0.0.1"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://host/Api/", "https://host", "https://host/Api"),
        ("https://host/v1", "https://host", "https://host"),
        ("https://host/api/v1/", "https://host", "https://host/api"),
        ("http://[::1]:81", "http://[::1]:81", "http://[::1]:81"),
        ("https://Пример.рф", "https://xn--e1afmkfd.xn--p1ai", "https://xn--e1afmkfd.xn--p1ai"),
    ],
)
def test_a_service_has_one_origin(base_url: str, origin: str, root: str) -> None:
    """The ledger keeps scheme, host and port in one form, however the base URL is written."""
    assert normal_origin(base_url) == origin
    assert api_root(base_url) == root


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "www.dmxapi.cn",
        "ftp://host",
        "file:///etc/passwd",
        "https://",
        "https://:443",
        "http://host:99999",
        "http://host:port",
        "https://ho st",
        "https://host\x00",
        "https://host/?key=hunter2",
        "https://host/#hunter2",
        "https://user:hunter2@host",
        "https://[::1",
        "//host",
        "https:host",
    ],
)
def test_a_base_url_that_is_none_is_refused(base_url: str) -> None:
    """What is not a web address, or holds a secret, is refused, and the secret not shown."""
    with pytest.raises(ConfigError) as caught:
        normal_origin(base_url)
    assert "hunter2" not in str(caught.value)
