"""One synthetic scene with its exact ground truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Scene:
    """One synthetic photograph and its exact ground truth.

    Attributes:
        image: uint8 ``[H,W,3]``, RGB.
        boxes: float32 ``[N,4]``, xyxy in pixels of the image, tight around the visible pixels (x2 is the last
            column + 1, y2 the last row + 1).
        labels: int64 ``[N]``, indices into ``detxai_nb.data.scenes.NAMES``.
        masks: bool ``[N,H,W]``, the visible pixels of each object.
        parts: bool ``[N,H,W]``, the visible pixels of each object's part, a subset of its mask.
        cue: bool ``[H,W]``, the pixels of the context cue, or None if the scene has none.
        index, seed, mode: the arguments that the scene was made with.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    masks: np.ndarray
    parts: np.ndarray
    cue: np.ndarray | None
    index: int
    seed: int
    mode: str
