"""The house with the command line in this process."""

from __future__ import annotations

from cli.conftest import house

__all__ = ["house"]
