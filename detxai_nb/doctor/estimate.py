"""A median with its uncertainty, so that few or scattered objects do not decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SEVERAL, SURE = 4, 3.0
"""How many values it takes to say that a median differs, and how many standard errors."""
_NORMAL = 1.4826
"""The standard deviation of normal values for a median absolute deviation of 1."""
_MEDIAN = 1.2533
"""The standard error of the median of many normal values, in standard errors of their mean."""


@dataclass(frozen=True)
class MedianEstimate:
    """A median of some values and its uncertainty.

    Attributes:
        median: None of no values.
        error: its standard error, from the median absolute deviation, as of normal values.
        count: the number of values.
    """

    median: float | None
    error: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> MedianEstimate:
        """Return the median of values.

        Args:
            values: any number of them.

        Returns:
            The estimate.
        """
        if not values:
            return cls(None, 0.0, 0)
        middle = float(np.median(values))
        spread = _NORMAL * float(np.median(np.abs(np.array(values) - middle)))
        return cls(middle, _MEDIAN * spread / math.sqrt(len(values)), len(values))

    @property
    def known(self) -> float | None:
        """The median, if there are enough values for it to count."""
        return self.median if self.count >= SEVERAL else None

    def beyond(self, value: float, least: float) -> bool:
        """Say whether the median is surely further from a value than that.

        Args:
            value: what it should be.
            least: how far it may be from that.

        Returns:
            Whether it is further, by its error too; of fewer than ``SEVERAL`` values never.
        """
        if self.known is None:
            return False
        return abs(self.known - value) > max(least, SURE * self.error)
