"""Takes bytes from a connection right into memory, past the library that asked for them.

aiohttp hands a body out in objects of its own, a quarter of a megabyte each at the most: to make them, to hand them
over and to copy them together costs the loop more than to receive them.  asyncio lets a protocol say where the bytes
are to go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

#: Bytes that are received at once, as many connections can have some at the same moment: the loop has other work.
_AT_ONCE_BYTES = 512 * 1024


class DirectReceiver(asyncio.BufferedProtocol):
    """Has a connection from its making to its end, of which it tells the owner.

    It is to ``receive``, or to ``rest``, in the turn of the loop in which it is made.
    ``left``: bytes that may be received; ``silence``: seconds without a byte after which TimeoutError is raised.
    """

    def __init__(self, transport: asyncio.Transport, left: int, silence: float) -> None:
        self.left, self.received = left, 0
        self._transport, self._silence = transport, silence
        self._owner = cast("asyncio.Protocol", transport.get_protocol())
        self._room = memoryview(b"")
        self._came: Callable[[int], None] = lambda _: None
        self._full: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._heard = 0.0  # when a byte came last, on the loop's clock
        self._timer: asyncio.TimerHandle | None = None
        self._error: Exception | None = None
        transport.set_protocol(self)

    async def receive(self, room: memoryview, came: Callable[[int], None]) -> int:
        """Fill the room, or put there what is left; how many bytes that were.

        ``came`` is told how many have just been put there, and may raise.  Raises OSError when the connection ends.
        """
        if self._error is not None:
            raise self._error
        self._room, self._came = room[: self.left], came
        before = self.received
        self._full = self._loop.create_future()
        self._heard = self._loop.time()
        self._listen()
        self._transport.resume_reading()
        try:
            await self._full
        finally:
            self.rest()
            self._room = memoryview(b"")  # it is somebody else's from now on
            if self._timer is not None:
                self._timer.cancel()
        return self.received - before

    def rest(self) -> None:
        """Receive nothing until somebody wants it.

        Who wants it at once need not say so: to stop the transport and let it go on costs as much as to receive.
        """
        self._transport.pause_reading()

    def _listen(self) -> None:
        """One look a silence: to set the timer anew for all that comes would cost more than to take it."""
        quiet = self._loop.time() - self._heard
        if quiet < self._silence:
            self._timer = self._loop.call_later(self._silence - quiet, self._listen)
        else:
            self._wake(TimeoutError())

    def _wake(self, error: BaseException | None = None) -> None:
        if self._full is None or self._full.done():
            return
        if error is None:
            self._full.set_result(None)
        else:
            self._full.set_exception(error)

    # --- what the transport calls -----------------------------------------------------------------------

    def get_buffer(self, _sizehint: int) -> memoryview:
        """Where the next bytes go."""
        return self._room[:_AT_ONCE_BYTES]

    def buffer_updated(self, nbytes: int) -> None:
        """They are there."""
        self.received += nbytes
        self.left -= nbytes
        self._heard = self._loop.time()
        self._room = self._room[nbytes:]
        try:
            self._came(nbytes)
        except Exception as error:  # whoever waits for the bytes has to hear it, not the transport
            self.rest()
            self._wake(error)
            return
        if not self._room:
            self.rest()
            self._wake()

    def eof_received(self) -> bool | None:
        """The host says no more."""
        self._end(None)
        return self._owner.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more can come."""
        self._end(exc)
        self._owner.connection_lost(exc)

    def pause_writing(self) -> None:
        """It is the owner who writes."""
        self._owner.pause_writing()

    def resume_writing(self) -> None:
        """It is the owner who writes."""
        self._owner.resume_writing()

    def _end(self, error: Exception | None) -> None:
        self._error = self._error or error or ConnectionResetError("the connection ended before the body")
        self._wake(self._error)
