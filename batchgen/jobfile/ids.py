"""Which texts can be the id of a job.  An id is a file name, on any system that the clips may travel to.

Ids are brought to Unicode's form NFC, so that two spellings of the same letters are one id.
"""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 120  # of UTF-8, whatever `repeat` appends included
_ASCII = re.compile(r"[A-Za-z0-9._-]*", re.ASCII)
_PLAIN = re.compile(r"(?!.*--)[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?", re.ASCII)
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?")
#: Ids that need no closer look, as most do not.
_SAFE = re.compile(
    rf"(?!(?i:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z))[A-Za-z0-9_-][A-Za-z0-9._-]{{0,{MAX_BYTES - 1}}}",
    re.ASCII,
)
_ALLOWED = "letters, digits, `.`, `_` and `-`"
#: What a JSON Schema can say of the rule: no ASCII character that is not allowed, no leading dot.
PATTERN = r"^(?!\.)[^\x00-,/:-@\[-\^`{-\x9f]+$"


def parse_id(text: str) -> str:
    """The id in form NFC.  Raises ValueError that says what cannot stand in one."""
    if _SAFE.fullmatch(text):
        return text
    word = unicodedata.normalize("NFC", text)
    if not word:
        raise ValueError("is empty")
    if word.startswith("."):
        raise ValueError("begins with a dot; such files are hidden")
    odd = _odd_character(word)
    if odd is not None:
        name = odd if odd.isprintable() and odd != " " else f"U+{ord(odd):04X}"
        raise ValueError(f"has the character `{name}`; an id is a file name of {_ALLOWED}")
    size = len(word.encode())
    if size > MAX_BYTES:
        raise ValueError(f"takes {size} bytes; at most {MAX_BYTES} are allowed")
    if _RESERVED.fullmatch(word):
        raise ValueError("is a name that Windows keeps for a device")
    return word


def _odd_character(word: str) -> str | None:
    if _ASCII.fullmatch(word):
        return None
    for place, letter in enumerate(word):
        category = unicodedata.category(letter)
        mark = category[0] == "M" and place > 0  # vowel signs of many scripts
        if not (letter in "._-" or category[0] == "L" or category == "Nd" or mark):
            return letter
    return None


def repeated_id(first: str, number: int) -> str:
    """The id of the ``number``-th clip (from 1) of a job that is repeated."""
    return first if number == 1 else f"{first}-{number}"


def slug(text: str, most: int = 40) -> str:
    """A text that is an id of at most ``most`` bytes, as near to ``text`` as can be: letters of any script stay."""
    if len(text) <= most and _PLAIN.fullmatch(text) and not _RESERVED.fullmatch(text):
        return text
    word = unicodedata.normalize("NFC", text).strip()
    kept = "".join(letter if _odd_character(f"a{letter}") is None else "-" for letter in word[: 4 * most])
    tidy = _trimmed(re.sub(r"-{2,}", "-", kept))
    cut = _trimmed(tidy.encode()[:most].decode(errors="ignore"))
    if _RESERVED.fullmatch(cut):
        return f"clip-{cut}"
    return cut or "job"


def _trimmed(word: str) -> str:
    """Without what is no letter, digit or `_` at its ends; a vowel sign cannot begin a word."""
    word = word.strip("-.")
    while word and unicodedata.category(word[0])[0] == "M":
        word = word[1:].lstrip("-.")
    return word
