"""reproduce: a paper's table with another detector on other data, with the paper's methods, metrics and protocol."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Unpack, cast

from detxai_nb.capabilities import LOGITS, Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.papers import Paper, find_paper
from detxai_nb.evaluation.plan import DIFFERENCE
from detxai_nb.evaluation.reports import Report, report
from detxai_nb.evaluation.runner import evaluate
from detxai_nb.evaluation.settings import EVALUATION_DEFAULTS, ReproductionOptions
from detxai_nb.explaining.explain import explain
from detxai_nb.methods import all_methods, find_method
from detxai_nb.metrics.registry import find_metric
from detxai_nb.options import complete_options, show_options
from detxai_nb.types import Detector, Target

SLOW = ("d-rise",)
"""Methods that take thousands of forward passes for each image; they run only with ``include_slow``."""

_DEFAULTS: Mapping[str, Any] = {**EVALUATION_DEFAULTS, "protocol": None, "executor": None, "progress": True}


@show_options(ReproductionOptions, _DEFAULTS)
def reproduce(
    paper: str | Paper,
    detector: Detector | Callable[[], Detector],
    dataset: Sequence[Sample],
    *,
    exclude: Sequence[str] = (),
    include_slow: bool = False,
    store: str | os.PathLike[str] | None = None,
    **options: Unpack[ReproductionOptions],
) -> Report:
    """Return a paper's table for this detector on this dataset, with the printed figures beside the measured ones.

    Methods, metrics, protocol and target are those of the paper as far as this detector and dataset allow. Methods that
    need another kind of detector or are not in this package, and metrics that need masks if the dataset has none, are
    left out and named in the notes.

    Args:
        paper: a name of ``PAPERS``, or a ``Paper``.
        detector, dataset, store: as in ``evaluate``.
        exclude: names of methods and metrics to leave out.
        include_slow: also run the methods of ``SLOW``, which take thousands of forward passes for each image.
        **options: the keyword arguments below, which are those of ``evaluate``.
        protocol: by default (None) that of the paper, or "default" if the paper does not say.
        method_settings: as in ``evaluate``; the paper's target is added for every method without one.
        seed, limit, metric_settings, controls, strict, fast, executor, progress: as in ``evaluate``, with its defaults.

    Returns:
        The report, with a note on everything that was left out.

    Raises:
        ValueError: for an unknown paper or name in ``exclude``, if nothing is left to measure, and where ``evaluate``
            raises it.
        TypeError: for unknown arguments.
    """
    complete_options(reproduce, cast(Mapping[str, Any], options), _DEFAULTS)
    printed = find_paper(paper)
    # A class makes detectors, though it has a function "detect" too.
    is_detector = hasattr(detector, "detect") and not isinstance(detector, type)
    first: Any = detector if is_detector else cast(Callable[[], Detector], detector)()
    methods, metrics = methods_of(printed), metrics_of(printed)
    unknown = [name for name in exclude if name not in (*methods, *metrics)]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: not of this paper, which has {', '.join((*methods, *metrics))}")
    left_out = dict.fromkeys(exclude, "excluded")
    for name, why in _unfit(methods, metrics, first, dataset, include_slow).items():
        left_out.setdefault(name, why)
    kept = [name for name in methods if name not in left_out]
    given = _with_targets(kept, printed, options.get("method_settings"))
    left_out |= _refused(kept, first, dataset, given)
    kept = [name for name in kept if name not in left_out]
    chosen: ReproductionOptions = {**options}
    chosen["method_settings"] = {name: value for name, value in given.items() if name not in left_out}
    protocol = options.get("protocol")
    chosen["protocol"] = (printed.protocol or "default") if protocol is None else protocol
    measured = [name for name in metrics if name not in left_out]
    found = report(evaluate(detector, dataset, kept, measured, store=store, **chosen), printed)
    notes = tuple(f"left out: {name}, {why}" for name, why in left_out.items())
    return Report(found.table, (*found.notes, *notes))


def methods_of(paper: Paper) -> tuple[str, ...]:
    """Return the methods of a paper's table.

    Args:
        paper: a paper.

    Returns:
        Their names, in the order of the table.
    """
    return tuple(dict.fromkeys(method for method, _ in paper.figures))


def metrics_of(paper: Paper) -> tuple[str, ...]:
    """Return the metrics of a paper's table; a figure among a metric's extras belongs to that metric.

    Args:
        paper: a paper.

    Returns:
        Their names, in the order of the table.
    """
    return tuple(dict.fromkeys(metric.partition(":")[0] for _, metric in paper.figures))


def _unfit(
    methods: Sequence[str], metrics: Sequence[str], detector: Any, dataset: Sequence[Sample], include_slow: bool
) -> dict[str, str]:
    """The methods and metrics that this detector and dataset do not allow, and why."""
    found: dict[str, str] = {}
    for name in methods:
        base = name.removeprefix(DIFFERENCE)
        if base not in all_methods():
            found[name] = "is no method of this package"
        elif not include_slow and name in SLOW:
            found[name] = "takes thousands of forward passes an image; include_slow=True runs it"
        elif missing := [need for need in find_method(base).needs if need not in Capabilities(detector).offers]:
            found[name] = f"needs a detector that offers {', '.join(missing)}"
    for name in metrics:
        measured = find_metric(name)
        if "mask" in measured.needs and not getattr(dataset, "has_masks", True):
            found[name] = "the dataset has no masks"
        elif measured.uses_annotation and not getattr(dataset, "has_boxes", True):
            found[name] = "the dataset does not say where its objects are"
    return found


def _refused(
    methods: Sequence[str], detector: Any, dataset: Sequence[Sample], settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, str]:
    """Of a classifier the methods that know no rule for one of its layers, tried on one class of the first picture."""
    found: dict[str, str] = {}
    if Capabilities(detector).family != "classifier":
        return found
    names = [name for name in methods if LOGITS in find_method(name).needs and "method" not in settings.get(name, {})]
    sample = next(_readable(dataset), None) if names else None
    if sample is None:
        return found
    classes = detector.detect([sample.image], 0.0)[0][:1]
    for name in names:
        try:
            explain(detector, sample.image, classes, method=name, **settings.get(name, {}))
        except ValueError as error:
            found[name] = f"refuses this network: {error}"
    return found


def _readable(dataset: Sequence[Sample]) -> Iterator[Sample]:
    """The samples whose picture can be read; ``evaluate`` reports the others."""
    for number in range(len(dataset)):
        try:
            yield dataset[number]
        except (ValueError, OSError):
            continue


def _with_targets(
    methods: Sequence[str], paper: Paper, given: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, dict[str, Any]]:
    """The settings of the methods with the paper's target for each gradient method that has none."""
    settings = {name: dict(values) for name, values in (given or {}).items()}
    for name in methods:
        base = name.removeprefix(DIFFERENCE)
        target = paper.target_of(base)
        method = find_method(base)
        if target is not None and (method.kind == "gradient" or method.targeted):
            settings.setdefault(base, {}).setdefault("target", Target(target, paper.score_of(base)))
    return settings
