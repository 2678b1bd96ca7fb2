"""Exceptions that say whose fault it is.  Translated once, at the edge where they arise, from their cause."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from batchgen.model import Charged, Fault, Problem, Stage


class BatchgenError(Exception):
    """Every error that batchgen raises on purpose."""


# --- the user's side: nothing was sent ------------------------------------------------------------------


class ConfigError(BatchgenError):
    """An option, a variable, the key or the output folder is not as it must be."""


class JobFileError(BatchgenError):
    """The job file is wrong; carries every problem that was found, in file order."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Braked(BatchgenError):
    """So many paid jobs left the file while new ones came that it looks like an accident."""

    def __init__(
        self, *, left: int, new: int, left_examples: tuple[str, ...], new_examples: tuple[str, ...]
    ) -> None:
        super().__init__(f"{left} paid jobs have left the job file and {new} new ones have come at once")
        self.left, self.new = left, new
        self.left_examples, self.new_examples = left_examples, new_examples


class FolderBusy(BatchgenError):
    """Another run holds the output folder."""

    def __init__(self, folder: Path, *, pid: int | None, since: datetime | None, age: float | None) -> None:
        who = f"process {pid}" if pid else "another process"
        started = (
            f", since {since:%Y-%m-%d %H:%M:%S} UTC ({age:.0f} s ago)" if since and age is not None else ""
        )
        super().__init__(f"{folder}: another run holds this output folder ({who}{started})")
        self.folder, self.pid, self.since, self.age = folder, pid, since, age


# --- this machine's side ---------------------------------------------------------------------------------


class LedgerError(BatchgenError):
    """The ledger cannot be used: damaged, of another version or service, on a network file system."""


class LedgerNotWritable(LedgerError):
    """A change could not be made durable; nothing more may be submitted."""


class IllegalTransition(LedgerError):
    """The database refused a change of state: a bug of ours, or two writers."""


class BudgetReached(BatchgenError):
    """One more submission would go past a cap of the user's; nothing was sent."""


class FolderNotWritable(BatchgenError):
    """The output folder takes no files at this moment; nothing was sent."""


class DiskFull(BatchgenError):
    """No room for a clip; the rest can wait, what is paid for is not lost."""


# --- the service's side ----------------------------------------------------------------------------------


class ServiceError(BatchgenError):
    """The service, or the way to it, did not do what was asked.

    ``code`` is the service's own, or a word of ours; ``retry_after`` is in seconds, ``None`` when nobody said.
    """

    def __init__(self, code: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{message} (code {code})" if code else message)
        self.code, self.message, self.retry_after = code, message, retry_after

    def fault(self, stage: Stage) -> Fault:
        """This error as it stands in a manifest row."""
        return Fault(code=self.code, message=self.message, stage=stage)


class NotAccepted(ServiceError):
    """On the POST: proven that no task was made and nothing charged.  The job is pending again."""


class NotReached(NotAccepted):
    """Never connected, or a gateway without a way to the vendor: try again with backoff."""


class RateLimited(NotAccepted):
    """Too many requests or tasks."""


class Halting(NotAccepted):
    """Every further submission would end the same way: the batch must stop."""


class KeyRefused(Halting):
    """The API key is wrong, or may not do this."""


class NoBalance(Halting):
    """No balance, or a quota is used up."""


class NotEntitled(Halting):
    """The model is not in the plan, or the account is not verified."""


class Refused(ServiceError):
    """This one job was refused: prompt, result or parameters.  ``charged`` says whether it may have cost."""

    def __init__(self, code: str, message: str, *, charged: Charged = Charged.NO) -> None:
        super().__init__(code, message)
        self.charged = charged


class InvalidParameters(Refused):
    """Refused for its parameters (2013): many in a row mean that the batch is wrong."""


class OutcomeUnknown(ServiceError):
    """On the POST: perhaps a task was made, perhaps it is charged.  Never sent again by itself."""


class Transient(ServiceError):
    """On a GET: ask again, later."""


class NotFound(ServiceError):
    """On a GET: no such task or file, or asked with another account's key.  Nothing is concluded from one."""


# --- the video host's side -------------------------------------------------------------------------------


class DownloadError(BatchgenError):
    """A clip could not be fetched this time; what is on disk is kept and the link may still be good.

    ``retry_after`` is in seconds, ``None`` when the host did not say.
    """

    code = "download"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after

    def fault(self) -> Fault:
        """This error as it stands in a manifest row."""
        return Fault(code=self.code, message=str(self), stage=Stage.DOWNLOAD)


class LinkExpired(DownloadError):
    """The host refuses the link: ask for a fresh one."""


class LinkUnusable(DownloadError):
    """The link can never work (scheme, host, redirects): only another one can."""


class TooLarge(LinkUnusable):
    """The clip is larger than a clip may be; no other link could change that."""


class NotAVideo(DownloadError):
    """What came is not a whole video: the partial file is thrown away, the clip is fetched again."""


class FileTaken(DownloadError):
    """A file that is not batchgen's stands at the clip's final name; it is never overwritten."""

    code = "file_taken"
