"""Killed at any step, reusing and merging leave nothing or a whole result."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("what", "stride", "least"), [("reuse", 1, 35), ("merge", 5, 20)])
def test_a_kill_at_each_step(tmp_path: Path, what: str, stride: int, least: int) -> None:
    """What stands under a final name is whole and known, and the same command carries on to the end."""
    command = [sys.executable, "-m", "reuse.killing", what, str(tmp_path / what), str(stride)]
    tests = Path(__file__).parents[1]
    done = subprocess.run(command, cwd=tests, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[0]) >= least
