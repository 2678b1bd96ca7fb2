"""Which links may be followed, and how they are shown.

A link is signed: its query is a credential, and a changed escape sequence breaks the signature.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import urljoin

from yarl import URL

from batchgen import names
from batchgen.errors import LinkUnusable

#: Request lines beyond 8 KiB are refused by common servers.
MAX_LINK_CHARS = 8192
_SHOWN_CHARS = 200
_NEVER = re.compile(r"[^!-~]")


def shown(url: str) -> str:
    """Scheme, host and path of a link, for messages: no query, no user, no control characters."""
    bare = re.split(r"[?#]", url, maxsplit=1)[0]
    bare = re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*:)?//[^/]*@", r"\1//", bare)
    printable = "".join(char if char.isprintable() else "?" for char in bare[: _SHOWN_CHARS + 1])
    return printable if len(printable) <= _SHOWN_CHARS else printable[:_SHOWN_CHARS] + "..."


def checked_link(url: str, *, allow_http: bool = False) -> URL:
    """The link to the letter, ready to be requested.

    Raises LinkUnusable unless it is https, or http to this machine (to any host with ``allow_http``), with a
    host and without a user.
    """
    if not url:
        raise LinkUnusable("the link is empty")
    if len(url) > MAX_LINK_CHARS:
        raise LinkUnusable(f"the link is too long ({len(url)} characters): {shown(url)}")
    if _NEVER.search(url):
        raise LinkUnusable(f"the link holds characters that no link may hold: {shown(url)}")
    try:
        link = URL(url, encoded=True)
        host = link.raw_host
    except ValueError:  # its text repeats the link, signature and all
        raise LinkUnusable(f"the link cannot be read: {shown(url)}") from None
    if link.scheme not in {"http", "https"}:
        raise LinkUnusable(f"the link is neither https nor http: {shown(url)}")
    if not host:
        raise LinkUnusable(f"the link has no host: {shown(url)}")
    if not names.can_be_a_host(host):
        raise LinkUnusable(f"the link's host can't be the name of one: {shown(url)}")
    if "@" in link.raw_authority:
        raise LinkUnusable(f"the link carries a user name: {shown(url)}")
    if link.scheme == "http" and not (allow_http or is_this_machine(host)):
        raise LinkUnusable(f"the link is not https, and allow_http is not set: {shown(url)}")
    return link


def redirected(link: URL, location: str, *, allow_http: bool = False) -> URL:
    """Where a redirect leads, to the letter.

    Raises LinkUnusable as ``checked_link`` does, and for a way from https to http, whatever is allowed.
    """
    try:
        target = urljoin(str(link), location)
    except ValueError:
        raise LinkUnusable(f"a redirect that cannot be read, from {shown(str(link))}") from None
    try:
        reached = checked_link(target, allow_http=allow_http)
    except LinkUnusable as error:
        raise LinkUnusable(f"redirected by {link.raw_host}: {error}") from None
    if link.scheme == "https" and reached.scheme == "http":
        raise LinkUnusable(f"redirected by {link.raw_host} from https to http: {shown(target)}")
    return reached


@lru_cache(maxsize=64)  # a run meets few hosts, and each many times
def is_this_machine(host: str) -> bool:
    """Whether a host is 127.0.0.0/8, ::1 or localhost, and nothing that only resolves to it."""
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address in _LOOPBACK_4 if address.version == 4 else address == _LOOPBACK_6


_LOOPBACK_4 = ipaddress.ip_network("127.0.0.0/8")
_LOOPBACK_6 = ipaddress.ip_address("::1")
