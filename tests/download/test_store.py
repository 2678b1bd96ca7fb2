"""Clips get their names atomically, durably, and over nothing of the user's."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

import pytest

from batchgen.download import FolderStore, disk
from batchgen.download.answers import Begun
from batchgen.download.batcher import Batcher
from batchgen.download.partfile import PartFile
from batchgen.download.places import line_beside
from batchgen.errors import DiskFull, DownloadError, FileTaken
from batchgen.model import Clip, Request, State, Submission, VideoFacts

NEW, OLD, USERS = b"new clip", b"an earlier clip", b"the user's own"
FACTS = VideoFacts(width=1366, height=768, seconds=6.0, fps=24.0, codec="avc1")


def clip_of(data: bytes) -> Clip:
    """A clip with this content."""
    return Clip(bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), video=FACTS)


class Folder:
    """An output folder, with a clip of ``NEW`` that waits for its name."""

    def __init__(self, root: Path) -> None:
        self.root, self.store = root, FolderStore(root)
        self.part = root / "videos" / "fox.mp4.part"
        self.write("videos/fox.mp4.part", NEW)
        self.write("videos/fox.mp4.from.part", b"{}")

    def write(self, name: str, data: bytes) -> None:
        """A file in the folder."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def read(self, name: str) -> bytes | None:
        """What stands in a file of the folder."""
        path = self.root / name
        return path.read_bytes() if path.exists() else None

    def names(self) -> list[str]:
        """Every file in the folder."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir())

    async def put(self, file: str = "videos/fox.mp4", over: bytes | None = None) -> None:
        """Give the waiting clip its name."""
        await self.store.put(self.part, file, clip_of(NEW), None if over is None else clip_of(over))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An output folder."""
    return Folder(tmp_path / "output")


