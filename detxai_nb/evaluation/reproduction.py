"""reproduce: a paper's table with another detector on other data, its methods, metrics and protocol as printed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.papers import Paper, find_paper
from detxai_nb.evaluation.plan import DIFFERENCE
from detxai_nb.evaluation.reports import Report, report
from detxai_nb.evaluation.runner import evaluate
from detxai_nb.methods import METHODS, find_method
from detxai_nb.metrics.registry import find_metric
from detxai_nb.types import Detector

SLOW = ("d-rise",)
"""Thousands of forward passes for each image: only run where they are asked for."""


def reproduce(
    paper: str | Paper,
    detector: Detector | Callable[[], Detector],
    dataset: Sequence[Sample],
    *,
    slow: bool = False,
    without: Sequence[str] = (),
    method_settings: Mapping[str, Mapping[str, Any]] | None = None,
    store: str | os.PathLike[str] | None = None,
    **options: Any,
) -> Report:
    """The table of ``paper`` (a name of ``PAPERS`` or a ``Paper``) for this detector on this dataset.

    Its methods, metrics, protocol and target are those of the paper as far as this detector and dataset can follow:
    methods that need another kind of detector or are not in this package, and metrics that need masks where the dataset
    has none, are left out and named in the notes. ``slow``: also the methods of ``SLOW``. ``without``: methods or
    metrics to leave out. ``method_settings``, ``store`` and the further ``options`` are those of ``evaluate``.

    Returns the report, with the paper's figures beside one's own. Raises ``ValueError`` for an unknown paper or where
    nothing is left, and what ``evaluate`` raises.
    """
    printed = find_paper(paper)
    first: Any = detector if hasattr(detector, "detect") and not isinstance(detector, type) else detector()  # type: ignore[operator]
    left_out = dict.fromkeys(without, "asked for")
    methods, metrics = methods_of(printed), metrics_of(printed)
    for name in methods:
        base = name.removeprefix(DIFFERENCE)
        if base not in METHODS:
            left_out.setdefault(name, "is no method of this package")
            continue
        needs = find_method(base).needs
        if not slow and name in SLOW:
            left_out.setdefault(name, "takes thousands of forward passes an image; slow=True runs it")
        elif missing := [need for need in needs if need not in Capabilities(first).offers]:
            left_out.setdefault(name, f"needs a detector that offers {', '.join(missing)}")
    for name in metrics:
        if "mask" in find_metric(name).needs and not getattr(dataset, "has_masks", True):
            left_out.setdefault(name, "the dataset has no masks")
    unknown = [name for name in without if name not in (*methods, *metrics)]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not of this paper, which has {', '.join((*methods, *metrics))}")
    kept = [name for name in methods if name not in left_out]
    measured = [name for name in metrics if name not in left_out]
    settings = {name: dict(values) for name, values in (method_settings or {}).items()}
    for name in kept:
        base = name.removeprefix(DIFFERENCE)
        target = printed.target_of(base)
        if target is not None and find_method(base).kind == "gradient":
            settings.setdefault(base, {}).setdefault("target", target)
    rows = evaluate(
        first if detector is first else detector,
        dataset,
        kept,
        measured,
        method_settings=settings,
        store=store,
        **{"protocol": printed.protocol or "default", **options},
    )
    found = report(rows, printed)
    said = tuple(f"left out: {name}, {why}" for name, why in left_out.items())
    return Report(found.table, (*found.notes, *said))


def methods_of(paper: Paper) -> tuple[str, ...]:
    """The methods of a paper's table, in its order."""
    return tuple(dict.fromkeys(method for method, _ in paper.figures))


def metrics_of(paper: Paper) -> tuple[str, ...]:
    """The metrics of a paper's table, in its order; a figure among a metric's extras belongs to that metric."""
    return tuple(dict.fromkeys(metric.partition(":")[0] for _, metric in paper.figures))
