"""The client keeps the protocol ``Service`` against a service on loopback that does what each test says."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
import os
import socket
import traceback
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tls_host import mute, needs_openssl, own_certificate

from batchgen.errors import (
    ConfigError,
    InvalidParameters,
    KeyRefused,
    NoBalance,
    NotAccepted,
    NotFound,
    NotReached,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceError,
    Transient,
)
from batchgen.hailuo.client import Hailuo, Timeouts
from batchgen.hailuo.verdict import Call
from batchgen.hailuo.wire import plain
from batchgen.model import Failed, Generated, Links, Request, Running
from batchgen.ports import Service
from batchgen.simulator import Behaviour, Simulator, Times
from hailuo.scripted_service import (
    Act,
    Asked,
    Peer,
    ScriptedService,
    hangs,
    repeats,
    response,
    says,
    scripted,
    sends,
)

KEY = "sk-Zq0123456789abcdefXY"
QUICK = Timeouts(connect=0.2, get=0.3, post=0.4)
#: For a service that is there: a busy machine may take long to connect, and that would be another trouble.
THERE = Timeouts(connect=0.9, get=1.0, post=1.1)
OK = {"status_code": 0, "status_msg": "success"}
ACCEPTED: dict[str, object] = {"task_id": "335492703728059", "base_resp": OK}
LINK = "https://h/a%2Fb.mp4?Expires=1&Signature=9Z%2B%3D"
SUBMITTED = says(ACCEPTED)
ORDER = Request(prompt='一匹白马 [跟随] "quoted" \U0001f40e', duration=6, prompt_optimizer=False)

Ask = Callable[[Service], Awaitable[object]]
GETS: dict[str, Ask] = {
    "query": lambda service: service.query("7"),
    "retrieve": lambda service: service.retrieve("8", "7"),
}
CALLS: dict[str, Ask] = {"submit": lambda service: service.submit(ORDER), **GETS}


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy but those that a test names."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


async def error_of(call: str, service: Service) -> ServiceError:
    """The error that a call ends in; it must not show the key, in whatever way it is shown."""
    with pytest.raises(ServiceError) as caught:
        await CALLS[call](service)
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY not in told
    assert KEY not in repr(caught.value) + str(caught.value.args)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    return caught.value


async def asked_of(act: Act, call: str) -> tuple[ServiceError, ScriptedService]:
    """Call a service that acts so, and see it end in an error after one request.

    The library may send a GET again by itself when its connection was cut; never a POST.
    """
    async with scripted(act) as service, Hailuo(service.base_url, KEY, timeouts=THERE) as client:
        error = await error_of(call, client)
    assert 1 <= len(service.asked) == service.connections <= most_requests(call)
    return error, service


def most_requests(call: str) -> int:
    """How many requests one call may send: a POST never more than one."""
    return 1 if call == "submit" else 2


def only(service: ScriptedService) -> Asked:
    """The one request that was made."""
    (asked,) = service.asked
    return asked


# --- what is sent ----------------------------------------------------------------------------------------


async def test_a_submission_is_one_post_with_exactly_the_body() -> None:
    """The body is what the job file names, as UTF-8 JSON, and the key is in the header alone."""
    async with scripted(SUBMITTED) as service, Hailuo(service.base_url + "/", KEY) as client:
        assert await client.submit(ORDER) == "335492703728059"
    asked = only(service)
    assert asked.line == "POST /v1/video_generation HTTP/1.1"
    assert json.loads(asked.body) == ORDER.body()
    assert "一匹白马 [跟随]".encode() in asked.body
    assert dict(asked.headers) == {
        "host": service.base_url.removeprefix("http://"),
        "authorization": f"Bearer {KEY}",
        "content-type": "application/json",
        "content-length": str(len(asked.body)),
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": "batchgen",
        "connection": "close",
    }
    assert len(asked.names) == len(asked.headers)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ("query", "GET /v1/query/video_generation?task_id=7 HTTP/1.1"),
        ("retrieve", "GET /v1/files/retrieve?file_id=8&task_id=7 HTTP/1.1"),
    ],
)
async def test_the_questions(call: str, line: str) -> None:
    """Query and retrieve are GETs without a body, with the ids in the query."""
    async with scripted(says({}, 500)) as service, Hailuo(service.base_url, KEY) as client:
        assert type(await error_of(call, client)) is Transient
    asked = only(service)
    assert (asked.line, asked.body) == (line, b"")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert "content-type" not in asked.headers


async def test_ids_are_quoted_into_the_query() -> None:
    """An id with characters that mean something in a URL stays one id."""
    async with scripted(says({}, 500)) as service, Hailuo(service.base_url + "/api", KEY) as client:
        with pytest.raises(Transient):
            await client.query("a&b=c +%2F#?/..")
    assert (
        only(service).line == "GET /api/v1/query/video_generation?task_id=a%26b%3Dc+%2B%252F%23?/.. HTTP/1.1"
    )


async def test_questions_keep_a_connection_and_submissions_do_not() -> None:
    """A submission never rides on a connection that may be stale."""
    async with (
        scripted(says({"status": "Processing", **ACCEPTED})) as service,
        Hailuo(service.base_url, KEY) as client,
    ):
        for _ in range(2):
            await client.submit(ORDER)
            assert await client.query("335492703728059") == Running()
    lines = [(asked.connection, asked.line.split()[0]) for asked in service.asked]
    assert lines == [(1, "POST"), (2, "GET"), (3, "POST"), (2, "GET")]


@needs_openssl
@pytest.mark.parametrize("answer", [response(ACCEPTED), b"rubbish\r\n\r\n"])
async def test_a_service_that_does_not_agree_to_the_end_keeps_no_connection(
    tmp_path: Path, answer: bytes
) -> None:
    """Each submission has one of its own: to wait for the service would keep a socket for each of half a minute."""
    async with (
        mute(own_certificate(tmp_path), answer, 2) as (url, ends),
        Hailuo(url, KEY) as client,
    ):
        connector = client._sessions[Call.POST].connector
        assert isinstance(connector, aiohttp.TCPConnector)
        connector._ssl = False
        for _ in range(2):
            with nullcontext() if answer == response(ACCEPTED) else pytest.raises(OutcomeUnknown):
                assert await client.submit(ORDER) == ACCEPTED["task_id"]
        assert await ends == [None] * 2


async def test_cookies_are_not_carried() -> None:
    """A cookie that the service sets is not sent back."""
    act = says({"status": "Processing"}, 200, "Set-Cookie: a=b; Path=/")
    async with (
        scripted(act) as service,
        Hailuo(service.base_url.replace("127.0.0.1", "localhost"), KEY) as client,
    ):
        await client.query("7")
        await client.query("7")
    assert len(service.asked) == 2
    assert all("cookie" not in asked.headers for asked in service.asked)


async def test_the_happy_path() -> None:
    """Each call's success becomes our type."""
    bodies: list[dict[str, object]] = [
        ACCEPTED,
        {"status": "Queueing", "task_id": "7", "file_id": "", "base_resp": OK},
        {"status": "Success", "task_id": "7", "file_id": "8", "video_width": 1366, "video_height": 768},
        {"status": "Fail", "task_id": "7", "base_resp": {"status_code": 1027, "status_msg": "no"}},
        {"file": {"file_id": 8, "bytes": 0, "download_url": LINK}, "base_resp": OK},
    ]

    async def act(service: ScriptedService, peer: Peer) -> None:
        await service.send(peer, response(bodies[len(service.asked) - 1]))

    async with scripted(act) as service, Hailuo(service.base_url, KEY) as client:
        assert await client.submit(ORDER) == "335492703728059"
        assert await client.query("7") == Running()
        assert await client.query("7") == Generated(file_id="8", width=1366, height=768)
        assert await client.query("7") == Failed(code="1027", message="no")
        assert await client.retrieve("8", "7") == Links(url=LINK)


