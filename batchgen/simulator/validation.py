"""What the service accepts as an order: a pure check of one body."""

from __future__ import annotations

from collections.abc import Mapping

from batchgen.model import API_DEFAULTS

MODELS = ("MiniMax-Hailuo-2.3", "MiniMax-Hailuo-02")
#: The lengths in seconds that each resolution can have.
DURATIONS: Mapping[str, tuple[int, ...]] = {"768P": (6, 10), "1080P": (6,)}
FLAGS = ("prompt_optimizer", "fast_pretreatment", "aigc_watermark")
PROMPT_LIMIT = 2000  # characters


def objection(body: Mapping[str, object]) -> str | None:
    """Why the service refuses this body, or ``None``.  Keys that it does not know are ignored."""
    return (
        _model(body.get("model"))
        or _prompt(body.get("prompt"))
        or _format(body.get("duration"), body.get("resolution"))
        or next((f"invalid params, {flag} must be a boolean" for flag in FLAGS if _odd(body.get(flag))), None)
    )


def clip_format(body: Mapping[str, object]) -> tuple[int, str]:
    """Seconds and resolution of an accepted order, defaults filled in."""
    duration, resolution = body.get("duration"), body.get("resolution")
    return (
        int(API_DEFAULTS["duration"]) if not isinstance(duration, int) else duration,
        str(API_DEFAULTS["resolution"] if resolution is None else resolution),
    )


def _model(model: object) -> str | None:
    if model in MODELS:
        return None
    return "invalid params, model is required" if model is None else "invalid params, unknown model"


def _prompt(prompt: object) -> str | None:
    if not isinstance(prompt, str):
        return "invalid params, prompt must be a string"
    if not prompt:
        return "invalid params, prompt is required"
    if len(prompt) > PROMPT_LIMIT:
        return f"invalid params, prompt is longer than {PROMPT_LIMIT} characters"
    return None


def _format(duration: object, resolution: object) -> str | None:
    duration = API_DEFAULTS["duration"] if duration is None else duration
    resolution = API_DEFAULTS["resolution"] if resolution is None else resolution
    if isinstance(duration, bool) or not isinstance(duration, int):
        return "invalid params, duration must be an integer"
    if not isinstance(resolution, str) or resolution not in DURATIONS:
        return "invalid params, unknown resolution"
    if duration not in DURATIONS[resolution]:
        return f"invalid params, duration {duration} is not offered at {resolution}"
    return None


def _odd(flag: object) -> bool:
    return flag is not None and not isinstance(flag, bool)
