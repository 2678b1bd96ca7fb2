"""YAML to jobs: settings at once, jobs as a stream, and every problem with its line and its remedy.

``open_job_file`` reads what stands above the jobs; ``JobFile.entries`` yields jobs and problems in the order
of the file, with memory that does not depend on its length.
"""

from batchgen.jobfile.amounts import parse_amount
from batchgen.jobfile.durations import parse_duration
from batchgen.jobfile.editions import checked as checked_edition
from batchgen.jobfile.editions import edition_on
from batchgen.jobfile.editor_schema import schema
from batchgen.jobfile.flaws import Wrong
from batchgen.jobfile.ids import parse_id
from batchgen.jobfile.reader import JobFile, open_job_file
from batchgen.jobfile.starter import STARTER
from batchgen.jobfile.urls import CLEAR_TEXT, is_clear_text, parse_base_url

__all__ = [
    "CLEAR_TEXT",
    "STARTER",
    "JobFile",
    "Wrong",
    "checked_edition",
    "edition_on",
    "is_clear_text",
    "open_job_file",
    "parse_amount",
    "parse_base_url",
    "parse_duration",
    "parse_id",
    "schema",
]
