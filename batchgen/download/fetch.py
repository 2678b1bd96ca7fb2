"""Fetches a clip over HTTP into its partial file, resumed where the host allows it, and checks it.

Neither the API key nor a cookie nor a password of the environment goes to a video host, and no message
holds more of a link than scheme, host and path: exceptions of libraries repeat whole links, so they are
translated here and not chained.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path

import aiohttp
from yarl import URL

from batchgen.connections import SingleUseConnector
from batchgen.download import disk
from batchgen.download.answers import (
    Begun,
    NothingMissing,
    Rest,
    Whole,
    meaning,
    range_headers,
    validator,
)
from batchgen.download.body import Body
from batchgen.download.intake import Intake
from batchgen.download.links import checked_link, redirected
from batchgen.download.memory import Loan, Memory
from batchgen.download.partfile import PartFile
from batchgen.download.sockets import roomy_sockets
from batchgen.download.trouble import network_errors, said_of, unreadable
from batchgen.errors import ConfigError, DownloadError, LinkExpired, LinkUnusable, NotAVideo, TooLarge
from batchgen.model import Clip, Links
from batchgen.pace import retry_after
from batchgen.ports import Transfer
from batchgen.proxies import proxy_for
from batchgen.settings import Limits

MAX_REDIRECTS = 5
MAX_CLIP_BYTES = Limits().max_clip_bytes
#: Seconds without a byte, or without a connection, after which a try is given up.
SILENCE = 30.0
#: Bytes of a body that may wait for the task that reads it.
_AHEAD_BYTES = 512 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}


class _Interrupted(DownloadError):
    """The connection broke, but bytes came, and the same host can send the rest: no other need begin anew."""


def video_session() -> aiohttp.ClientSession:
    """A session for video hosts; it must be closed.

    It keeps no cookie and reads neither ``~/.netrc`` nor proxies; how many connections there are is for the
    caller to bound.  Each request has one of its own: on one that is used again, what a host sends more than it was
    asked for would be taken for the answer to the next request, and a clip stored as another.
    """
    return aiohttp.ClientSession(
        connector=SingleUseConnector(socket_factory=roomy_sockets()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        requote_redirect_url=False,
        trust_env=False,
    )


class HttpFetcher:
    """Implements ``ports.Fetcher``.

    ``root``: the folder below which every partial file must stay, whatever links to elsewhere stand there.
    ``silence`` is in seconds; ``progress`` is called with the number of bytes that have just come; ``now`` gives
    the aware UTC time that a Retry-After date is held against.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        root: Path | None = None,
        max_clip_bytes: int = MAX_CLIP_BYTES,
        allow_http: bool = False,
        silence: float = SILENCE,
        progress: Callable[[int], None] | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        _check_session(session)
        self._session, self._root = session, root
        self._max_clip_bytes = max_clip_bytes
        self._allow_http = allow_http
        self._silence = silence
        self._progress = progress or (lambda _: None)
        self._now = now
        self._memory = Memory()
        self._proxy = lru_cache(maxsize=64)(_proxy)  # to read the environment takes as long as the request

    async def fetch(
        self,
        links: Links,
        part: Path,
        task_id: str = "",
        /,
        *,
        first: bool = False,
        transfer: Transfer = nullcontext,
    ) -> Clip:
        """Continue ``part`` if it is of this task; on return it is a whole, flushed, verified video.

        ``first``: no earlier try can have left anything of this task, so that nobody need look.
        ``transfer`` is entered while a link is used, and left before its clip is flushed and checked.
        Raises DownloadError (of the kind that leaves most hope, when both links fail) or DiskFull.
        """
        failures: list[DownloadError] = []
        for url in dict.fromkeys((links.url, links.backup_url)):
            if url is None:
                continue
            file = PartFile(part, task_id, self._root)
            try:
                return await self._fetch_from(url, file, first=first, transfer=transfer)
            except (TooLarge, _Interrupted):
                raise
            except DownloadError as error:
                failures.append(error)
                first = False
        raise min(failures, key=_hopelessness)

    async def _fetch_from(self, url: str, part: PartFile, *, first: bool, transfer: Transfer) -> Clip:
        link = checked_link(url, allow_http=self._allow_http)
        try:
            begun = None if first else await disk.in_thread(part.begun)
            with said_of(url), self._memory.lending() as loan:
                async with transfer():
                    last = await self._completed(link, part, begun, loan)
                return await disk.in_thread(part.sealed, last)
        except (NotAVideo, TooLarge):
            await disk.in_thread(part.discard)
            raise
        finally:
            if part.is_open:
                await disk.in_thread(part.close)

    async def _completed(
        self, link: URL, part: PartFile, begun: Begun | None, loan: Loan
    ) -> list[memoryview]:
        """Have every byte on disk but for the last pieces, which are left to who seals the file."""
        if begun is not None and begun.total == begun.size:
            part.opens_by(partial(part.resume, begun))
            return []
        last = await self._gather(link, part, begun, loan)
        if last is None:
            last = await self._gather(link, part, None, loan)
        return last or []

    async def _gather(
        self, link: URL, part: PartFile, begun: Begun | None, loan: Loan
    ) -> list[memoryview] | None:
        """One answer of the host, on disk but for its last pieces; ``None`` when the whole must be asked for."""
        with network_errors(self._silence):
            response, asked = await self._answer(link, begun)
            async with response:
                wait = retry_after(response.headers.get("Retry-After"), self._now())
                what = meaning(response.status, response.headers, asked, wait=wait)
                if isinstance(what, NothingMissing) and asked is not None:
                    part.opens_by(partial(part.resume, asked))
                    return []
                if isinstance(what, Rest) and asked is not None:
                    return await self._continue(response, part, asked, what, loan)
                if isinstance(what, Whole):
                    return await self._begin(response, part, what, loan, fresh=begun is None)
        return None

    async def _continue(
        self, response: aiohttp.ClientResponse, part: PartFile, begun: Begun, rest: Rest, loan: Loan
    ) -> list[memoryview]:
        part.opens_by(partial(part.resume, begun))
        intake = self._intake(begun.size, rest.total, loan)
        return await self._taken(response, part, intake, before=begun.size, resumable=True)

    async def _begin(
        self, response: aiohttp.ClientResponse, part: PartFile, whole: Whole, loan: Loan, *, fresh: bool
    ) -> list[memoryview]:
        """``fresh``: nothing was asked to be continued, so that the host may still prove able to."""
        strong = validator(response.headers)
        begun = Begun(size=0, place=_place(response.url), validator=strong, total=whole.total)
        part.opens_by(partial(part.start, begun))
        intake = self._intake(0, whole.total, loan)
        return await self._taken(response, part, intake, before=0, resumable=fresh and strong is not None)

    async def _taken(
        self,
        response: aiohttp.ClientResponse,
        part: PartFile,
        intake: Intake,
        *,
        before: int,
        resumable: bool,
    ) -> list[memoryview]:
        try:
            with network_errors(self._silence):
                return await intake.take(Body(response, self._silence), part)
        except DownloadError as error:
            if resumable and type(error) is DownloadError and part.size > before:
                raise _Interrupted(str(error)) from error.__cause__
            raise

    def _intake(self, before: int, total: int | None, loan: Loan) -> Intake:
        return Intake(
            before=before,
            total=total,
            most=self._max_clip_bytes,
            window=self._silence,
            progress=self._progress,
            loan=loan,
        )

    async def _answer(self, link: URL, begun: Begun | None) -> tuple[aiohttp.ClientResponse, Begun | None]:
        """The first answer that is no redirect, open, and what was asked to be continued."""
        for _ in range(MAX_REDIRECTS + 1):
            asked = begun if begun is not None and begun.validator and begun.place == _place(link) else None
            response = await self._get(link, asked)
            if response.status not in _REDIRECTS:
                return response, asked
            async with response:
                location = response.headers.get("Location")
            if location is None:
                raise DownloadError(f"the host answered HTTP {response.status} without saying where to")
            link = redirected(link, location, allow_http=self._allow_http)
        raise LinkUnusable(f"more than {MAX_REDIRECTS} redirects")

    async def _get(self, link: URL, asked: Begun | None) -> aiohttp.ClientResponse:
        # Headers that drip in reset the session's clock.
        async with asyncio.timeout(2 * self._silence):
            with unreadable():
                return await self._session.get(
                    link,
                    headers={"Accept": "*/*", "Accept-Encoding": "identity", **range_headers(asked)},
                    allow_redirects=False,
                    auto_decompress=False,
                    proxy=self._proxy(str(link.origin())),
                    read_bufsize=_AHEAD_BYTES,
                    timeout=aiohttp.ClientTimeout(
                        total=None, sock_connect=self._silence, sock_read=self._silence
                    ),
                )


def _check_session(session: aiohttp.ClientSession) -> None:
    secretive = isinstance(session.cookie_jar, aiohttp.DummyCookieJar) and not session.trust_env
    safe = isinstance(session.connector, SingleUseConnector)
    if not (secretive and safe) or "Authorization" in session.headers:
        raise ValueError("clips are fetched with a session of video_session() alone")


def _proxy(origin: str) -> str | None:
    try:
        proxy = proxy_for(origin)
        return None if proxy is None else str(URL(proxy))
    except ConfigError as error:
        raise DownloadError(str(error)) from None
    except ValueError:  # its text may repeat the proxy's password
        raise DownloadError("the proxy that the environment names cannot be read") from None


def _place(link: URL) -> str:
    """Scheme, host and path, made unreadable: a path can be a secret as well."""
    bare = f"{link.scheme}://{link.raw_authority}{link.raw_path}"
    return hashlib.sha256(bare.encode()).hexdigest()


def _hopelessness(error: DownloadError) -> int:
    if isinstance(error, LinkExpired):
        return 0
    return 2 if isinstance(error, LinkUnusable) else 1
