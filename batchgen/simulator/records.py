"""What the service was asked, so that tests can count."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections import Counter, deque
from dataclasses import dataclass

from batchgen.simulator.limits import Window


@dataclass(slots=True, kw_only=True)
class Record:
    """One exchange.  Written when it begins, and completed as it goes: hanging ones count as well."""

    number: int  # from 1, in order of arrival
    at: float  # seconds since the epoch
    call: str  # submit, query, retrieve, video; or other
    method: str
    path: str  # raw
    query: str  # raw
    authorized: bool  # whether an Authorization header was there; its value is nowhere
    key_hash: str | None  # salted; equal for equal keys within one service
    body: bytes
    status: int | None = None  # HTTP, once there is an answer
    code: int | None = None  # of its base_resp
    act: str | None = None  # what was made to go wrong
    task_id: str = ""  # of the task that it made

    @property
    def json(self) -> object:
        """The body as JSON, or ``None``."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


class Records:
    """The newest records, and counts of all there ever were."""

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._salt = secrets.token_bytes(16)
        self.clear()

    def clear(self) -> None:
        """Begin to count anew."""
        self.newest: deque[Record] = deque(maxlen=self._kept)
        self.calls: Counter[str] = Counter()
        self.acts: Counter[str] = Counter()
        self.statuses: Counter[str] = Counter()
        self.codes: Counter[str] = Counter()
        self.leaks = 0  # requests that brought an Authorization header to the video host
        self.video_bytes = 0
        self.posts = Window()
        self._count = 0

    def key_hash(self, key: str) -> str:
        """What ``Record.key_hash`` is for this value of an Authorization header."""
        return hmac.digest(self._salt, key.encode("utf-8", "surrogateescape"), "sha256").hex()[:16]

    def arrived(
        self,
        *,
        at: float,
        call: str,
        method: str,
        path: str,
        query: str,
        authorization: str | None,
        body: bytes,
    ) -> Record:
        """Note a request."""
        self._count += 1
        record = Record(
            number=self._count,
            at=at,
            call=call,
            method=method,
            path=path,
            query=query,
            authorized=authorization is not None,
            key_hash=None if authorization is None else self.key_hash(authorization),
            body=body,
        )
        self.newest.append(record)
        self.calls[call] += 1
        if call == "submit":
            self.posts.add(at)
        if call == "video" and record.authorized:
            self.leaks += 1
        return record

    def sent_video(self, count: int) -> None:
        """Note bytes that have left the video host."""
        self.video_bytes += count

    def answered(self, record: Record, status: int, code: int | None) -> None:
        """Note the answer that is about to leave."""
        record.status, record.code = status, code
        self.statuses[f"{record.call} {status}"] += 1
        if code is not None:
            self.codes[f"{record.call} {code}"] += 1


def dump_record(record: Record) -> dict[str, object]:
    """A record as JSON data."""
    names = ("number", "at", "call", "method", "path", "query", "authorized", "key_hash")
    data: dict[str, object] = {name: getattr(record, name) for name in names}
    data["body_base64"] = base64.b64encode(record.body).decode()
    data["body_sha256"] = hashlib.sha256(record.body).hexdigest()
    data["json"] = record.json
    return data | {name: getattr(record, name) for name in ("status", "code", "act", "task_id")}
