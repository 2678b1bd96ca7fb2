"""A clip is continued to the byte, or fetched anew; bytes of two clips never meet in one file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from batchgen.download.fetch import HttpFetcher
from batchgen.download.places import line_beside
from batchgen.errors import DiskFull, DownloadError, NotAVideo
from batchgen.model import Links
from download.host import CLIP, OTHER_CLIP, PATH, Answer, Host, redirect, reply, serve

CUT = 200_000
OLD = "Mon, 17 Nov 2025 10:00:00 GMT"


def digest(data: bytes) -> str:
    """What the hash of a clip must be."""
    return hashlib.sha256(data).hexdigest()


async def cut_and_fetched(
    fetcher: HttpFetcher, host: Host, part: Path, first: Answer, second: Answer
) -> tuple[str, str | None]:
    """The clip's hash after a cut and a second try, and the range that the second try asked for first."""
    host.script = [first]
    with pytest.raises(DownloadError):
        await fetcher.fetch(Links(url=host.url), part)
    host.script, before = [second], len(host.asked)
    clip = await fetcher.fetch(Links(url=host.url + "&fresh=1"), part)
    assert clip.sha256 == digest(on_disk(part))
    return clip.sha256, host.asked[before].headers.get("Range")


def on_disk(path: Path) -> bytes:
    """What stands in a file."""
    return path.read_bytes()


@pytest.mark.parametrize(
    ("first", "second", "content", "asked"),
    [
        pytest.param(serve(cut=CUT), serve(), CLIP, CUT, id="strong ETag"),
        pytest.param(serve(cut=CUT, told=False), serve(told=False), CLIP, CUT, id="no Content-Length"),
        pytest.param(
            serve(etag=None, modified=OLD, cut=CUT),
            serve(etag=None, modified=OLD),
            CLIP,
            CUT,
            id="Last-Modified",
        ),
        pytest.param(serve(cut=0), serve(), CLIP, None, id="nothing came"),
        pytest.param(serve(cut=300), serve(), CLIP, None, id="too little to know that it is a video"),
        pytest.param(serve(etag=None, cut=CUT), serve(etag=None), CLIP, None, id="no validator"),
        pytest.param(serve(etag='W/"v1"', cut=CUT), serve(etag='W/"v1"'), CLIP, None, id="weak ETag"),
        pytest.param(
            serve(etag='W/"v1"', modified=OLD, cut=CUT), serve(), CLIP, None, id="weak ETag and a time"
        ),
        pytest.param(serve(cut=CUT), serve(OTHER_CLIP, etag='"v2"'), OTHER_CLIP, CUT, id="changed content"),
        pytest.param(serve(cut=CUT), serve(OTHER_CLIP, ranges=False), OTHER_CLIP, CUT, id="no ranges there"),
    ],
)
async def test_after_a_cut(
    fetcher: HttpFetcher,
    host: Host,
    part: Path,
    first: Answer,
    second: Answer,
    content: bytes,
    asked: int | None,
) -> None:
    """What can be continued is, by a fresh link as well; what cannot comes whole; either way it is right."""
    assert await cut_and_fetched(fetcher, host, part, first, second) == (
        digest(content),
        None if asked is None else f"bytes={asked}-",
    )


def careless(
    content: bytes, *, start: int | None = None, total: int | None = None, etag: str = '"v1"'
) -> Answer:
    """A host that answers a range without looking at If-Range, or wrongly; else with all of it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "Range" not in request.headers:
            return await serve(content, etag=etag)(request)
        first = int(request.headers["Range"][6:-1]) if start is None else start
        whole = total or len(content)
        told = {
            "ETag": etag,
            "Content-Range": f"bytes {first}-{whole - 1}/{whole}",
            "Content-Type": "video/mp4",
        }
        return web.Response(status=206, body=content[first:], headers=told)

    return answer


def refusing(told: str, etag: str = '"v1"') -> Answer:
    """A host that answers every range with 416, else with all of it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if "Range" in request.headers:
            return web.Response(status=416, headers={"Content-Range": told, "ETag": etag})
        return await serve()(request)

    return answer


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(careless(OTHER_CLIP, etag='"v2"'), id="another ETag"),
        pytest.param(careless(OTHER_CLIP, start=0), id="another range"),
        pytest.param(careless(OTHER_CLIP, start=CUT - 1), id="one byte too many"),
        pytest.param(careless(OTHER_CLIP + b"\0\0\0\x08free"), id="another total"),
        pytest.param(careless(OTHER_CLIP, total=400_000), id="a total that is not true"),
    ],
)
async def test_a_range_that_does_not_fit_is_not_taken(
    fetcher: HttpFetcher, host: Host, part: Path, second: Answer
) -> None:
    """A 206 that is not exactly the rest of the same clip is dropped, and the clip asked for whole."""
    sha256, asked = await cut_and_fetched(fetcher, host, part, serve(cut=CUT), second)
    assert asked == f"bytes={CUT}-"
    assert sha256 in {digest(OTHER_CLIP), digest(OTHER_CLIP + b"\0\0\0\x08free")}


