"""The page in a real browser: it opens from the disk, finds, plays, and runs nothing that a job brought along."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from reports.records import SENSITIVE, attempt, delivered, record

from batchgen.model import Record, State
from batchgen.reports.gallery import gallery_line, write_gallery
from batchgen.simulator.clips import film
from gallery.browser import Scheme, count, executable, opened, shows, until
from gallery.pages import heading

pytestmark = pytest.mark.skipif(
    executable() is None, reason="no real browser: there is no chromium (Debian: apt-get install chromium)"
)

ATTACK = "</script><img src=x onerror=\"document.title='pwned'\"><script>document.title='pwned'</script>"
ARABIC = "حصان أبيض يركض في الثلج [Tracking shot]"
ODD_NAME = "videos/雪 #1 100%?.mp4"
JOBS = [
    delivered("fox", prompt="A fox in the snow", metadata={"scene": "forest", "take": 1}),
    record(attempt(file=ODD_NAME), id="白马", prompt="白马在雪地里奔跑 [跟随]", metadata={"scene": "雪地"}),
    delivered("horse", prompt=ARABIC, metadata={"scene": "forest", "take": 2}),
    record(attempt(State.FAILED, fault=SENSITIVE), id="attack", prompt=ATTACK, metadata={ATTACK: ATTACK}),
    record(id="later", prompt="A fox, later"),
]


def made(folder: Path, jobs: Iterable[Record] = JOBS) -> Path:
    """The gallery of these jobs, with a clip for the first few."""
    assert write_gallery(folder, map(gallery_line, jobs), heading)
    (folder / "videos").mkdir(exist_ok=True)
    for name in ("videos/fox.mp4", ODD_NAME, "videos/horse.mp4"):
        (folder / name).write_bytes(film("768P", 6))
    return folder


async def test_it_shows_every_job_and_runs_nothing_of_theirs(tmp_path: Path) -> None:
    """A card for each, Chinese and right-to-left prompts as they are; markup in a prompt is text like any other."""
    async with opened(made(tmp_path)) as page:
        await shows(page, ["fox", "白马", "horse", "attack", "later"])
        assert await page.title() == "jobs.yaml – gallery"
        prompts = page.locator("article .prompt")
        assert await prompts.all_inner_texts() == [job.prompt for job in JOBS]
        directions = await prompts.evaluate_all("all => all.map(one => getComputedStyle(one).direction)")
        assert directions == ["ltr", "ltr", "rtl", "ltr", "ltr"]
        assert await page.locator("article img, article script").count() == 0
        refused = page.locator("article", has_text="attack")
        assert "input is sensitive (1026)" in await refused.inner_text()
        await refused.locator(".id").click()
        shown = await page.locator("#detail").inner_text()
        assert ATTACK in shown
        assert "jobs.yaml:12" in shown


async def test_the_policy_stops_what_gets_past_the_page(tmp_path: Path) -> None:
    """Even markup that did become part of the page could neither run nor fetch."""
    with pytest.raises(AssertionError, match="Content Security Policy"):
        async with opened(made(tmp_path)) as page:
            await page.evaluate("markup => document.body.insertAdjacentHTML('beforeend', markup)", ATTACK)
            await page.evaluate(
                "() => new Promise(done => { const one = document.createElement('script');"
                "one.textContent = 'document.title = `pwned`'; document.body.append(one); setTimeout(done, 50); })"
            )
            assert await page.title() == "jobs.yaml – gallery"


async def test_search_filters_and_sorting(tmp_path: Path) -> None:
    """Words, phrases, exclusions, metadata, standings and values narrow; the address keeps the view."""
    async with opened(made(tmp_path)) as page:
        for search, found in (
            ("FOX snow", ["fox"]),
            ("雪地", ["白马"]),
            ("fox -later", ["fox"]),
            ('"fox, later"', ["later"]),
            ("scene:forest", ["fox", "horse"]),
            ("الثلج", ["horse"]),
            ("sensitive", ["attack"]),
        ):
            await page.fill("#search", search)
            await shows(page, found)
        await page.click("#reset")
        await count(page, "5 jobs")
        await page.click("#standings button:has-text('refused')")
        await shows(page, ["attack"])
        await page.click("#standings button:has-text('refused')")
        await page.select_option("#key", "scene")
        await page.select_option("#value", "forest")
        await page.select_option("#sort", "id")
        await shows(page, ["fox", "horse"])
        address = await page.evaluate("location.hash")
    async with opened(tmp_path, address) as page:
        await shows(page, ["fox", "horse"])
        assert await page.input_value("#value") == "forest"


async def test_clips_play_and_only_those_in_view_are_opened(tmp_path: Path) -> None:
    """A file is opened when its card comes near, let go when it leaves, and plays at a click."""
    jobs = [delivered(f"clip-{n}") for n in range(120)]
    made(tmp_path, jobs)
    for n in range(120):
        (tmp_path / "videos" / f"clip-{n}.mp4").hardlink_to(tmp_path / "videos" / "fox.mp4")
    async with opened(tmp_path, "#size=120") as page:
        first = page.locator("article video").first
        await until(page, "document.querySelector('video').readyState >= 1")
        assert 1 <= await page.locator("video[src]").count() < 40
        await first.click()
        await until(page, "document.querySelector('video').currentTime > 0.2")
        await page.locator("article").last.scroll_into_view_if_needed()
        await until(page, "!document.querySelector('video').hasAttribute('src')")
        assert 1 <= await page.locator("video[src]").count() < 40


async def test_a_clip_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A file that was moved away after the page was written leaves a sentence in its place."""
    with pytest.raises(AssertionError, match="ERR_FILE_NOT_FOUND"):
        async with opened(made(tmp_path, [delivered("gone")])) as page:
            await page.get_by_text("videos/gone.mp4 can't be played here.").wait_for()


