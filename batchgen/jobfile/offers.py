"""What the service offers: models, and the lengths of clips at each resolution."""

from __future__ import annotations

from collections.abc import Mapping

MODELS = ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02")  # the preferred one first

#: Seconds by resolution, the same for all models.
OFFERED: Mapping[str, tuple[int, ...]] = {"768P": (6, 10), "1080P": (6,)}

DURATIONS = tuple(sorted({seconds for lengths in OFFERED.values() for seconds in lengths}))
