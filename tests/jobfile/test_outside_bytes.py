"""Whatever bytes a job file has, reading it ends in jobs and problems."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from batchgen.jobfile import STARTER
from batchgen.model import Job

from .reading import read, write

_PIECES = st.sampled_from(
    [
        "jobs:\n",
        "  - ",
        "- ",
        "prompt: ",
        "id: ",
        "defaults: ",
        "x",
        "\n",
        "  ",
        "\t",
        '"',
        "'",
        "[",
        "]",
        "{",
        "}",
        ": ",
        ", ",
        "&a ",
        "*a ",
        "!t ",
        "<<: ",
        "|\n",
        ">-\n",
        "---\n",
        "...\n",
        "%YAML 1.2\n",
        "#",
        "? ",
        "狐",
        "\u2028",
        "repeat: ",
        "metadata: ",
        "6",
        "null",
        "~",
        "\\ud800",
        "\\U00110000",
        "\0",
        "\x85",
        "\r",
        "\ufeff",
        "service: ",
        "budget: ",
        "prices: ",
        "total: ",
        "cost: ",
        "768P: ",
        "1e9",
    ]
)
_YAMLISH = st.lists(_PIECES, max_size=40).map(lambda pieces: "".join(pieces).encode())
_CUT = st.tuples(st.integers(0, len(STARTER.encode())), st.binary(max_size=4), st.integers(0, 30)).map(
    lambda t: STARTER.encode()[: t[0]] + t[1] + STARTER.encode()[t[0] + t[2] :]
)


@pytest.mark.parametrize("loader", [None, yaml.SafeLoader])
@given(content=st.one_of(st.binary(max_size=200), _YAMLISH, _CUT))
def test_no_bytes_whatever_bring_the_reader_down(
    tmp_path_factory: pytest.TempPathFactory, loader: type[Any] | None, content: bytes
) -> None:
    """Every file yields jobs and problems that can be shown; nothing but JobFileError is ever raised."""
    path = write(tmp_path_factory.mktemp("bytes"), content)
    entries = read(path, loader)
    assert entries
    for entry in entries:
        assert isinstance(entry, Job) or str(entry).isprintable()
        assert entry.source.line >= 1
