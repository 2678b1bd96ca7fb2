"""Text streams that may be slow, narrow-minded or closed on us, and never hold up or end a run for it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import IO, TextIO


class Forgiving:
    """A text stream whose ``write`` and ``flush`` never raise: once the other end is gone, it is silent.

    What the stream's encoding cannot say is written as a backslash escape.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self.silent = False

    @property
    def encoding(self) -> str:
        """The encoding of the stream beneath."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether the stream beneath is a terminal."""
        try:
            return self._stream.isatty()
        except (OSError, ValueError):
            return False

    def fileno(self) -> int:
        """The descriptor of the stream beneath; raises as it does."""
        return self._stream.fileno()

    def write(self, text: str) -> int:
        """Write all of it, or nothing once the stream is gone."""
        if not self.silent:
            try:
                self._write(text)
            except (OSError, ValueError):
                self.silent = True
        return len(text)

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            self._stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))

    def flush(self) -> None:
        """Hand on what was written, if the stream still takes it."""
        if not self.silent:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self.silent = True


class Outlet:
    """Writes lines to a stream from a thread of its own, so that a reader who pauses never stalls a run.

    While the reader pauses, ``backlog`` lines are kept; what comes beyond is dropped, and ``lost`` words the
    line that says how many.
    """

    def __init__(self, stream: TextIO, *, lost: Callable[[int], str], backlog: int = 20_000) -> None:
        self._stream = Forgiving(stream)
        self._lost = lost
        self._backlog = backlog
        self._lines: deque[str] = deque()
        self._dropped = 0
        self._closed = False
        self._news = threading.Condition()
        self._thread: threading.Thread | None = None

    def write(self, line: str) -> None:
        """Take one line, without its newline.  Never blocks, never raises."""
        with self._news:
            if self._closed or self._stream.silent:
                return
            if len(self._lines) >= self._backlog:
                self._dropped += 1
                return
            self._lines.append(line)
            if self._thread is None:
                self._thread = threading.Thread(target=self._drain, name="batchgen-outlet", daemon=True)
                self._thread.start()
            self._news.notify()

    def close(self, timeout: float = 2.0) -> None:
        """Take no more lines, and wait at most ``timeout`` seconds until those taken are written."""
        with self._news:
            self._closed = True
            self._news.notify()
        if self._thread is not None:
            self._thread.join(timeout)

    def _drain(self) -> None:
        while lines := self._take():
            self._stream.write("".join(f"{line}\n" for line in lines))
            self._stream.flush()

    def _take(self) -> list[str]:
        """Wait for lines; none means that the outlet is closed and empty."""
        with self._news:
            self._news.wait_for(lambda: self._lines or self._closed)
            lines = list(self._lines)
            self._lines.clear()
            if self._dropped:
                lines.append(self._lost(self._dropped))
                self._dropped = 0
            return lines
