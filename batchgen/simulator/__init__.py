"""A simulated Hailuo service: the three calls and a video host on loopback, faithful to the field.

``Simulator`` serves it in this event loop, ``serve`` until cancelled.  What it does is set by ``Behaviour``;
what goes wrong by ``Simulator.fault``, with an act (``Code``, ``Close``, ``Hang``, ...) and ``Conditions``.
"""

from batchgen.simulator.acts import (
    Act,
    Alter,
    Close,
    Code,
    Cut,
    Drip,
    Ending,
    Expired,
    Flood,
    Gateway,
    Hang,
    Raw,
    Redirect,
    Shape,
    Truncate,
    WrongLength,
)
from batchgen.simulator.behaviour import Behaviour, Call, Crowded, Latency, Limits, Times, Video
from batchgen.simulator.faults import Conditions, Rule
from batchgen.simulator.records import Record
from batchgen.simulator.server import Simulator, serve
from batchgen.simulator.tasks import Task

__all__ = [
    "Act",
    "Alter",
    "Behaviour",
    "Call",
    "Close",
    "Code",
    "Conditions",
    "Crowded",
    "Cut",
    "Drip",
    "Ending",
    "Expired",
    "Flood",
    "Gateway",
    "Hang",
    "Latency",
    "Limits",
    "Raw",
    "Record",
    "Redirect",
    "Rule",
    "Shape",
    "Simulator",
    "Task",
    "Times",
    "Truncate",
    "Video",
    "WrongLength",
    "serve",
]
