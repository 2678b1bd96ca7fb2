"""Downloads: tried with backoff for as long as the patience lasts, each reason in its row."""

from __future__ import annotations

from itertools import pairwise
from unittest import mock

import pytest
from fakes import Call, clock

from batchgen.errors import (
    DiskFull,
    DownloadError,
    FileTaken,
    LinkExpired,
    LinkUnusable,
    NotAVideo,
    NotFound,
    RateLimited,
    Refused,
    ServiceError,
    TooLarge,
    Transient,
)
from batchgen.model import Charged, Clip, State, Status, VideoFacts
from batchgen.pipeline import StopKind
from batchgen.pipeline.fetch import BUGS, LINKS
from batchgen.settings import Limits
from pipeline.scene import Scene

pytestmark = pytest.mark.looptime

CUT = DownloadError("the connection was cut")


def one(state: State = State.GENERATED, patience: float = 600.0) -> Scene:
    """A scene with a single clip that waits to be fetched."""
    scene = Scene(limits=Limits(download_patience=patience))
    scene.under_way = [scene.book.earlier(1, state)]
    return scene


@pytest.mark.parametrize("error", [CUT, NotAVideo("HTML")], ids=["cut", "not_a_video"])
async def test_a_failed_download_is_tried_again_with_the_same_link(error: Exception) -> None:
    """Three failures, then the clip; one link serves for all."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, n: error if n <= 3 else 1.0
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert len(scene.fetcher.links["job-1"]) == 4
    assert len(set(scene.fetcher.links["job-1"])) == 1


async def test_only_what_nobody_tried_is_fetched_unseen() -> None:
    """What an earlier try, here or in an earlier run, may have left is looked at; a new clip has left nothing."""
    scene = Scene(jobs=1)
    scene.under_way = [scene.book.earlier(2, State.GENERATED), scene.book.earlier(3, State.SUBMITTED)]
    scene.service.add("job-3", seconds=5.0)
    scene.fetcher.on_fetch = lambda _job, n: CUT if n == 1 else 1.0
    assert await scene.run() is None
    assert scene.fetcher.firsts == {"job-1": [True, False], "job-2": [False, False], "job-3": [True, False]}


async def test_an_expired_link_is_asked_for_anew() -> None:
    """Each refusal by the host brings a fresh link."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, n: LinkExpired("403") if n <= 3 else 1.0
    assert await scene.run() is None
    scene.assert_all_succeeded()
    assert len(set(scene.fetcher.links["job-1"])) == 4


async def test_backoff_grows_within_its_bounds() -> None:
    """At most a second before the second try, doubling, never over thirty seconds."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: CUT
    await scene.run()
    gaps = [later - earlier for earlier, later in pairwise(scene.log.times("fetch"))]
    bounds = [min(30.0, 2.0**number) + 0.02 for number in range(len(gaps))]
    assert all(gap <= bound for gap, bound in zip(gaps, bounds, strict=True))
    assert max(gaps) > 5.0


async def test_a_host_that_says_when_is_asked_then() -> None:
    """Retry-After holds the next try, whatever backoff is drawn; beyond the patience the clip rests at once."""
    scene = Scene(jobs=2, in_flight=2)
    waits = {"job-1": 45.0, "job-2": 3000.0}
    scene.fetcher.on_fetch = lambda job, n: DownloadError("busy", retry_after=waits[job]) if n == 1 else 1.0
    await scene.run()
    first, second = (call.at for call in scene.log.calls if (call.what, call.job) == ("fetch", "job-1"))
    assert second - first >= 45.0
    assert scene.recorder.rests == {"job-2": "download"}
    assert scene.took < 120.0


async def test_tries_end_with_the_patience_for_a_clip() -> None:
    """Ten minutes after its first try it rests: generated, with the reason."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: CUT
    assert await scene.run() is None
    assert scene.statuses() == {Status.GENERATED: 1}
    assert scene.recorder.rests == {"job-1": "download"}
    assert 560.0 < scene.took < 601.0
    (row,) = scene.book.of("job-1")
    assert row.fault is not None
    assert "cut" in row.fault.message


