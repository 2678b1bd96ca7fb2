"""The live display of a run in a terminal."""

from __future__ import annotations

import threading
from collections import deque
from types import TracebackType
from typing import IO, Self, cast

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from batchgen.ports import Event, Reused, Stopping, Warned
from batchgen.reports.board import Board
from batchgen.reports.frame import frame, glyphs
from batchgen.reports.outlet import Forgiving
from batchgen.reports.terminal import clean
from batchgen.reports.words import reused

_REFRESH = 0.25  # seconds
_WARNINGS_KEPT = 1000  # while the terminal does not take them


def can_be_live(console: Console) -> bool:
    """Whether the terminal can move its cursor; where it cannot, plain lines are the thing."""
    return console.is_terminal and not console.is_dumb_terminal and console.width >= 20


class LiveDisplay:
    """An observer and context manager that paints a board of the run, from a thread of its own.

    Events only change the board, so that a terminal which is slow, or stopped by Ctrl-S, holds up nothing.
    From the start on the console's file forgives: a terminal that is gone makes it silent.
    """

    def __init__(self, console: Console, *, board: Board | None = None) -> None:
        self._console = console
        self._board = board or Board()
        self._messages: deque[Text] = deque(maxlen=_WARNINGS_KEPT)
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._signs = glyphs(console.encoding)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to paint."""
        if not isinstance(self._console.file, Forgiving):
            self._console.file = cast("IO[str]", Forgiving(self._console.file))
        self._thread = threading.Thread(target=self._paint, name="batchgen-display", daemon=True)
        self._thread.start()

    def stop(self, timeout: float = 2.0) -> None:
        """Paint the last picture and give the terminal back; wait at most ``timeout`` seconds for it."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout)

    def observe(self, event: Event) -> None:
        """Learn from an event.  Cheap, and never blocks on the terminal."""
        with self._lock:
            self._board.take(event)
            if isinstance(event, Warned):
                self._messages.append(_message("warning", event.message, "yellow"))
            elif isinstance(event, Reused):
                self._messages.append(_message("reused", reused(event.clips, event.folder), "green"))
            elif isinstance(event, Stopping):
                self._messages.append(_message("stopping", event.reason, "red" if event.halt else "yellow"))

    def picture(self) -> Group:
        """The picture of this moment."""
        width, height = self._console.size
        with self._lock:
            return Group(*frame(self._board, width=width, height=height - 1, signs=self._signs))

    def _paint(self) -> None:
        try:
            with Live(
                get_renderable=self.picture,
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live:
                while not self._over.wait(_REFRESH):
                    self._tell()
                    live.refresh()
                self._tell()
        except Exception:  # noqa: S110  a terminal that cannot be painted must not end a run that is paid for
            pass

    def _tell(self) -> None:
        """Print the messages that have come, above the picture."""
        while self._messages:
            self._console.print(self._messages.popleft(), highlight=False)


def _message(kind: str, text: str, style: str) -> Text:
    return Text.assemble((f"{kind}: ", f"bold {style}"), clean(text))
