"""Seeded chance for the synthetic scenes, the same on every platform and in every NumPy version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")


class SeededRng:
    """A PCG64 stream keyed by whole numbers; draws only ``random`` and ``integers``, which every NumPy makes alike."""

    def __init__(self, *key: int) -> None:
        self._generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(key)))

    def uniform(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * float(self._generator.random())

    def log_uniform(self, low: float, high: float) -> float:
        """A number in [low, high) whose logarithm is uniform."""
        return float(low * (high / low) ** self._generator.random())

    def integer(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self._generator.integers(low, high + 1))

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return bool(self._generator.random() < probability)

    def pick(self, options: Sequence[T]) -> T:
        """One of the options."""
        return options[int(self._generator.integers(len(options)))]

    def field(self, *shape: int) -> np.ndarray:
        """A float32 array of numbers in [0, 1)."""
        return self._generator.random(shape, dtype=np.float32)
