"""How metrics are handed to the browser."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from detxai_nb.metrics.registry import Metric


def metric_choices(metrics: Iterable[Metric]) -> list[dict[str, Any]]:
    """Return what the browser needs to name metrics and to order by them.

    Args:
        metrics: the metrics to choose from.

    Returns:
        "name", "title", "higher" (whether more is better), "unit" and "source" of each.
    """
    return [
        {"name": m.name, "title": m.title, "higher": m.higher_is_better, "unit": m.unit, "source": m.source}
        for m in metrics
    ]
