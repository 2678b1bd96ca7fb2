"""How the page reaches the disk: all at once, always the same bytes, and in little memory."""

from __future__ import annotations

import os
import threading
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from reports.records import delivered, record

from batchgen.model import Record
from batchgen.reports.gallery import PAGE, Beforehand, Sizes, gallery_line, write_gallery
from batchgen.reports.rows import manifest_row
from gallery.pages import heading, written


def files(folder: Path) -> dict[str, bytes]:
    """Everything that stands there."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


#: Parts of about three rows, and no more than five in the page.
SMALL = Sizes(part=1500, inline=2000)


def jobs(number: int, prompt: str = "A fox") -> Iterator[Record]:
    """So many delivered jobs."""
    return (delivered(f"clip-{n}", prompt=f"{prompt} {n}") for n in range(number))


@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 5, 50])
def test_every_job_is_there_in_its_order(tmp_path: Path, number: int) -> None:
    """Few rows stand in the page, many in parts beside it; none is lost where one part ends."""
    page = written(tmp_path, jobs(number), SMALL)
    assert [row["id"] for row in page.rows] == [f"clip-{n}" for n in range(number)]
    assert bool(page.json("about")["parts"]) is (number > 5)
    assert (page.json("rows") == []) is (number in {0, 50})


@pytest.mark.parametrize("number", [2, 50])
def test_the_same_jobs_make_the_same_bytes(tmp_path: Path, number: int) -> None:
    """Nothing changes in the folder when nothing has changed; a part that stands is not written again."""
    written(tmp_path, jobs(number), SMALL)
    before = files(tmp_path)
    marks = {path: path.stat().st_mtime_ns for path in tmp_path.glob("gallery/*")}
    written(tmp_path, jobs(number), SMALL)
    assert files(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("gallery/*")} == marks


def test_parts_of_an_earlier_page_go_once_the_new_one_stands(tmp_path: Path) -> None:
    """Those that a crash left go too; what is the user's stays."""
    written(tmp_path, jobs(50), SMALL)
    (tmp_path / "gallery" / ".0007-0123456789abcdef.js.part").write_text("half")
    (tmp_path / "gallery" / "notes.js").write_text("mine")
    page = written(tmp_path, jobs(50, "A hare"), SMALL)
    named = {Path(part["file"]).name for part in page.json("about")["parts"]}
    assert {path.name for path in (tmp_path / "gallery").iterdir()} == named | {"notes.js"}
    (tmp_path / "gallery" / "notes.js").unlink()
    written(tmp_path, jobs(2), SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [PAGE]


def test_a_page_that_fails_leaves_the_old_one_whole(tmp_path: Path) -> None:
    """The old page still finds each of its parts, whenever the new one breaks off."""
    old = written(tmp_path, jobs(50), SMALL).rows
    page = (tmp_path / PAGE).read_bytes()

    def breaking() -> Iterator[Record]:
        yield from jobs(30, "A hare")
        raise OSError("the ledger's disk is gone")

    with pytest.raises(OSError, match="gone"):
        write_gallery(tmp_path, map(gallery_line, breaking()), heading, SMALL)
    assert (tmp_path / PAGE).read_bytes() == page
    assert not list(tmp_path.rglob("*.part"))
    assert written(tmp_path, jobs(50), SMALL).rows == old


def test_a_page_of_the_user_is_left_alone(tmp_path: Path) -> None:
    """A file, a link, a folder under that name: told, and not touched."""
    mine = tmp_path / PAGE
    mine.write_text("<h1>mine</h1>")
    assert not write_gallery(tmp_path, map(gallery_line, jobs(1)), heading)
    assert mine.read_text() == "<h1>mine</h1>"
    mine.rename(tmp_path / "theirs.html")
    mine.symlink_to("theirs.html")
    assert not write_gallery(tmp_path, map(gallery_line, jobs(1)), heading)
    assert (tmp_path / "theirs.html").read_text() == "<h1>mine</h1>"
    mine.unlink()
    mine.mkdir()
    assert not write_gallery(tmp_path, map(gallery_line, jobs(1)), heading)


def test_parts_are_not_written_through_a_link(tmp_path: Path) -> None:
    """A ``gallery`` that leads elsewhere is refused before anything is written there."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "output").mkdir()
    (tmp_path / "output" / "gallery").symlink_to(outside)
    with pytest.raises(OSError, match="symbolic link"):
        write_gallery(tmp_path / "output", map(gallery_line, jobs(50)), heading, SMALL)
    assert list(outside.iterdir()) == []


def test_two_writers_take_turns(tmp_path: Path) -> None:
    """While a run writes the page, the command that rebuilds it waits, and the last one's page stands whole."""
    begun, go_on = threading.Event(), threading.Event()

    def slow() -> Iterator[Record]:
        yield delivered("first")
        begun.set()
        assert go_on.wait(20)

    first = threading.Thread(target=write_gallery, args=(tmp_path, map(gallery_line, slow()), heading))
    second = threading.Thread(target=write_gallery, args=(tmp_path, map(gallery_line, jobs(1)), heading))
    first.start()
    assert begun.wait(20)
    second.start()
    go_on.set()
    first.join(20)
    second.join(20)
    assert written(tmp_path / "other", jobs(1)).rows[0]["id"] == "clip-0"
    assert (tmp_path / PAGE).read_bytes() == (tmp_path / "other" / PAGE).read_bytes()


def test_memory_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    """Three times as many rows of 3 kB need no more memory than a third of them."""

    def peak(number: int) -> int:
        tracemalloc.start()
        try:
            many = (record(id=f"clip-{n}", prompt="x" * 3000) for n in range(number))
            assert write_gallery(tmp_path, map(gallery_line, many), heading)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    first = peak(1000)
    assert peak(3000) < 1.2 * first < 20_000_000


@pytest.mark.parametrize("number", [0, 3, 4])
def test_rows_are_kept_beforehand_while_they_are_few(number: int) -> None:
    """To the letter those of the page; of more than have their place in it, none."""
    lines = list(map(gallery_line, jobs(number)))
    rows = Beforehand(most=sum(map(len, map(gallery_line, jobs(3)))))
    for job in jobs(number):
        rows.add(job, manifest_row(job))
    assert rows.lines == (lines if number <= 3 else None)


def test_readers_may_read_it(tmp_path: Path) -> None:
    """Its permissions are those of the user's umask."""
    mask = os.umask(0o022)
    try:
        written(tmp_path, jobs(1), SMALL)
    finally:
        os.umask(mask)
    assert (tmp_path / PAGE).stat().st_mode & 0o777 == 0o644