async def short(request: web.Request) -> web.StreamResponse:
    """A host that says in full which range it sends, and ends it early without a word."""
    start = int(request.headers["Range"][6:-1])
    told = {"ETag": '"v1"', "Content-Range": f"bytes {start}-{len(CLIP) - 1}/{len(CLIP)}"}
    response = web.StreamResponse(status=206, headers=told)
    await response.prepare(request)
    await response.write(CLIP[start : start + 1000])
    return response


async def test_a_range_that_ends_early_is_no_end(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """The size that was told counts, however well the body seemed to end; what came is kept."""
    host.script = [serve(cut=CUT), short]
    for says in ("cut", f"{CUT + 1000} of {len(CLIP)} bytes"):
        with pytest.raises(DownloadError, match=says):
            await fetcher.fetch(Links(url=host.url), part)
    assert on_disk(part) == CLIP[: CUT + 1000]


async def test_a_clip_is_on_disk_before_it_is_told(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content is flushed to the disk itself when the clip is returned."""
    synced: list[int] = []

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    host.script = [serve()]
    await fetcher.fetch(Links(url=host.url), part)
    assert synced[-1] == inode(part)


def inode(path: Path) -> int:
    """Which file it is."""
    return path.stat().st_ino


@pytest.mark.parametrize("told", ["bytes */100", "", f"bytes */{len(CLIP)}"])
async def test_an_unsatisfied_range_starts_over(
    fetcher: HttpFetcher, host: Host, part: Path, told: str
) -> None:
    """416 on a part that is not whole means that the part is wrong."""
    sha256, _ = await cut_and_fetched(fetcher, host, part, serve(cut=CUT), refusing(told))
    assert sha256 == digest(CLIP)


async def test_an_unsatisfied_range_of_a_whole_part_is_good_news(
    fetcher: HttpFetcher, host: Host, part: Path
) -> None:
    """416 that tells the size of what is on disk means that every byte is there."""
    host.script = [serve(told=False, cut=len(CLIP))]
    with pytest.raises(DownloadError):
        await fetcher.fetch(Links(url=host.url), part)
    assert on_disk(part) == CLIP
    host.script = [serve()]
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)
    assert len(host.asked) == 2


async def test_a_whole_part_is_not_asked_for_again(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When only the check was missing, the clip is checked and nothing is sent."""
    host.script = [serve(), reply(500)]
    with monkeypatch.context() as patched:
        patched.setattr("batchgen.download.hashing.HashingFile.sealed", too_many_files)
        with pytest.raises(DownloadError, match="too many"):
            await fetcher.fetch(Links(url=host.url), part)
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)
    assert len(host.asked) == 1


def too_many_files(*_: object) -> None:
    """What the check ends with."""
    raise DownloadError("too many open files")


async def test_many_cuts_end_in_the_right_clip(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """A line that breaks every 20 kB brings the clip all the same, each byte once."""
    host.script = [serve(cut=20_000)]
    for _ in range(len(CLIP) // 20_000):
        with pytest.raises(DownloadError, match="cut"):
            await fetcher.fetch(Links(url=host.url), part)
    host.script = [serve()]
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)
    assert [request.headers.get("Range") for request in host.asked[1:]] == [
        f"bytes={20_000 * n}-" for n in range(1, len(host.asked))
    ]


async def test_behind_a_redirect_the_range_goes_to_the_place_it_came_from(
    fetcher: HttpFetcher, host: Host, part: Path
) -> None:
    """If-Range is sent to the host and path that gave the validator, and to no other."""
    host.script = [redirect("/a%2Fb?x"), serve(cut=CUT), redirect("/a%2Fb?y"), serve()]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part)
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)
    assert ["Range" in request.headers for request in host.asked] == [False, False, False, True]


async def test_another_place_gets_no_range(
    fetcher: HttpFetcher, host: Host, backup: Host, part: Path
) -> None:
    """Two hosts may use the same ETag for different bytes: what one sent, the other does not continue."""
    host.script, backup.script = [serve(cut=CUT)], [serve(OTHER_CLIP)]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part)
    assert (await fetcher.fetch(Links(url=backup.url), part)).sha256 == digest(OTHER_CLIP)
    assert "Range" not in backup.asked[0].headers


def without_line(part: Path) -> None:
    """The line beside the part is lost."""
    line_beside(part).unlink()


def torn_line(part: Path) -> None:
    """The line beside the part was half written."""
    line_beside(part).write_bytes(line_beside(part).read_bytes()[:40])


def wrong_line(part: Path) -> None:
    """The line beside the part is JSON of another kind."""
    line_beside(part).write_text('{"place": 1, "validator": [], "total": "x"}')


def line_of_a_smaller_clip(part: Path) -> None:
    """The line says that the clip is smaller than what is on disk."""
    line_beside(part).write_text('{"place": "x", "validator": null, "total": 5}')


