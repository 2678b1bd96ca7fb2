"""Sockets for clips: with room for what comes while the loop is elsewhere.

With the system's first guess of a receive buffer a quick host is stopped each time that the buffer is full, and the
loop is woken for a tenth of a megabyte: on a fast network that is most of what a download costs.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

from aiohttp import AddrInfoType, SocketFactoryType

#: Bytes that a socket should have room for: at 100 ms to the host and back, 20 MB a second.
_ROOM_BYTES = 2 * 1024**2


def roomy_sockets() -> SocketFactoryType | None:
    """What makes the sockets; ``None`` where the system does not give so much room.

    To ask for it ends the system's own fitting of the buffer, so that less than is wanted would be worse than to ask
    for nothing.
    """
    return _roomy if _is_given() else None


def _is_given() -> bool:
    with suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM_BYTES)
        told = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
        return told >= (2 if sys.platform == "linux" else 1) * _ROOM_BYTES  # Linux tells twice what it gives
    return False


def _roomy(address: AddrInfoType) -> socket.socket:
    """Before it connects: how much room there is, is told to the host then."""
    family, kind, protocol, *_ = address
    made = socket.socket(family, kind, protocol)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM_BYTES)
    except OSError:
        made.close()
        raise
    return made
