"""The gallery as a user meets it: after a run, on demand, and when it can't be written."""

from __future__ import annotations

from functools import partial
from unittest import mock

import pytest
from gallery.pages import Page
from whole.house import House, tree

from batchgen.app.this_run import Run
from batchgen.app.timely import NoTime, in_time
from batchgen.pipeline import Stop
from batchgen.reports.gallery import Beforehand, gallery_line
from batchgen.simulator import Call, Conditions, Ending

JOBS: list[dict[str, object]] = [
    {"id": "狐狸", "prompt": "A fox & a <hare>", "metadata": {"scene": "snow"}},
    {"id": "bad", "prompt": "a bad one"},
]


def page(house: House) -> Page:
    """The page that stands there."""
    return Page((house.output / "index.html").read_text("utf-8"), house.output)


async def _made(house: House) -> None:
    house.sim.fault(Call.SUBMIT, Ending(code=1026), Conditions(prompt="bad"))
    house.write(JOBS)
    ended = await house.run("jobs.yaml")
    assert ended.code == 1, ended.err
    assert "to look at them: index.html" in ended.out


async def test_a_run_leaves_a_page_with_every_job(house: House) -> None:
    """Each job with its standing, the clip by its file, and the sentence of the morning above."""
    await _made(house)
    rows = page(house).rows
    assert [(row["id"], row["standing"], row.get("file")) for row in rows] == [
        ("狐狸", "delivered", "videos/狐狸.mp4"),
        ("bad", "refused", None),
    ]
    assert rows[0]["metadata"] == {"scene": "snow"}
    assert rows[1]["error"]["code"] == "1026"
    about = page(house).json("about")
    assert (about["job_file"], about["simulated"]) == ("jobs.yaml", False)
    assert about["sentence"].startswith("2 ordered, 1 delivered, 1 refused")


async def test_the_command_rebuilds_the_page_and_touches_nothing_else(house: House) -> None:
    """Byte for byte the same for the same ledger; jobs that are new in the file are there, not yet submitted."""
    await _made(house)
    html = house.output / "index.html"
    before = html.read_bytes()
    html.unlink()
    rest = tree(house.output)
    told = await house.run("gallery", "jobs.yaml", key=None)
    assert told.code == 0, told.err
    assert str(html) in told.out
    assert html.read_bytes() == before
    assert {name: state for name, state in tree(house.output).items() if name != "index.html"} == rest
    house.write([*JOBS, {"id": "new", "prompt": "Later"}])
    assert (await house.run("gallery", "jobs.yaml", "-q", key=None)).out == ""
    assert [row["standing"] for row in page(house).rows] == ["delivered", "refused", "not submitted"]


@pytest.mark.parametrize("most", [0, 100_000])
async def test_a_run_reads_the_jobs_again_only_where_they_are_many(house: House, most: int) -> None:
    """Either way the page is to the letter that of the command."""
    few = partial(Beforehand, most)
    with (
        mock.patch("batchgen.app.running.Beforehand", few),
        mock.patch("batchgen.app.showing.gallery_line", side_effect=gallery_line) as again,
    ):
        await _made(house)
    assert again.call_count == (0 if most else 2)
    made = (house.output / "index.html").read_bytes()
    await house.run("gallery", "jobs.yaml", key=None)
    assert (house.output / "index.html").read_bytes() == made


async def test_a_clip_that_is_gone_is_told(house: House) -> None:
    """The page does not name a file that is not there."""
    await _made(house)
    (house.output / "videos" / "狐狸.mp4").unlink()
    assert (await house.run("gallery", "jobs.yaml", key=None)).code == 0
    row = page(house).rows[0]
    assert (row["standing"], row.get("file")) == ("missing", None)


async def test_before_the_first_run_there_is_nothing_to_show(house: House) -> None:
    """Told with the command that comes first; no folder is made."""
    house.write(JOBS)
    told = await house.run("gallery", "jobs.yaml", key=None)
    assert told.code == 2
    assert "batchgen jobs.yaml" in told.err
    assert not house.output.exists()


async def test_a_page_of_the_user_stays(house: House) -> None:
    """A run passes it by; the command says why it does nothing."""
    house.output.mkdir()
    mine = house.output / "index.html"
    mine.write_text("<h1>mine</h1>")
    house.write(JOBS[:1])
    assert (await house.run("jobs.yaml")).code == 0
    told = await house.run("gallery", "jobs.yaml", key=None)
    assert told.code == 2
    assert "not from batchgen" in told.err
    assert mine.read_text() == "<h1>mine</h1>"


async def test_a_page_that_cannot_be_written_harms_no_run(house: House) -> None:
    """Every job is delivered, the exit code is that of the jobs, and the warning names the command for later."""
    house.write(JOBS[:1])
    refusal = OSError(28, "No space left on device")
    with mock.patch("batchgen.app.showing.write_gallery", side_effect=refusal):
        ended = await house.run("jobs.yaml")
        assert ended.code == 0, ended.err
        assert "index.html: can't be written: No space left on device" in ended.err
        assert "batchgen gallery jobs.yaml" in ended.err
        told = await house.run("gallery", "jobs.yaml", key=None)
    assert told.code == 3
    assert "No space left on device" in told.err
    assert house.row("狐狸")["status"] == "succeeded"


async def _told_to_end(this: Run, *_: object, **__: object) -> Stop | None:
    """A run in which nothing happens but a signal."""
    this.stopper.ask("SIGINT")
    return this.stopper.stop


async def test_after_a_signal_the_page_takes_no_time(house: House) -> None:
    """A run that was told to end leaves the old page rather than be late."""
    await _made(house)
    html = house.output / "index.html"
    house.write([*JOBS, {"id": "new", "prompt": "Later"}])
    for stays in (True, False):
        before = html.read_bytes()
        with (
            mock.patch("batchgen.app.running.drive", _told_to_end),
            mock.patch("batchgen.app.showing.in_time", side_effect=NoTime if stays else in_time),
        ):
            ended = await house.run("jobs.yaml")
        assert ended.code == 4
        assert ("batchgen gallery jobs.yaml" in ended.err) is stays
        assert (html.read_bytes() == before) is stays
