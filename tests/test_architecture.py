"""The house keeps its shape: imports point downward, and each concern has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import batchgen

ROOT = Path(batchgen.__file__).parent

#: The floors, by the first part of a module's name below ``batchgen``.
FLOORS = {
    "model": 0,
    "errors": 0,
    "ports": 0,
    "settings": 0,
    "names": 0,
    "jobfile": 1,
    "polling": 1,
    "pace": 1,
    "budget": 1,
    "mp4": 1,
    "proxies": 1,
    "connections": 1,
    "hailuo": 2,
    "ledger": 2,
    "download": 3,
    "pipeline": 4,
    "reports": 5,
    "export": 5,
    "app": 6,
    "cli": 7,
    "__main__": 8,
    "__init__": 7,
}
#: The simulated service stands beside the house: it sees the ground floor, and the wiring sees it.
WING = "simulator"

MODULES = sorted(ROOT.rglob("*.py"))


def room(path: Path) -> str:
    """The room of a file: a module, or a folder that is one concept."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """The rooms of batchgen that a file imports, with the lines."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
            if node.module == "batchgen":
                names = [f"batchgen.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name.split(".")[1]) for name in names if name.startswith("batchgen."))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    """A module imports its own room and the floors below, nothing else."""
    here = room(path)
    for line, there in imported(path):
        if there in {here, "__version__"}:
            continue
        if here == WING:
            allowed = FLOORS[there] == 0
        elif there == WING:
            allowed = FLOORS[here] >= FLOORS["app"]
        else:
            allowed = FLOORS[there] < FLOORS[here]
            allowed = allowed or (FLOORS[here] == FLOORS[there] == 0 and (here, there) in GROUND)
        assert allowed, f"{path.relative_to(ROOT)}:{line} imports {there}"


#: On the ground floor data comes first, errors carry data, ports carry both.
GROUND = {("errors", "model"), ("ports", "model"), ("ports", "errors")}


def test_every_room_has_a_floor() -> None:
    """A new room must say on which floor it stands."""
    assert {room(path) for path in MODULES} <= FLOORS.keys() | {WING}


def calls(path: Path) -> Iterator[str]:
    """The dotted names of all calls in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_only_the_command_line_prints_and_starts_a_loop(path: Path) -> None:
    """Printing, standard streams and ``asyncio.run`` belong to ``cli``."""
    if room(path) == "cli":
        return
    assert not {"print", "asyncio.run", "sys.exit"} & set(calls(path))
    text = path.read_text("utf-8")
    assert "sys.stdout" not in text
    assert "sys.stderr" not in text


@pytest.mark.parametrize(
    ("library", "rooms"),
    [
        ("sqlite3", {"ledger", "app"}),  # app: only the type of what the ledger hands to a change
        ("yaml", {"jobfile", "reports"}),  # reports: the header of the data set card
        ("aiohttp", {"connections", "hailuo", "download", "simulator"}),
        ("click", {"cli"}),
        ("rich", {"reports", "cli"}),
        ("filelock", {"app"}),
        ("psutil", {"ledger", "app"}),
        ("fsspec", {"export"}),
        ("pyarrow", {"export", "jobfile"}),
    ],
)
def test_each_library_has_its_rooms(library: str, rooms: set[str]) -> None:
    """A library is known to the room whose concept it serves, and to no other."""
    users = set()
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            users |= {room(path) for name in names if name.split(".")[0] == library}
    assert users <= rooms
