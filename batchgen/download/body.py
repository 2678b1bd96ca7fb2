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
    """One body, filled from until it ends; ``close`` must be called before its answer is let go.

    ``silence``: seconds without a byte after which TimeoutError is raised.
    """

    def __init__(self, response: aiohttp.ClientResponse, silence: float) -> None:
        self._response, self._stream, self._silence = response, response.content, silence
        # At once: aiohttp forgets what has come when the connection breaks.
        self._ahead = memoryview(b"".join(iter(self._stream.read_nowait, b"")))
        self._direct = _direct(response, len(self._ahead), silence)
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
                    await self._end(self._direct)
        return False

    def close(self) -> None:
        """Let aiohttp have its connection again."""
        if self._direct is not None:
            self._direct.give_back()

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

    async def _end(self, direct: DirectReceiver) -> None:
        """All has come, and aiohttp saw nothing of it: it has its connection back, and is told that the body is over.

        Before it is told so the connection is for no other answer, and for two turns of the loop (one notices that
        something is there, one reads it) whatever stands behind the body comes to a parser of its own, never to the
        one for the next answer: what is no answer makes aiohttp close the connection, and so does one too many.
        """
        self._direct, self._over = None, True
        direct.give_back()
        connection = self._response.connection
        if connection is not None and connection.protocol is not None:
            connection.protocol.set_response_params()
        for _ in range(2):
            await asyncio.sleep(0)
        self._stream.feed_eof()


def _direct(response: aiohttp.ClientResponse, came: int, silence: float) -> DirectReceiver | None:
    """What brings the body past aiohttp.

    ``None`` if that is not worth it, and for a body that shows its end in another way than by its length.
    """
    length = response.content_length
    connection = response.connection  # there is none when all has come
    if length is None or connection is None or connection.transport is None or connection.protocol is None:
        return None
    if length > PIECE_BYTES and connection.transport.get_extra_info("ssl_object") is not None:
        return None  # asyncio drops what it has decrypted when the host closes while nobody reads between two pieces
    left = length - came
    if left < _WORTH_BYTES:
        return None
    connection.protocol.read_timeout = None  # it would not see that something comes
    connection.protocol.start_timeout()
    return DirectReceiver(connection.transport, left, silence)