@pytest.mark.parametrize("error", [TooLarge("9 GB"), FileTaken("not ours")], ids=["too large", "taken"])
async def test_what_can_never_work_rests_at_once(error: DownloadError) -> None:
    """One try, the reason in the row, and the run is over."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: error
    assert await scene.run(within=5.0) is None
    assert scene.recorder.rests == {"job-1": error.code}
    assert len(scene.log.times("fetch")) == 1


@pytest.mark.parametrize("bad", [1, 2])
async def test_another_link_may_be_of_use(bad: int) -> None:
    """One that can't be used is asked for anew."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, n: LinkUnusable("ftp") if n <= bad else 1.0
    assert await scene.run(within=30.0) is None
    scene.assert_all_succeeded()
    assert len(set(scene.fetcher.links["job-1"])) == bad + 1


async def test_links_that_can_never_work_are_not_asked_for_on_and_on() -> None:
    """The service may have no better ones: the clip rests, with the reason, and the run is over."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: LinkUnusable("ftp")
    assert await scene.run(within=30.0) is None
    assert scene.recorder.rests == {"job-1": "download"}
    assert len(scene.log.times("retrieve")) == LINKS


async def test_a_bug_harms_one_clip_alone() -> None:
    """It is told with its place and without its text, which may hold a link; the others are delivered."""
    scene = Scene(jobs=3)
    scene.fetcher.on_fetch = lambda job, _n: KeyError("https://h/x?Signature=s") if job == "job-2" else 1.0
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 2, Status.GENERATED: 1}
    assert scene.recorder.rests == {"job-2": "bug"}
    (row,) = scene.book.of("job-2")
    assert row.fault is not None
    assert row.fault.message.startswith("this is a bug of batchgen: KeyError in fakes.py, line ")
    (told,) = scene.recorder.warnings
    assert told.startswith(f"job job-2: {row.fault.message}")
    assert "Signature" not in told


async def test_a_bug_that_ends_every_clip_ends_the_run() -> None:
    """Loudly, and before much more is paid for."""
    scene = Scene(jobs=200, in_flight=5)
    scene.fetcher.on_fetch = lambda _job, _n: KeyError("x")
    with pytest.raises(ExceptionGroup) as caught:
        await scene.run()
    assert caught.group_contains(KeyError)
    assert len(scene.service.posts) < 60


async def test_bugs_are_counted_in_a_row() -> None:
    """A clip that came shows that not every one ends so."""
    scene = Scene(limits=Limits(downloads=1))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 2 * BUGS)]
    good = f"job-{BUGS}"
    scene.fetcher.on_fetch = lambda job, _n: 1.0 if job == good else KeyError("x")
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 1, Status.GENERATED: 2 * BUGS - 2}


async def test_a_limit_on_links_holds_for_every_clip() -> None:
    """Those that had not asked wait as well, and all ask again spread over a while."""
    scene = Scene(limits=Limits(downloads=40))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 101)]
    until = clock() + 10.0
    error = RateLimited("429", "slow", retry_after=20.0)
    scene.service.on_retrieve = lambda _job, _n: error if clock() < until else None
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 100}
    asked = scene.log.times("retrieve")
    begun = [at for at in asked if at < asked[0] + 20.0]
    assert len(begun) <= 40
    waited = [at - asked[0] for at in asked if at not in begun]
    assert min(waited) >= 20.0
    assert len([wait for wait in waited if wait < 20.5]) < 40
    assert len([wait for wait in waited if wait < 23.0]) == 100


async def test_one_that_names_an_hour_does_not_end_the_tries_at_all() -> None:
    """The one clip rests; the others are asked for after a minute."""
    scene = Scene(limits=Limits(downloads=4))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 41)]
    error = RateLimited("429", "an hour", retry_after=3600.0)
    scene.service.on_retrieve = lambda job, _n: error if job == "job-2" else None
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 39, Status.GENERATED: 1}
    assert scene.recorder.rests == {"job-2": "429"}
    (row,) = scene.book.of("job-2")
    assert row.fault is not None
    assert "an hour" in row.fault.message
    assert 60.0 < scene.took < 70.0


async def test_short_patience_is_not_used_up_by_anothers_limit() -> None:
    """Who is held for it is asked for in time all the same; who met it rests, with the reason."""
    scene = Scene(limits=Limits(downloads=1, download_patience=20.0))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 4)]
    error = RateLimited("1002", "slow down", retry_after=50.0)
    scene.service.on_retrieve = lambda job, _n: error if job == "job-1" else None
    assert await scene.run() is None
    assert scene.recorder.rests == {"job-1": "1002"}
    assert scene.statuses() == {Status.SUCCEEDED: 2, Status.GENERATED: 1}
    assert 5.0 < scene.took < 12.0


async def test_a_limit_that_lasts_ends_with_the_patience_and_is_told() -> None:
    """Also in the rows of those for which nobody could ask."""
    scene = Scene(limits=Limits(downloads=1, download_patience=20.0))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 13)]
    scene.service.on_retrieve = lambda _job, _n: RateLimited("1002", "slow down", retry_after=50.0)
    assert await scene.run() is None
    assert scene.recorder.rests == {f"job-{n}": "1002" for n in range(1, 13)}
    assert len(scene.log.times("retrieve")) < 12
    assert scene.took < 30.0


async def test_an_answer_ends_a_row_of_limits() -> None:
    """Each clip meets one, and none waits for those that others have met."""
    scene = Scene(limits=Limits(downloads=1))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 13)]
    met: set[str] = set()

    def every_second(job: str, _n: int) -> Exception | None:
        refused = job not in met and len(met) == scene.statuses().get(Status.SUCCEEDED, 0)
        met.add(job) if refused else None
        return RateLimited("1002", "slow") if refused else None

    scene.service.on_retrieve = every_second
    with mock.patch("batchgen.pipeline.fetch.random.random", return_value=0.999):
        assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 12}
    assert len(met) > 5
    assert scene.took < 90.0


async def test_limits_on_links_without_a_time_are_met_less_and_less_often() -> None:
    """Backoff takes its place, for all together."""
    scene = Scene(limits=Limits(downloads=4))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 41)]
    until = clock() + 60.0
    scene.service.on_retrieve = lambda _job, _n: RateLimited("1002", "slow") if clock() < until else None
    assert await scene.run() is None
    assert scene.statuses() == {Status.SUCCEEDED: 40}
    assert len([at for at in scene.log.times("retrieve") if at < until]) < 120


async def test_a_file_of_the_users_is_left_alone() -> None:
    """Something else stands at the clip's name: the clip rests, the file stays."""
    scene = one()
    video = VideoFacts(width=1, height=1, seconds=1.0, fps=1.0, codec="mp4v")
    theirs = Clip(bytes=1, sha256="theirs", video=video)
    scene.store.files["videos/job-1.mp4"] = theirs
    await scene.run(within=5.0)
    assert scene.store.files == {"videos/job-1.mp4": theirs}
    assert scene.recorder.rests == {"job-1": FileTaken.code}


