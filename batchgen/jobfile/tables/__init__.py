"""Tables: files whose rows become jobs, one row at a time, whatever they are written in."""

from batchgen.jobfile.tables.finding import KINDS, Found, SpooledInput, find_tables, open_table
from batchgen.jobfile.tables.rows import BadRow, Row, Table

__all__ = ["KINDS", "BadRow", "Found", "Row", "SpooledInput", "Table", "find_tables", "open_table"]