async def test_a_part_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A page that was left open while the gallery was rebuilt shows what it has, and asks to be reloaded."""
    made(tmp_path, many(9_000))
    first, *_ = sorted((tmp_path / "gallery").iterdir(), reverse=True)
    first.unlink()
    with pytest.raises(AssertionError, match="ERR_FILE_NOT_FOUND"):
        async with opened(tmp_path) as page:
            await count(page, f"{first.name} can't be read. If the gallery was rebuilt, reload this page.")
            assert await page.locator("article").count() == 60


async def test_everything_can_be_done_with_the_keyboard(tmp_path: Path) -> None:
    """From search to card to detail and back, and from clip to clip."""
    async with opened(made(tmp_path)) as page:
        press = page.keyboard.press
        await press("/")
        await page.keyboard.type("scene")
        await count(page, "3 jobs")
        await press("Escape")
        await press("ArrowRight")
        await press("ArrowRight")
        await press("Enter")
        title = page.locator("#detail-title")
        assert "白马" in await title.inner_text()
        assert "id=" in await page.evaluate("location.hash")
        await until(page, "document.querySelector('#detail video').currentTime > 0.1")
        await press("ArrowRight")
        assert "horse" in await title.inner_text()
        await press("Escape")
        await until(page, "document.activeElement.innerText === 'horse'")
        await press("?")
        assert await page.locator("#keys").is_visible()


def many(number: int) -> Iterator[Record]:
    """So many jobs, most of them in parts beside the page."""
    return (
        record(id=f"clip-{n}", prompt=f"A fox in the snow, {n}", metadata={"take": n % 7})
        for n in range(number)
    )


async def test_twenty_thousand_jobs(tmp_path: Path) -> None:
    """They come from parts beside the page; pages turn, the end is reached, and one is found among all."""
    async with opened(made(tmp_path, many(20_000))) as page:
        await count(page, "1–60 of 20,000 jobs")
        await page.click("#next")
        await count(page, "61–120 of 20,000 jobs")
        await page.fill("#page", "334")
        await page.press("#page", "Enter")
        await count(page, "19,981–20,000 of 20,000 jobs")
        await page.locator("article", has_text="clip-19999").scroll_into_view_if_needed()
        await page.fill("#search", '"snow, 12345"')
        await count(page, "1 job (20,000 in all)")
        await shows(page, ["clip-12345"])


async def test_a_link_leads_to_one_job(tmp_path: Path) -> None:
    """Also to one whose row comes late."""
    async with opened(made(tmp_path, many(9_000)), "#id=clip-8999") as page:
        assert "clip-8999" in await page.locator("#detail-title").inner_text()


CONTRAST = """
(names) => {
  const light = (color) => {
    const [r, g, b] = color.match(/[0-9.]+/g).slice(0, 3).map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (one) => {
    for (; one; one = one.parentElement) {
      const color = getComputedStyle(one).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') return color;
    }
  };
  return names.flatMap((name) => [...document.querySelectorAll(name)].map((one) => {
    const [low, high] = [getComputedStyle(one).color, ground(one)].map(light).sort((a, b) => a - b);
    return [name, (high + 0.05) / (low + 0.05)];
  }));
}
"""
LIGHT: Scheme = "light"
DARK: Scheme = "dark"
TEXTS = [
    "h1",
    "#sentence",
    "#count",
    ".id",
    ".prompt",
    ".facts",
    ".metadata",
    ".chip",
    ".note p",
    "label",
    "footer p",
]


async def test_it_can_be_read_on_any_screen(tmp_path: Path) -> None:
    """Every text has the contrast that WCAG 2.2 asks of small print (4.5), and nothing sticks out sideways."""
    async with opened(made(tmp_path)) as page:
        for width, scheme in ((1400, LIGHT), (1400, DARK), (360, DARK), (360, LIGHT)):
            await page.set_viewport_size({"width": width, "height": 800})
            await page.emulate_media(color_scheme=scheme)
            if await page.locator("#more[aria-expanded=false]").is_visible():
                await page.click("#more")
            contrasts = await page.evaluate(CONTRAST, TEXTS)
            assert {name for name, _ in contrasts} == set(TEXTS)
            assert [found for found in contrasts if found[1] < 4.5] == [], scheme
            assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.locator(".id").first.click()
            assert await page.evaluate("document.querySelector('#detail').scrollWidth") <= width
            await page.keyboard.press("Escape")