def second_name(part: Path) -> None:
    """The part is another file as well, as after a crash between a hard link and the removal of the part."""
    os.link(part, part.with_name("precious"))


@pytest.mark.parametrize("damage", [without_line, torn_line, wrong_line, line_of_a_smaller_clip, second_name])
async def test_a_part_that_cannot_be_trusted_is_fetched_anew(
    fetcher: HttpFetcher, host: Host, part: Path, damage: Callable[[Path], None]
) -> None:
    """A crash at any moment costs at worst a fresh download."""
    host.script = [serve(cut=CUT), serve(OTHER_CLIP)]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part)
    damage(part)
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(OTHER_CLIP)
    assert "Range" not in host.asked[1].headers
    if damage is second_name:
        assert on_disk(part.with_name("precious")) == CLIP[:CUT]


async def test_a_part_that_turns_out_no_video_is_removed(
    fetcher: HttpFetcher, host: Host, part: Path
) -> None:
    """After NotAVideo the next try begins with nothing."""
    host.script = [serve(CLIP[:-1])]
    for _ in range(2):
        with pytest.raises(NotAVideo):
            await fetcher.fetch(Links(url=host.url), part)
    assert names(part.parent) == []
    assert all("Range" not in request.headers for request in host.asked)


def names(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def a_folder(part: Path) -> None:
    """A folder stands at the part's name."""
    part.mkdir()


def a_pipe(part: Path) -> None:
    """A pipe stands at the part's name."""
    os.mkfifo(part)


def a_link(part: Path) -> None:
    """A symbolic link to a file of the user's stands at the part's name."""
    part.with_name("precious").write_bytes(b"precious")
    part.symlink_to("precious")


def a_dangling_link(part: Path) -> None:
    """A symbolic link to a place that does not exist stands at the part's name."""
    part.symlink_to("elsewhere")


def a_linked_line(part: Path) -> None:
    """A symbolic link to a file of the user's stands at the line's name."""
    part.with_name("precious").write_bytes(b"precious")
    line_beside(part).symlink_to("precious")


@pytest.mark.parametrize("planted", [a_folder, a_pipe, a_link, a_dangling_link])
async def test_what_is_no_partial_file_is_left_alone(
    fetcher: HttpFetcher, host: Host, part: Path, planted: Callable[[Path], None]
) -> None:
    """Whatever else stands at the part's name is told at once, not followed, not waited for, not removed."""
    part.parent.mkdir()
    planted(part)
    before = names(part.parent)
    with pytest.raises(DownloadError, match="stands where the clip is to be gathered"):
        await fetcher.fetch(Links(url=host.url), part)
    assert names(part.parent) == before
    assert host.asked == []


async def test_a_planted_line_is_not_followed(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """A symbolic link at the line's name is removed; the file that it leads to stays as it is."""
    part.parent.mkdir()
    a_linked_line(part)
    host.script = [serve()]
    await fetcher.fetch(Links(url=host.url), part)
    assert on_disk(part.with_name("precious")) == b"precious"
    assert on_disk(part) == CLIP


async def test_a_folder_that_cannot_be_made(fetcher: HttpFetcher, host: Host, tmp_path: Path) -> None:
    """A file where the folder should be is an error of this download."""
    (tmp_path / "videos").write_bytes(b"")
    with pytest.raises(DownloadError, match="videos"):
        await fetcher.fetch(Links(url=host.url), tmp_path / "videos" / "fox.mp4.part")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the machine has no /dev/full")
async def test_a_full_disk_is_told_and_loses_nothing(
    fetcher: HttpFetcher, host: Host, part: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No room is DiskFull, not a failure of the host; what was on disk stays and is continued."""
    host.script = [serve(cut=CUT), serve()]
    with pytest.raises(DownloadError, match="cut"):
        await fetcher.fetch(Links(url=host.url), part)
    with monkeypatch.context() as patched:
        full = os.open("/dev/full", os.O_WRONLY)
        patched.setattr("batchgen.download.hashing.HashingFile.writev", lambda _, data: os.writev(full, data))
        with pytest.raises(DiskFull, match="No space left"):
            await fetcher.fetch(Links(url=host.url, backup_url=host.url + "&backup"), part)
        os.close(full)
    assert on_disk(part) == CLIP[:CUT]
    assert len(host.asked) == 2
    assert (await fetcher.fetch(Links(url=host.url), part)).sha256 == digest(CLIP)


async def test_the_link_to_the_letter_is_asked_again(fetcher: HttpFetcher, host: Host, part: Path) -> None:
    """Starting over asks by the same signed link."""
    host.script = [careless(OTHER_CLIP, start=0)]
    await cut_and_fetched(fetcher, host, part, serve(cut=CUT), careless(OTHER_CLIP, start=0))
    assert {request.raw_path.partition("?")[0] for request in host.asked} == {PATH}
    assert host.asked[-1].raw_path == host.asked[-2].raw_path