# --- errors that the service tells ---------------------------------------------------------------------------

PAGE = b"<html><head><title>502 Bad Gateway</title></head></html>"


@pytest.mark.parametrize(
    ("act", "post", "get"),
    [
        (says({"task_id": "", "base_resp": {"status_code": 1002}}), RateLimited, RateLimited),
        (says({"task_id": "", "base_resp": {"status_code": 1008}}), NoBalance, NoBalance),
        (says({"base_resp": {"status_code": "2013"}}, 400), InvalidParameters, NotFound),
        (says({"error": {"message": "no", "code": None, "type": "x"}}, 401), KeyRefused, KeyRefused),
        (says({"error": {"message": "no", "code": "model_not_found"}}, 503), NotReached, Transient),
        (says({"code": "quota_not_enough", "message": "", "data": None}, 403), NoBalance, NoBalance),
        (says(None, 502, raw=PAGE), OutcomeUnknown, Transient),
        (says(None, 200, raw=PAGE), OutcomeUnknown, Transient),
        (says(None, 403, raw=PAGE), KeyRefused, KeyRefused),
        (says(None, 404, raw=PAGE), OutcomeUnknown, NotFound),
        (says(None, 503, raw=b""), OutcomeUnknown, Transient),
        (says(None, 204, raw=b""), OutcomeUnknown, Transient),
        (says(None, raw=b'{"task_id": "33549'), OutcomeUnknown, Transient),
        (says(None, raw='{"task_id": "甲"}'.encode("gbk")), OutcomeUnknown, Transient),
    ],
)
async def test_errors_of_the_service(act: Act, post: type[ServiceError], get: type[ServiceError]) -> None:
    """The table holds over HTTP, and each call sends once."""
    assert [type((await asked_of(act, call))[0]) for call in CALLS] == [post, get, get]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(call: str, status: int) -> None:
    """The key goes nowhere else, and a POST is not sent to another place."""
    async with scripted(says(ACCEPTED)) as elsewhere:
        moved = says(None, status, f"Location: {elsewhere.base_url}/v1/video_generation", raw=b"")
        error, _ = await asked_of(moved, call)
    assert type(error) is (OutcomeUnknown if call == "submit" else Transient)
    assert elsewhere.connections == 0


