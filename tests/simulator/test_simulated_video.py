"""The video host: links, ranges, and clips that are whole."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgen.simulator import Behaviour, Simulator, Times, Video
from batchgen.simulator.acts import Ending
from batchgen.simulator.clips import BLOCK, BOX_TYPE, clip_of, film
from batchgen.simulator.links import expiry_in, signed_target, task_id_in
from batchgen.simulator.ranges import Unsatisfiable, asked_part
from batchgen.simulator.tasks import Task, Tasks
from simulator.client import Client, Clock


def task(number: int = 335_492_703_728_059, resolution: str = "768P", duration: int = 6) -> Task:
    """A finished task."""
    return Task(
        task_id=number,
        file_id=number + 1,
        made_at=1.0,
        ended_at=2.0,
        duration=duration,
        resolution=resolution,
        body=json.dumps({"prompt": "狐狸"}),
    )


def boxes(data: bytes) -> list[tuple[str, bytes]]:
    """The top-level boxes of an MP4, which must fill it to the last byte."""
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4])
        assert 8 <= size <= len(data) - at
        found.append((data[at + 4 : at + 8].decode(), data[at + 8 : at + size]))
        at += size
    return found


@pytest.fixture
async def link(client: Client, clock: Clock) -> str:
    """A link to a finished clip."""
    task_id = await client.made()
    clock.move(100)
    return await client.link(task_id)


async def test_the_link_brings_the_whole_clip(client: Client, link: str, sim: Simulator) -> None:
    """A link used as it stands brings the clip, with its length and both validators."""
    got = await client.fetch(link)
    assert (got.status, got.body) == (200, sim.clip_bytes(sim.tasks[0]))
    assert got.headers["Content-Length"] == str(len(got.body))
    assert all(name in got.headers for name in ("ETag", "Last-Modified", "Accept-Ranges"))


@pytest.mark.parametrize("sign", ["%2F", "%2B", "%3D"])
async def test_a_link_that_was_decoded_is_refused(client: Client, link: str, sign: str) -> None:
    """The host compares the target to the letter: decoding any part of it breaks the signature."""
    got = await client.fetch(link.replace(sign, unquote(sign)))
    assert (got.status, got.headers["Content-Type"]) == (403, "application/xml")
    assert b"<Code>SignatureDoesNotMatch</Code>" in got.body


async def test_links_of_other_spelling_method_or_task_are_refused(
    client: Client, link: str, sim: Simulator
) -> None:
    """Lower-case escapes, a later expiry, another method or no signature at all: 403."""
    later = link.replace("Expires=1", "Expires=2")
    for url in (link.replace("%2F", "%2f"), later, link + "&x=1", sim.video_url + "/?Expires=9999999999"):
        assert b"SignatureDoesNotMatch" in (await client.fetch(url)).body
    assert (await client.ask("HEAD", link, headers={})).status == 403
    assert b"AccessDenied" in (await client.fetch(link.partition("?")[0])).body


async def test_a_link_expires_and_another_retrieve_renews_it(
    client: Client, clock: Clock, link: str, sim: Simulator
) -> None:
    """A link dies at its Expires, in the host's words; the next one lives."""
    clock.move(3599)
    assert (await client.fetch(link)).status == 200
    clock.move(1)
    got = await client.fetch(link)
    assert got.status == 403
    assert b"<Code>AccessDenied</Code>" in got.body
    assert b"Request has expired." in got.body
    assert (await client.fetch(await client.link(str(sim.tasks[0].task_id)))).status == 200


async def test_a_key_at_the_video_host_is_refused_and_noted(
    client: Client, link: str, sim: Simulator
) -> None:
    """A client that leaks its key is told so, and the test that runs it can count."""
    assert (await client.ask("GET", link)).status == 400
    assert (sim.stats()["leaked_keys"], sim.records[-1].authorized) == (1, True)


@pytest.mark.parametrize(
    ("header", "status", "start", "stop"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=1000-", 206, 1000, None),
        ("bytes=-5", 206, -5, None),
        ("bytes=140000-145000", 206, 140_000, 145_001),
        ("bytes=5-2", 200, 0, None),
        ("bytes=0-1,4-5", 200, 0, None),
        ("lines=1-2", 200, 0, None),
    ],
)
async def test_ranges_are_served(
    client: Client, link: str, sim: Simulator, header: str, status: int, start: int, stop: int | None
) -> None:
    """One range is served as 206; what makes no sense is ignored."""
    whole = sim.clip_bytes(sim.tasks[0])
    got = await client.fetch(link, {"Range": header})
    assert (got.status, got.body) == (status, whole[start:stop])
    if status == 206:
        first = start % len(whole)
        assert got.headers["Content-Range"] == f"bytes {first}-{first + len(got.body) - 1}/{len(whole)}"


