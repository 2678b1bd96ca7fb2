"""Which names files and hosts can have.

To the system a file's name is bytes, and the locale says for which letters they stand.
"""

from __future__ import annotations

import codecs
import os
import sys

#: The encoding of file names.
ENCODING = codecs.lookup(sys.getfilesystemencoding()).name
#: Whether a file can have every name that a job file can give.  Settled once: a million jobs ask nothing more.
#: UTF-8 has all but halves of surrogate pairs, which are refused where texts are read, and in ids by any way.
TAKES_ALL = ENCODING == "utf-8"
REMEDY = "set a UTF-8 locale, for example LC_ALL=C.UTF-8, or PYTHONUTF8=1"
#: What is wrong with what is no text, and what to do where it is a path.
NO_TEXT = f"it has bytes that are no letters in the encoding of this locale, {ENCODING}"
RENAME = "rename the file or folder" + ("" if TAKES_ALL else f", or {REMEDY}")

#: Bytes between two dots of a host's name as it is sent, and so letters at the most.
LONGEST_LABEL = 63


def can_name(text: str) -> bool:
    """Whether a file can have this name, or path."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


def is_text(given: str) -> bool:
    """Whether the bytes of a path or an argument were text in this encoding: the ledger keeps nothing else."""
    try:
        given.encode()
    except UnicodeEncodeError:
        return False
    return True


def can_be_a_host(host: str) -> bool:
    """Whether each part of its name could be one (RFC 1035, 2.3.4): else ``getaddrinfo`` raises UnicodeError."""
    return all(0 < len(label) <= LONGEST_LABEL for label in host.removesuffix(".").split("."))