@pytest.mark.parametrize("call", CALLS)
async def test_retry_after_is_read(call: str) -> None:
    """The header reaches the error in seconds, also without a whole body."""
    cut = b"HTTP/1.1 429 No\r\nRetry-After: 11\r\nContent-Length: 99\r\n\r\n{"
    for act in (says({}, 429, "Retry-After: 11"), sends(cut), hangs(cut)):
        error, _ = await asked_of(act, call)
        assert isinstance(error, RateLimited)
        assert error.retry_after == 11


# --- trouble on the way ----------------------------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TROUBLE: dict[str, Act] = {
    "closed": sends(b""),
    "reset": sends(b"", reset=True),
    "hangs": hangs(),
    "hangs in the head": hangs(HEAD),
    "hangs in the body": hangs(HEAD + b"Content-Length: 99\r\n\r\n{"),
    "cut in the head": sends(HEAD),
    "cut in the body": sends(HEAD + b'Content-Length: 99\r\n\r\n{"task_id": "7"'),
    "cut in a chunk": sends(HEAD + b'Transfer-Encoding: chunked\r\n\r\n50\r\n{"task_id": "7"'),
    "bad chunk": sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "bad length": sends(HEAD + b"Content-Length: -7\r\n\r\n"),
    "two lengths": sends(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}"),
    "no HTTP": sends(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    "no status": sends(b"HTTP/1.1 \r\n\r\n"),
    "huge status": sends(b"HTTP/1.1 999999 OK\r\n\r\n"),
    "binary": sends(bytes(range(256)) * 20),
    "a megabyte in one header": sends(HEAD + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "bad header": sends(HEAD + b"\x00: \xff\r\n\r\n"),
    "bad gzip": says(None, 200, "Content-Encoding: gzip", raw=b"{}"),
    "unknown compression": says(None, 200, "Content-Encoding: br", raw=b"{}"),
    "bomb": says(None, 200, "Content-Encoding: gzip", raw=gzip.compress(b" " * 50_000_000)),
    "dripping head": repeats(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", 0.02),
    "dripping body": repeats(HEAD + b"Content-Length: 9999\r\n\r\n{", b" ", 0.02),
    "endless 100s": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "switching": sends(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("trouble", TROUBLE)
async def test_trouble_after_connecting(trouble: str, call: str) -> None:
    """Once connected, a POST without a whole reply has an unknown outcome and is not sent again by anyone."""
    error, service = await asked_of(TROUBLE[trouble], call)
    assert type(error) is (OutcomeUnknown if call == "submit" else Transient)
    if call == "submit":
        assert error.code == "lost"
        assert error.message.startswith("the outcome of the submission is not known: ")
    assert error.message.isprintable()
    assert service.sent < 3_000_000


@pytest.mark.parametrize("call", CALLS)
async def test_a_megabyte_of_headers(call: str) -> None:
    """Many headers are refused or read, and never a trap."""
    many = "".join(f"X-{number}: {'a' * 1000}\r\n" for number in range(1000)).encode()
    body = json.dumps({"status": "Processing", "file": {"download_url": LINK}, "task_id": "7"}).encode()
    raw = HEAD + many + b"Content-Length: %d\r\n\r\n" % len(body) + body
    async with scripted(sends(raw)) as service, Hailuo(service.base_url, KEY, timeouts=THERE) as client:
        try:
            assert await CALLS[call](client) in ("7", Running(), Links(url=LINK))
        except (OutcomeUnknown, Transient) as error:
            assert len(error.message) < 400
    assert len(service.asked) == 1


@pytest.mark.parametrize("call", CALLS)
async def test_a_gigabyte_is_not_read(call: str) -> None:
    """Reading ends after a mebibyte; what the service could send beyond is what the kernel holds."""
    flood = repeats(HEAD + b"Content-Length: 1000000000\r\n\r\n", b" " * 65536)
    error, service = await asked_of(flood, call)
    assert type(error) is (OutcomeUnknown if call == "submit" else Transient)
    assert "longer than" in error.message
    assert service.sent < 20_000_000


@pytest.mark.parametrize(
    "raw", [gzip.compress(json.dumps(ACCEPTED).encode(), mtime=0), zlib.compress(b'{"task_id": 7}')]
)
async def test_a_reply_that_is_compressed_anyway(raw: bytes) -> None:
    """A proxy may compress though nobody asked; an accepted task is not lost over it."""
    act = says(None, 200, "Content-Encoding: gzip" if raw[0] == 31 else "Content-Encoding: deflate", raw=raw)
    async with scripted(act) as service, Hailuo(service.base_url, KEY) as client:
        assert await client.submit(ORDER) in {"7", "335492703728059"}


def test_a_bomb_is_not_inflated() -> None:
    """A compressed reply is inflated up to the bound, in memory of that order."""
    bomb = gzip.compress(b" " * 50_000_000)
    tracemalloc.start()
    try:
        raw, trouble = plain(bomb, "gzip")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (raw, trouble) == (b"", "the reply is longer than 1048576 bytes when decompressed")
    assert peak < 8_000_000


async def test_a_connection_cut_before_the_request_was_read() -> None:
    """The connection stood, so nothing is proven, whatever the service has read; and nobody tries again."""
    for reset in (False, True):
        cut = scripted(sends(b"", reset=reset), read_first=False)
        async with cut as service, Hailuo(service.base_url, KEY, timeouts=THERE) as client:
            assert type(await error_of("submit", client)) is OutcomeUnknown
        assert service.connections == 1


async def test_a_client_outlives_trouble() -> None:
    """After a hang, a cut and a flood the next call works, on a connection of its own."""
    troubles = [
        hangs(),
        sends(HEAD),
        sends(HEAD),
        repeats(HEAD + b"Content-Length: 1000000000\r\n\r\n", b" " * 65536),
    ]

    async def act(service: ScriptedService, peer: Peer) -> None:
        turn = len(service.asked) - 1
        await (troubles[turn] if turn < len(troubles) else says({"status": "Processing"}))(service, peer)

    async with scripted(act) as service, Hailuo(service.base_url, KEY, timeouts=THERE) as client:
        while len(service.asked) < len(troubles):
            assert type(await error_of("query", client)) is Transient
        assert await client.query("7") == Running()


@pytest.mark.parametrize("call", CALLS)
async def test_a_cancelled_call_is_cancelled_and_closes_its_connection(call: str) -> None:
    """Cancellation passes through, and the service sees that nobody waits any more."""
    async with (
        scripted(hangs(HEAD + b"Content-Length: 9\r\n\r\n{")) as service,
        Hailuo(service.base_url, KEY) as client,
    ):
        task = asyncio.ensure_future(CALLS[call](client))
        async with asyncio.timeout(5):
            await service.answered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await service.closed.wait()
    assert len(service.asked) == 1


async def test_a_post_that_timed_out_closes_its_connection() -> None:
    """A submission that is given up does not leave its connection open."""
    async with scripted(hangs()) as service, Hailuo(service.base_url, KEY, timeouts=QUICK) as client:
        assert "no reply within 0.4 s" in (await error_of("submit", client)).message
        async with asyncio.timeout(5):
            await service.closed.wait()


# --- never connected --------------------------------------------------------------------------------------------


def free_port() -> int:
    """A port of loopback on which nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


class Resolver(AbstractResolver):
    """Resolves nothing, or nothing in time."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Fail after some seconds."""
        await asyncio.sleep(self.seconds)
        raise OSError(None, f"no address for {host}:{port} ({family})")

    async def close(self) -> None:
        """Nothing is held."""


async def unreached(call: str, client: Hailuo) -> str:
    """The message of a call that cannot connect: proven not accepted on the POST."""
    async with client:
        error = await error_of(call, client)
    assert type(error) is (NotReached if call == "submit" else Transient)
    assert error.code == "unreachable"
    return error.message


@pytest.mark.parametrize("call", CALLS)
async def test_a_refused_port(call: str) -> None:
    """Nothing listens: nothing was sent."""
    client = Hailuo(f"http://127.0.0.1:{free_port()}", KEY, timeouts=QUICK)
    assert "no connection to 127.0.0.1" in await unreached(call, client)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("seconds", [0, 30])
async def test_a_name_without_an_address(call: str, seconds: float) -> None:
    """A name that is not resolved, or not in time: nothing was sent."""
    client = Hailuo("https://api.invalid", KEY, timeouts=QUICK, resolver=Resolver(seconds))
    assert ("in time" if seconds else "no address for api.invalid") in await unreached(call, client)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer", [sends(b"HTTP/1.1 400 Bad Request\r\n\r\n"), hangs(), sends(b"", reset=True)]
)
async def test_tls_that_does_not_come_about(call: str, answer: Act) -> None:
    """A service that speaks no TLS, or never answers, has not been sent anything but a greeting."""
    async with scripted(answer, read_first=False) as service:
        secure = service.base_url.replace("http:", "https:")
        await unreached(call, Hailuo(secure, KEY, timeouts=QUICK))


@needs_openssl
@pytest.mark.parametrize("call", CALLS)
async def test_a_certificate_of_a_stranger(call: str, tmp_path: Path) -> None:
    """Certificates are verified before anything is sent."""
    async with scripted(SUBMITTED, tls=own_certificate(tmp_path)) as service:
        assert "certificate is not accepted" in await unreached(call, Hailuo(service.base_url, KEY))
    assert service.asked == []


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        says({}, 407),
        says({}, 502),
        sends(b""),
        sends(b"", reset=True),
        hangs(),
        sends(b"no HTTP\r\n\r\n"),
        sends(b"HTTP/1.1 200 OK\r\n\r\nno TLS"),
        repeats(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", 0.02),
    ],
)
async def test_a_proxy_that_opens_no_tunnel(call: str, answer: Act, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a proxy does before the tunnel stands, the service was not sent anything, the proxy no key."""
    async with scripted(answer) as proxy:
        monkeypatch.setenv("https_proxy", proxy.base_url)
        await unreached(call, Hailuo("https://api.invalid", KEY, timeouts=QUICK))
    assert 1 <= len(proxy.asked) <= most_requests(call)
    for asked in proxy.asked:
        assert asked.line == "CONNECT api.invalid:443 HTTP/1.1"
        assert KEY not in repr(asked)
        assert "authorization" not in repr(asked.headers).lower()


@pytest.mark.parametrize("call", CALLS)
async def test_a_proxy_that_is_not_there(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the proxy the service is not reached, and the proxy's password not shown."""
    monkeypatch.setenv("https_proxy", f"http://me:hunter2@127.0.0.1:{free_port()}")
    message = await unreached(call, Hailuo("https://api.invalid", KEY, timeouts=QUICK))
    assert "no connection to the proxy" in message
    assert "hunter2" not in message


async def test_a_proxy_gets_its_own_password(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials in the proxy's URL go to the proxy; a POST through it is sent once."""
    async with scripted(SUBMITTED) as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url.replace("//", "//me:pass@"))
        async with Hailuo("http://api.invalid", KEY, timeouts=QUICK) as client:
            assert await client.submit(ORDER) == "335492703728059"
    asked = only(proxy)
    assert asked.line == "POST http://api.invalid/v1/video_generation HTTP/1.1"
    assert asked.headers["proxy-authorization"] == "Basic bWU6cGFzcw=="


async def test_loopback_needs_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service on this machine is reached directly, whatever the environment says."""
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    async with scripted(SUBMITTED) as service, Hailuo(service.base_url, KEY) as client:
        assert await client.submit(ORDER) == "335492703728059"


# --- the key, and the client itself ---------------------------------------------------------------------------


async def test_the_key_is_in_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """Neither the client's repr nor a log at any level shows the key, in debug mode either."""
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    async with scripted(says({"error": {"message": f"bad key {KEY}"}}, 401)) as service:
        client = Hailuo(service.base_url, KEY)
        async with client:
            assert "bad key [key]" in (await error_of("submit", client)).message
        assert repr(client) == f"Hailuo({service.base_url!r})"
        assert KEY not in repr(vars(client))
    assert KEY not in caplog.text


def test_what_a_client_is_made_of_is_checked() -> None:
    """Key, address and timeouts are checked before anything is sent."""
    with pytest.raises(ConfigError, match="key"):
        Hailuo("https://host", "a b")
    with pytest.raises(ConfigError, match="base URL"):
        Hailuo("host", KEY)
    for connect, get, post in ((0, 1, 2), (1, -1, 2), (1, 1, float("inf")), (1, float("nan"), 2), (2, 1, 2)):
        with pytest.raises(ConfigError, match="timeout"):
            Timeouts(connect=connect, get=get, post=post)
    assert (Timeouts().connect, Timeouts().get, Timeouts().post) == (10, 30, 150)
    assert Hailuo("HTTPS://Host:443/api", KEY).origin == "https://host"


_LINES = st.sampled_from(
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200\r\n", b"HTTP/1.1 503 X\r\n", b"HTTP/9.9 200 OK\r\n"]
)
_FIELDS = st.sampled_from(
    [
        b"Content-Length: 2\r\n",
        b"Content-Length: 20\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b"Connection: close\r\n",
        b"Content-Encoding: gzip\r\n",
        b"Location: http://[\r\n",
        b"Set-Cookie: \xff=\x01;;\r\n",
        b"Retry-After: x\r\n",
        b"Content-Type: text/html; charset=\xff\r\n",
        b" folded\r\n",
        b"Upgrade: h2c\r\n",
        b": \r\n",
        b"\r\n",
    ]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.binary(max_size=80)
    | st.builds(
        lambda line, fields, body: line + b"".join(fields) + b"\r\n" + body,
        _LINES,
        st.lists(_FIELDS, max_size=4),
        st.sampled_from([b"", b"{}", b"2\r\n{}\r\n0\r\n\r\n", b'{"task_id": "7"}', b"\xff" * 30]),
    ),
    call=st.sampled_from(sorted(CALLS)),
)
def test_any_bytes_on_the_wire_end_in_our_errors(raw: bytes, call: str) -> None:
    """Whatever comes over a connection, it is sent for once at the most, and our types or errors come out."""
    expected = (OutcomeUnknown, NotAccepted, Refused) if call == "submit" else (Transient, NotFound)

    async def ask() -> None:
        async with scripted(sends(raw)) as service, Hailuo(service.base_url, KEY, timeouts=THERE) as client:
            with suppress(*expected):
                await CALLS[call](client)
        assert len(service.asked) <= most_requests(call)

    asyncio.run(ask())


# --- the simulated service ------------------------------------------------------------------------------------


async def test_the_same_path_against_the_simulated_service() -> None:
    """A clip is ordered, asked about to its end, and its link fetched anew."""
    at_once = Behaviour(times=Times(median=0.05, sigma=0))
    async with Simulator(at_once) as simulator, Hailuo(simulator.base_url, KEY) as client:
        task_id = await client.submit(ORDER)
        state = await client.query(task_id)
        async with asyncio.timeout(10):
            while isinstance(state, Running):
                await asyncio.sleep(0.01)
                state = await client.query(task_id)
        assert isinstance(state, Generated)
        assert (state.width, state.height) == (1366, 768)
        links = await client.retrieve(state.file_id, task_id)
        assert links.url.startswith(simulator.video_url)
        with pytest.raises(NotFound):
            await client.query("999")
