"""Seeded random numbers for the synthetic scenes, the same on every platform and in every NumPy version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class SeededRng:
    """A PCG64 random stream keyed by integers.

    It uses only ``random`` and ``integers`` of NumPy's generator, whose results are the same in every NumPy version.

    Args:
        *key: integers, 0 or more; equal keys give equal streams.
    """

    def __init__(self, *key: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def uniform(self, low: float, high: float) -> float:
        """Draw a uniform number.

        Args:
            low, high: the half-open range.

        Returns:
            A number in [low, high).
        """
        return low + (high - low) * float(self._generator.random())

    def log_uniform(self, low: float, high: float) -> float:
        """Draw a number whose logarithm is uniform.

        Args:
            low, high: the half-open range; both positive.

        Returns:
            A number in [low, high).
        """
        return float(low * (high / low) ** self._generator.random())

    def integer(self, low: int, high: int) -> int:
        """Draw a uniform integer.

        Args:
            low, high: the range, both included.

        Returns:
            An integer from low to high.
        """
        return int(self._generator.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """Return True with a given probability.

        Args:
            probability: in 0..1.

        Returns:
            True or False.
        """
        return bool(self._generator.random() < probability)

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options, all equally likely.

        Args:
            options: a non-empty sequence.

        Returns:
            One of its elements.
        """
        return options[int(self._generator.integers(len(options)))]

    def field(self, *shape: int) -> np.ndarray:
        """Draw an array of uniform numbers.

        Args:
            *shape: the shape of the array.

        Returns:
            float32 of that shape, in [0, 1).
        """
        return self._generator.random(shape, dtype=np.float32)
