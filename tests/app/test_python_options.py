"""A script may say what the command line says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from whole.house import QUICK

import batchgen
from batchgen.app.place import resolve
from batchgen.simulator import Simulator


def jobs(folder: Path, number: int = 8) -> Path:
    """A job file."""
    path = folder / "jobs.yaml"
    entries = [{"id": f"fox{n}", "prompt": f"Fox {n}"} for n in range(number)]
    path.write_text(yaml.safe_dump({"limits": {"submits_per_minute": None}, "jobs": entries}), "utf-8")
    return path


async def test_parts_of_a_job_file_in_a_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shard, a selection, clips to reuse and a deadline."""
    monkeypatch.setenv("DMXAPI_API_KEY", "sk-nobody")
    path = jobs(tmp_path)
    async with Simulator(QUICK) as sim:
        one = batchgen.Options(base_url=sim.base_url, output=tmp_path / "one", only=("fox[0-3]",), sample=2)
        first = await batchgen.run(path, one)
        assert (first.exit_code, sum(first.counts.values())) == (0, 2)
        shards = [
            batchgen.Options(
                base_url=sim.base_url,
                output=tmp_path / f"s{n}",
                shard=batchgen.Shard(number=n, of=2),
                reuse_from=(tmp_path / "one",),
            )
            for n in (1, 2)
        ]
        results = [await batchgen.run(path, options) for options in shards]
        assert [result.exit_code for result in results] == [0, 0]
        assert len(sim.tasks) == 8
        passed = batchgen.Options(base_url=sim.base_url, deadline=datetime.now(UTC) - timedelta(seconds=1))
        late = await batchgen.run(path, passed)
        assert (late.exit_code, len(sim.tasks)) == (4, 8)


def test_a_deadline_needs_a_time_zone() -> None:
    """Else nobody knows which moment it is."""
    with pytest.raises(batchgen.ConfigError, match="time zone"):
        batchgen.Options(deadline=datetime(2026, 7, 1, 6))  # noqa: DTZ001  that is the point


@pytest.mark.parametrize("url", ["https://a..b", "ftp://a.b", "https://u@a.b"])
def test_an_address_that_a_job_file_may_not_have(tmp_path: Path, url: str) -> None:
    """A script may not give it either."""
    with pytest.raises(batchgen.ConfigError, match="base URL is refused"):
        resolve(jobs(tmp_path), batchgen.Options(base_url=url))


@pytest.mark.parametrize(("number", "of"), [(0, 3), (4, 3), (1, 0), (-1, 3)])
def test_a_shard_is_one_of_its_number(number: int, of: int) -> None:
    """As on the command line."""
    with pytest.raises(ValueError, match="is no part"):
        batchgen.Shard(number=number, of=of)
