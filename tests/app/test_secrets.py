"""Where the key is looked for, in which order, and what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from batchgen.app.secrets import find_key, fingerprint
from batchgen.errors import ConfigError


def _find(folder: Path, *, given: str = "", variable: str = "", manager: str = "") -> str:
    (folder / "given").write_text(given)
    (folder / "given").chmod(0o600)
    (folder / "dmxapi_api_key").write_text(manager)
    environment = {"THE_KEY": variable} | ({"CREDENTIALS_DIRECTORY": str(folder)} if manager else {})
    key_file = folder / "given" if given else None
    return find_key("THE_KEY", key_file, environment=environment, warn=_no_warning)


def _no_warning(message: str) -> None:
    raise AssertionError(message)


@pytest.mark.parametrize(
    ("places", "key"),
    [
        ({"given": "sk-a\n", "variable": "sk-b", "manager": "sk-c"}, "sk-a"),
        ({"variable": " sk-b\n", "manager": "sk-c"}, "sk-b"),
        ({"variable": "  ", "manager": "sk-c"}, "sk-c"),
        ({"manager": "\ufeffsk-c\r\n"}, "sk-c"),
    ],
)
def test_the_nearest_key_wins(tmp_path: Path, places: dict[str, str], key: str) -> None:
    """The file of the command line, the variable, then the service manager's; white space is no part of it."""
    assert _find(tmp_path, **places) == key


def test_no_key_says_where_it_could_stand(tmp_path: Path) -> None:
    """All three places are named, and the way to do without."""
    with pytest.raises(ConfigError, match=r"THE_KEY.*--api-key-file.*CREDENTIALS_DIRECTORY.*--simulate"):
        _find(tmp_path)


@pytest.mark.parametrize("text", [b"", b"two words", b"\xff\xfe", "sk-狐".encode()])
def test_what_is_no_key_is_refused_and_not_repeated(tmp_path: Path, text: bytes) -> None:
    """An empty file, a file of something else: an error that names the cause and shows nothing of it."""
    path = tmp_path / "key"
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError) as error:
        find_key("X", path, environment={}, warn=_no_warning)
    assert "words" not in str(error.value)
    assert "狐" not in str(error.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o600, 0o400])
def test_a_file_that_others_can_read_is_told(tmp_path: Path, mode: int) -> None:
    """A warning with the remedy, and the key is used all the same."""
    path = tmp_path / "key"
    path.write_text("sk-a")
    path.chmod(mode)
    told: list[str] = []
    assert find_key("X", path, environment={}, warn=told.append) == "sk-a"
    assert [f"chmod 600 {path}" in message for message in told] == [True] * bool(mode & 0o044)


def test_a_fingerprint_tells_keys_apart_and_nothing_else() -> None:
    """It depends on key and salt, and holds no part of either."""
    prints = {fingerprint(key, salt) for key in ("sk-a", "sk-b") for salt in ("1", "2")}
    assert len(prints) == 4
    assert all(len(text) == 16 and "sk" not in text for text in prints)