async def test_a_full_disk_halts_and_loses_nothing() -> None:
    """No more submissions; the clip stays generated, what fits is still stored."""
    scene = Scene(jobs=20, in_flight=2)
    scene.fetcher.on_fetch = lambda job, _n: DiskFull("no room") if job == "job-1" else 1.0
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert scene.recorder.rests == {"job-1": "disk_full"}
    assert scene.book.status("job-1") is Status.GENERATED
    assert scene.book.status("job-2") is Status.SUCCEEDED
    assert scene.statuses()[Status.PENDING] >= 14


# --- asking for the link ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        Transient("500", "stumbled"),
        RateLimited("1002", "slow"),
        RateLimited("429", "slow", retry_after=40.0),
        ServiceError("9", "odd"),
        NotFound("2013", "no such file"),
    ],
    ids=["transient", "limited", "limited_after", "odd", "not_found"],
)
async def test_trouble_with_links_loses_nothing(error: ServiceError) -> None:
    """Asked again until the link comes."""
    scene = one()
    scene.service.on_retrieve = lambda _job, n: error if n <= 2 else None
    assert await scene.run() is None
    scene.assert_all_succeeded()
    asked = scene.log.times("retrieve")
    assert min(later - earlier for earlier, later in pairwise(asked)) >= (
        getattr(error, "retry_after", 0) or 0
    )


