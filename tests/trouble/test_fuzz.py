r"""Bytes that anyone may have written: no run hangs, leaks, pays twice or shows a traceback because of them.

The suite draws a hundred cases of each.  This draws twenty thousand, in half an hour on two cores::

    pytest --hypothesis-profile=long --timeout=0 tests/trouble/test_fuzz.py tests/hailuo tests/jobfile \
      tests/download/test_answers.py tests/download/test_links.py tests/test_mp4.py
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import io
import json
import shutil
import struct
import time
from dataclasses import dataclass
from importlib import resources

import pytest
from fakes import Answer, FakeService
from hailuo.scripted_service import scripted, sends
from hypothesis import event, given
from hypothesis import strategies as st
from pipeline.scene import Scene, on_virtual_time

from batchgen import cli, mp4, simulator
from batchgen.download.fetch import HttpFetcher, video_session
from batchgen.errors import DownloadError, NotAVideo, OutcomeUnknown, ServiceError
from batchgen.hailuo.replies import Reply, links, read_reply, submitted, task_state
from batchgen.hailuo.secret import Scrubber
from batchgen.model import Clip, Generated, Links, Status, TaskState

KEY = "sk-nobodys-key-0123456789abcdef"
SIGNATURE = "Signature=9Z9J8h5b"

# --- replies, through a whole run on virtual time -----------------------------------------------------------

_CODES = st.sampled_from(
    [
        0,
        None,
        1000,
        1002,
        1004,
        1008,
        1026,
        1027,
        1033,
        2013,
        2061,
        9999,
        "1002",
        "1008",
        "quota_not_enough",
        "x",
        1.5,
    ]
)
_IDS: st.SearchStrategy[object] = st.sampled_from(
    ["7", 7, "", 0, None, True, [], {}, "x" * 200, "a b", "../../etc", "\x1b[31m", 10**30, KEY]
)
_STATUSES: st.SearchStrategy[object] = st.sampled_from(
    ["Success", "Fail", "Failed", "Processing", "success ", "SUCCESS", "new", "", None, 3, []]
)
_LINKS: st.SearchStrategy[object] = st.sampled_from(
    [
        f"https://video.invalid/a?{SIGNATURE}",
        "",
        None,
        5,
        [],
        "file:///etc/passwd",
        "ftp://x/y",
        "data:,x",
        "http://",
        KEY,
    ]
)
_BASE = st.none() | st.builds(
    lambda code, text: {"status_code": code, "status_msg": text}, _CODES, st.text(max_size=8)
)
_ERROR = st.builds(
    lambda code, text: {"code": code, "message": text, "type": "t"}, _CODES, st.text(max_size=8)
)
_FILE = st.none() | st.builds(
    lambda id_, url: {"file_id": id_, "download_url": url, "bytes": 0}, _IDS, _LINKS
)
_FIELDS = {
    "task_id": _IDS,
    "file_id": _IDS,
    "status": _STATUSES,
    "base_resp": _BASE,
    "error": _ERROR,
    "file": _FILE,
    "code": _CODES,
    "video_width": st.sampled_from([1366, 0, -1, "1366", None, 10**9]),
}
_BODIES = st.fixed_dictionaries({}, optional=_FIELDS).map(lambda body: json.dumps(body).encode())
_NESTED = st.integers(1, 100_000).map(lambda depth: b'{"base_resp":' * depth)
_CUT = st.tuples(_BODIES, st.integers(0, 200)).map(lambda drawn: drawn[0][: drawn[1]])
_RAW = _BODIES | _BODIES | _CUT | _NESTED | st.binary(max_size=60)
_HTTP = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 402, 403, 404, 418, 429, 500, 502, 503, 504])
_REPLIES = st.lists(st.tuples(_HTTP, _RAW), max_size=12)


@dataclass(slots=True)
class Raving:
    """Hands out the drawn replies, read as the client reads them; then all is as it should be."""

    replies: list[tuple[int, bytes]]

    def script(self, service: FakeService) -> None:
        """Let a service answer so."""
        service.on_submit, service.on_query, service.on_retrieve = self._submit, self._query, self._retrieve

    def _next(self) -> Reply | None:
        return read_reply(*self.replies.pop(), Scrubber(KEY)) if self.replies else None

    def _submit(self, _job: str, _number: int) -> Answer:
        try:
            if (reply := self._next()) is not None:
                submitted(reply)
        except ServiceError as error:
            return Answer(error=error, makes=isinstance(error, OutcomeUnknown))
        return Answer()

    def _query(self, job: str, _number: int) -> TaskState | Exception | None:
        reply = self._next()
        try:
            state = None if reply is None else task_state(reply, f"task of {job}")
        except ServiceError as error:
            return error
        return Generated(file_id=f"file of {job}") if isinstance(state, Generated) else state

    def _retrieve(self, job: str, _number: int) -> Exception | None:
        try:
            if (reply := self._next()) is not None:
                links(reply, f"file of {job}")
        except ServiceError as error:
            return error
        return None


@given(replies=_REPLIES)
def test_whatever_is_replied_a_run_ends_and_keeps_its_promises(replies: list[tuple[int, bytes]]) -> None:
    """No job is paid twice, each has a status and a reason that can be shown, and a halt says what to do."""

    async def ravings() -> None:
        scene = Scene(jobs=3, in_flight=2)
        Raving(list(replies)).script(scene.service)
        stop = await scene.run()
        statuses = scene.statuses()
        event(str(sorted(statuses)))
        assert Status.SUBMITTING not in statuses
        assert statuses.get(Status.PENDING, 0) == 0 or (stop is not None and stop.halts)
        assert stop is None or stop.remedy
        told = [*scene.recorder.warnings, *(reason for reason, _ in scene.recorder.stops)]
        told += [str(row.fault) for row in scene.book.rows.values() if row.fault is not None]
        for text in told:
            assert KEY not in text
            assert SIGNATURE not in text
            assert len(text) < 1000

    on_virtual_time(ravings())


# --- the video host --------------------------------------------------------------------------------------

_FILMS = {
    name: (resources.files(simulator) / "clips" / name).read_bytes()
    for name in ("768P-6s.mp4", "1080P-6s.mp4")
}
_NUMBERS = st.sampled_from([0, 1, 7, 8, 15, 2**16, 2**31 - 1, 2**31, 2**32 - 1]) | st.integers(0, 2**32 - 1)


@dataclass(frozen=True, slots=True)
class Damage:
    """One change to a film, at a place from 0 to 1 of what of it is not pictures."""

    how: str
    where: float
    length: int
    number: int

    def done_to(self, film: bytes) -> bytes:
        """The film with it."""
        moov = film.find(b"moov")
        at = int(self.where * 48) if moov < 0 else moov - 4 + int(self.where * (len(film) - moov))
        match self.how:
            case "flip" if at < len(film):
                return film[:at] + bytes([film[at] ^ (self.number % 255 + 1)]) + film[at + 1 :]
            case "number" if at + 4 <= len(film):
                return film[:at] + struct.pack(">I", self.number) + film[at + 4 :]
            case "delete":
                return film[:at] + film[at + self.length :]
            case "double":
                return film[: at + self.length] + film[at:]
            case _:
                return film[:at]


_DAMAGES = st.builds(
    Damage,
    st.sampled_from(["flip", "number", "number", "delete", "double", "cut"]),
    st.floats(0, 0.999),
    st.integers(1, 64),
    _NUMBERS,
)
_DAMAGED = st.builds(
    lambda name, damages: functools.reduce(lambda film, damage: damage.done_to(film), damages, _FILMS[name]),
    st.sampled_from(sorted(_FILMS)),
    st.lists(_DAMAGES, max_size=4),
)


@given(film=_DAMAGED)
def test_any_damaged_film_is_answered_soon(film: bytes) -> None:
    """A real clip, damaged where its boxes are, is refused or has sane facts; a second is far more than enough."""
    began = time.process_time()
    try:
        facts = mp4.probe(io.BytesIO(film), len(film))
    except NotAVideo as error:
        event("refused")
        assert len(str(error)) < 300
        assert str(error).isprintable()
    else:
        event("taken")
        assert facts.width > 0
        assert facts.seconds > 0
    assert time.process_time() - began < 1.0


@given(name=st.sampled_from(sorted(_FILMS)), left=st.floats(0, 0.999999))
def test_no_beginning_of_a_real_film_is_a_film(name: str, left: float) -> None:
    """However much of it came."""
    film = _FILMS[name][: int(left * len(_FILMS[name]))]
    with pytest.raises(NotAVideo):
        mp4.probe(io.BytesIO(film), len(film))


_HEADS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 206 Some", b"HTTP/1.1 302 There", b"HTTP/1.1 416 No", b"HTTP/1.0 429 "]
)
_FIELDS_OF_VIDEO = st.sampled_from(
    [
        b"Content-Length: %d",
        b"Content-Length: 99999999999999999999",
        b"Content-Length: -1",
        b"Content-Range: bytes 0-9/10",
        b"Content-Range: bytes */5",
        b"Content-Type: text/html",
        b"Content-Encoding: gzip",
        b"Transfer-Encoding: chunked",
        b'ETag: "v1"',
        b"Retry-After: 1e999",
        b"Location: file:///etc/passwd?" + SIGNATURE.encode(),
        b"Location: http://[",
        b"Location: ?" + SIGNATURE.encode(),
        b"Location: //127.0.0.1:1/x?" + SIGNATURE.encode(),
        b"Set-Cookie: a=b",
        b"Connection: close",
        b"\xff: \xfe",
    ]
)
_CLIPS = _DAMAGED | st.binary(max_size=64) | st.sampled_from(sorted(_FILMS)).map(_FILMS.__getitem__)


@given(head=_HEADS, fields=st.lists(_FIELDS_OF_VIDEO, max_size=4), body=_CLIPS)
def test_whatever_a_video_host_sends_is_a_clip_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, fields: list[bytes], body: bytes
) -> None:
    """What is returned is whole and is what is on disk; what is raised shows no signature; nothing else is left."""
    raw = b"\r\n".join([head, *(name.replace(b"%d", b"%d" % len(body)) for name in fields), b"", body])
    part = tmp_path_factory.mktemp("fuzz") / "videos" / "fox.mp4.part"

    async def fetch() -> Clip | DownloadError:
        async with scripted(sends(raw)) as host, video_session() as session:
            fetcher = HttpFetcher(session, silence=0.3, max_clip_bytes=2**20)
            try:
                return await fetcher.fetch(Links(url=f"{host.base_url}/a%2Fb?{SIGNATURE}"), part, "7")
            except DownloadError as error:
                return error

    outcome = asyncio.run(fetch())
    event(type(outcome).__name__)
    if isinstance(outcome, Clip):
        assert hashlib.sha256(part.read_bytes()).hexdigest() == outcome.sha256
    else:
        assert SIGNATURE not in str(outcome)
        assert str(outcome).isprintable()
    assert all(name.name.endswith(".part") for name in part.parent.iterdir())
    shutil.rmtree(part.parent.parent)


# --- job files, through the command line ------------------------------------------------------------------

_DEEP = st.builds(
    lambda piece, depth, end: piece * depth + end,
    st.sampled_from(["[", "{a: ", "- ", "? ", "&a [", "!!map {", "'", '"', "- - ", "{<<: "]),
    st.integers(1, 3000),
    st.sampled_from(["", "x", "]", "}", "\n"]),
)
_HUGE = st.sampled_from(
    [
        "9" * 5000,
        "0x" + "f" * 4000,
        "1e400",
        "-1",
        "0o777",
        "10000",
        "10001",
        ".inf",
        ".nan",
        "1_000",
        "9" * 30,
    ]
)
_ODD = _DEEP | _HUGE | st.text(max_size=20)
_PLACES = st.sampled_from(
    [
        "{}",
        "jobs: {}",
        "jobs:\n- prompt: {}\n",
        "jobs:\n- {{prompt: x, repeat: {}}}\n",
        "jobs:\n- prompt: x\n  metadata: {}\n",
        "limits: {{in_flight: {}}}\njobs: [{{prompt: x}}]\n",
        "polling: {{interval: {}}}\njobs: [{{prompt: x}}]\n",
        "budget: {{total: {{cost: {}}}}}\njobs: [{{prompt: x}}]\n",
        "service: {{base_url: {}}}\njobs: [{{prompt: x}}]\n",
        "output: {}\njobs: [{{prompt: x}}]\n",
        "defaults: {}\njobs: [{{prompt: x}}]\n",
    ]
)
_FILES = st.builds(
    lambda place, odd: place.format(odd).encode("utf-8", "surrogatepass"), _PLACES, _ODD
) | st.binary(max_size=80)


@given(content=_FILES)
def test_whatever_a_job_file_holds_check_answers_it(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """Exit 0 or 2, within seconds, without a traceback, and nothing is written."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "jobs.yaml").write_bytes(content)
    out, err = io.StringIO(), io.StringIO()
    began = time.process_time()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        cli.main(["check", str(folder / "jobs.yaml")])
    event(str(ended.value.code))
    assert ended.value.code in {0, 2}, err.getvalue()
    assert "Traceback" not in err.getvalue()
    assert time.process_time() - began < 5.0
    assert [path.name for path in folder.iterdir()] == ["jobs.yaml"]
    shutil.rmtree(folder)
