"""Checked reading of the replies: bytes that anyone may have written become our types and errors.

A usable id or link beats a code that speaks against it: following it up costs nothing and tells the truth,
while dropping it can lose what was paid for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from batchgen.errors import Refused, ServiceError, Transient
from batchgen.hailuo.secret import LONGEST_CODE, Scrubber
from batchgen.hailuo.verdict import Call, Kind, kind_of, speaks_of_the_question, verdict
from batchgen.model import Failed, Generated, Links, Running, TaskState

LONGEST_ID = 128  # characters; the service's own have 15
LONGEST_LINK = 8192  # bytes
LARGEST_SIDE = 16384  # pixels
_LARGEST_CODE = 10**18

NOT_JSON = "not_json"
_NO_REASON = frozenset({"", "success", "ok"})

Object = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back.  ``code`` is the service's, ``message`` is fit to be shown.

    ``body`` is empty when what came is no JSON object; ``word`` is then our code for what it was.
    """

    status: int
    body: Object = field(repr=False)
    code: str | None
    message: str
    scrub: Scrubber
    retry_after: float | None = None  # seconds
    word: str | None = None

    @property
    def success(self) -> bool:
        """Whether the HTTP status says so."""
        return 200 <= self.status < 300

    @property
    def clear(self) -> bool:
        """Whether no code speaks against it."""
        return self.success and self.code in {None, "0"}

    def error(self, call: Call, missing: str, *, word: str | None = None) -> ServiceError:
        """What this reply amounts to, as it is no success.

        ``missing`` says what a success would have had, ``word`` is our code for that.
        """
        said = "" if self.message.casefold() in _NO_REASON else self.message
        told = said if said and (self.word or not self.clear) else missing + (f" ({said})" if said else "")
        return verdict(call, self.status, self.code, told, self.retry_after, word=self.word or word)


def read_reply(
    status: int, raw: bytes, scrub: Scrubber, *, retry_after: float | None = None, trouble: str | None = None
) -> Reply:
    """A reply from its bytes; ``trouble`` tells why there are none, or not all."""
    body = parse(raw) if trouble is None else None
    if body is None:
        message = trouble or _no_object(raw)
        return Reply(
            status=status,
            body={},
            code=None,
            message=message,
            scrub=scrub,
            retry_after=retry_after,
            word=NOT_JSON,
        )
    code, message = _told(body, scrub)
    return Reply(status=status, body=body, code=code, message=message, scrub=scrub, retry_after=retry_after)