async def test_a_file_that_is_found_again_is_no_longer_missing() -> None:
    """The day after which it would be gone begins anew."""
    scene = one()
    scene.service.on_retrieve = lambda _job, n: NotFound("2013", "") if n == 1 else None
    scene.fetcher.on_fetch = lambda _job, n: CUT if n == 1 else 1.0
    await scene.run()
    assert [step for step in scene.log.of("job-1") if "found" in step] == ["not_found", "found"]


async def test_a_result_that_is_refused_is_failed_and_charged() -> None:
    """1027 on the link: there will be no clip."""
    scene = one()
    scene.service.on_retrieve = lambda _job, _n: Refused("1027", "sensitive")
    assert await scene.run() is None
    assert scene.statuses() == {Status.FAILED: 1}
    (row,) = scene.book.of("job-1")
    assert row.fault is not None
    assert (row.fault.code, row.fault.stage, row.charged) == ("1027", "retrieve", Charged.YES)


async def test_a_service_that_gives_no_link_ends_no_later_than_the_patience() -> None:
    """The clip rests with the service's reason."""
    scene = one(patience=100.0)
    scene.service.on_retrieve = lambda _job, _n: Transient("500", "stumbled")
    await scene.run(within=101.0)
    assert scene.recorder.rests == {"job-1": "500"}


# --- a ledger that can't be written ----------------------------------------------------------------------


@pytest.mark.parametrize("step", ["checked", "superseded", "stored"])
async def test_each_step_can_be_repeated(step: str) -> None:
    """Not writable for two tries: the run halts, and the clip is stored when the ledger is back."""
    scene = one()
    old = scene.book.rows[scene.book.earlier(1, State.SUCCEEDED).key]
    old.clip, old.file = scene.clip(old.submission, "old"), "videos/job-1.mp4"
    scene.store.files["videos/job-1.mp4"] = old.clip
    scene.under_way = [scene.book.earlier(1, State.GENERATED)]
    failures = iter(range(2))
    scene.book.not_writable = lambda what, _job: what == step and next(failures, None) is not None
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert scene.book.of("job-1")[-1].state is State.SUCCEEDED
    assert scene.store.files["superseded/job-1.mp4"] == old.clip


async def test_a_checked_clip_without_a_name_needs_no_link() -> None:
    """What the last run gathered and checked gets its name, and the earlier clip another; nothing is fetched."""
    scene = one()
    old = scene.book.rows[scene.book.earlier(1, State.SUCCEEDED).key]
    old.clip, old.file = scene.clip(old.submission, "old"), "videos/job-1.mp4"
    scene.store.files["videos/job-1.mp4"] = old.clip
    waiting = scene.book.earlier(1, State.GENERATED)
    clip = scene.clip(waiting)
    scene.store.parts[scene.store.part(waiting)] = clip
    scene.under_way = [waiting._replace(checked=clip)]
    scene.service.on_retrieve = lambda _job, _n: Refused("1027", "")
    await scene.run()
    assert scene.book.of("job-1")[-1].state is State.SUCCEEDED
    assert scene.store.files == {"videos/job-1.mp4": clip, "superseded/job-1.mp4": old.clip}
    assert scene.log.times("fetch") == []


@pytest.mark.parametrize("has_its_name", [False, True])
async def test_many_checked_clips_are_named_together(*, has_its_name: bool) -> None:
    """As when they have just come: they need no place among the downloads, of which there are two."""
    scene = Scene(limits=Limits(downloads=2))
    waiting = [scene.checked(scene.book.earlier(key, State.GENERATED)) for key in range(1, 41)]
    for one in waiting:
        scene.store.parts[scene.store.part(one)] = scene.clip(one)
        if has_its_name:
            scene.store.files[f"videos/{one.job_id}.mp4"] = scene.clip(one)
    scene.store.naming = 10.0
    scene.under_way = waiting
    await scene.run(within=15.0)
    scene.assert_all_succeeded()


async def test_a_clip_with_its_name_is_not_fetched_again() -> None:
    """Only its record was missing."""
    scene = one()
    failures = iter(range(2))
    scene.book.not_writable = lambda what, _job: what == "stored" and next(failures, None) is not None
    await scene.run()
    scene.assert_all_succeeded()
    assert len(scene.log.times("fetch")) == 1


