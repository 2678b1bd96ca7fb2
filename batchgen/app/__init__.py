"""Wires everything together: runs, plans, and what a person tells the ledger."""

from batchgen.app.loading import read_jobs
from batchgen.app.options import Options
from batchgen.app.result import ExitCode, RunResult
from batchgen.app.running import run
from batchgen.app.stopper import Stopper

__all__ = ["ExitCode", "Options", "RunResult", "Stopper", "read_jobs", "run"]
