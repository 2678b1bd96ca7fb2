"""``NAME.index``: what an export is made of, written before its first shard and kept up to date.

By it an interrupted export is carried on, and another one is told apart.  It is JSON, and not called so: to
loaders that guess a folder's format from the endings in it, a folder with one shard would be as much JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from batchgen.errors import ConfigError
from batchgen.export.packing import KEY_DOT, Shard

_FORMAT = "batchgen-webdataset-1"


@dataclass(slots=True)
class Index:
    """The shards of an export, and the hash of each that was written."""

    shards: Sequence[Shard]
    sha256: dict[str, str] = field(default_factory=dict)  # by file

    @property
    def recipe(self) -> str:
        """What stands for the whole content."""
        return hashlib.sha256("".join(shard.recipe for shard in self.shards).encode()).hexdigest()

    def to_json(self) -> bytes:
        """The file's content."""
        rows = [asdict(shard) | {"sha256": self.sha256.get(shard.file)} for shard in self.shards]
        head = {
            "format": _FORMAT,
            "dot_in_keys": KEY_DOT,
            "clips": sum(shard.clips for shard in self.shards),
            "recipe": self.recipe,
        }
        lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
        front = json.dumps(head, indent=2)[:-2]
        return f'{front},\n  "shards": [\n{lines}\n  ]\n}}\n'.encode()

    def recall(self, content: bytes, name: str) -> None:
        """Take over the hashes of an index that was written earlier.

        Raises ConfigError when it is no index, or that of another export.
        """
        try:
            found = json.loads(content)
            recipe, clips, rows = found["recipe"], found["clips"], found["shards"]
            known = {row["file"]: row["sha256"] for row in rows if row["sha256"]}
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ConfigError(f"{name}: this is no index of an export, and is left alone") from error
        if found["format"] != _FORMAT or recipe != self.recipe:
            raise ConfigError(
                f"{name}: another export stands there: {clips} clips in {len(rows)} shards, now they would be "
                f"{sum(shard.clips for shard in self.shards)} in {len(self.shards)}, or the clips are others; "
                "nothing is overwritten: give another folder, or another --name"
            )
        self.sha256 |= known
