"""Is the clip what was ordered?  A clip that is not has succeeded all the same, with a warning."""

from __future__ import annotations

from batchgen.model import Clip, Request

#: Pixels of each resolution that can be ordered.
PIXELS = {"768P": (1366, 768), "1080P": (1920, 1080)}
FRAMES_PER_SECOND = 24

#: Encoders round a side to an even number; clips are some frames short of full seconds.
PIXELS_OFF = 2
SECONDS_OFF = 0.5
FRAMES_PER_SECOND_OFF = 0.5


def clip_warnings(request: Request, clip: Clip) -> tuple[str, ...]:
    """What the user should know about a clip whose size, length or frame rate is not what was ordered."""
    video = clip.video
    warnings: list[str] = []
    ordered = PIXELS.get(request.size_class, (video.width, video.height))
    off = max(abs(video.width - ordered[0]), abs(video.height - ordered[1]))
    if off > PIXELS_OFF:
        warnings.append(
            f"the clip has {video.width}x{video.height} pixels,"
            f" {request.size_class} ({ordered[0]}x{ordered[1]}) was ordered"
        )
    if abs(video.seconds - request.seconds) > SECONDS_OFF:
        warnings.append(f"the clip is {video.seconds:g} s long, {request.seconds} s were ordered")
    if abs(video.fps - FRAMES_PER_SECOND) > FRAMES_PER_SECOND_OFF:
        warnings.append(f"the clip has {video.fps:g} frames a second, not {FRAMES_PER_SECOND}")
    return tuple(warnings)
