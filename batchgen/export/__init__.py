"""What came out of a folder, packed for the tools of the field: WebDataset shards, and tables.

Everything here blocks.  Nothing is overwritten, and nothing half written ever stands under its final name.
"""

from batchgen.export.addresses import shown
from batchgen.export.damage import Damaged
from batchgen.export.destination import Target, open_target
from batchgen.export.packing import KEY_DOT, Limits, Sample, Shard
from batchgen.export.shards import Packed, Watcher, export_shards
from batchgen.export.table import AMOUNT, MOMENT, Column, Format, export_table

__all__ = [
    "AMOUNT",
    "KEY_DOT",
    "MOMENT",
    "Column",
    "Damaged",
    "Format",
    "Limits",
    "Packed",
    "Sample",
    "Shard",
    "Target",
    "Watcher",
    "export_shards",
    "export_table",
    "open_target",
    "shown",
]
