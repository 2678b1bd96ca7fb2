"""The client of the service: three calls, and the only code that knows HTTP paths and ``base_resp``.

``client`` sends and receives, ``wire`` bounds what is received, ``replies`` reads it, ``verdict`` is the error
table, ``secret`` keeps the API key out of every text, ``address`` says which service is meant.

``Hailuo`` itself is in ``client``: it brings an HTTP library, which takes longer to import than all else together,
and most commands send nothing.
"""

from batchgen.hailuo.address import normal_origin
from batchgen.hailuo.secret import check_key

__all__ = ["check_key", "normal_origin"]
