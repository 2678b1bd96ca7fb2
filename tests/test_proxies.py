"""Proxies come from the environment, and never stand between batchgen and this machine."""

from __future__ import annotations

import os

import pytest

from batchgen.errors import ConfigError
from batchgen.proxies import is_loopback, proxy_for

CORPORATE = {"http_proxy": "http://p:1", "HTTPS_PROXY": "http://p:2", "NO_PROXY": "intern.example,host:8443"}


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy but those that a test names."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("environment", "url", "proxy"),
    [
        ({}, "https://host/a", None),
        (CORPORATE, "http://host/a", "http://p:1"),
        (CORPORATE, "https://host/a", "http://p:2"),
        (CORPORATE, "https://HOST:443/a", "http://p:2"),
        (CORPORATE, "https://host:8443/a", None),
        (CORPORATE, "https://intern.example/a", None),
        (CORPORATE, "https://api.intern.example/a", None),
        (CORPORATE, "http://127.0.0.1:8000/a", None),
        (CORPORATE, "http://127.9.9.9/a", None),
        (CORPORATE, "http://[::1]:8000/a", None),
        (CORPORATE, "http://localhost:8000/a", None),
        (CORPORATE, "http://LOCALHOST./a", None),
        ({"ALL_PROXY": "http://p:3"}, "https://host/a", "http://p:3"),
        ({"all_proxy": "socks5://p:3", "https_proxy": "http://p:2"}, "https://host/a", "http://p:2"),
        ({"https_proxy": "p:3128"}, "https://host/a", "http://p:3128"),
        ({"https_proxy": "http://me:pass@p:1", "no_proxy": "*"}, "https://host/a", None),
        ({"https_proxy": "http://me:pass@p:1"}, "https://host/a", "http://me:pass@p:1"),
        ({"https_proxy": ""}, "https://host/a", None),
    ],
)
def test_the_environments_rules(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], url: str, proxy: str | None
) -> None:
    """The variables count in either case, NO_PROXY excepts hosts, and loopback is always excepted."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert proxy_for(url) == proxy


def test_another_kind_of_proxy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that cannot be used is an error, as going around it may not be allowed; no password is shown."""
    monkeypatch.setenv("ALL_PROXY", "socks5://me:hunter2@p:1080")
    with pytest.raises(ConfigError, match="socks5 proxy") as caught:
        proxy_for("https://host/a")
    assert "hunter2" not in str(caught.value)
    assert proxy_for("http://127.0.0.1/") is None


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.255.0.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("a.localhost", True),
        ("128.0.0.1", False),
        ("localhost.example", False),
        ("", False),
        ("::2", False),
    ],
)
def test_what_is_loopback(host: str, loopback: bool) -> None:  # noqa: FBT001  a table's column
    """127.0.0.0/8, ::1 and localhost are this machine."""
    assert is_loopback(host) is loopback
