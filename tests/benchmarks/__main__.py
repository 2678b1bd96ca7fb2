"""One command for all benchmarks: ``PYTHONPATH=tests python -m benchmarks [NAME ...]``."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import click

import benchmarks
from batchgen.cli.collector import spare_the_collector
from benchmarks.frame import Finding, markdown, plain

Measure = Callable[..., Iterator[Finding]]
_PREFIX = "bench_"


def names() -> list[str]:
    """The benchmarks that there are."""
    modules = (module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    return sorted(name.removeprefix(_PREFIX) for name in modules if name.startswith(_PREFIX))


def measure(name: str) -> Measure:
    """What takes the figures of one benchmark."""
    return cast("Measure", importlib.import_module(f"benchmarks.{_PREFIX}{name}").measure)


@click.command()
@click.argument("chosen", metavar="[NAME ...]", nargs=-1, type=click.Choice(names()))
@click.option("--repeats", type=click.IntRange(min=1), default=5, help="How often each figure is taken.")
@click.option("--quick", is_flag=True, help="Smaller loads: shows that it works, and no more.")
@click.option("--markdown", "table", type=click.Path(path_type=Path), help="Write the table to this file.")
def main(chosen: tuple[str, ...], repeats: int, quick: bool, table: Path | None) -> None:  # noqa: FBT001  click's
    """Measure, and print each figure with its spread and what is asked of it."""
    findings: list[Finding] = []
    for name in chosen or names():
        click.echo(f"\n{name}")
        for finding in measure(name)(repeats, quick=quick):
            click.echo("  " + plain(finding))
            findings.append(finding)
    if table is not None:
        table.write_text("\n".join(markdown(findings)) + "\n", encoding="utf-8")
    sys.exit(not all(finding.holds for finding in findings))


if __name__ == "__main__":
    spare_the_collector()  # as the command does, whose parts are measured
    main()
