"""Standard streams and log files that are closed, full or gone: what is written there may be lost, nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from batchgen.cli.streams import Sink

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="the machine has no /dev/full")


@needs_full
def test_what_is_not_taken_is_lost_and_the_next_is_tried_anew(tmp_path: Path) -> None:
    """A full disk may have room again; what went wrong first is known."""
    file = tmp_path / "file"
    number = os.open(FULL, os.O_WRONLY)
    sink = Sink(number)
    assert sink.write(b"lost") == 4
    opened = os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(opened, number)
    assert sink.write(b"kept") == 4
    assert file.read_bytes() == b"kept"
    assert sink.trouble is not None
    assert sink.trouble.errno == errno.ENOSPC
    sink.close()
    os.close(number)  # it was left open
    os.close(opened)


def test_a_pipe_that_does_not_wait_is_waited_for() -> None:
    """Whoever reads slowly gets every byte, although the descriptor says that it takes no more now."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text, got = os.urandom(1 << 20), bytearray()

    def read() -> None:
        while piece := os.read(reading, 50_000):
            got.extend(piece)

    reader = threading.Thread(target=read)
    reader.start()
    sink = Sink(writing)
    assert sink.write(text) == len(text)
    os.close(writing)
    reader.join(10)
    os.close(reading)
    assert bytes(got) == text
    assert sink.trouble is None


def test_a_file_is_written_at_its_end_and_a_descriptor_where_it_stands(tmp_path: Path) -> None:
    """A log goes on; in a file of the shell's nothing moves."""
    file = tmp_path / "file"
    file.write_bytes(b"before ")
    with Sink(file) as log:
        log.write(b"after")
    assert file.read_bytes() == b"before after"
    number = os.open(file, os.O_RDWR)
    Sink(number).write(b"BEFORE")
    assert file.read_bytes() == b"BEFORE after"
    os.close(number)


def test_a_close_that_fails_is_trouble_and_no_error(tmp_path: Path) -> None:
    """Some file systems say only then that they have no room."""
    sink = Sink(tmp_path / "file")
    os.close(sink.fileno())
    sink.close()
    assert sink.trouble is not None


def _python(script: str, *arguments: str, line: str = '"$@"') -> subprocess.Popen[bytes]:
    command = ["sh", "-c", f"exec {line}", "sh", sys.executable, "-X", "dev", "-c", script, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


_SECURE = """
import os, sys
from batchgen.cli import streams
streams.secure()
with open(sys.argv[1], "wb", buffering=0) as file:
    os.write(1, b"to the number of standard output")
    print("狐狸", file=sys.stdout, flush=True)
    print("狐狸", file=sys.stderr, flush=True)
    file.write(f"{file.fileno() > 2} {sys.stdin}".encode())
"""


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    """Else what a library writes to that number would end up in the ledger."""
    file = tmp_path / "file"
    with _python(_SECURE, str(file), line='"$@" <&- >&- 2>&-') as process:
        assert process.wait(20) == 0
    assert file.read_bytes() == b"True None"


_WAITING = """
import sys, threading, time
from batchgen.cli import streams
streams.secure()
def write():
    while True:
        print("x" * 1000, flush=True)
threading.Thread(target=write, daemon=True).start()
sys.stderr.write("begun\\n")
sys.stderr.flush()
time.sleep(0.3)  # so that the pipe is full, most likely
sys.exit(3)
"""


def test_a_reader_who_pauses_changes_no_exit_code() -> None:
    """A thread may be in the midst of writing to it when all else is over."""
    with _python(_WAITING) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"begun\n"
        assert process.wait(20) == 3
        assert process.stderr.read() == b""


def test_a_stream_keeps_its_encoding_and_what_becomes_of_other_letters() -> None:
    """As the terminal, or the user by PYTHONIOENCODING, has it."""
    code = "from batchgen.cli.streams import secure; secure(); print('ä 狐')"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": "latin-1:replace"},
        capture_output=True,
        check=True,
    )
    assert ended.stdout == b"\xe4 ?\n"
