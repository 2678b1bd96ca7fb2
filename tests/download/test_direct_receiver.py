"""The receiver alone, call by call as a transport makes them."""

from __future__ import annotations

import asyncio
import gc
import weakref
from unittest import mock

import pytest

from batchgen.download.direct import DirectReceiver


class Wire(asyncio.Transport):
    """A connection of which a test says what happens."""

    def __init__(self) -> None:
        super().__init__()
        self.owner = mock.Mock(spec=asyncio.Protocol)
        self.protocol: asyncio.BaseProtocol = self.owner
        self.reads = True
        self.stops = 0  # how often it was told to read no more

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Whose it is."""
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Whose it is from now on."""
        self.protocol = protocol

    def is_reading(self) -> bool:
        """Whether anything may come."""
        return self.reads

    def pause_reading(self) -> None:
        """Nothing comes."""
        self.reads = False
        self.stops += 1

    def resume_reading(self) -> None:
        """Something may come."""
        self.reads = True


def bring(receiver: DirectReceiver, data: bytes) -> None:
    """What a transport does when there is something to read."""
    receiver.get_buffer(-1)[: len(data)] = data
    receiver.buffer_updated(len(data))


@pytest.fixture
def wire() -> Wire:
    """A connection."""
    return Wire()


@pytest.fixture
async def receiver(wire: Wire) -> DirectReceiver:
    """Who may receive 2,000,000 bytes from it, later."""
    receiver = DirectReceiver(wire, 2_000_000, 5.0)
    receiver.rest()
    return receiver


def ignore(_: int) -> None:
    """Of no interest."""


async def begun(receiver: DirectReceiver, room: memoryview) -> asyncio.Task[int]:
    """It waits for bytes."""
    task = asyncio.create_task(receiver.receive(room, ignore))
    await asyncio.sleep(0)
    return task


async def test_it_reads_only_while_it_is_asked_to(wire: Wire, receiver: DirectReceiver) -> None:
    """Neither before, nor between, nor afterwards."""
    assert not wire.is_reading()
    room = bytearray(6)
    task = await begun(receiver, memoryview(room))
    assert wire.is_reading()
    bring(receiver, b"abc")
    bring(receiver, b"def")
    assert not wire.is_reading()
    assert await task == 6
    assert bytes(room) == b"abcdef"
    assert not wire.is_reading()
    assert not receiver.get_buffer(-1)


async def test_what_is_received_at_once_and_whole_is_stopped_only_behind_it(wire: Wire) -> None:
    """What comes there has nowhere to go, also where there is more room than was to come."""
    receiver = DirectReceiver(wire, 6, 5.0)
    task = await begun(receiver, memoryview(bytearray(9)))
    bring(receiver, b"abcde")
    assert (wire.stops, len(receiver.get_buffer(-1))) == (0, 1)
    bring(receiver, b"f")
    assert not wire.is_reading()
    assert await task == 6


async def test_it_takes_no_more_at_once_than_the_loop_can_bear(receiver: DirectReceiver) -> None:
    """Many connections may have some at the same moment."""
    task = await begun(receiver, memoryview(bytearray(1_000_000)))
    assert len(receiver.get_buffer(-1)) == 512 * 1024
    task.cancel()


@pytest.mark.parametrize("lost", [None, ConnectionAbortedError("gone")])
async def test_a_connection_lost_between_two_receives(
    wire: Wire, receiver: DirectReceiver, lost: ConnectionError | None
) -> None:
    """Its owner knows, and the next receive says so instead of waiting."""
    receiver.connection_lost(lost)
    wire.owner.connection_lost.assert_called_once_with(lost)
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(receiver.receive(memoryview(bytearray(9)), ignore), 2.0)


async def test_an_end_while_it_waits(wire: Wire, receiver: DirectReceiver) -> None:
    """The owner says what becomes of the connection."""
    task = await begun(receiver, memoryview(bytearray(9)))
    wire.owner.eof_received.return_value = True
    assert receiver.eof_received() is True
    with pytest.raises(ConnectionResetError):
        await task
    lost = ConnectionAbortedError("and gone")
    receiver.connection_lost(lost)
    wire.owner.connection_lost.assert_called_once_with(lost)
    with pytest.raises(ConnectionResetError, match="before the body"):  # what came first is why
        await receiver.receive(memoryview(bytearray(9)), ignore)


async def test_what_refuses_bytes_stops_the_reading(wire: Wire, receiver: DirectReceiver) -> None:
    """Who waits hears why, and the transport nothing."""

    def refuse(_: int) -> None:
        raise ValueError("not these")

    task = asyncio.create_task(receiver.receive(memoryview(bytearray(9)), refuse))
    await asyncio.sleep(0)
    bring(receiver, b"abc")
    assert not wire.is_reading()
    with pytest.raises(ValueError, match="not these"):
        await task


async def test_a_cancelled_receive_leaves_the_memory_alone(wire: Wire, receiver: DirectReceiver) -> None:
    """Nothing is read into it any more."""
    task = await begun(receiver, memoryview(bytearray(9)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not wire.is_reading()
    assert not receiver.get_buffer(-1)


async def test_the_owner_is_told_of_its_writing(wire: Wire, receiver: DirectReceiver) -> None:
    """It alone writes."""
    receiver.pause_writing()
    receiver.resume_writing()
    assert [call[0] for call in wire.owner.method_calls] == ["pause_writing", "resume_writing"]


@pytest.mark.looptime
async def test_silence_is_counted_from_the_last_byte(wire: Wire) -> None:
    """Neither from the one before nor from when somebody looked last."""
    loop = asyncio.get_running_loop()
    receiver = DirectReceiver(wire, 2_000_000, 0.5)
    task = await begun(receiver, memoryview(bytearray(6)))
    await asyncio.sleep(0.3)
    bring(receiver, b"abc")
    since = loop.time()
    with pytest.raises(TimeoutError):
        await task
    assert loop.time() - since == pytest.approx(0.5, abs=0.01)


async def test_nobody_listens_on_when_all_has_come(wire: Wire) -> None:
    """Until its time a timer would keep the receiver, and with it memory and connection."""
    receiver = DirectReceiver(wire, 6, 3600.0)
    task = await begun(receiver, memoryview(bytearray(6)))
    bring(receiver, b"abcdef")
    assert await task == 6
    wire.protocol = wire.owner
    kept = weakref.ref(receiver)
    del receiver, task
    gc.collect()
    assert kept() is None