@pytest.fixture(params=["hard links", "no hard links"])
def any_folder(folder: Folder, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """An output folder on a file system with and without hard links."""
    if request.param == "no hard links":
        monkeypatch.setattr(os, "link", no_link(errno.EPERM))
    return folder


def no_link(number: int) -> Callable[..., None]:
    """A call that fails."""

    def link(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return link


SUBMISSION = Submission(
    key=7,
    job_key=1,
    job_id="狐狸-1",
    state=State.GENERATED,
    request=Request(prompt="x"),
    key_print="",
    submitted_at=datetime(2025, 11, 18, tzinfo=UTC),
    task_id="335492703728059",
    first=False,
)


@pytest.mark.parametrize(
    ("submission", "name"),
    [
        (SUBMISSION._replace(first=True), "狐狸-1.mp4.part"),
        (SUBMISSION, "狐狸-1.335492703728059.mp4.part"),
        (SUBMISSION._replace(task_id=""), "狐狸-1.submission-7.mp4.part"),
        (SUBMISSION._replace(task_id="../../x"), "狐狸-1.18955c7fb9b95acd.mp4.part"),
    ],
)
def test_each_submission_has_a_part_of_its_own(folder: Folder, submission: Submission, name: str) -> None:
    """The first submission has the plain name, another one its task id in it, and none leads elsewhere."""
    part = folder.store.part(submission)
    assert part.parent == folder.root / "videos"
    digest = hashlib.sha256(submission.task_id.encode()).hexdigest()[:16]
    assert part.name == name.replace("18955c7fb9b95acd", digest)


@pytest.mark.parametrize("file", ["videos/fox.mp4", "MiniMax-Hailuo-2.3/deep/er/狐狸.mp4", "fox.mp4"])
async def test_a_free_name_is_given(any_folder: Folder, file: str) -> None:
    """The clip stands under its name, its folders are made, and nothing partial is left."""
    await any_folder.put(file)
    assert any_folder.read(file) == NEW
    assert any_folder.names() == [file]


async def test_what_is_the_users_is_never_overwritten(any_folder: Folder) -> None:
    """Another file at the name stays, and the clip keeps waiting; also when an earlier clip was to be replaced."""
    any_folder.write("videos/fox.mp4", USERS)
    for over in (None, OLD):
        with pytest.raises(FileTaken, match="stands there"):
            await any_folder.put(over=over)
    assert any_folder.read("videos/fox.mp4") == USERS
    assert any_folder.read("videos/fox.mp4.part") == NEW


async def test_a_file_of_the_same_size_is_not_the_same(any_folder: Folder) -> None:
    """The content decides, not the size."""
    any_folder.write("videos/fox.mp4", NEW[::-1])
    with pytest.raises(FileTaken):
        await any_folder.put()
    assert any_folder.read("videos/fox.mp4") == NEW[::-1]


def a_folder(path: Path) -> None:
    """A folder at the clip's name."""
    path.mkdir()


def a_link(path: Path) -> None:
    """A symbolic link to the very same content."""
    path.with_name("elsewhere").write_bytes(NEW)
    path.symlink_to("elsewhere")


def a_dangling_link(path: Path) -> None:
    """A symbolic link to nothing."""
    path.symlink_to("nothing")


@pytest.mark.parametrize("planted", [a_folder, a_link, a_dangling_link, os.mkfifo])
async def test_no_ordinary_file_is_taken_as_such(any_folder: Folder, planted: Callable[[Path], None]) -> None:
    """Folders, links and pipes at the name are neither followed nor replaced nor waited for."""
    planted(any_folder.root / "videos" / "fox.mp4")
    before = any_folder.names()
    with pytest.raises(FileTaken):
        await any_folder.put(over=NEW)
    assert any_folder.names() == before
    assert not await any_folder.store.holds("videos/fox.mp4", clip_of(NEW))


async def test_an_earlier_clip_is_replaced_when_told(any_folder: Folder) -> None:
    """Exactly the earlier clip gives way to the new one."""
    any_folder.write("videos/fox.mp4", OLD)
    await any_folder.put(over=OLD)
    assert any_folder.names() == ["videos/fox.mp4"]
    assert any_folder.read("videos/fox.mp4") == NEW


@pytest.mark.parametrize("over", [None, OLD])
@pytest.mark.parametrize("crash", ["after the link", "after the part", "after all"])
async def test_put_can_be_repeated_after_a_crash(any_folder: Folder, crash: str, over: bytes | None) -> None:
    """At whatever step the power went, putting the clip again ends in the same state."""
    any_folder.write("videos/fox.mp4", NEW)
    if crash == "after the link":
        any_folder.part.unlink()
        os.rename(any_folder.root / "videos" / "fox.mp4", any_folder.part)  # noqa: PTH104  beside link
        any_folder.write("videos/fox.mp4", NEW)
    else:
        any_folder.part.unlink()
    if crash == "after all":
        line_beside(any_folder.part).unlink()
    await any_folder.put(over=over)
    assert any_folder.names() == ["videos/fox.mp4"]
    assert any_folder.read("videos/fox.mp4") == NEW


async def test_part_and_clip_may_be_one_file(folder: Folder) -> None:
    """After a crash between the hard link and the removal of the part, the part goes and the clip stays."""
    os.link(folder.part, folder.root / "videos" / "fox.mp4")
    await folder.put(over=OLD)
    assert folder.names() == ["videos/fox.mp4"]
    assert folder.read("videos/fox.mp4") == NEW


async def test_a_part_that_is_no_use_any_more_goes(folder: Folder) -> None:
    """Where the clip has its name, whatever is left under its partial name is removed."""
    folder.write("videos/fox.mp4", NEW)
    folder.write("videos/fox.mp4.part", NEW[:-1])
    await folder.put()
    assert folder.names() == ["videos/fox.mp4"]
    assert folder.read("videos/fox.mp4") == NEW


async def test_a_clip_that_is_gone_is_told(any_folder: Folder) -> None:
    """Neither a missing part nor one of another size gets a name."""
    any_folder.write("videos/fox.mp4.part", NEW[:-1])
    with pytest.raises(DownloadError, match="another file"):
        await any_folder.put()
    any_folder.part.unlink()
    with pytest.raises(DownloadError, match="not there any more"):
        await any_folder.put()
    assert any_folder.read("videos/fox.mp4") is None


@pytest.mark.parametrize(
    "file", ["../fox.mp4", "/tmp/fox.mp4", "videos/../../fox.mp4", "", ".", "a/..", "a\0b"]  # noqa: S108  a name to be refused
)  # fmt: skip
async def test_no_name_leads_out(folder: Folder, file: str) -> None:
    """A name is relative to the output folder and stays in it."""
    for call in (
        folder.put(file),
        folder.store.keep(file, clip_of(OLD), "superseded/x.mp4"),
        folder.store.keep("videos/fox.mp4", clip_of(OLD), file),
        folder.store.holds(file, clip_of(NEW)),
    ):
        with pytest.raises(FileTaken, match="no name inside"):
            await call


@pytest.mark.parametrize("target", ["../../outside", ".."])
async def test_linked_folders_are_not_followed_out(folder: Folder, tmp_path: Path, target: str) -> None:
    """A symbolic link in place of a folder is not followed out of the output folder, not even to make folders."""
    (tmp_path / "outside").mkdir()
    plant(folder, target)
    for file in ("videos/linked/fox.mp4", "videos/linked/deeper/fox.mp4"):
        with pytest.raises(FileTaken, match="leads out"):
            await folder.put(file if target != ".." else file.replace("linked", "linked/up"))
    assert list_of(tmp_path / "outside") == []


def plant(folder: Folder, target: str) -> None:
    """A symbolic link named ``linked``, or one level below it ``up``."""
    link = folder.root / "videos" / "linked"
    if target == "..":
        link.symlink_to(folder.root / "videos")
        (folder.root / "videos" / "up").symlink_to("../..")
    else:
        link.symlink_to(target)


def list_of(path: Path) -> list[Path]:
    """What is in a folder."""
    return list(path.iterdir())


async def test_a_linked_folder_inside_is_fine(folder: Folder) -> None:
    """A symbolic link that stays in the output folder does no harm."""
    (folder.root / "more").mkdir()
    (folder.root / "linked").symlink_to("more")
    await folder.put("linked/fox.mp4")
    assert folder.read("more/fox.mp4") == NEW


@pytest.mark.parametrize("leads", ["to elsewhere", "in a circle"])
async def test_nothing_is_taken_from_outside(tmp_path: Path, leads: str) -> None:
    """When the folder of the videos leads out, what lies there is no partial file of ours."""
    output, theirs = tmp_path / "bare", tmp_path / "theirs"
    output.mkdir()
    theirs.mkdir()
    (output / "videos").symlink_to(theirs if leads == "to elsewhere" else "videos")
    store = FolderStore(output)
    part = store.part(SUBMISSION)
    (theirs / part.name).write_bytes(NEW)
    with pytest.raises(FileTaken, match="leads out"):
        await store.gathered(part, clip_of(NEW))
    with pytest.raises(FileTaken, match="leads out"):
        await store.put(part, "fox.mp4", clip_of(NEW), None)
    assert list_of(theirs) == [theirs / part.name]
    assert list_of(output) == [output / "videos"]


@pytest.mark.parametrize("step", ["noted", "not flushed"])
def test_the_line_beside_a_partial_file_stays_inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """Also when the folder became a link that leads out while the clip came."""
    output, theirs = tmp_path / "bare", tmp_path / "theirs"
    theirs.mkdir()
    line = theirs / "fox.mp4.from.part"
    part = PartFile(output / "videos" / "fox.mp4.part", "1", output)
    part.start(Begun(size=0, place="https://video.test/fox.mp4", validator='"1"', total=9))
    part.writelines([memoryview(b"a clip")])
    (output / "videos").rename(tmp_path / "away")
    (output / "videos").symlink_to(theirs)
    assert part.file is not None
    if step == "noted":
        with pytest.raises(FileTaken, match="leads out"):
            part.note()
        assert list_of(theirs) == []
    else:
        line.write_bytes(USERS)
        monkeypatch.setattr(part.file, "sealed", mock.Mock(side_effect=OSError(errno.EIO, "lost")))
        with pytest.raises(FileTaken, match="leads out"):
            part.sealed()
        assert line.read_bytes() == USERS
    part.file.close()


async def test_keep_then_put(any_folder: Folder) -> None:
    """Regenerating leaves both clips whole: the earlier under its new name, the new under the old one."""
    any_folder.write("videos/fox.mp4", OLD)
    await any_folder.store.keep("videos/fox.mp4", clip_of(OLD), "superseded/fox.1.mp4")
    assert any_folder.read("videos/fox.mp4") == any_folder.read("superseded/fox.1.mp4") == OLD
    await any_folder.put(over=OLD)
    await any_folder.store.keep("videos/fox.mp4", clip_of(OLD), "superseded/fox.1.mp4")
    assert any_folder.names() == ["superseded/fox.1.mp4", "videos/fox.mp4"]
    assert any_folder.read("superseded/fox.1.mp4") == OLD
    assert any_folder.read("videos/fox.mp4") == NEW


async def test_keep_overwrites_nothing(any_folder: Folder) -> None:
    """A file of the user's under either name is left as it is."""
    any_folder.write("videos/fox.mp4", OLD)
    any_folder.write("superseded/fox.mp4", USERS)
    with pytest.raises(FileTaken, match="superseded"):
        await any_folder.store.keep("videos/fox.mp4", clip_of(OLD), "superseded/fox.mp4")
    assert any_folder.read("superseded/fox.mp4") == USERS
    with pytest.raises(FileTaken, match="videos"):
        await any_folder.store.keep("videos/fox.mp4", clip_of(NEW), "superseded/other.mp4")
    assert any_folder.read("superseded/other.mp4") is None


async def test_an_earlier_clip_that_is_gone_holds_nothing_up(folder: Folder) -> None:
    """The user deleted the earlier clip: there is nothing to keep."""
    await folder.store.keep("videos/fox.mp4", clip_of(OLD), "superseded/fox.mp4")
    assert folder.read("superseded/fox.mp4") is None


async def test_holds(folder: Folder) -> None:
    """A file is held when it is there to the byte."""
    assert not await folder.store.holds("videos/fox.mp4", clip_of(NEW))
    folder.write("videos/fox.mp4", NEW)
    assert await folder.store.holds("videos/fox.mp4", clip_of(NEW))
    assert not await folder.store.holds("videos/fox.mp4", clip_of(NEW + b"x"))
    assert not await folder.store.holds("videos/fox.mp4", clip_of(NEW[::-1]))


async def test_gathered(folder: Folder) -> None:
    """Only exactly the clip counts as gathered."""
    assert await folder.store.gathered(folder.part, clip_of(NEW))
    folder.part.write_bytes(NEW[::-1])
    assert not await folder.store.gathered(folder.part, clip_of(NEW))
    folder.part.unlink()
    assert not await folder.store.gathered(folder.part, clip_of(NEW))


async def test_a_folder_that_is_a_file(folder: Folder) -> None:
    """A file in place of a folder is told."""
    folder.write("other", b"")
    with pytest.raises(DownloadError, match="other"):
        await folder.put("other/fox.mp4")


async def test_a_full_disk_is_told(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room for a name is DiskFull, and the clip keeps waiting."""
    monkeypatch.setattr(os, "link", no_link(errno.ENOSPC))
    with pytest.raises(DiskFull, match="No space left"):
        await folder.put()
    assert folder.read("videos/fox.mp4.part") == NEW


async def test_names_are_made_durable(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is synced after the clip has its name, and so is one that was made for it."""
    synced: list[str] = []

    def sync(path: Path) -> None:
        synced.append(f"{path.relative_to(folder.root)}: {len(list_of(path))}")

    monkeypatch.setattr("batchgen.download.disk.sync_folder", sync)
    await folder.put("a/b/fox.mp4")
    assert synced[:2] in (["a: 1", ".: 2"], [".: 2", "a: 1"])
    assert set(synced[2:]) == {"a/b: 1", "videos: 0"}


async def test_names_that_are_given_at_a_time_share_the_flush(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first begins alone; all that come meanwhile are next, and one that fails fails alone."""
    synced: list[list[str]] = []
    monkeypatch.setattr("batchgen.download.disk.sync_folder", lambda _: synced.append(folder.names()))
    for number in range(5):
        folder.write(f"videos/{number}.mp4.part", NEW)
    folder.write("videos/3.mp4", USERS)
    parts = [folder.root / f"videos/{number}.mp4.part" for number in range(5)]
    puts = [folder.store.put(part, f"videos/{part.stem}", clip_of(NEW), None) for part in parts]
    outcomes = await asyncio.gather(*puts, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None)] * 3 + [FileTaken, type(None)]
    assert len(synced) == 2
    assert {f"videos/{number}.mp4" for number in (1, 2, 4)} <= set(synced[1])
    assert folder.read("videos/3.mp4") == USERS


async def test_a_folder_that_cannot_be_flushed_is_the_trouble_of_all_in_it(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody believes that his name is durable; and it can be tried again."""

    def refuse(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    folder.write("videos/hare.mp4.part", NEW)
    with monkeypatch.context() as patch:
        patch.setattr("batchgen.download.disk.sync_folder", refuse)
        hare = folder.store.put(folder.root / "videos/hare.mp4.part", "videos/hare.mp4", clip_of(NEW), None)
        outcomes = await asyncio.gather(folder.put(), hare, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DownloadError] * 2
    assert outcomes[0] is not outcomes[1]
    await folder.put()
    assert folder.read("videos/fox.mp4") == NEW


async def test_a_name_waits_for_no_flush_of_another_clip(folder: Folder) -> None:
    """However many of them have come before and take their time."""
    gate = threading.Event()
    flushes = [asyncio.create_task(disk.in_thread(gate.wait, 5.0)) for _ in range(20)]
    await asyncio.sleep(0)
    await folder.put()
    assert folder.read("videos/fox.mp4") == NEW
    assert not any(flush.done() for flush in flushes)
    gate.set()
    assert all(await asyncio.gather(*flushes))


async def test_a_bug_is_told_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever, and the next ones are done."""
    batcher = Batcher[int](lambda things: [None] * len(things))
    await batcher.join(1)
    monkeypatch.setattr(batcher, "_do", lambda _: 1 // 0)
    for outcome in await asyncio.gather(batcher.join(1), batcher.join(2), return_exceptions=True):
        assert isinstance(outcome, ZeroDivisionError)
    monkeypatch.setattr(batcher, "_do", lambda _: [])
    both = asyncio.gather(batcher.join(1), batcher.join(2), return_exceptions=True)
    for outcome in await asyncio.wait_for(both, 60.0):
        assert isinstance(outcome, RuntimeError)


async def test_who_is_cancelled_leaves_when_it_is_done() -> None:
    """While a thread works on a file it is nobody else's; and nobody's cancellation is that of the others."""
    gate, done = threading.Event(), list[str]()

    def work(things: Sequence[str]) -> list[None]:
        assert gate.wait(60.0)
        done.extend(things)
        return [None] * len(things)

    batcher = Batcher[str](work)
    joined = [asyncio.create_task(batcher.join(thing)) for thing in "abc"]
    await asyncio.sleep(0.01)
    for one in joined[:2]:
        one.cancel()
    await asyncio.sleep(0.05)
    assert not any(one.done() for one in joined)
    gate.set()
    outcomes = await asyncio.gather(*joined, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        asyncio.CancelledError,
        asyncio.CancelledError,
        type(None),
    ]
    assert done == ["a", "b", "c"]


async def test_a_name_that_the_system_can_not_have_is_this_clips_trouble(folder: Folder) -> None:
    """It is told beforehand; should one slip through, it harms no other clip."""
    with pytest.raises(DownloadError, match="no file can have this name here"):
        await folder.put("videos/\ud800.mp4")
    with pytest.raises(DownloadError, match="no file can have this name here"), disk.disk_errors(folder.root):
        disk.remove(folder.root / "\ud800.mp4.part")
