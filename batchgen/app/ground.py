"""What a run stands on: the output folder that it began with, and the room there."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from batchgen.errors import ConfigError


class Ground:
    """The output folder, held open so that no other folder can pass for it meanwhile."""

    def __init__(self, output: Path, descriptor: int) -> None:
        self._output, self._descriptor = output, descriptor

    def check(self) -> None:
        """Raise OSError when the folder is gone, or another one stands in its place."""
        if not os.path.samestat(os.fstat(self._descriptor), self._output.stat()):
            raise OSError(f"{self._output}: another folder has taken its place")

    async def free_bytes(self, folder: Path) -> int:
        """How many bytes the disk still takes.  Raises OSError, also when the folder is another one."""
        return await asyncio.to_thread(self._free, folder)

    def _free(self, folder: Path) -> int:
        self.check()
        return shutil.disk_usage(folder).free


@contextmanager
def hold(output: Path) -> Iterator[Ground]:
    """Stand on this folder.  Raises ConfigError when it can't be opened."""
    try:
        descriptor = os.open(output, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{output}: the output folder can't be used: {error.strerror}") from error
    try:
        yield Ground(output, descriptor)
    finally:
        os.close(descriptor)