@pytest.mark.parametrize(
    ("error", "step", "status"),
    [
        (NotFound("2013", ""), "not_found", Status.SUCCEEDED),
        (Refused("1027", ""), "failed", Status.FAILED),
    ],
)
async def test_an_error_that_could_not_be_noted_is_met_again(
    error: ServiceError, step: str, status: Status
) -> None:
    """A ledger that is not writable halts the run; it is no bug."""
    scene = one()
    failures = iter(range(2))
    scene.service.on_retrieve = lambda _job, n: error if n <= 3 or status is Status.FAILED else None
    scene.book.not_writable = lambda what, _job: what == step and next(failures, None) is not None
    stop = await scene.run()
    assert stop is not None
    assert stop.kind is StopKind.HALT
    assert scene.statuses() == {status: 1}


async def test_a_rest_that_could_not_be_written_is_told() -> None:
    """The user hears the reason, the run halts."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: LinkUnusable("ftp")
    scene.book.not_writable = lambda what, _job: what == "rested"
    stop = await scene.run()
    assert stop is not None
    assert scene.recorder.rests == {"job-1": "download"}


# --- the end of a run ------------------------------------------------------------------------------------


async def test_a_clip_between_two_tries_at_the_end_says_why() -> None:
    """A drain that is over leaves it generated, with the reason of its last try."""
    scene = one()
    scene.drain = 100.0
    scene.fetcher.on_fetch = lambda _job, _n: CUT
    scene.stop_at(1.0, StopKind.HALT)
    await scene.run()
    assert scene.took == pytest.approx(101.0, abs=1.0)
    assert scene.recorder.rests == {"job-1": "download"}


async def test_a_clip_that_needs_no_link_is_stored_though_the_key_is_refused() -> None:
    """Checked and named by the last run: only its record is missing."""
    scene = Scene()
    scene.under_way = [scene.checked(scene.book.earlier(1, State.GENERATED))]
    scene.store.files["videos/job-1.mp4"] = scene.clip(scene.under_way[0])
    scene.stop_at(0.0, StopKind.KEY_REFUSED)
    await scene.run()
    scene.assert_all_succeeded()


async def test_no_call_is_made_for_a_link_once_the_key_is_refused() -> None:
    """A clip whose link has expired rests instead."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: LinkExpired("403")
    scene.stop_at(20.0, StopKind.KEY_REFUSED)
    await scene.run(within=30.0)
    assert all(call.at <= 20.0 for call in scene.log.calls if call.what == "retrieve")
    assert scene.recorder.rests == {"job-1": "download"}
    assert Call(at=20.0, what="post", job="job-1") not in scene.log.calls


async def test_a_signal_leaves_downloads_resumable() -> None:
    """They are cut off at once, and nothing of them gets a name."""
    scene = one()
    scene.fetcher.on_fetch = lambda _job, _n: 1000.0
    scene.stop_at(50.0)
    await scene.run()
    assert scene.took == pytest.approx(50.0, abs=0.1)
    assert scene.statuses() == {Status.GENERATED: 1}
    assert scene.store.files == {}


async def test_who_waits_for_a_place_at_a_signal_begins_nothing() -> None:
    """Nor keeps the place that becomes free then."""
    scene = Scene(limits=Limits(downloads=2))
    scene.under_way = [scene.book.earlier(key, State.GENERATED) for key in range(1, 10)]
    scene.fetcher.on_fetch = lambda _job, _n: 1000.0
    scene.stop_at(50.0)
    await scene.run()
    assert scene.took == pytest.approx(50.0, abs=0.1)
    assert len(scene.log.times("fetch")) == 2


@pytest.mark.parametrize("moment", [1.06, 1.2, 1.8])
@pytest.mark.parametrize("sealing", [0.0, 2.0])
async def test_a_whole_clip_still_gets_its_name_after_a_signal(moment: float, sealing: float) -> None:
    """What follows a download, from its flush on, is short and is finished, and its end is told."""
    scene = one()
    scene.fetcher.sealing = sealing
    scene.book.latency = 0.5
    scene.stop_at(moment)
    await scene.run()
    scene.assert_all_succeeded()
    assert scene.recorder.path("job-1") == [Status.GENERATED, Status.SUCCEEDED]
