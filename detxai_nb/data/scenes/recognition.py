"""Whether a picture looks like one of the synthetic scenes: what the detectors that were trained on them know."""

from __future__ import annotations

import numpy as np
from PIL import Image

SIDE = 64
"""The shorter side, in pixels, to which a picture is shrunk before it is looked at."""
RING = 8
"""The width, in pixels, of the border that is looked at; each of its sides is looked at in four pieces."""
LIMITS = {"light": 0.33, "colour": 0.12, "contrast": 0.45, "black": 0.01}
"""What a scene does not exceed; see ``looks_like_scene``."""
LEAST = {"contrast": 0.05, "hues": 0.03}
"""What a scene does not fall below: coloured things lie on the table."""


def looks_like_scene(image: np.ndarray) -> bool:
    """Return whether a picture looks like a synthetic scene: things on one table, seen from above, under one lamp.

    The same table is seen at all four borders, so the pieces of the border agree in brightness and in colour, which
    they rarely do in a photograph with a sky or a floor; and a scene has no deep shadows. The picture is shrunk first,
    so that neither its size nor JPEG compression matters.

    Of 500 scenes of all modes, 99 in 100 look like one; of 144 COCO photographs 6 in 100, most of them of a thing
    before an even background.

    Args:
        image: uint8 ``[H,W,3]``, RGB.

    Returns:
        True if it does.
    """
    found = border_statistics(image)
    enough = all(found[name] >= least for name, least in LEAST.items())
    return enough and all(found[name] <= most for name, most in LIMITS.items())


def border_statistics(image: np.ndarray) -> dict[str, float]:
    """Return what ``looks_like_scene`` looks at, in natural logarithms of the intensities, so that a lamp only adds.

    Args:
        image: uint8 ``[H,W,3]``, RGB.

    Returns:
        "light" and "colour": how far pieces of the border lie from their median (the third quartile of the differences
        in brightness, the median distance in colour); "contrast" and "hues": the standard deviations of brightness and
        colour; "black": the share of pixels that are nearly black.
    """
    height, width = image.shape[:2]
    scale = SIDE / min(height, width)
    size = [min(max(SIDE, round(side * scale)), 4 * SIDE) for side in (width, height)]
    small = np.asarray(Image.fromarray(image).resize((size[0], size[1]), Image.Resampling.BOX)).astype(np.float32) + 2
    logs = np.log(small)
    light = logs.mean(2)
    seen = np.stack([light, logs[..., 0] - logs[..., 1], logs[..., 2] - logs[..., 1]], -1)
    sides = (seen[:RING], seen[-RING:], seen[:, :RING].swapaxes(0, 1), seen[:, -RING:].swapaxes(0, 1))
    pieces = np.array([np.median(piece, (0, 1)) for side in sides for piece in np.array_split(side, 4, axis=1)])
    apart = np.abs(pieces - np.median(pieces, 0))
    return {
        "light": float(np.percentile(apart[:, 0], 75)),
        "colour": float(np.median(np.hypot(apart[:, 1], apart[:, 2]))),
        "contrast": float(light.std()),
        "hues": float(seen[..., 1:].std((0, 1)).max()),
        "black": float((small.max(2) < 30).mean()),
    }
