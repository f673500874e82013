"""The order of methods by what a metric says of them."""

from __future__ import annotations

from detxai_nb.metrics.scoring import means
from detxai_nb.widgets.comparison_scores import best_first


def test_the_best_comes_first_and_what_has_no_value_last() -> None:
    figures = {"a": [0.2, None], "b": [0.9, 0.1], "c": [None, None], "d": [0.5, 0.3]}
    rows = {name: {"metrics": {"m": values}, "mean": means({"m": values}, [0, 1])} for name, values in figures.items()}
    rows["e"] = {"metrics": {}, "mean": {}}
    assert best_first(rows, "", None, {}) == ["a", "b", "c", "d", "e"]
    assert best_first(rows, "m", 0, {"m": True}) == ["b", "d", "a", "c", "e"]
    assert best_first(rows, "m", 1, {"m": False}) == ["b", "d", "a", "c", "e"]
    # The means are 0.2, 0.5, none, 0.4.
    assert best_first(rows, "m", None, {"m": True}) == ["b", "d", "a", "c", "e"]
    assert best_first(rows, "m", None, {"m": False}) == ["a", "d", "b", "c", "e"]
