"""What the ODAM paper's user studies printed, and joint distributions of whole answers that have these shares."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

Shares = Mapping[str, tuple[float, ...]]

TABLE_2: Shares = MappingProxyType(
    {
        "grad-cam": (3.9, 12.9, 30.5, 52.7),
        "grad-cam++": (7.3, 22.2, 43.1, 27.5),
        "d-rise": (35.1, 29.5, 17.5, 17.9),
        "odam": (53.8, 35.4, 8.9, 1.9),
    }
)
"""Percentages of the places 1 to 4 of each method among 1,200 rankings of 40 persons (ODAM, table 2)."""
TABLE_10: Shares = MappingProxyType(
    {
        "positive": (37.5, 32.0, 17.5, 13.0),
        "negative": (11.5, 17.0, 30.5, 41.0),
        "signed": (32.0, 19.0, 27.5, 21.5),
        "absolute": (19.0, 32.0, 24.5, 24.5),
    }
)
"""The same of ODAM's directions for the sides of boxes, 200 rankings of 10 persons (ODAM, table 10)."""
TABLE_6: Shares = MappingProxyType(
    {
        "grad-cam": (53.38, 30.41, 10.14, 5.41, 0.68),
        "grad-cam++": (63.76, 24.16, 6.71, 4.70, 0.67),
        "d-rise": (20.67, 36.67, 26.01, 11.98, 4.68),
        "odam": (0.0, 0.67, 7.33, 21.34, 70.68),
        "odam-train": (0.0, 1.35, 3.33, 11.33, 83.99),
    }
)
"""Percentages of the confidences 1 to 5 in drawn boxes, 150 of each method (ODAM, table 6)."""
ACCURACY: Mapping[str, float] = MappingProxyType(
    {"grad-cam": 14.19, "grad-cam++": 18.79, "d-rise": 60.67, "odam": 94.0, "odam-train": 94.67}
)
"""Percentages of drawn boxes that were right (ODAM, tables 3b and 6)."""
BETTER = (38.2, 33.2, 28.6)
"""Percentages for the better detector's map, for neither, for the other's (ODAM, section 4.2)."""


def orders(count: int) -> np.ndarray:
    """Return all orders of some options.

    Args:
        count: of options.

    Returns:
        int64 ``[count!,count]``: the place of each option, from 0, in each order.
    """
    return np.array(list(itertools.permutations(range(count))))


def with_all_shares(shares: Sequence[Sequence[float]]) -> np.ndarray:
    """Return the distribution of orders that has a table's shares of all places and assumes nothing else.

    Args:
        shares: ``[K,K]``, of the places of each option; rows and columns are scaled until both add up to 1.

    Returns:
        float64 ``[K!]``: the probabilities of ``orders(K)`` of the largest entropy, found by iterative proportional
        fitting.

    Example:
        >>> table = list(TABLE_2.values())
        >>> first = with_all_shares(table)[orders(4)[:, 3] == 0].sum()
        >>> bool(abs(first - 0.538) < 0.002)
        True
    """
    table = np.asarray(shares, float)
    for _ in range(200):
        table = table / table.sum(axis=0)
        table = table / table.sum(axis=1, keepdims=True)
    places = orders(len(table))
    found = np.full(len(places), 1 / len(places))
    for _ in range(300):
        for option in range(len(table)):
            now = np.bincount(places[:, option], found, len(table))
            found = found * (table[option] / np.maximum(now, 1e-300))[places[:, option]]
    whole: np.ndarray = found / found.sum()
    return whole


def with_first_shares(shares: Sequence[float]) -> np.ndarray:
    """Return the distribution of orders in which every further place is chosen like the first, among those left.

    Args:
        shares: ``[K]``, of the first places, above 0.

    Returns:
        float64 ``[K!]``: the probabilities of ``orders(K)``.

    References:
        Luce, "Individual choice behavior" (1959); Plackett, "The analysis of permutations" (1975).
    """
    worth = np.asarray(shares, float)
    places = orders(len(worth))
    found = np.ones(len(places))
    for row, order in enumerate(np.argsort(places, axis=1)):
        left = worth[order][::-1].cumsum()[::-1]
        found[row] = (worth[order] / left).prod()
    return found


def rank_differences(probabilities: np.ndarray, first: int, second: int) -> np.ndarray:
    """Return how often one option stands how many places above another.

    Args:
        probabilities: of ``orders(K)``.
        first, second: numbers of the options.

    Returns:
        float64 ``[2K-1]``: of the differences -(K-1) to K-1, second place minus first, so above 0 for the first.
    """
    count = int(np.argmax([len(orders(size)) == len(probabilities) for size in range(9)]))
    places = orders(count)
    return np.bincount(places[:, second] - places[:, first] + count - 1, probabilities, 2 * count - 1)
