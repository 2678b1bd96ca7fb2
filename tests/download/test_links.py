"""Which links are followed, and what of them may be shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from batchgen.download.links import MAX_LINK_CHARS, checked_link, is_this_machine, redirected, shown
from batchgen.errors import LinkUnusable


@pytest.mark.parametrize(
    "url",
    [
        "https://video.test/a%2Fb%2fc?Signature=9Z%2B3%3D&x=a+b",
        "https://video.test:8443/",
        "https://video.test?x=1",
        "http://127.0.0.1:80/x%2F",
        "http://127.8.9.10/x",
        "http://[::1]:8000/x",
        "http://localhost/x",
        "http://LOCALHOST/x",
        "HTTPS://video.test/x",
    ],
)
def test_usable_links_stay_to_the_letter(url: str) -> None:
    """A link that may be followed is not changed behind the host."""
    link = checked_link(url)
    assert str(link).lower() == str(URL(url, encoded=True)).lower()
    assert link.raw_path_qs.endswith(url.partition("/x")[2] or link.raw_path_qs)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "empty"),
        ("https://video.test/" + "x" * MAX_LINK_CHARS, "too long"),
        ("https://video.test/\r\nHost: x", "characters"),
        ("https://video.test/a b", "characters"),
        ("https://video.test/狐狸", "characters"),
        ("file:///etc/passwd", "neither"),
        ("ftp://video.test/x", "neither"),
        ("data:video/mp4;base64,AAAA", "neither"),
        ("//video.test/x", "neither"),
        ("video.test/x", "neither"),
        ("https:///x", "no host"),
        ("https:x", "no host"),
        ("https://", "no host"),
        ("https://[::1", "cannot be read"),
        ("https://video.test:99999/", "cannot be read"),
        ("https://video..test/x", "name of one"),
        ("https://./x", "name of one"),
        (f"https://{'a' * 64}.test/x", "name of one"),
        ("https://user:word@video.test/x", "user name"),
        ("https://user@video.test/x", "user name"),
        ("https://@video.test/x", "user name"),
        ("http://video.test/x", "not https"),
        ("http://127.0.0.1.evil.test/x", "not https"),
        ("http://localhost.evil.test/x", "not https"),
        ("http://128.0.0.1/x", "not https"),
        ("http://0.0.0.0/x", "not https"),
        ("http://[::2]/x", "not https"),
    ],
)
def test_unusable_links_are_refused(url: str, says: str) -> None:
    """Every link that must not be followed is refused before anything is sent."""
    with pytest.raises(LinkUnusable, match=says):
        checked_link(url)


def test_http_may_be_allowed() -> None:
    """Only the user's word lets plain http to other hosts through."""
    assert checked_link("http://video.test/x", allow_http=True).host == "video.test"


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://other.test/%2Fx?y=%3D", "https://other.test/%2Fx?y=%3D"),
        ("/%2Fx?y=%3D", "https://video.test/%2Fx?y=%3D"),
        ("c%2F?y", "https://video.test/a%2Fb/c%2F?y"),
        ("//other.test/x", "https://other.test/x"),
    ],
)
def test_redirects_stay_to_the_letter(location: str, target: str) -> None:
    """Relative and absolute targets are joined without touching an escape."""
    assert str(redirected(URL("https://video.test/a%2Fb/x?s=1", encoded=True), location)) == target


def test_a_redirect_away_from_https_is_refused() -> None:
    """A redirect is checked as the link was."""
    with pytest.raises(LinkUnusable, match=r"redirected by video\.test: the link is not https"):
        redirected(URL("https://video.test/x"), "http://video.test/x?Signature=s")


@pytest.mark.parametrize("target", ["http://video.test/x?Signature=s", "http://127.0.0.1/x?Signature=s"])
def test_no_redirect_gives_up_encryption(target: str) -> None:
    """Also where plain http is allowed: who was asked over https answered that it need not be."""
    with pytest.raises(LinkUnusable, match=r"by video\.test from https to http: http://[a-z0-9.]+/x$"):
        redirected(URL("https://video.test/x"), target, allow_http=True)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://video.test/a%2Fb?Signature=s", "https://video.test/a%2Fb"),
        ("https://video.test?Signature=s", "https://video.test"),
        ("https://video.test/#Signature", "https://video.test/"),
        ("https://me:word@video.test/x", "https://video.test/x"),
        ("//me:word@video.test/x", "//video.test/x"),
        ("https://video.test/\x1b[31m\n", "https://video.test/?[31m?"),
        ("", ""),
    ],
)
def test_messages_show_scheme_host_and_path(url: str, text: str) -> None:
    """Neither query nor user nor control characters of a link are shown."""
    assert shown(url) == text


@given(st.text())
def test_any_text_can_be_checked_and_shown(url: str) -> None:
    """Whatever stands where a link should be is shown shortly, and followed or refused."""
    assert len(shown(url)) <= 203
    assert "?Signature" not in shown(url + "?Signature")
    try:
        assert checked_link(url).scheme in {"http", "https"}
    except LinkUnusable as error:
        assert str(error)


@given(st.text())
def test_few_names_are_this_machine(host: str) -> None:
    """Hardly any text is a name of this machine."""
    assert not is_this_machine(host + ".test")
