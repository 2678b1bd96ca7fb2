"""What is freed is used again, and not given back to the system and asked for anew."""

from __future__ import annotations

import platform
import resource
import subprocess
import sys

import pytest

from batchgen.download.memory import keep_freed_memory

_PIECES = """
import resource
from batchgen.download.memory import keep_freed_memory
assert keep_freed_memory()
for number in range(510):
    if number == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    pieces = [bytearray(256 * 1024) for _ in range(4)]
    del pieces
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only the GNU C library can be told")
def test_pieces_from_the_network_cost_no_fresh_memory() -> None:
    """Two thousand of 256 KiB have 64 pages each: hardly one of them is new."""
    done = subprocess.run([sys.executable, "-c", _PIECES], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2000 * 256 * 1024 // resource.getpagesize() // 20


def test_elsewhere_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """On other systems memory is their own affair."""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_freed_memory.__wrapped__() is False
