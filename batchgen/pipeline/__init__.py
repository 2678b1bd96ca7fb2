"""The run itself: a bounded queue, a bounded worker pool, one poller, a pool of downloads, one TaskGroup."""

from batchgen.pipeline.run import Parts, Pipeline, Rules
from batchgen.pipeline.stops import Stop, StopKind

__all__ = ["Parts", "Pipeline", "Rules", "Stop", "StopKind"]
