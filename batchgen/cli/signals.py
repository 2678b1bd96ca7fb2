"""SIGINT, SIGTERM and SIGHUP: the first asks the run to stop, a second SIGINT ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from batchgen.app import ExitCode, Stopper

_ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def heeded(stopper: Stopper) -> Iterator[None]:
    """While this lasts signals ask the stopper."""
    loop = asyncio.get_running_loop()
    interrupts = 0

    def ask(number: signal.Signals) -> None:
        nonlocal interrupts
        interrupts += number is signal.SIGINT
        if interrupts > 1:
            _end_at_once()
        stopper.ask(
            f"{number.name} received; again to stop at once" if interrupts else f"{number.name} received"
        )

    heard = _heard()
    for number in heard:
        loop.add_signal_handler(number, ask, number)
    try:
        yield
    finally:
        for number in heard:
            loop.remove_signal_handler(number)


@contextmanager
def raised() -> Iterator[None]:
    """While this lasts each of the signals raises KeyboardInterrupt, for work that tidies up as it unwinds."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread hears signals
        return

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    heard = _heard()
    before = [(number, signal.signal(number, interrupt)) for number in heard]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _heard() -> list[signal.Signals]:
    """All of them, but for a SIGHUP that was ignored at the start: so ``nohup`` asks for it.

    A shell lets what a script runs in the background ignore SIGINT too, unasked; but whoever sends one, or presses
    Ctrl-C on the script, wants no more to be paid for.
    """
    return [
        number
        for number in _ASKING
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
    ]


def _end_at_once() -> None:
    """What is durable is in the ledger; a POST in the air is found there as ``submitting``."""
    with suppress(OSError, ValueError):  # whatever has become of the streams
        os.write(sys.stderr.fileno(), b"batchgen: interrupted; the same command carries on\n")
        for stream in (sys.stdout, sys.stderr):
            if stream.isatty():
                os.write(stream.fileno(), _SHOW_CURSOR + b"\n")
    os._exit(ExitCode.INTERRUPTED)
