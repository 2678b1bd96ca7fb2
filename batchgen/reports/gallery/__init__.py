"""``index.html``: every job with its clip on one page that opens from the disk, without a server or a network."""

from batchgen.reports.gallery.beforehand import Beforehand
from batchgen.reports.gallery.page import Heading
from batchgen.reports.gallery.parts import PARTS, Sizes
from batchgen.reports.gallery.rows import gallery_line
from batchgen.reports.gallery.writer import PAGE, write_gallery

__all__ = ["PAGE", "PARTS", "Beforehand", "Heading", "Sizes", "gallery_line", "write_gallery"]
