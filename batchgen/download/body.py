"""The body of an answer, put into the memory that it is wanted in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from batchgen.download.direct import DirectReceiver
from batchgen.download.memory import PIECE_BYTES

#: Bytes for which it is worth going past aiohttp.
_WORTH_BYTES = 128 * 1024


class Body:
    """One body, filled from until it ends.  Its connection must be used for nothing else.

    ``silence``: seconds without a byte after which TimeoutError is raised.
    """

    def __init__(self, response: aiohttp.ClientResponse, silence: float) -> None:
        self._response, self._stream, self._silence = response, response.content, silence
        # At once: aiohttp forgets what has come when the connection breaks.
        self._ahead = memoryview(b"".join(iter(self._stream.read_nowait, b"")))
        self._direct = self._receiver()
        self._over = False  # all of it has come, though aiohttp has not seen so

    async def fill(self, room: memoryview, came: Callable[[int], None]) -> bool:
        """Fill the room as far as there are bytes for it; whether there are more.

        ``came`` is told how many bytes have just found their place, and may raise to refuse what they are.  Raises
        an aiohttp.ClientError or an OSError when the body breaks off.
        """
        while self._ahead or self._direct is not None or await self._more():
            if not room:
                return True
            if self._ahead or self._direct is None:
                room = self._place(room, came)
            else:
                room = room[await self._direct.receive(room, came) :]
                if not self._direct.left:
                    self._direct, self._over = None, True
        return False

    def hold(self) -> None:
        """Let nothing come before it is asked for: whoever does not fill from it in this very turn must do so."""
        if self._direct is not None:
            self._direct.rest()

    async def _more(self) -> bool:
        if not self._over:
            async with asyncio.timeout(self._silence):
                self._ahead = memoryview(await self._stream.readany())
        return bool(self._ahead)

    def _place(self, room: memoryview, came: Callable[[int], None]) -> memoryview:
        count = min(len(room), len(self._ahead))
        room[:count], self._ahead = self._ahead[:count], self._ahead[count:]
        came(count)
        return room[count:]

    def _receiver(self) -> DirectReceiver | None:
        """What brings the body past aiohttp.

        ``None`` if that is not worth it, and for a body that shows its end in another way than by its length.
        """
        length = self._response.content_length
        connection = self._response.connection  # there is none when all has come
        if length is None or connection is None or connection.transport is None:
            return None
        if connection.transport.is_closing():  # whose loss is on its way to aiohttp
            return None
        if length > PIECE_BYTES and connection.transport.get_extra_info("ssl_object") is not None:
            # asyncio drops what it has decrypted when the host closes while nobody reads between two pieces
            return None
        left = length - len(self._ahead)
        if left < _WORTH_BYTES:
            return None
        return DirectReceiver(connection.transport, left, self._silence)
