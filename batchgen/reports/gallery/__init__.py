"""``index.html``: every job with its clip on one page that opens from the disk, without a server or a network."""

from batchgen.reports.gallery.page import Heading
from batchgen.reports.gallery.parts import PARTS, Sizes
from batchgen.reports.gallery.rows import gallery_row
from batchgen.reports.gallery.writer import PAGE, write_gallery

__all__ = ["PAGE", "PARTS", "Heading", "Sizes", "gallery_row", "write_gallery"]
