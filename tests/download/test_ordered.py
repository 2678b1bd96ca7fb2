"""A clip that is not what was ordered is told, within the tolerance of encoders."""

from __future__ import annotations

import pytest

from batchgen.download import clip_warnings
from batchgen.model import Clip, Request, VideoFacts


@pytest.mark.parametrize(
    ("request_", "size", "seconds", "fps", "words"),
    [
        (Request(prompt="x"), (1366, 768), 6.0, 24.0, []),
        (Request(prompt="x"), (1364, 768), 5.875, 23.976, []),
        (Request(prompt="x"), (1366, 768), 5.5, 24.5, []),
        (Request(prompt="x", resolution="1080P"), (1920, 1080), 6.5, 24.0, []),
        (Request(prompt="x", resolution="1080P"), (1366, 768), 6.0, 24.0, ["1366x768 pixels"]),
        (Request(prompt="x"), (768, 1366), 6.0, 24.0, ["768x1366 pixels"]),
        (Request(prompt="x", duration=10), (1366, 768), 6.0, 24.0, ["6 s long, 10 s were ordered"]),
        (Request(prompt="x"), (1366, 768), 6.51, 24.0, ["6.51 s long"]),
        (Request(prompt="x"), (1366, 768), 6.0, 30.0, ["30 frames a second"]),
        (Request(prompt="x"), (640, 360), 1.0, 12.0, ["pixels", "long", "frames"]),
        (Request(prompt="x", resolution="4K"), (3840, 2160), 6.0, 24.0, []),
    ],
)
def test_differences_are_told(
    request_: Request, size: tuple[int, int], seconds: float, fps: float, words: list[str]
) -> None:
    """Size, length and frame rate are compared with the order, each difference in a warning of its own."""
    video = VideoFacts(width=size[0], height=size[1], seconds=seconds, fps=fps, codec="avc1")
    warnings = clip_warnings(request_, Clip(bytes=1, sha256="", video=video))
    assert len(warnings) == len(words)
    assert all(word in warning for word, warning in zip(words, warnings, strict=True))
