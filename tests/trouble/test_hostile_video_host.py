"""A video host that sends heads without an end: given up soon, and nothing is kept of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from hailuo.scripted_service import Act, hangs, repeats, scripted, sends

from batchgen.download.fetch import HttpFetcher, video_session
from batchgen.errors import DownloadError
from batchgen.model import Links

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\n"
HEADS: dict[str, Act] = {
    "a megabyte in one header": sends(HEAD + b"X-A: " + b"a" * 1_000_000 + b"\r\n\r\n"),
    "a gigabyte of headers": repeats(HEAD, b"X-A: " + b"a" * 4000 + b"\r\n"),
    "a head that drips": repeats(b"HTTP/1.1 200 OK\r\nX-A: ", b"a", 0.02),
    "100s without an end": repeats(b"", b"HTTP/1.1 100 Continue\r\n\r\n", 0.01),
    "a compressed bomb": repeats(HEAD + b"Content-Encoding: gzip\r\n\r\n", b"\0" * 65536),
    "silence": hangs(),
    "silence in the head": hangs(HEAD),
    "no HTTP": sends(bytes(range(256)) * 20),
    "two lengths": sends(HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n{}"),
}


@pytest.mark.parametrize("head", HEADS)
async def test_a_head_without_an_end_is_given_up(tmp_path: Path, head: str) -> None:
    """Within seconds, after a few megabytes at the most, in words without the link's signature."""
    part = tmp_path / "videos" / "fox.mp4.part"
    async with scripted(HEADS[head]) as host, video_session() as session:
        fetcher = HttpFetcher(session, silence=0.3)
        async with asyncio.timeout(5):
            with pytest.raises(DownloadError) as caught:
                await fetcher.fetch(Links(url=f"{host.base_url}/a?Signature=s"), part, "7")
        assert host.sent < 20_000_000
    assert "Signature" not in str(caught.value)
    assert len(str(caught.value)) < 300
    assert not part.exists()
