"""A link becomes a whole, checked video file under its final name.

``HttpFetcher`` fetches into a partial file and checks it, ``FolderStore`` gives it its name, and
``clip_warnings`` tells what is not as it was ordered.  ``HttpFetcher`` is in ``fetch``: it brings an HTTP library,
and clips are looked at, moved and named without one.
"""

from batchgen.download.ordered import clip_warnings
from batchgen.download.store import FolderStore

__all__ = ["FolderStore", "clip_warnings"]
