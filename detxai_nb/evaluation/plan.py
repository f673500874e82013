"""The plan of an evaluation: its methods and metrics with every setting, checked before anything is computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from detxai_nb.evaluation.fingerprint import code_identity, to_plain
from detxai_nb.evaluation.selection import Protocol
from detxai_nb.explaining.jobs import Job
from detxai_nb.methods import find_method
from detxai_nb.metrics.registry import METRICS, Metric, find_metric
from detxai_nb.types import Target

DIFFERENCE = "difference:"
RANDOM = "control: random"
GAUSSIAN = "control: Gaussian"
CONTROLS = (RANDOM, GAUSSIAN)

MethodLike = str | Callable[..., Any]
Settings = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class MapRun:
    """One method with its settings, as ``compare`` runs it.

    Attributes:
        method: a registered name or a function.
        settings: those that were given, with "combine" if it applies.
        target: the explained scalar.
        layer: the explained layer, None for the default.
        seeded: the method has a seed and none was given, so that each image gets its own.
    """

    method: MethodLike
    settings: Mapping[str, Any]
    target: Target
    layer: str | None
    seeded: bool

    def same_maps(self, other: MapRun) -> bool:
        """Return whether another run makes the same maps.

        Args:
            other: the other run.

        Returns:
            True if method, target, layer and settings are equal.
        """
        return (self.method, self.target, self.layer) == (other.method, other.target, other.layer) and dict(
            self.settings
        ) == dict(other.settings)


@dataclass(frozen=True)
class MethodRow:
    """A method of the table.

    Attributes:
        name: its name in the table.
        run: how its maps are made; None for a control.
        difference: the rows measure the difference maps.
    """

    name: str
    run: MapRun | None
    difference: bool = False


@dataclass(frozen=True)
class MetricRow:
    """A metric of the table.

    Attributes:
        name: its name in the table.
        metric: the registered name, or a Metric that is not registered.
        settings: those that were given.
    """

    name: str
    metric: str | Metric
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class EvaluationPlan:
    """Everything that decides one image's rows besides the image and the detector.

    Attributes:
        methods: the methods of the table, the controls last.
        metrics: the metrics of the table.
        protocol: which objects are measured.
        seed: of everything random.
        fast: whether metrics may query a fast copy of the network.
    """

    methods: tuple[MethodRow, ...]
    metrics: tuple[MetricRow, ...]
    protocol: Protocol
    seed: int
    fast: bool = True

    def needs(self, what: str) -> bool:
        """Return whether one of the metrics needs something.

        Args:
            what: "mask", "part", "others" or "detector".

        Returns:
            True if it is among the ``needs`` of a metric.
        """
        return any(what in find_metric(row.metric).needs for row in self.metrics)

    def record(self) -> dict[str, Any]:
        """Return the plan as plain values with every default filled in.

        Returns:
            Methods and metrics by name with their settings, the protocol, the seed and whether copies may answer.
        """
        rule = {n: getattr(self.protocol, n) for n in ("name", "iou", "score", "at_least", "at_most")}
        if self.protocol.classes:
            rule["classes"] = {name: list(others) for name, others in self.protocol.classes.items()}
        return {
            "methods": {row.name: _method_record(row) for row in self.methods},
            "metrics": {row.name: _metric_record(row) for row in self.metrics},
            "protocol": rule,
            "seed": self.seed,
            "fast": self.fast,
        }


def make_plan(
    methods: Sequence[MethodLike],
    metrics: Sequence[str | Metric],
    protocol: Protocol,
    *,
    seed: int = 0,
    method_settings: Settings | None = None,
    metric_settings: Settings | None = None,
    controls: bool = True,
    fast: bool = True,
) -> EvaluationPlan:
    """Return the plan of an evaluation.

    Args:
        methods, metrics, seed, method_settings, metric_settings, controls, fast: as in ``evaluate``.
        protocol: which objects are measured.

    Returns:
        The checked plan.

    Raises:
        ValueError: for unknown or repeated names and settings, and if there is nothing to measure.
        TypeError: for values of a wrong type.
    """
    if isinstance(methods, str) or isinstance(metrics, (str, Metric)):
        raise TypeError("methods and metrics are lists of names, such as methods=['odam']")
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ValueError(f"seed is a whole number, 0 or more; got {seed!r}")
    if not isinstance(fast, bool):
        raise TypeError(f"fast is True or False, got {fast!r}")
    given = {name: dict(settings) for name, settings in (method_settings or {}).items()}
    rows = [_method_row(method, given, fast) for method in methods]
    rows += [MethodRow(name, None) for name in CONTROLS if controls]
    measured = {name: dict(settings) for name, settings in (metric_settings or {}).items()}
    wanted = [_metric_row(metric, measured) for metric in metrics]
    _check_names("methods", [row.name for row in rows], set(given) - _bases(rows))
    _check_names("metrics", [row.name for row in wanted], set(measured))
    return EvaluationPlan(tuple(rows), tuple(wanted), protocol, seed, fast)


def _bases(rows: Sequence[MethodRow]) -> set[str]:
    """Methods that difference maps are made of: their settings are used even if they are not in the table."""
    return {row.name.removeprefix(DIFFERENCE) for row in rows}


def _check_names(what: str, names: list[str], given: set[str]) -> None:
    if not names:
        raise ValueError(f"{what} is empty; name at least one")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"{', '.join(twice)} appears twice among the {what}; give one of them another name, and name what it is in "
            f"its settings, as in {what[:-1]}_settings={{'mine': {{'{what[:-1]}': {twice[0]!r}, ...}}}}"
        )
    stray = sorted(given - set(names))
    if stray:
        raise ValueError(f"settings for {', '.join(stray)}, which are not among the {what}: {', '.join(names)}")


def _method_row(method: MethodLike, given: Mapping[str, dict[str, Any]], fast: bool) -> MethodRow:
    if not isinstance(method, str):
        name = find_method(method).name
        return MethodRow(name, _map_run(method, given.get(name, {}), fast))
    if method in CONTROLS:
        raise ValueError(f"{method!r} is added by itself; leave it out, or pass controls=False to have no controls")
    base = method.removeprefix(DIFFERENCE)
    settings = dict(given.get(base, {}))
    if base != method and method in given:
        raise ValueError(f"a difference map is made of the maps of {base!r}; give its settings under that name")
    return MethodRow(method, _map_run(settings.pop("method", base), settings, fast), base != method)


def _map_run(method: MethodLike, given: Mapping[str, Any], fast: bool) -> MapRun:
    settings = dict(given)
    target, layer = Target.of(settings.pop("target", "class")), settings.pop("layer", None)
    known = find_method(method)
    if not fast and "fast" in known.defaults:
        settings.setdefault("fast", False)
    Job.of(known, target, dict(settings))
    return MapRun(method, settings, target, layer, "seed" in known.defaults and "seed" not in settings)


def _metric_row(metric: str | Metric, given: Mapping[str, dict[str, Any]]) -> MetricRow:
    if isinstance(metric, Metric):
        registered: str | Metric = metric.name if METRICS.get(metric.name) is metric else metric
        settings = dict(given.get(metric.name, {}))
        metric.complete(settings)
        return MetricRow(metric.name, registered, settings)
    if not isinstance(metric, str):
        raise TypeError(f"a metric is a name ({', '.join(METRICS)}) or a Metric, got {metric!r}")
    settings = dict(given.get(metric, {}))
    found = find_metric(settings.pop("metric", metric))
    found.complete(settings)
    return MetricRow(metric, found.name if METRICS.get(found.name) is found else found, settings)


def _method_record(row: MethodRow) -> dict[str, Any]:
    if row.run is None:
        return {"control": row.name}
    run, method = row.run, find_method(row.run.method)
    job = Job.of(method, run.target, dict(run.settings))
    settings = dict(job.settings)
    if run.target.part == "combined":
        settings["combine"] = job.combine
    if run.seeded:
        settings["seed"] = "of each image"
    record: dict[str, Any] = {
        "method": method.name if isinstance(run.method, str) else code_identity(run.method),
        "settings": to_plain(settings, f"a setting of {row.name!r}"),
        "target": {k: v for k, v in to_plain(run.target, "target").items() if (k, v) != ("against", None)},
        "layer": run.layer,
    }
    return {**record, "difference": True} if row.difference else record


def _metric_record(row: MetricRow) -> dict[str, Any]:
    found = find_metric(row.metric)
    name = found.name if isinstance(row.metric, str) else code_identity(found.function)
    record = {"metric": name, "settings": to_plain(found.complete(row.settings), f"a setting of {row.name!r}")}
    return record if found.tools is None else {**record, "tools": dict(found.tools())}
