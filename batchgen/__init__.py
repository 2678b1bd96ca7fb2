"""batchgen: a YAML job file becomes finished videos, and each clip is paid for once.

The same in a script or a notebook as on the command line::

    for job in batchgen.read_jobs("jobs.yaml"):
        print(job.id, job.request.prompt)
    result = await batchgen.run("jobs.yaml", batchgen.Options(simulate=True))
    print(result.sentence)
    delivered = [row["file"] for row in result.rows() if row["status"] == "succeeded"]

What this module lists is the public surface; the rest may change.
"""

__version__ = "0.1.0"  # before the imports below: some of them read it

from batchgen.app import ExitCode, Options, RunResult, Stopper, read_jobs, run
from batchgen.errors import (
    BatchgenError,
    Braked,
    ConfigError,
    FolderBusy,
    JobFileError,
    LedgerError,
)
from batchgen.ledger.portions import Shard
from batchgen.model import Job, Problem, Request, Status
from batchgen.ports import Event, Observer
from batchgen.settings import OnUnknown

__all__ = [
    "BatchgenError",
    "Braked",
    "ConfigError",
    "Event",
    "ExitCode",
    "FolderBusy",
    "Job",
    "JobFileError",
    "LedgerError",
    "Observer",
    "OnUnknown",
    "Options",
    "Problem",
    "Request",
    "RunResult",
    "Shard",
    "Status",
    "Stopper",
    "__version__",
    "read_jobs",
    "run",
]
