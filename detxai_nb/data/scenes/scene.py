"""One synthetic scene with its exact truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Scene:
    """One synthetic photograph and the truth about it.

    ``image`` uint8 [H,W,3]; ``boxes`` float32 [N,4], xyxy in pixels, tight around the visible pixels (x2 is the last
    column + 1); ``labels`` int64 [N], indices into ``NAMES``; ``masks`` bool [N,H,W], visible pixels of each object;
    ``parts`` bool [N,H,W], visible pixels of its part, a subset of its mask; ``cue`` bool [H,W], the pixels of the
    context cue, or None where the scene has none; ``index``, ``seed``, ``mode``: what made it.
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
