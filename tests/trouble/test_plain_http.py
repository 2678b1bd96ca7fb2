"""Encryption is required of everything beyond this machine, unless the user says otherwise."""

from __future__ import annotations

from dataclasses import replace

import pytest
from whole.house import QUICK, House

from batchgen.download import links
from batchgen.jobfile import urls
from batchgen.pipeline.fetch import LINKS
from batchgen.simulator import Call, Conditions, Redirect, Video

FOX: list[dict[str, object]] = [{"id": "fox", "prompt": "A fox"}]


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loopback service counts as one beyond this machine; its proxies are still none."""
    monkeypatch.setattr(urls, "is_loopback", lambda _host: False)
    monkeypatch.setattr(links, "is_this_machine", lambda _host: False)


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("command", ["run", "collect", "check", "status"])
async def test_plain_http_is_refused(house: House, command: str) -> None:
    """Exit 2, nothing is sent, and the message says how to allow it."""
    house.write(FOX)
    ended = await house.run(command, "jobs.yaml")
    assert ended.code == 2
    assert "http would send the key unprotected" in ended.err
    assert "--allow-http" in ended.err
    house.write(FOX, service={"base_url": house.sim.base_url})
    ended = await house.run(command, "jobs.yaml", service=False)
    assert ended.code == 2
    assert "jobs.yaml:8:13: `base_url` is refused: http would send the key unprotected" in ended.err
    assert "allow_http: true" in ended.err
    assert house.sim.records == []


@pytest.mark.usefixtures("far_away")
@pytest.mark.parametrize("said", ["file", "option"])
async def test_plain_http_by_the_users_word(house: House, said: str) -> None:
    """Calls and clips may travel unencrypted then; a warning says who can read the key."""
    allowed = {"allow_http": True} if said == "file" else {}
    house.write(FOX, service={"base_url": house.sim.base_url, **allowed})
    ended = await house.run("jobs.yaml", *([] if allowed else ["--allow-http"]), service=False)
    assert ended.code == 0, ended.err
    assert f"{house.sim.base_url}: the API key travels there unencrypted" in ended.err
    house.check_clips(1)


@pytest.mark.usefixtures("far_away")
async def test_commands_that_are_shown_keep_the_word(house: House) -> None:
    """What is pasted works: ``--allow-http`` stands in it."""
    house.write(FOX)
    ended = await house.run("status", "jobs.yaml", "--allow-http")
    assert f"batchgen jobs.yaml --base-url {house.sim.base_url} --allow-http" in ended.out


async def test_an_unencrypted_link_is_refused_and_the_clip_kept_at_the_service(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No byte of it, nor of two others; the job stays generated, with the reason.  With the word it is fetched."""
    monkeypatch.setattr(links, "is_this_machine", lambda _host: False)
    house.write(FOX)
    ended = await house.run("jobs.yaml")
    assert ended.code == 1
    assert house.row("fox")["status"] == "generated"
    assert "the link is not https" in house.row("fox")["error"]["message"]
    assert "allow_http" in house.row("fox")["error"]["message"]
    assert "video" not in house.calls()
    assert house.calls()["retrieve"] == LINKS
    assert (await house.run("jobs.yaml", "--allow-http")).code == 0
    house.check_clips(1)


async def test_nothing_is_warned_of_on_this_machine(house: House) -> None:
    """Loopback is no network."""
    house.sim.behaviour = replace(QUICK, video=Video(backup_links=True))
    house.sim.fault(Call.VIDEO, Redirect(), Conditions(times=1))
    house.write(FOX)
    ended = await house.run("jobs.yaml")
    assert (ended.code, ended.err) == (0, "")
