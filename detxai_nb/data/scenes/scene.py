"""One synthetic scene with its exact ground truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class SceneChanges:
    """What was changed in a scene when it was drawn again.

    Objects are numbered by the order in which they lie on the table, clutter included, so that the numbers do not
    depend on what else was changed.

    Attributes:
        without_parts: the objects that have lost their part.
        without_objects: the objects that are gone.
        floor: which other floor they lie on, 0 or more; None for the scene's own.
    """

    without_parts: tuple[int, ...] = ()
    without_objects: tuple[int, ...] = ()
    floor: int | None = None


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
        index, seed, mode, options: the arguments that the scene was made with.
        changes: how it differs from the scene that ``make`` draws with these arguments (``redraw``).
        places: for each object its number on the table, clutter included, from bottom to top.
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
    options: Mapping[str, Any] = field(default_factory=dict)
    changes: SceneChanges = field(default_factory=SceneChanges)
    places: tuple[int, ...] = ()
