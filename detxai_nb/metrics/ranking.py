"""Which method is best by a metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from detxai_nb.metrics.scoring import Figures, mean_of


def means(figures: Figures, shown: Sequence[int]) -> dict[str, float | None]:
    """Each metric's mean over the objects ``shown``, those without a value left out; None where none has one."""
    return {name: mean_of(values, shown) for name, values in figures.items()}


def best_first(
    rows: Mapping[str, Mapping[str, Any]], metric: str, index: int | None, higher: Mapping[str, bool]
) -> list[str]:
    """The methods, best first by ``metric`` of object ``index`` (None: by the mean); those without a value come last.

    ``rows`` holds for each method its "metrics" and "mean"; ``higher`` tells of each metric whether more is better.
    Equal ones, and all with ``metric`` "", stay in the order of ``rows``.
    """
    if not metric:
        return list(rows)

    def place(method: str) -> tuple[bool, float]:
        row = rows[method]
        value = row["mean"].get(metric) if index is None else row["metrics"].get(metric, {index: None})[index]
        if value is None:
            return True, 0.0
        return False, -value if higher[metric] else value

    return sorted(rows, key=place)
