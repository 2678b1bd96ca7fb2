"""What goes past aiohttp into memory is the clip all the same, and nothing else that a host sends is."""

from __future__ import annotations

import asyncio
import hashlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from unittest import mock

import aiohttp
import pytest
from aiohttp import web
from mp4_builder import build_mp4
from tls_host import hear, mute, needs_openssl, own_certificate

from batchgen.download.body import Body
from batchgen.download.direct import DirectReceiver
from batchgen.download.fetch import HttpFetcher, video_session
from batchgen.download.intake import Intake
from batchgen.download.memory import PIECE_BYTES
from batchgen.download.partfile import PartFile
from batchgen.errors import DownloadError
from batchgen.model import Links
from download.host import Answer, Host, break_off, serve

TINY = build_mp4(payload=hashlib.shake_256(b"mouse").digest(129_000))
SMALL = build_mp4(payload=hashlib.shake_256(b"fox").digest(700_000))
LARGE = build_mp4(payload=hashlib.shake_256(b"hen").digest(2 * PIECE_BYTES + 700_000))


@pytest.fixture
def directly(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes went past aiohttp, each time that some came."""
    counts: list[int] = []
    true = DirectReceiver.buffer_updated

    def counted(receiver: DirectReceiver, nbytes: int) -> None:
        counts.append(nbytes)
        true(receiver, nbytes)

    monkeypatch.setattr(DirectReceiver, "buffer_updated", counted)
    return counts


def noting(answer: Answer, connections: list[object]) -> Answer:
    """The same answer; by which connections it was asked for."""

    async def noted(request: web.Request) -> web.StreamResponse:
        connections.append(request.transport)
        return await answer(request)

    return noted


def in_portions(
    clip: bytes, pause: float, portion: int = 256 * 1024, then: Callable[[web.Request], object] | None = None
) -> Answer:
    """A host that takes its time between portions, and tells the length beforehand."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"ETag": '"v1"'})
        response.content_type = "video/mp4"
        response.content_length = len(clip)
        await response.prepare(request)
        for at in range(0, len(clip) if then is None else len(clip) // 2, portion):
            await response.write(clip[at : at + portion])
            await asyncio.sleep(pause)
        if then is not None:
            then(request)
            await asyncio.sleep(30.0)
        return response

    return answer


def size(path: Path) -> int:
    """Bytes on disk."""
    return path.stat().st_size


def taken(path: Path) -> bytes:
    """What stands in a file, which is gone then."""
    there = path.read_bytes()
    path.unlink()
    return there


async def fetched(fetcher: HttpFetcher, url: str, part: Path, clip: bytes, *, first: bool = False) -> None:
    """It comes whole."""
    came = await fetcher.fetch(Links(url=url), part, first=first)
    assert came.sha256 == hashlib.sha256(clip).hexdigest() == hashlib.sha256(taken(part)).hexdigest()


@pytest.mark.parametrize("clip", [TINY, SMALL, LARGE], ids=["tiny", "one piece", "many pieces"])
async def test_each_clip_comes_by_a_connection_of_its_own(
    session: aiohttp.ClientSession, host: Host, part: Path, directly: list[int], clip: bytes
) -> None:
    """Most bytes go past aiohttp, if there are many; the connection is gone then."""
    connections: list[object] = []
    host.script = [noting(serve(clip), connections)]
    for _ in range(3):
        await fetched(HttpFetcher(session), host.url, part, clip)
    assert len(set(connections)) == 3
    assert sum(directly) > 3 * len(clip) // 2 or clip is TINY
    assert isinstance(session.connector, aiohttp.TCPConnector)
    assert not session.connector._acquired
    assert not any(session.connector._conns.values())


@pytest.mark.parametrize("clip", [SMALL, LARGE], ids=["one piece", "many pieces"])
async def test_a_clip_may_take_longer_than_a_host_may_be_silent(
    fetcher: HttpFetcher, host: Host, part: Path, directly: list[int], clip: bytes
) -> None:
    """Aiohttp sees nothing come meanwhile, and its patience is not what counts."""
    host.script = [in_portions(clip, 0.12, len(clip) // 8)]
    await fetched(fetcher, host.url, part, clip)
    assert sum(directly) > len(clip) // 2
    await fetched(fetcher, host.url, part, clip)


def say_nothing(_: web.Request) -> None:
    """Neither a byte nor an end."""


def reset(request: web.Request) -> None:
    """No end in order."""
    assert request.transport is not None
    request.transport.abort()


@pytest.mark.parametrize(
    ("then", "says"), [(say_nothing, "silent for 0.3 s"), (break_off, "cut"), (reset, "cut|exchange failed")]
)
@pytest.mark.parametrize("pause", [0.0, 0.15], ids=["quick", "slow"])
@pytest.mark.parametrize("clip", [SMALL, LARGE], ids=["one piece", "many pieces"])
async def test_a_host_that_stops_in_the_middle(
    fetcher: HttpFetcher,
    host: Host,
    part: Path,
    clip: bytes,
    pause: float,
    then: Callable[[web.Request], object],
    says: str,
) -> None:
    """It is told as ever, what has come stays, and the next try goes on behind it."""
    host.script = [in_portions(clip, pause, len(clip) // 10, then), serve(clip)]
    with pytest.raises(DownloadError, match=says):
        await asyncio.wait_for(fetcher.fetch(Links(url=host.url), part), 10.0)
    there = size(part)
    assert len(clip) // 2 <= there < len(clip)
    await fetched(fetcher, host.url, part, clip)
    assert host.asked[1].headers["Range"] == f"bytes={there}-"


async def test_a_host_that_keeps_the_last_bytes_to_itself(
    fetcher: HttpFetcher, host: Host, part: Path
) -> None:
    """They are missed no later than others."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(SMALL)
        await response.prepare(request)
        await response.write(SMALL[:-5])
        await asyncio.sleep(30.0)
        return response

    host.script = [answer]
    with pytest.raises(DownloadError, match="silent for"):
        await asyncio.wait_for(fetcher.fetch(Links(url=host.url), part), 10.0)


async def test_a_told_length_does_not_excuse_a_drip(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """A few bytes now and then would hold a place for ever."""
    host.script = [in_portions(SMALL, 0.02, 10)]
    with pytest.raises(DownloadError, match="drips"):
        await asyncio.wait_for(fetcher.fetch(Links(url=host.url), part), 10.0)


async def test_cancelled_while_bytes_come(
    session: aiohttp.ClientSession, host: Host, part: Path, directly: list[int]
) -> None:
    """The connection is closed, what came stays, and the next try goes on behind it."""
    fetcher = HttpFetcher(session)
    host.script = [in_portions(LARGE, 0.05), serve(LARGE)]
    running = asyncio.create_task(fetcher.fetch(Links(url=host.url), part))
    while sum(directly) < PIECE_BYTES + 1:  # noqa: ASYNC110  nothing tells when
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert isinstance(session.connector, aiohttp.TCPConnector)
    assert not session.connector._acquired
    assert not any(session.connector._conns.values())
    there = size(part)
    assert there > PIECE_BYTES
    await fetched(fetcher, host.url, part, LARGE)
    assert host.asked[1].headers["Range"] == f"bytes={there}-"


async def test_a_connection_that_is_lost_already_is_left_to_aiohttp() -> None:
    """Over TLS its loss was on the way to the one who had it then: a receiver would not hear of it."""
    response = mock.Mock(content_length=10**6)
    response.connection.transport.is_closing.return_value = True
    response.content.read_nowait.return_value = b""
    response.content.readany = mock.AsyncMock(side_effect=aiohttp.ClientPayloadError)
    with pytest.raises(aiohttp.ClientPayloadError):
        await Body(response, 5.0).fill(memoryview(bytearray(9)), lambda _: None)


# --- hosts by hand ---------------------------------------------------------------------------------------


@asynccontextmanager
async def by_hand(
    clip: bytes, behind: bytes = b"", after: float = 0.0, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, list[object]]]:
    """A host that answers each request with the clip and, seconds later, something more; where, and who asked."""
    connections: list[object] = []
    handlers: list[asyncio.Task[object]] = []
    head = f"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: {len(clip)}\r\n\r\n".encode()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.append(task)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                connections.append(writer)
                writer.write(head + clip[:-10])
                await writer.drain()
                if after:
                    writer.write(clip[-10:])
                    await asyncio.sleep(after)
                    writer.write(behind)
                else:
                    writer.write(clip[-10:] + behind)  # in one go: when the one is there, so is the other
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    async with server:
        scheme = "http" if tls is None else "https"
        yield f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}/fox.mp4", connections
        await asyncio.gather(*handlers)  # whoever asked has closed the connections by now


OTHER = build_mp4(payload=hashlib.shake_256(b"other").digest(400_000))
RUBBISH = b"rubbish" * 100
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(OTHER) + OTHER


@asynccontextmanager
async def trusting() -> AsyncIterator[aiohttp.ClientSession]:
    """A session for video hosts that takes any certificate."""
    async with video_session() as session:
        assert isinstance(session.connector, aiohttp.TCPConnector)
        session.connector._ssl = False
        yield session


@pytest.mark.parametrize("after", [0.0, 0.02, 0.1])
@pytest.mark.parametrize(
    ("clip", "behind"),
    [(TINY, ANSWER), (SMALL, RUBBISH), (SMALL, ANSWER), (LARGE, RUBBISH), (LARGE, ANSWER)],
    ids=[
        "tiny, an answer",
        "one piece, rubbish",
        "one, an answer",
        "many pieces, rubbish",
        "many, an answer",
    ],
)
@pytest.mark.parametrize("encrypted", [False, pytest.param(True, marks=needs_openssl)])
async def test_what_a_host_sends_behind_a_clip_is_no_part_of_another(
    tmp_path: Path, clip: bytes, behind: bytes, after: float, *, encrypted: bool
) -> None:
    """Neither with its last byte nor when the next request has gone out: it would be taken for the answer to that."""
    tls = own_certificate(tmp_path) if encrypted else None
    async with (
        by_hand(clip, behind=behind, after=after, tls=tls) as (url, connections),
        trusting() as session,
    ):
        fetcher = HttpFetcher(session)
        together = (fetched(fetcher, url, tmp_path / f"{n}.part", clip) for n in range(3))
        await asyncio.gather(*together)
        for pause in (0.0, after / 2, 2 * after):
            await asyncio.sleep(pause)
            await fetched(fetcher, url, tmp_path / "next.part", clip, first=True)
    assert len(set(connections)) == len(connections) == 6


@pytest.mark.parametrize("encrypted", [False, pytest.param(True, marks=needs_openssl)])
async def test_rubbish_right_behind_a_tiny_clip_is_told(
    tmp_path: Path, part: Path, *, encrypted: bool
) -> None:
    """Aiohttp refuses an answer that comes with it in one go: no clip then, rather than one in doubt."""
    tls = own_certificate(tmp_path) if encrypted else None
    mouse = build_mp4(payload=b"squeak")
    async with by_hand(mouse, behind=RUBBISH, tls=tls) as (url, _), trusting() as session:
        with pytest.raises(DownloadError, match="exchange failed"):
            await HttpFetcher(session).fetch(Links(url=url), part)
    with pytest.raises(FileNotFoundError):
        size(part)


@needs_openssl
@pytest.mark.parametrize("clip", [SMALL, LARGE], ids=["one piece", "many pieces"])
async def test_encrypted_clips(tmp_path: Path, part: Path, directly: list[int], clip: bytes) -> None:
    """Over TLS those of one piece go past aiohttp too.

    Those of many do not: a host that closes between two pieces would cost the last bytes.
    """
    async with by_hand(clip, tls=own_certificate(tmp_path)) as (url, _), trusting() as session:
        for _ in range(3):
            await fetched(HttpFetcher(session), url, part, clip)
    assert sum(directly) > 3 * len(clip) // 2 if len(clip) <= PIECE_BYTES else not directly


@asynccontextmanager
async def closing(clip: bytes, tls: ssl.SSLContext, times: int) -> AsyncIterator[str]:
    """A host over TLS that closes right behind the clip, so many times."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(20.0)

    def serve_and_close() -> None:
        for _ in range(times):
            connection, _ = listener.accept()
            with tls.wrap_socket(connection, server_side=True) as secure:
                hear(secure)
                head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {len(clip)}\r\n\r\n"
                secure.sendall(head.encode() + clip)
                secure.shutdown(socket.SHUT_WR)
                secure.settimeout(5.0)
                with suppress(OSError):
                    while secure.recv(4096):
                        pass

    serving = asyncio.create_task(asyncio.to_thread(serve_and_close))
    with listener:
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}/owl.mp4"
        finally:
            await serving


@needs_openssl
@pytest.mark.parametrize("beyond", [-1_800_000, -1, 0, 20_000, 100_000, 230_000, PIECE_BYTES + 100_000])
async def test_a_host_that_closes_right_behind_an_encrypted_clip(
    tmp_path: Path, part: Path, beyond: int
) -> None:
    """Its end may be heard of while nobody reads between two pieces, and no byte is lost by that."""
    bare = len(build_mp4(payload=b""))
    clip = build_mp4(payload=hashlib.shake_256(b"owl").digest(PIECE_BYTES + beyond - bare))
    async with closing(clip, own_certificate(tmp_path), 4) as url, trusting() as session:
        for _ in range(4):
            await fetched(HttpFetcher(session), url, part, clip)


@needs_openssl
@pytest.mark.parametrize("tenths", [55, 56])
async def test_an_end_that_is_heard_of_while_the_disk_is_busy_makes_no_noise(
    tmp_path: Path, part: Path, monkeypatch: pytest.MonkeyPatch, tenths: int
) -> None:
    """The last bytes are decrypted when there is room again: to abort amid that upsets asyncio."""
    true, troubles = Intake._write, list[object]()

    async def slow(intake: Intake, file: PartFile, pieces: list[memoryview]) -> None:
        await asyncio.sleep(0.2)
        await true(intake, file, pieces)

    monkeypatch.setattr(Intake, "_write", slow)
    asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
    clip = build_mp4(payload=hashlib.shake_256(b"owl").digest(1024**2 * tenths // 10))
    async with closing(clip, own_certificate(tmp_path), 3) as url, trusting() as session:
        for _ in range(3):
            await fetched(HttpFetcher(session), url, part, clip)
    assert troubles == []


# --- the end of a connection -----------------------------------------------------------------------------


@needs_openssl
@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", id="a refusal"),
        pytest.param(b"rubbish\r\n\r\n", id="no answer"),
        *(
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(clip) + clip, id=name)
            for name, clip in {"tiny": TINY, "one piece": SMALL, "many pieces": LARGE}.items()
        ),
    ],
)
async def test_a_host_that_does_not_agree_to_the_end_keeps_no_connection(
    tmp_path: Path, part: Path, answer: bytes
) -> None:
    """To wait for it would keep a socket for each clip of half a minute, beyond the session's end."""
    async with mute(own_certificate(tmp_path), answer, 3) as (url, ends), trusting() as session:
        for _ in range(3):
            with suppress(DownloadError):
                await HttpFetcher(session).fetch(Links(url=f"{url}/owl.mp4"), part, first=True)
        assert await ends == [None] * 3
