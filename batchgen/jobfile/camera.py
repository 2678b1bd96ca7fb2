"""Camera commands in prompts: which ones there are, and which brackets seem to mean one and do not.

The service takes 15 of them, in Chinese or English, and advises at most three in one bracket.  Everything
here is advice: a prompt is always sent to the letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from batchgen.jobfile.flaws import close_to

COMMANDS = {
    "左移": "Truck left",
    "右移": "Truck right",
    "左摇": "Pan left",
    "右摇": "Pan right",
    "推进": "Push in",
    "拉远": "Pull out",
    "上升": "Pedestal up",
    "下降": "Pedestal down",
    "上摇": "Tilt up",
    "下摇": "Tilt down",
    "变焦推近": "Zoom in",
    "变焦拉远": "Zoom out",
    "晃动": "Shake",
    "跟随": "Tracking shot",
    "固定": "Static shot",
}
MOST_AT_ONCE = 3
_KNOWN = frozenset(COMMANDS) | {name.lower() for name in COMMANDS.values()}
_SQUARE = re.compile(r"\[([^\[\]]*)\]")
_FULL_WIDTH = re.compile(r"[【［〔]([^【】［］〔〕\[\]]*)[】］〕]")
_SEPARATOR = re.compile(r"[,，、]")
_LONGEST = 24  # characters, and
_MOST_WORDS = 4  # words, of what may be meant for a command


def camera_warnings(prompt: str) -> Iterator[tuple[str, str]]:
    """What is odd about the camera commands of a prompt: messages with what to do."""
    for found in _SQUARE.finditer(prompt):
        yield from _bracket(found.group(1))
    for found in _FULL_WIDTH.finditer(prompt):
        parts = _parts(found.group(1))
        if parts and all(map(_is_known, parts)):
            inside = found.group(1).strip()
            yield f"the camera command {found.group()} is in full-width brackets", f"write `[{inside}]`"


def _parts(inside: str) -> list[str]:
    return [" ".join(part.split()) for part in _SEPARATOR.split(inside) if part.strip()]


def _is_known(part: str) -> bool:
    return part.lower() in _KNOWN


@lru_cache(4096)  # prompts by the thousand have the same few brackets
def _bracket(inside: str) -> tuple[tuple[str, str], ...]:
    return tuple(_odd_parts(_parts(inside)))


def _odd_parts(parts: list[str]) -> Iterator[tuple[str, str]]:
    known = any(map(_is_known, parts))
    if not known and not all(map(_may_be_command, parts)):
        return
    for part in parts:
        if not _is_known(part):
            yield f"[{part[:60]}] is no camera command", _suggestion(part)
    if len(parts) > MOST_AT_ONCE:
        message = f"{len(parts)} camera commands in one bracket; at most {MOST_AT_ONCE} are advised"
        yield message, "let the others follow in brackets of their own"


def _may_be_command(part: str) -> bool:
    short = len(part) <= _LONGEST and len(part.split()) <= _MOST_WORDS
    return short and any(letter.isalpha() for letter in part)


def _suggestion(part: str) -> str:
    chinese = any(ord(letter) > 0x2E7F for letter in part)
    names = COMMANDS if chinese else COMMANDS.values()
    near = close_to(part, names, cutoff=0.5 if chinese else 0.6)  # two letters: one of them is near
    if near:
        return f"did you mean `[{near}]`?"
    return f"the commands are {', '.join(names)}; a bracket that means none is sent as it is"
