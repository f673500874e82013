"""Control regions: the same area elsewhere in an object and on the background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from detxai_nb.interventions.region import Region

OBJECT, BACKGROUND_PLACE = "object", "background"
"""Where a control lies: elsewhere in the object that is asked about, or where no object was found."""
PLACES = (OBJECT, BACKGROUND_PLACE)
"""All places of controls."""
_TRIES = 100


@dataclass(frozen=True, eq=False)
class Controls:
    """What filling an equal area elsewhere does.

    Attributes:
        places: K times one of ``PLACES``.
        masks: bool ``[K,H,W]``: the areas, each of as many pixels as the region.
        same_shape: whether each has the region's shape; else it is a blot of the same area.
        scores: float64 ``[K,N]``: the score of each object with that area filled.
    """

    places: tuple[str, ...]
    masks: np.ndarray
    same_shape: tuple[bool, ...]
    scores: Tensor

    def __len__(self) -> int:
        return len(self.places)

    @classmethod
    def none(cls, size: tuple[int, int], count: int) -> Controls:
        """Return no controls.

        Args:
            size: the picture's (height, width).
            count: the number of objects.

        Returns:
            An empty set.
        """
        empty = torch.zeros(0, count, dtype=torch.float64, device="cpu")
        return cls((), np.zeros((0, *size), bool), (), empty)


def control_regions(
    region: Region, inside: np.ndarray | None, objects: np.ndarray, count: int, seed: int
) -> list[tuple[str, Region, bool]]:
    """Draw areas as large as a region, elsewhere.

    The region's shape is moved to random places where it fits; where it fits nowhere, a blot of as many pixels grows
    around a random one. Where there is not even room for that, there is no control.

    Args:
        region: the region.
        inside: bool ``[H,W]``: the pixels of the object; None for no object.
        objects: bool ``[H,W]``: the pixels of all objects' boxes.
        count: how many controls of each place, at most.
        seed: of the places, 0 or more.

    Returns:
        For each control where it lies, the area, and whether it has the region's shape.
    """
    allowed = {OBJECT: None if inside is None else inside & ~region.mask, BACKGROUND_PLACE: ~objects & ~region.mask}
    found = []
    for number, place in enumerate(PLACES):
        free = allowed[place]
        if free is None or int(free.sum()) < region.area:
            continue
        random = np.random.Generator(np.random.PCG64([seed, 2, number]))
        for _ in range(count):
            moved = _moved(region, free, random)
            found.append((place, moved or _blot(free, region.area, random), moved is not None))
    return found


def _moved(region: Region, free: np.ndarray, random: np.random.Generator) -> Region | None:
    """The region's shape at a random place where all its pixels are free; None if none was found."""
    x1, y1, x2, y2 = region.bounds
    shape = region.mask[y1:y2, x1:x2]
    rows, columns = np.flatnonzero(free.any(1)), np.flatnonzero(free.any(0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1 - (y2 - y1)
    left, right = int(columns[0]), int(columns[-1]) + 1 - (x2 - x1)
    if bottom < top or right < left:
        return None
    for _ in range(_TRIES):
        y = int(random.integers(top, bottom, endpoint=True))
        x = int(random.integers(left, right, endpoint=True))
        if free[y : y + y2 - y1, x : x + x2 - x1][shape].all():
            return region.moved(x - x1, y - y1)
    return None


def _blot(free: np.ndarray, area: int, random: np.random.Generator) -> Region:
    """The free pixels that are nearest to a random one of them."""
    rows, columns = np.nonzero(free)
    start = int(random.integers(len(rows)))
    distance = (rows - rows[start]) ** 2 + (columns - columns[start]) ** 2
    chosen = np.argsort(distance, kind="stable")[:area]
    mask = np.zeros_like(free)
    mask[rows[chosen], columns[chosen]] = True
    return Region(mask, "control")


def boxes_as_mask(boxes: Sequence[Sequence[float]], size: tuple[int, int]) -> np.ndarray:
    """Return the pixels whose centre lies in any of some boxes.

    Args:
        boxes: xyxy in pixels.
        size: the picture's (height, width).

    Returns:
        bool ``[H,W]``.
    """
    mask = np.zeros(size, bool)
    down, across = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    for x1, y1, x2, y2 in boxes:
        mask |= ((down >= y1) & (down < y2))[:, None] & ((across >= x1) & (across < x2))[None]
    return mask
