"""A link becomes a whole, checked file, and nothing that a host does becomes anything else."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from mp4_builder import build_mp4

from batchgen.connections import SingleUseConnector
from batchgen.download.fetch import HttpFetcher, video_session
from batchgen.download.memory import PIECE_BYTES
from batchgen.download.partfile import PartFile
from batchgen.download.places import line_beside
from batchgen.errors import DownloadError, FileTaken, LinkExpired, LinkUnusable, NotAVideo, TooLarge
from batchgen.model import Clip, Links
from download.host import CLIP, OTHER_CLIP, PATH, QUERY, Answer, Host, break_off, redirect, reply, serve


def digest(data: bytes) -> str:
    """What the hash of a clip must be."""
    return hashlib.sha256(data).hexdigest()


def content(path: Path) -> bytes:
    """What stands in a file."""
    return path.read_bytes()


def netrc(folder: Path) -> Path:
    """A file of passwords that some libraries read unasked."""
    path = folder / "netrc"
    path.write_text("machine 127.0.0.1 login me password secret\n")
    return path


def permissions(path: Path) -> int:
    """A file's mode bits."""
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())


async def fetched(fetcher: HttpFetcher, host: Host, part: Path) -> Clip:
    """Fetch the host's clip."""
    return await fetcher.fetch(Links(url=host.url), part)


