"""Signed links to clips: targets whose percent signs are part of what is signed.

Nothing is kept: a target says which task it belongs to, and what it must be to the letter follows from that.
The signing key is public, as it guards nothing.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import uuid
from datetime import UTC, datetime
from urllib.parse import quote

from batchgen.simulator.tasks import Task

ACCESS_KEY_ID = "LTAI5tSimulatedService"
SIGNING_KEY = b"simulated"
BACKUP = "inference_backup"
FIRST = "inference_output"

_MASK = 0x5E1F_77A3_C90D_42B8
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXPIRES = re.compile(r"[?&]Expires=([0-9]{1,12})(?:&|$)")


def signed_target(task: Task, expires: int, *, backup: bool = False) -> str:
    """The request target of a link, valid until ``expires`` (seconds since the epoch)."""
    day = datetime.fromtimestamp(task.ended_at, UTC).date().isoformat()
    key = "%2F".join((BACKUP if backup else FIRST, "video", day, str(_name(task)), "output_aigc.mp4"))
    signature = quote(_signature(f"GET\n{expires}\n/{key}"), safe="")
    return f"/{key}?Expires={expires}&OSSAccessKeyId={ACCESS_KEY_ID}&Signature={signature}"


def task_id_in(target: str) -> str:
    """The id of the task that a target, well signed or not, speaks of; empty when it names none."""
    found = _UUID.search(target)
    return "" if found is None else str((uuid.UUID(found[0]).int >> 64) ^ _MASK)


def expiry_in(target: str) -> int | None:
    """When a target says that it expires, in seconds since the epoch."""
    found = _EXPIRES.search(target)
    return None if found is None else int(found[1])


def _name(task: Task) -> uuid.UUID:
    tail = hashlib.sha256(str(task.task_id).encode()).digest()[:8]
    return uuid.UUID(int=((task.task_id ^ _MASK) << 64) | int.from_bytes(tail))


def _signature(text: str) -> str:
    """Base64 of 20 bytes that has a plus and a slash, besides the sign of equality that it ends in.

    A client that is careless with any of them is found out by its first link, not by its tenth.
    """
    nonce = 0
    while True:
        digest = hmac.digest(SIGNING_KEY, f"{nonce}\n{text}".encode(), "sha256")[:20]
        signature = base64.b64encode(digest).decode()
        if "+" in signature and "/" in signature:
            return signature
        nonce += 1