async def test_a_range_beyond_the_end_is_416(client: Client, link: str, sim: Simulator) -> None:
    """The answer tells the true length."""
    length = len(sim.clip_bytes(sim.tasks[0]))
    got = await client.fetch(link, {"Range": f"bytes={length}-"})
    assert (got.status, got.headers["Content-Range"]) == (416, f"bytes */{length}")


async def test_if_range_holds_a_resume_to_the_same_file(client: Client, link: str) -> None:
    """A validator that matches gets the rest, another one the whole."""
    validators = (await client.fetch(link)).headers
    statuses = [
        (await client.fetch(link, {"Range": "bytes=9-", "If-Range": value})).status
        for value in (validators["ETag"], validators["Last-Modified"], '"other"')
    ]
    assert statuses == [206, 206, 200]


async def test_ranges_can_be_ignored(client: Client, link: str, sim: Simulator) -> None:
    """A host that knows no ranges sends the whole."""
    sim.behaviour = replace(sim.behaviour, video=Video(ignore_ranges=True))
    got = await client.fetch(link, {"Range": "bytes=9-"})
    assert (got.status, "Accept-Ranges" in got.headers) == (200, False)


async def test_large_clips_stream_in_pieces() -> None:
    """A clip of several pieces arrives as it was composed."""
    settings = Behaviour(times=Times(median=0), video=Video(padding_min=10**6, padding_max=10**6))
    clip = clip_of(task(), settings.video)
    whole = clip.read(0, clip.length)
    assert b"".join(clip.read(at, at + 9_997) for at in range(0, clip.length, 9_997)) == whole


@pytest.mark.parametrize(
    ("resolution", "duration", "moov_first"), [("768P", 6, True), ("768P", 10, True), ("1080P", 6, False)]
)
def test_clips_are_whole_and_name_their_task(resolution: str, duration: int, moov_first: bool) -> None:  # noqa: FBT001  a column
    """A clip is the shipped film and two boxes after it, so that no offset in it has changed."""
    clip = clip_of(task(resolution=resolution, duration=duration), Video())
    data = clip.read(0, clip.length)
    assert data.startswith(film(resolution, duration))
    assert len(data) == clip.length
    names = [name for name, _ in boxes(data)]
    assert names[-2:] == ["uuid", "free"]
    assert (names.index("moov") < names.index("mdat")) is moov_first
    identity = boxes(data)[-2][1]
    assert identity.startswith(BOX_TYPE)
    assert json.loads(identity[16:])["task_id"] == "335492703728059"


def test_clips_differ_between_tasks_in_bytes_and_size() -> None:
    """Two tasks of the same prompt make two files."""
    clips = [clip_of(task(335_492_703_728_000 + number), Video()) for number in range(20)]
    assert len({clip.length for clip in clips}) > 15
    assert len({clip.etag for clip in clips}) == 20


@given(st.integers(0, 300_000), st.integers(0, 300_000))
def test_a_piece_of_a_clip_is_that_piece_of_the_whole(start: int, length: int) -> None:
    """However a clip is read, the bytes are the same."""
    clip = clip_of(task(), Video(padding_min=3 * BLOCK + 7, padding_max=3 * BLOCK + 7))
    whole = clip.read(0, clip.length)
    assert clip.read(start, start + length) == whole[start : start + length]


@given(st.integers(10**14, 10**15), st.integers(0, 10**11))
def test_a_link_tells_its_task_and_expiry(number: int, expires: int) -> None:
    """Links need no memory: what they belong to can be read from them."""
    for backup in (False, True):
        target = signed_target(task(number), expires, backup=backup)
        assert (task_id_in(target), expiry_in(target)) == (str(number), expires)


@given(st.text(max_size=200))
def test_strange_targets_name_no_task(target: str) -> None:
    """Whatever is asked for, reading it does not fail."""
    assert task_id_in(target) == "" or "-" in target
    expiry_in(target)


@given(
    st.one_of(st.none(), st.text(max_size=30), st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True)),
    st.integers(0, 2000),
)
def test_any_range_header_gives_a_part_inside_the_file(header: str | None, length: int) -> None:
    """A part is never empty and never reaches beyond the end."""
    try:
        part = asked_part(header, None, etag='"e"', modified="m", length=length)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.stop <= length


def test_a_task_without_a_file_has_no_clip_to_fetch() -> None:
    """An ending tells whether a file came of the task."""
    tasks = Tasks()
    failed = tasks.make(
        body={"prompt": "x"},
        duration=6,
        resolution="768P",
        ending=Ending(code=1027),
        now=0.0,
        behaviour=Behaviour(),
    )
    assert not failed.has_file
