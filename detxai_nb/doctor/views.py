"""Views of a picture: two crops of the same size, one moved against the other, and the mirror image of the first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from detxai_nb.doctor.result import NotChecked
from detxai_nb.types import Detections

STEP = 8
"""Views are moved by multiples of this many pixels, so that grids of usual strides move by whole or half cells."""
SMALLEST = 48
"""The shortest side, in pixels, of a picture whose crops are looked at."""
_SHARES = (0.15, 0.1)
"""How far views are moved to the right and down, as shares of the picture."""


@dataclass(frozen=True, eq=False)
class Views:
    """Three views of one picture, and what a detector finds in them.

    Attributes:
        picture: uint8 RGB ``[H,W,3]``.
        move: (x, y), by how many pixels the second view lies further right and down.
        detect: returns the detections of pictures.
    """

    picture: np.ndarray
    move: tuple[int, int]
    detect: Callable[[list[np.ndarray]], list[Detections]]

    @cached_property
    def pictures(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The first view, the second, and the mirror image of the first; all of one size."""
        right, down = self.move
        height, width = self.picture.shape[:2]
        first = self.picture[: height - down, : width - right]
        second = self.picture[down:, right:]
        return tuple(np.ascontiguousarray(one) for one in (first, second, first[:, ::-1]))  # type: ignore[return-value]

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of each view."""
        height, width = self.pictures[0].shape[:2]
        return height, width

    @cached_property
    def found(self) -> tuple[Detections, ...]:
        """What is found in each view; each was detected in alone."""
        return tuple(self.detect([one])[0] for one in self.pictures)


def make_views(picture: np.ndarray, detect: Callable[[list[np.ndarray]], list[Detections]], scale: float = 1) -> Views:
    """Return views of a picture.

    Args:
        picture: uint8 RGB ``[H,W,3]``.
        detect: returns the detections of pictures.
        scale: the picture is enlarged by it first.

    Returns:
        The views; they are moved by different numbers of pixels in both directions.

    Raises:
        NotChecked: if the picture is so small that crops would show next to nothing.
    """
    if min(picture.shape[:2]) < SMALLEST:
        raise NotChecked(f"a picture of {picture.shape[1]}x{picture.shape[0]} pixels is too small", "take a larger one")
    if scale != 1:
        height, width = (round(side * scale) for side in picture.shape[:2])
        picture = np.asarray(Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR))
    height, width = picture.shape[:2]
    right, down = (max(STEP, round(share * side / STEP) * STEP) for share, side in zip(_SHARES, (width, height)))
    return Views(picture, (right + STEP if right == down else right, down), detect)
