"""The process that dies: batchgen's own command line, in which every durable step is watched.

``python -m crash.child ARGUMENTS``.  What is to happen is told by the environment, as JSON in
``BATCHGEN_CRASH``: ``home`` (the output folder), ``record`` (a file that gets every step), ``point`` (where
to die), ``without_links`` (a file system that has no hard links), ``sabotage`` (a product that breaks a promise).
"""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import NoReturn

from batchgen.cli import main
from crash import sabotage
from crash.steps import Point, Steps, install

VARIABLE = "BATCHGEN_CRASH"


def _no_link(*_: object, **__: object) -> NoReturn:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def prepare(orders: dict[str, object]) -> None:
    """Make this process the one that was ordered."""
    if orders.get("without_links"):
        os.link = _no_link
    if name := orders.get("sabotage"):
        sabotage.ACTS[str(name)]()
    record, point = orders.get("record"), orders.get("point")
    steps = Steps(
        home=Path(str(orders["home"])),
        record=Path(record) if isinstance(record, str) else None,
        point=Point(**point) if isinstance(point, dict) else None,
    )
    install(steps)


def run(arguments: list[str]) -> NoReturn:
    """Run batchgen's command line as the environment orders."""
    if text := os.environ.pop(VARIABLE, ""):
        prepare(json.loads(text))
    main(arguments)


if __name__ == "__main__":
    import sys

    run(sys.argv[1:])
