"""The run itself: a bounded queue, a bounded worker pool, one poller, a pool of downloads, one TaskGroup.

``Pipeline`` is in ``run``; here stands what those need to know of a run who start none.
"""

from batchgen.pipeline.stops import Stop, StopKind

__all__ = ["Stop", "StopKind"]
