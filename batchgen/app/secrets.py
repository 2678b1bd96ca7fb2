"""Where the API key comes from, and its fingerprint."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from batchgen.errors import ConfigError
from batchgen.hailuo import check_key

_CREDENTIAL = "dmxapi_api_key"
_PRIVATE_FOLDERS = ("/run/secrets",)


def find_key(
    variable: str,
    key_file: Path | None,
    *,
    environment: Mapping[str, str] = os.environ,
    warn: Callable[[str], None],
) -> str:
    """The key: from the file given, the variable, or the service manager's credentials.

    Raises ConfigError that says where it was looked for; no message holds the key.
    """
    if key_file is not None:
        return _from_file(key_file, environment, warn)
    if text := environment.get(variable, "").strip():
        return check_key(text)
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if folder and (Path(folder) / _CREDENTIAL).is_file():
        return _from_file(Path(folder) / _CREDENTIAL, environment, warn)
    raise ConfigError(
        f"no API key: set {variable} in the environment, or give --api-key-file FILE "
        f"(or {_CREDENTIAL} in $CREDENTIALS_DIRECTORY); to try without a key, add --simulate"
    )


def _from_file(path: Path, environment: Mapping[str, str], warn: Callable[[str], None]) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{path}: the key file can't be read: {why}") from None
    if mode & (stat.S_IRGRP | stat.S_IROTH) and not _is_private(path, environment):
        warn(f"{path}: others can read the API key; chmod 600 {path}")
    return check_key(text)


def _is_private(path: Path, environment: Mapping[str, str]) -> bool:
    folders = [*_PRIVATE_FOLDERS, *filter(None, [environment.get("CREDENTIALS_DIRECTORY")])]
    return any(path.absolute().is_relative_to(folder) for folder in folders)


def fingerprint(key: str, salt: str) -> str:
    """A salted fingerprint of the key: tells two keys apart, and nothing about either."""
    return hashlib.sha256(f"{salt}:{key}".encode()).hexdigest()[:16]