async def test_a_clip_is_fetched_hashed_and_checked(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """What is returned is the content's size and hash, and what the video says of itself."""
    host.script = [serve()]
    clip = await fetched(fetcher, host, part)
    assert (clip.bytes, clip.sha256) == (len(CLIP), digest(CLIP))
    assert (clip.video.width, clip.video.height, clip.video.seconds) == (1366, 768, 6.0)
    assert content(part) == CLIP
    assert all(name.endswith(".part") for name in files(part.parent))


async def test_a_large_clip_goes_through_in_pieces(
    session: aiohttp.ClientSession, host: Host, part: Path
) -> None:
    """Clips of several megabytes arrive to the byte, and every byte that comes is told."""
    large = build_mp4(payload=os.urandom(3 * PIECE_BYTES + 17))
    host.script = [serve(large)]
    came: list[int] = []
    clip = await HttpFetcher(session, progress=came.append).fetch(Links(url=host.url), part)
    assert clip.sha256 == digest(large) == digest(content(part))
    assert sum(came) == len(large)


async def test_the_signed_link_arrives_to_the_letter(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """Escapes in path and query are neither decoded nor encoded anew, also behind a redirect."""
    host.script = [redirect(f"/next%2Fplace{QUERY}"), serve()]
    await fetched(fetcher, host, part)
    assert [request.raw_path for request in host.asked] == [PATH + QUERY, f"/next%2Fplace{QUERY}"]


async def test_no_answer_keeps_its_connection(
    fetcher: HttpFetcher, session: aiohttp.ClientSession, host: Host, part: Path
) -> None:
    """Neither a redirect's nor a clip's, nor one that was no use."""

    async def wordy(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"/next{QUERY}"}, body=bytes(4_000_000))

    host.script = [wordy, reply(403), wordy, serve()]
    with pytest.raises(DownloadError):
        await fetched(fetcher, host, part)
    await fetched(fetcher, host, part)
    assert isinstance(session.connector, aiohttp.TCPConnector)
    assert not session.connector._acquired


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", ["7", "Tue, 18 Nov 2025 10:00:07 GMT"])
async def test_a_host_that_says_when_is_heard(
    session: aiohttp.ClientSession, host: Host, part: Path, status: int, header: str
) -> None:
    """Retry-After in seconds or as a date reaches who plans the next try, and the user."""
    host.script = [reply(status, Retry_After=header)]
    fetcher = HttpFetcher(session, now=lambda: datetime(2025, 11, 18, 10, tzinfo=UTC))
    with pytest.raises(DownloadError, match=f"HTTP {status} and wants to be asked again in 7 s") as caught:
        await fetched(fetcher, host, part)
    assert caught.value.retry_after == 7.0


async def test_no_credential_goes_to_a_video_host(
    fetcher: HttpFetcher, host: Host, part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No Authorization, no password of ~/.netrc, no cookie that was set before, and no compression asked."""
    monkeypatch.setenv("NETRC", str(netrc(tmp_path)))
    host.script = [reply(302, Location=PATH, Set_Cookie="a=b"), reply(503, Set_Cookie="c=d"), serve()]
    with pytest.raises(DownloadError):
        await fetched(fetcher, host, part)
    await fetched(fetcher, host, part)
    for request in host.asked:
        assert not {"Authorization", "Cookie", "Proxy-Authorization"} & set(request.headers)
        assert request.headers["Accept-Encoding"] == "identity"


async def test_a_session_that_could_tell_the_key_or_mix_up_clips_is_refused() -> None:
    """Only sessions without cookies, environment and Authorization are taken, and no connection twice."""
    async with (
        aiohttp.ClientSession(connector=SingleUseConnector()) as cookies,
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as pool,
        video_session() as good,
    ):
        HttpFetcher(good)
        good.headers["Authorization"] = "Bearer key"
        for session in (cookies, pool, good):
            with pytest.raises(ValueError, match="video_session"):
                HttpFetcher(session)


async def hang(_: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def vanish(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    break_off(request)
    return web.Response()


async def drip(request: web.Request) -> web.StreamResponse:
    """Send a clip, a byte at a time."""
    response = web.StreamResponse()
    await response.prepare(request)
    for byte in CLIP:
        await response.write(bytes([byte]))
        await asyncio.sleep(0.02)
    return response


async def go_silent(request: web.Request) -> web.StreamResponse:
    """Begin well, then say nothing."""
    response = web.StreamResponse()
    response.content_length = len(CLIP)
    await response.prepare(request)
    await response.write(CLIP[:2000])
    return await hang(request)


HTML = b"<!doctype html><html><body>Please log in</body></html>"
XML = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>'


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (reply(401), LinkExpired, "HTTP 401"),
        (reply(403, XML), LinkExpired, "HTTP 403"),
        (reply(410), LinkExpired, "HTTP 410"),
        (reply(404), DownloadError, "HTTP 404"),
        (reply(429), DownloadError, "HTTP 429"),
        (reply(500), DownloadError, "HTTP 500"),
        (reply(503), DownloadError, "HTTP 503"),
        (reply(204), DownloadError, "HTTP 204"),
        (reply(302), DownloadError, "without saying where"),
        (reply(416), DownloadError, "HTTP 416"),
        (reply(206, CLIP), DownloadError, "HTTP 206"),
        (reply(200, HTML, kind="text/html; charset=utf-8"), NotAVideo, "HTML page"),
        (reply(200, HTML), NotAVideo, "HTML page"),
        (reply(200, XML), NotAVideo, "XML error, NoSuchKey"),
        (reply(200, b""), NotAVideo, "an empty file"),
        (reply(200, b"abc"), NotAVideo, "another kind"),
        (reply(200, gzip.compress(CLIP, mtime=0), Content_Encoding="gzip"), NotAVideo, "compressed"),
        (reply(200, gzip.compress(CLIP, mtime=0)), NotAVideo, "gzip"),
        (reply(200, CLIP[:-1]), NotAVideo, "box mdat has"),
        (serve(CLIP[:-1], told=False), NotAVideo, "box mdat has"),
        (reply(200, CLIP.replace(b"vide", b"soun")), NotAVideo, "no video track"),
        (serve(cut=200_000), DownloadError, "cut"),
        (serve(cut=0), DownloadError, "cut"),
        (vanish, DownloadError, "cut"),
        (hang, DownloadError, "silent"),
        (go_silent, DownloadError, "silent"),
        (drip, DownloadError, "drips"),
        (redirect("ftp://127.0.0.1/x"), LinkUnusable, "neither https nor http"),
        (redirect("file:///etc/passwd"), LinkUnusable, "neither https nor http"),
        (redirect("http://video.test/x"), LinkUnusable, "not https"),
        (redirect("https://user:word@video.test/x"), LinkUnusable, "user name"),
        (redirect("https:///x"), LinkUnusable, "no host"),
        (redirect("https://video..test/x"), LinkUnusable, "name of one"),
        (redirect("http://[::1"), LinkUnusable, "cannot be read"),
        (redirect(PATH), LinkUnusable, "more than 5 redirects"),
    ],
)
async def test_what_a_host_does_wrong(
    fetcher: HttpFetcher, host: Host, part: Path, answer: Answer, error: type[DownloadError], says: str
) -> None:
    """Each way to fail ends in its own error, whose text names the place and no signature."""
    host.script = [answer]
    with pytest.raises(DownloadError, match=says) as caught:
        await fetched(fetcher, host, part)
    assert isinstance(caught.value, error)
    assert isinstance(caught.value, LinkExpired | LinkUnusable | NotAVideo) == (error is not DownloadError)
    assert f"http://127.0.0.1:{host.port}{PATH}: " in str(caught.value)
    assert "Signature" not in str(caught.value) + repr(caught.value.__cause__)
    assert caught.value.__suppress_context__
    if error is NotAVideo:
        assert files(part.parent) == []


async def test_nobody_there(fetcher: HttpFetcher, part: Path) -> None:
    """A host that refuses the connection is another try's business."""
    with pytest.raises(DownloadError, match="no connection") as caught:
        await fetcher.fetch(Links(url="http://127.0.0.1:1/x?Signature=s"), part)
    assert "Signature" not in str(caught.value)


@pytest.mark.parametrize("told", [True, False])
async def test_an_endless_or_too_large_body_is_stopped(
    session: aiohttp.ClientSession,
    host: Host,
    part: Path,
    told: bool,  # noqa: FBT001  a column of a table
) -> None:
    """A clip beyond the maximum is refused, by its length or by its growth, and leaves nothing behind."""
    host.script = [serve(told=told)]
    fetcher = HttpFetcher(session, max_clip_bytes=100_000)
    with pytest.raises(TooLarge, match="too large"):
        await fetched(fetcher, host, part)
    assert files(part.parent) == []
    assert len(host.asked) == 1


async def test_the_largest_clip_that_is_allowed(
    session: aiohttp.ClientSession, host: Host, part: Path
) -> None:
    """A clip of exactly the maximum is taken."""
    host.script = [serve(told=False)]
    assert (await fetched(HttpFetcher(session, max_clip_bytes=len(CLIP)), host, part)).bytes == len(CLIP)


@pytest.mark.parametrize(
    ("first", "calls"),
    [
        (reply(500), 1),
        (reply(403), 1),
        (reply(200, HTML), 1),
        (redirect("ftp://x/"), 1),
        (serve(etag=None, cut=200_000), 1),
        (serve(ranges=False, cut=200_000), 2),
    ],
)
async def test_the_backup_link_is_tried(
    fetcher: HttpFetcher, host: Host, backup: Host, part: Path, first: Answer, calls: int
) -> None:
    """What another host can heal is healed by it; the result is that host's clip alone."""
    host.script, backup.script = [first], [serve(OTHER_CLIP)]
    links = Links(url=host.url, backup_url=backup.url)
    for _ in range(calls - 1):
        with pytest.raises(DownloadError, match="cut"):
            await fetcher.fetch(links, part)
    clip = await fetcher.fetch(links, part)
    assert clip.sha256 == digest(OTHER_CLIP) == digest(content(part))


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("answer", [serve(), serve(told=False), reply(200, HTML), serve(cut=200_000)])
async def test_nothing_is_gathered_outside(
    session: aiohttp.ClientSession, host: Host, tmp_path: Path, answer: Answer, *, first: bool
) -> None:
    """Where the folder of the videos leads out, also since the fetch began, nothing there is made or removed."""
    output, theirs = tmp_path / "output", tmp_path / "theirs"
    output.mkdir()
    theirs.mkdir()
    names = ["fox.mp4.from.part", "fox.mp4.part"]
    for name in names:
        (theirs / name).write_text("the user's own")

    async def answered(request: web.Request) -> web.StreamResponse:
        if not first:  # it was made for the look at what an earlier try left
            (output / "videos").rmdir()
        (output / "videos").symlink_to(theirs)
        return await answer(request)

    host.script = [answered]
    fetcher = HttpFetcher(session, root=output, silence=0.3)
    with pytest.raises(FileTaken, match="leads out"):
        await fetcher.fetch(Links(url=host.url), output / "videos" / names[1], first=first)
    assert [(path.name, path.read_text()) for path in sorted(theirs.iterdir())] == [
        (name, "the user's own") for name in names
    ]


async def test_nothing_outside_is_continued(
    session: aiohttp.ClientSession, host: Host, tmp_path: Path
) -> None:
    """A partial file whose folder was moved away, and linked to, since the last try stays as it is."""
    output, theirs = tmp_path / "output", tmp_path / "theirs"
    part = output / "videos" / "fox.mp4.part"
    host.script = [serve(cut=200_000), serve()]
    fetcher = HttpFetcher(session, root=output)
    with pytest.raises(DownloadError, match="cut"):
        await fetched(fetcher, host, part)
    part.parent.rename(theirs)
    part.parent.symlink_to(theirs)
    before = {path.name: path.read_bytes() for path in theirs.iterdir()}
    with pytest.raises(FileTaken, match="leads out"):
        await fetched(fetcher, host, part)
    assert {path.name: path.read_bytes() for path in theirs.iterdir()} == before
    assert len(host.asked) == 1, "the host is not asked in vain"


async def test_each_link_is_used_within_its_transfer_and_nothing_else_is(
    fetcher: HttpFetcher, host: Host, backup: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clip that has come whole and turns out to be none is flushed outside; its other link is used inside again."""
    told: list[str] = []

    @asynccontextmanager
    async def transfer() -> AsyncIterator[None]:
        told.append("begin")
        yield
        told.append("end")

    def telling(what: str, answer: Answer) -> Answer:
        async def telling_so(request: web.Request) -> web.StreamResponse:
            told.append(what)
            return await answer(request)

        return telling_so

    def sealed(file: PartFile, last: Sequence[memoryview]) -> Clip:
        told.append("seal")
        return true_sealed(file, last)

    true_sealed = PartFile.sealed
    monkeypatch.setattr(PartFile, "sealed", sealed)
    host.script = [telling("first", serve(CLIP.replace(b"vide", b"soun")))]
    backup.script = [telling("second", serve())]
    await fetcher.fetch(Links(url=host.url, backup_url=backup.url), part, transfer=transfer)
    assert told == ["begin", "first", "end", "seal", "begin", "second", "end", "seal"]


async def test_a_cut_that_can_be_continued_is_no_case_for_the_backup(
    fetcher: HttpFetcher, host: Host, backup: Host, part: Path
) -> None:
    """What came from one host is not thrown away while that host can send the rest."""
    host.script, backup.script = [serve(cut=200_000), serve()], [serve(OTHER_CLIP)]
    links = Links(url=host.url, backup_url=backup.url)
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(links, part)
    assert (await fetcher.fetch(links, part)).sha256 == digest(CLIP)
    assert host.asked[1].headers["Range"] == "bytes=200000-"
    assert backup.asked == []


@pytest.mark.parametrize(
    ("first", "second", "error"),
    [
        (reply(500), reply(403), LinkExpired),
        (reply(403), redirect("ftp://x/"), LinkExpired),
        (redirect("ftp://x/"), reply(200, HTML), NotAVideo),
        (redirect("ftp://x/"), redirect("file:///x"), LinkUnusable),
    ],
)
async def test_the_more_hopeful_failure_counts(
    fetcher: HttpFetcher,
    host: Host,
    backup: Host,
    part: Path,
    first: Answer,
    second: Answer,
    error: type[DownloadError],
) -> None:
    """When both links fail, the error is the one after which a further try has a chance."""
    host.script, backup.script = [first], [second]
    with pytest.raises(error):
        await fetcher.fetch(Links(url=host.url, backup_url=backup.url), part)


async def test_a_cancelled_download_keeps_what_came(
    session: aiohttp.ClientSession, host: Host, part: Path
) -> None:
    """A run that is stopped leaves a partial file that the next one continues."""
    came = asyncio.Event()
    host.script = [go_silent, serve()]
    fetcher = HttpFetcher(session, silence=5, progress=lambda _: came.set())
    running = asyncio.create_task(fetched(fetcher, host, part))
    await came.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert content(part) == CLIP[:2000]


async def test_files_have_ordinary_permissions(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """What may be read is the user's umask's business; nothing is executable."""
    host.script = [serve(cut=1000)]
    before = os.umask(0o027)
    try:
        with pytest.raises(DownloadError):
            await fetched(fetcher, host, part)
    finally:
        os.umask(before)
    modes = {permissions(path) for path in (part, line_beside(part))}
    assert modes == {0o640}


async def test_nothing_on_disk_holds_the_signature(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """What is remembered for the next try says nothing of the link."""
    host.script = [serve(cut=1000)]
    with pytest.raises(DownloadError):
        await fetched(fetcher, host, part)
    line = content(line_beside(part)).decode()
    assert "Signature" not in line
    assert "127.0.0.1" not in line


async def test_a_proxy_of_the_environment_is_used(
    session: aiohttp.ClientSession, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another host is asked through the proxy, with the proxy's own password and nothing else's."""
    monkeypatch.setenv("http_proxy", f"http://me:secret@127.0.0.1:{host.port}")
    host.script = [serve()]
    fetcher = HttpFetcher(session, allow_http=True, silence=0.5)
    await fetcher.fetch(Links(url=f"http://video.test{PATH}{QUERY}"), part)
    (request,) = host.asked
    assert request.raw_path == f"http://video.test{PATH}{QUERY}"
    assert request.headers["Proxy-Authorization"] == "Basic " + base64.b64encode(b"me:secret").decode()
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("proxy", "says"),
    [
        ("socks5://me:secret@127.0.0.1:9", "socks5 proxy"),
        ("http://me:secret@127.0.0.1:1", "no connection"),
        ("http://me:secret@127.0.0.1:99999", "cannot be read"),
    ],
)
async def test_a_bad_proxy_is_told_without_its_password(
    fetcher: HttpFetcher, part: Path, monkeypatch: pytest.MonkeyPatch, proxy: str, says: str
) -> None:
    """A proxy that cannot be used is an error of the download, in words without the password."""
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(DownloadError, match=says) as caught:
        await fetcher.fetch(Links(url="https://video.test/x"), part)
    assert "secret" not in str(caught.value)
