"""What tells an address from a path, and how an address is shown."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*(://|::)")


def is_address(to: str) -> bool:
    """Whether this is for fsspec to open."""
    return _ADDRESS.match(to) is not None


def shown(to: str) -> str:
    """A destination for people to read: without what may be secret in it."""
    if not is_address(to):
        return to
    return "::".join(map(_shown_url, to.split("::")))


def _shown_url(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
