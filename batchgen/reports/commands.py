"""The exact commands that deal with jobs, ready to be pasted into a shell."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from batchgen.reports.terminal import clean


@dataclass(frozen=True, slots=True, kw_only=True)
class Commands:
    """Words commands for one job file.

    ``job_file`` and ``options`` are those of the user's own command line (``-o``, ``--simulate``, ...), so
    that a command finds the same folder again; ``run_options`` are those that only a run and ``collect`` take
    (``--api-key-file``), ``selection`` those by which the user chose jobs (``--only``, ...): a command that
    orders something must not be about more.  ``edition`` is that of the jobs, where a run of another day would be
    about others.
    """

    job_file: str
    options: tuple[str, ...] = ()
    run_options: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    edition: str | None = None

    def of(self, edition: str | None) -> Commands:
        """The same commands for the jobs of an edition."""
        return replace(self, edition=edition)

    def at(self, base_url: str) -> Commands:
        """The same commands for another service."""
        words = list(self.options)
        while "--base-url" in words:
            place = words.index("--base-url")
            del words[place : place + 2]
        return replace(self, options=(*words, "--base-url", base_url))

    def run(self, *options: str) -> str:
        """Carry on with the job file."""
        edition = () if self.edition is None or "--edition" in self.options else ("--edition", self.edition)
        words = (*self.options, *edition, *self.run_options, *self.selection, *options)
        return self._words("batchgen", self._file, *words)

    def collect(self) -> str:
        """Poll and download what is under way."""
        return self._words("batchgen", "collect", self._file, *self.options, *self.run_options)

    def gallery(self) -> str:
        """Rebuild the gallery page."""
        return self._words("batchgen", "gallery", self._file, *self.options)

    def retry(self, ids: Sequence[str], *options: str) -> str:
        """Order again: these jobs, or all that the options name."""
        return self._on_jobs("retry", ids, options if ids else (*self.selection, *options))

    def adopt(self, job_id: str) -> str:
        """Bind a task to a job; ``TASK_ID`` is for the user to fill in."""
        return self._on_jobs("adopt", (job_id, "TASK_ID"), ())

    def dismiss(self, ids: Sequence[str]) -> str:
        """Settle jobs for good; ``REASON`` is for the user to fill in."""
        return self._on_jobs("dismiss", ids, ("--reason", "REASON"))

    @property
    def _file(self) -> str:
        return f"./{self.job_file}" if self.job_file.startswith("-") else self.job_file

    def _on_jobs(self, command: str, ids: Sequence[str], options: Sequence[str]) -> str:
        """An id may begin with a dash, which ``--`` keeps from being read as an option."""
        if any(job_id.startswith("-") for job_id in ids):
            return self._words("batchgen", command, *self.options, *options, "--", self._file, *ids)
        return self._words("batchgen", command, self._file, *ids, *self.options, *options)

    def _words(self, *words: str) -> str:
        return clean(shlex.join(words))
