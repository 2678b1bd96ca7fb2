"""A disk that the system has made read-only, as it does after errors."""

from __future__ import annotations

from whole.house import House

from faults.disks import RealDisk


async def test_a_read_only_disk_halts_before_anything_is_sent(house: House, small: RealDisk) -> None:
    """Exit 3 for a folder that was used before and for a new one; looking still works; then it carries on."""
    house.write([{"id": "fox", "prompt": "A fox"}])
    assert (await house.run("jobs.yaml", "-o", str(small.output))).code == 0
    house.write([{"id": "fox", "prompt": "A fox"}, {"id": "hare", "prompt": "A hare"}])
    small.remount("ro")
    try:
        for command in (["run"], ["collect"], ["dismiss", "--reason", "x", "fox"]):
            for folder in (small.output, small.root / "other"):
                words = [command[0], "jobs.yaml", *command[1:], "-o", str(folder)]
                ended = await house.run(*words)
                assert ended.code == 3, (words, ended)
                assert "ead-only" in ended.err
        assert (await house.run("status", "jobs.yaml", "-o", str(small.output))).code == 0
    finally:
        small.remount("rw")
    assert house.calls()["submit"] == 1
    assert (await house.run("jobs.yaml", "-o", str(small.output))).code == 0
    assert house.submitted_prompts() == {"A fox": 1, "A hare": 1}