def parse(raw: bytes) -> Object | None:
    """The JSON object that ``raw`` is, or ``None``: bad UTF-8, bad JSON, NaN, bottomless nesting, no object."""
    try:
        value = _DECODER.decode(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _no_object(raw: bytes) -> str:
    """What came in place of a JSON object."""
    beginning = raw[:256].lstrip()
    if not beginning:
        return "the reply is empty"
    return (
        "a web page came in place of a reply" if beginning[:1] == b"<" else "the reply is not a JSON object"
    )


def submitted(reply: Reply) -> str:
    """The task id in the reply to a submission.  Raises what ``verdict`` says of a POST."""
    task_id = usable_id(reply.body.get("task_id"), reply.scrub)
    if task_id:
        return task_id
    raise reply.error(Call.POST, "the reply has no usable task id")


def task_state(reply: Reply, task_id: str) -> TaskState:
    """How the task stands.  Raises Transient, NotFound, RateLimited or Halting."""
    state = _task_state(reply)
    named = reply.body.get("task_id")
    if not _unset(named) and usable_id(named, reply.scrub) != task_id:
        raise Transient("other_task", f"the service answered for another task than {task_id}")
    return state


def links(reply: Reply, file_id: str) -> Links:
    """Where the clip can be fetched; an empty link is passed on, as what fetches it judges links.

    Raises Transient, NotFound, RateLimited, Halting or Refused.
    """
    file = reply.body.get("file")
    if not reply.success or not isinstance(file, dict):
        raise reply.error(Call.GET, "the reply names no file", word="no_link")
    told = [_link(file.get(name), reply.scrub) for name in ("download_url", "backup_download_url")]
    usable = [link for link in told if link]
    if not usable and not (reply.clear and told[0] == ""):
        raise reply.error(Call.GET, "the reply has no usable link", word="no_link")
    if not _same_file(file.get("file_id"), file_id):
        raise Transient("other_file", f"the service answered for another file than {file_id}")
    return Links(url=usable[0] if usable else "", backup_url=usable[1] if len(usable) > 1 else None)


def usable_id(value: object, scrub: Scrubber) -> str:
    """An id as a string, or ``""`` when it is none: of another type, zero, too long, not printable."""
    if isinstance(value, bool) or not isinstance(value, str | int) or _unset(value):
        return ""
    text = str(value).strip()
    sane = len(text) <= LONGEST_ID and text.isprintable() and not any(map(str.isspace, text))
    return text if sane and not scrub.finds_key_in(text) else ""


def _task_state(reply: Reply) -> TaskState:
    """The state by the service's word for it, or by its code."""
    word = _word(reply.body.get("status"))
    if reply.success and word == "success":
        return _generated(reply)
    if reply.success and word in _FAILED:
        return _failed(reply)
    if reply.clear and (word or reply.code == "0"):
        return Running()
    error = reply.error(Call.GET, "the reply tells no status")
    if not isinstance(error, Refused):
        raise error
    if reply.success and word in _RUNNING:  # the two speak against each other
        raise Transient(error.code, error.message)
    return Failed(code=error.code, message=error.message, sure=not word or word in _FAILED)


_FAILED = frozenset({"fail", "failed"})
_RUNNING = frozenset({"preparing", "queueing", "processing"})


def _generated(reply: Reply) -> Generated:
    """A finished task; without a file it is asked again."""
    file_id = usable_id(reply.body.get("file_id"), reply.scrub)
    if file_id:
        sides = (_side(reply.body.get("video_width")), _side(reply.body.get("video_height")))
        return Generated(file_id=file_id, width=sides[0], height=sides[1])
    error = reply.error(
        Call.GET, "the task has succeeded, but the reply has no usable file id", word="no_file_id"
    )
    raise Transient(error.code, error.message) if isinstance(error, Refused) else error


def _failed(reply: Reply) -> Failed:
    """A failed task, unless the code is about the question and not about the task."""
    if kind_of(Call.GET, reply.status, reply.code) in {Kind.RATE, Kind.KEY}:
        raise reply.error(Call.GET, "")
    told = "" if reply.message.casefold() in _NO_REASON else reply.message
    sure = not speaks_of_the_question(reply.code)
    return Failed(code=reply.code or "0", message=told or "the service gave no reason", sure=sure)


def _told(body: Object, scrub: Scrubber) -> tuple[str | None, str]:
    """The service's code and message, from the first shape of an error that has a code."""
    found, said = None, ""
    for raw, text in _shapes(body):
        code, message = _code(raw, scrub), _message(text, scrub)
        if found is None and code is not None:
            found, said = code, message or said
        else:
            said = said or message
        if found is not None and said:
            break
    return found, said


def _shapes(body: Object) -> Iterator[tuple[object, object]]:
    """Code and message as the vendor, the gateway's error object and its flat form have them."""
    base = body.get("base_resp")
    if isinstance(base, dict):
        yield base.get("status_code"), base.get("status_msg")
    error = body.get("error")
    if isinstance(error, dict):
        yield error.get("code"), error.get("message")
        yield error.get("type"), None
    elif isinstance(error, str):
        yield None, error
    yield body.get("code"), body.get("message", body.get("msg"))


def _code(value: object, scrub: Scrubber) -> str | None:
    """A code as a string, numbers in their plain form; ``None`` when it is none.  A gateway may count in doubles."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    if isinstance(value, int):
        return str(value) if abs(value) < _LARGEST_CODE else None
    text = scrub(value, LONGEST_CODE)
    return str(int(text)) if text.isascii() and text.isdigit() else text or None


def _message(value: object, scrub: Scrubber) -> str:
    """A message that is fit to be shown, ``""`` when there is none."""
    return scrub(value) if isinstance(value, str) else ""


def _word(value: object) -> str:
    """A status without case, ``""`` when there is none."""
    return value.strip().casefold() if isinstance(value, str) else ""


def _unset(value: object) -> bool:
    """Whether an id is not given: gateways write that as nothing, null, an empty string or zero."""
    return value is None or (isinstance(value, str | int) and str(value).strip() in {"", "0"})


def _side(value: object) -> int | None:
    """A width or height in pixels, if it can be one."""
    return value if type(value) is int and 0 < value <= LARGEST_SIDE else None


def _link(value: object, scrub: Scrubber) -> str | None:
    """A link to the letter.  One that holds the key would carry it to the video host."""
    if not isinstance(value, str):
        return None
    try:
        fits = len(value.encode()) <= LONGEST_LINK
    except UnicodeEncodeError:  # half a surrogate pair
        return None
    return value if fits and not scrub.finds_key_in(value) else None


def _same_file(named: object, asked: str) -> bool:
    """Whether a reply is about the file that was asked for.

    The id is an integer there, and a gateway that counts in doubles may have rounded it.
    """
    if _unset(named) or not isinstance(named, str | int) or str(named).strip() == asked:
        return True
    digits = str(named).strip()
    if not (digits.isascii() and digits.isdigit() and asked.isascii() and asked.isdigit()):
        return False
    return len(digits) == len(asked) <= LONGEST_ID and float(digits) == float(asked)


def _no_constant(name: str) -> object:
    """NaN and the infinities are not JSON."""
    raise ValueError(f"{name} is not JSON")


_DECODER = json.JSONDecoder(parse_constant=_no_constant)
