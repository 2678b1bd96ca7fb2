"""``README.md`` of the output folder: the data set card by which Hugging Face ``datasets`` loads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import yaml

from batchgen import __version__
from batchgen.reports.atomic import AtomicText
from batchgen.reports.dataset import FOLDER, Contents
from batchgen.reports.manifest import MANIFEST, METADATA
from batchgen.reports.terminal import clean
from batchgen.reports.words import count, rough, size

CARD = "README.md"
#: A card with this line is ours to rewrite; without it, it is the user's.
MARKER = "<!-- Written by batchgen at the end of each run. Remove this line to keep your own text. -->"
_LOOK_FOR_MARKER = 1 << 20  # bytes


def write_card(folder: Path, contents: Contents, *, simulated: bool) -> bool:
    """Write the card; False when a ``README.md`` of the user's stands there and was left alone.

    Raises OSError.
    """
    path = folder / CARD
    if not _is_ours(path):
        return False
    with AtomicText(path) as card:
        card.write(card_text(contents, simulated=simulated))
    return True


def _is_ours(path: Path) -> bool:
    if not path.is_symlink() and not path.exists():
        return True
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return MARKER.encode() in file.read(_LOOK_FOR_MARKER).splitlines()


def card_text(contents: Contents, *, simulated: bool) -> str:
    """The card's text: a header for loaders, then what people want to know."""
    return "\n".join(
        [*_header(contents, simulated=simulated), MARKER, "", *_body(contents, simulated=simulated)]
    )


def _header(contents: Contents, *, simulated: bool) -> Iterator[str]:
    """One split whatever the names look like, and the types of all columns, which loaders else guess."""
    features = [{"name": "video", "dtype": "video"}]
    features += [{"name": name, "dtype": kind.value} for name, kind in contents.columns().items()]
    # Clips are matched in whatever folder below; the rows decide which of them belong to the data set.
    paths = [METADATA, f"{FOLDER}/**/*.mp4"]
    header = {
        "pretty_name": "Simulated clips" if simulated else "Generated clips",
        "task_categories": ["text-to-video"],
        "tags": ["video", "text-to-video", "ai-generated", *(["simulated"] if simulated else [])],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": paths}],
                "features": features,
            }
        ],
    }
    yield "---"
    yield yaml.safe_dump(header, sort_keys=False).rstrip()
    yield "---"


def _body(contents: Contents, *, simulated: bool) -> Iterator[str]:
    yield f"# {'Simulated' if simulated else 'Generated'} clips"
    yield ""
    if simulated:
        yield "**These clips are simulated**: test patterns of a local stand-in for the service, for trying out."
    else:
        yield "All clips are AI generated, each from its `prompt`, by the `model` named in its row."
    yield ""
    number, length = contents.clips.total(), rough(contents.seconds) if contents.seconds else "0 s"
    yield f"{count(number, 'clip')}, {size(contents.bytes)}, {length} in all:"
    yield ""
    yield from _kinds(contents)
    yield ""
    yield f"`{METADATA}` has a row per clip; `{MANIFEST}` has a row per job, whatever became of it."
    yield ""
    yield from _loading(number)
    yield ""
    yield from _columns(contents)
    yield ""
    yield f"Made with batchgen {__version__}."
    yield ""


def _loading(clips: int) -> Iterator[str]:
    if not clips:
        yield "There is no clip yet, and `datasets` loads no empty split."
        yield ""
    yield "```python"
    yield "from datasets import Video, load_dataset"
    yield ""
    yield 'clips = load_dataset("path/to/this/folder", split="train")  # reads frames with torchcodec'
    yield 'paths = clips.cast_column("video", Video(decode=False))     # needs no decoder'
    yield "```"


def _kinds(contents: Contents) -> Iterator[str]:
    yield "| model | resolution | length | clips |"
    yield "|---|---|---|---|"
    for (model, resolution, duration), number in sorted(contents.clips.items()):
        yield f"| {_cell(model)} | {_cell(resolution)} | {duration} s | {number} |"


def _columns(contents: Contents) -> Iterator[str]:
    yield "| column | type |"
    yield "|---|---|"
    yield "| `video` | video |"
    for name, kind in contents.columns().items():
        yield f"| `{_cell(name)}` | {kind.value} |"


def _cell(text: str) -> str:
    return clean(text).replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
