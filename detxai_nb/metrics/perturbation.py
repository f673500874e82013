"""Changed versions of a photograph: its pixels deleted or inserted step by step, in the order of a map."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

MODES = ("deletion", "insertion")
FILLS = ("random", "black", "mean")
"""What pixels are deleted to, or inserted into."""


@dataclass(frozen=True)
class PerturbationSchedule:
    """A way to change an image step by step.

    Attributes:
        mode: "deletion" starts from the photograph and replaces its pixels by ``fill``, "insertion" starts from
            ``fill`` and puts the photograph's pixels back.
        steps: number of equal steps into which the area is divided, a multiple of ``every``.
        every: the detector is queried at step 0 and at each ``every``-th step.
        fill: "random" (uniform uint8 for each pixel and channel), "black" or "mean" (the photograph's mean colour);
            None for random in deletion and black in insertion.
        ties: the order of pixels of one value, as in ``pixel_order``.

    Raises:
        ValueError: if a field has an unknown value or ``steps`` is no multiple of ``every``.

    Example:
        >>> import detxai_nb as dx
        >>> schedule = dx.metrics.PerturbationSchedule("deletion", steps=10, every=5)
        >>> schedule.counts(area=40, pixels=100)
        [0, 20, 40]
    """

    mode: str = "deletion"
    steps: int = 100
    every: int = 10
    fill: str | None = None
    ties: str = "random"

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"mode is one of {', '.join(MODES)}; got {self.mode!r}")
        if self.fill is None:
            object.__setattr__(self, "fill", "random" if self.mode == "deletion" else "black")
        if self.fill not in FILLS:
            raise ValueError(f"fill is one of {', '.join(FILLS)}; got {self.fill!r}")
        if self.steps < 1 or self.every < 1 or self.steps % self.every:
            raise ValueError(f"steps is a multiple of every, both 1 or more; got {self.steps} and {self.every}")

    @property
    def points(self) -> int:
        """The number of pictures of a curve, the first and the last included."""
        return self.steps // self.every + 1

    def counts(self, area: float, pixels: int) -> list[int]:
        """Return how many pixels each picture has changed: ``round(k * area / steps)``.

        Args:
            area: how many pixels the last picture has changed, 0 or more.
            pixels: the image's number of pixels, which is the most.

        Returns:
            One count for each picture, not falling.

        Raises:
            ValueError: if ``area`` is negative or not finite.
        """
        if not (math.isfinite(area) and area >= 0):
            raise ValueError(f"area is a number of pixels, 0 or more; got {area}")
        counts = []
        for k in range(0, self.steps + 1, self.every):
            # Lowest terms: 10 of 100 steps and 1 of 10 are then the very same number of pixels.
            common = math.gcd(k, self.steps)
            counts.append(min(round((k // common) * area / (self.steps // common)), pixels))
        return counts

    def images(self, photograph: np.ndarray, order: Tensor, counts: Iterable[int], seed: int) -> Iterator[np.ndarray]:
        """Yield the pictures in which the first pixels of an order are changed.

        Args:
            photograph: uint8 ``[H,W,3]``.
            order: its pixels, int64 ``[H*W]`` from ``pixel_order``.
            counts: how many pixels each picture has changed, not falling.
            seed: of the random fill.

        Yields:
            uint8 ``[H,W,3]`` each, an array of its own.

        Raises:
            ValueError: if the counts fall.
        """
        filled = filling_of(photograph, self.fill or "black", seed)
        start, source = (photograph, filled) if self.mode == "deletion" else (filled, photograph)
        picture, values = start.copy().reshape(-1, 3), source.reshape(-1, 3)
        places, done = order.numpy(), 0
        for count in counts:
            if count < done:
                raise ValueError(f"counts do not fall, got {count} after {done}")
            changed = places[done:count]
            picture[changed] = values[changed]
            done = count
            yield picture.reshape(photograph.shape).copy()


def filling_of(photograph: np.ndarray, fill: str, seed: int) -> np.ndarray:
    """Return what the pixels of a photograph are replaced by.

    Args:
        photograph: uint8 ``[H,W,3]``.
        fill: one of ``FILLS``.
        seed: of the random fill.

    Returns:
        uint8 ``[H,W,3]``.
    """
    if fill == "random":
        return np.random.Generator(np.random.PCG64(seed)).integers(0, 256, photograph.shape, dtype=np.uint8)
    if fill == "black":
        return np.zeros_like(photograph)
    colour = photograph.reshape(-1, 3).mean(axis=0)
    return np.broadcast_to(np.round(colour).astype(np.uint8), photograph.shape)
