"""Which addresses of a service are accepted.  Nothing of a refused address is ever shown: it may hold a key."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from batchgen import names

_ODD = re.compile(r"[\s\\\x00-\x20\x7f-\x9f\"<>{}|^`]")
_HOST = re.compile(r"[\w.-]+|[0-9a-fA-F:.]+")
EXAMPLE = "write it like `https://www.dmxapi.cn`"
CLEAR_TEXT = "http would send the key unprotected"
ENCRYPT = "write https:// (or, in a network that you trust with the key, allow_http: true beside it)"
_PATH = r"(?::[0-9]{1,5})?(?:/[^\s?#\\]*)?$"
#: What a JSON Schema can say of an address, and of one that is encrypted or leads to this machine.
PATTERN = r"^https?://(?:[^\s/?#@:\\]+|\[::1\])" + _PATH
ENCRYPTED_PATTERN = (
    r"^(?:https://[^\s/?#@:\\]+|https?://\[::1\]|https?://localhost"
    r"|https?://127\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3})" + _PATH
)


def parse_base_url(text: str) -> str:
    """The address of a service without a slash at its end.

    It is http or https with a host, and has no user, query or fragment.  Raises ValueError that says what is
    wrong, without showing the address.
    """
    if len(text) > 500 or _ODD.search(text):
        raise ValueError(f"the address has a space or an odd character; {EXAMPLE}")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(f"this is not an address; {EXAMPLE}") from None
    if "?" in text or "#" in text:
        raise ValueError(f"the address must have no query (`?`) and no fragment (`#`); {EXAMPLE}")
    _check(parts)
    if port == 0:
        raise ValueError("port 0 is no port")
    return text.rstrip("/")


def _check(parts: SplitResult) -> None:
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"}:
        raise ValueError(f"the address must begin with https://; {EXAMPLE}")
    if "@" in parts.netloc:
        raise ValueError("the address must have no user name or password; the key stands in a variable")
    if not _HOST.fullmatch(host) or not host.strip("."):
        raise ValueError(f"the address has no host; {EXAMPLE}")
    if not names.can_be_a_host(host):
        raise ValueError(
            "the address has a host that cannot exist: between dots stand "
            f"1 to {names.LONGEST_LABEL} letters; {EXAMPLE}"
        )


def is_clear_text(base_url: str) -> bool:
    """Whether the key would travel unencrypted, and beyond this machine."""
    parts = urlsplit(base_url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine: 127.0.0.0/8, ::1 or ``localhost``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
