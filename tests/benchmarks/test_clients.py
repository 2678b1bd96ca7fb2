"""Clients are processes that run elsewhere, and find what they need."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.clients import used_by


def test_a_client_finds_the_benchmarks_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the path to them was given from where the command was typed."""
    monkeypatch.setenv("PYTHONPATH", "tests")
    used = used_by([sys.executable, "-c", "import benchmarks.thread_per_job"], tmp_path)
    assert 0 < used.cpu < used.wall + 60
    assert used.memory > 1
