"""The API key: checked before use, and kept out of every text that the service or a library gives us."""

from __future__ import annotations

import base64
import re

from batchgen.errors import ConfigError

LONGEST_KEY = 4096  # characters; keys of the kind that are signed tokens have about a thousand
LONGEST_MESSAGE = 300  # characters
LONGEST_CODE = 64  # characters

#: Below this a key is a word of a test, and replacing it would only garble what the service says.
_SHORTEST_SECRET = 4

#: A shorter key may stand in an id or a link by chance, and what is paid for must not be refused for that.
_SURELY_NOT_CHANCE = 16

#: A link's query holds its signature.
_QUERY = re.compile(r"(\b[a-z][a-z0-9+.-]{0,15}://[^\s?#\"'<>]+)[?#][^\s\"'<>]*", re.IGNORECASE)


def check_key(text: str) -> str:
    """The key without the white space around it, fit for a header.

    Raises ConfigError, whose message never shows the key.
    """
    key = text.strip().removeprefix("\ufeff").strip()
    if not key:
        raise ConfigError("the API key is empty")
    if any(map(str.isspace, key)):
        raise ConfigError("the API key has white space inside; give the key alone, without 'Bearer'")
    if not (key.isascii() and key.isprintable()):
        raise ConfigError("the API key has characters that no key has (control characters, other scripts)")
    if len(key) > LONGEST_KEY:
        raise ConfigError(f"the API key is longer than {LONGEST_KEY} characters")
    return key


class Scrubber:
    """Makes a foreign text fit to be shown: one line, bounded, without the key or a link's signature."""

    __slots__ = ("_long", "_secrets")

    def __init__(self, key: str) -> None:
        self._secrets = _pattern(key)
        self._long = len(key) >= _SURELY_NOT_CHANCE

    def __repr__(self) -> str:
        return "Scrubber(...)"

    def __call__(self, text: str, limit: int = LONGEST_MESSAGE) -> str:
        """``text`` on one line, at most ``limit`` characters, cut with an ellipsis."""
        if len(text) <= limit and text.isalnum():
            return self.hide(text)  # "success", in most replies
        plain = "".join(char if char.isprintable() else " " for char in text[: 16 * limit])
        line = self.hide(_QUERY.sub(r"\1?...", " ".join(plain.split())))
        return line if len(line) <= limit else line[: limit - 3] + "..."

    def finds_key_in(self, text: str) -> bool:
        """Whether ``text`` holds the key, and not by chance."""
        return self._long and self.hide(text) != text

    def hide(self, text: str) -> str:
        """``text`` with the key, also in base64, replaced."""
        return text if self._secrets is None else self._secrets.sub("[key]", text)


def _pattern(key: str) -> re.Pattern[str] | None:
    """Matches the key in any case, and its base64 wherever in a longer text it was encoded."""
    if len(key) < _SHORTEST_SECRET:
        return None
    coded = [form for shift in range(3) for form in _coded(key.encode(), shift)]
    exact = "|".join(re.escape(form) for form in coded if len(form) >= _SHORTEST_SECRET)
    return re.compile(f"(?i:{re.escape(key)})" + (f"|{exact}" if exact else ""))


def _coded(key: bytes, shift: int) -> tuple[str, str]:
    """The characters of base64 that depend on the key alone, when ``shift`` bytes stand before it."""
    first = (shift * 8 + 5) // 6
    last = (shift + len(key)) * 8 // 6
    padded = b"\0" * shift + key
    return (
        base64.b64encode(padded).decode()[first:last],
        base64.urlsafe_b64encode(padded).decode()[first:last],
    )
