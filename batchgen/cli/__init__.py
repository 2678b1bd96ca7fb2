"""The command line: arguments, signals, exit codes, the only printing and the only ``asyncio.run``."""

from batchgen.cli.main import main

__all__ = ["main"]
