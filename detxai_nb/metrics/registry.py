"""What a metric is, what it has to declare, and the one table of metrics."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict, Unpack, get_args

from torch import Tensor

from detxai_nb.entry_points import load_entry_points
from detxai_nb.metrics.case import MetricInput
from detxai_nb.options import annotations_of, as_setting

__all__ = [
    "METRICS",
    "NEEDS",
    "EmptyMap",
    "InComparison",
    "Measured",
    "Metric",
    "MetricFields",
    "MetricInput",
    "all_metrics",
    "find_metric",
    "metric",
    "register",
]

NEEDS = ("mask", "part", "others", "detector")
"""What a metric can need of its input."""

GROUP = "detxai_nb.metrics"
"""The group of entry points under which installed packages declare metrics."""

EmptyMap = float | Literal["random order"]
"""The value of a metric for an all-zero map, or that it orders such a map's pixels at random."""
InComparison = Literal["shown", "offered", "on request"]
"""Whether the widget Comparison shows a metric, offers it, or measures it only where it is asked for."""
_TYPES = {
    "name": str,
    "title": str,
    "source": str,
    "higher_is_better": bool,
    "signed": bool,
    "unit": str,
    "uses_annotation": bool,
}
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, eq=False)
class Measured:
    """The result of a metric for the N objects of one image; all tensors on the CPU.

    Attributes:
        value: float64 ``[N]``, NaN where the metric is undefined.
        ties: ``[N]``: if pixels were ordered, the share of tied ones among those that were changed (``pixel_order``).
        curve: ``[N,K]`` if the value is the area below a curve.
        extras: further figures by name, each ``[N]``.
    """

    value: Tensor
    ties: Tensor | None = None
    curve: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric with all that an evaluation has to know of it.

    Attributes:
        name: a slug such as "energy-pointing-box".
        title: the name that people read.
        function: ``function(case, **settings)`` returns ``Measured``; its keyword-only arguments are the settings.
        higher_is_better: the direction.
        source: the paper, with its table or equation.
        needs: what the input has to bring: "mask" (instance masks), "part" (masks of the class-defining part),
            "detector" (it is queried with changed images); "others" tells that the metric says nothing in an image with
            a single object.
        signed: whether it takes maps with negative values, such as difference maps.
        unit: "1" or "%", that of the value.
        choices: the values that a setting may have, by the setting's name.
        tools: gives by name the versions of what its values depend on outside of this package; an evaluation keeps them
            with its settings.
        empty_map: its value for an all-zero map: a number, NaN if it is undefined there, or "random order" if it orders
            pixels and the map's are all tied. None if that is not declared, which the metrics of this package may not.
        uses_annotation: whether it compares the map with the object's annotation, so that it is NaN for a detection
            without one; False if it goes by the map or by the detected box alone.
        in_comparison: "shown" under each cell of the widget Comparison, "offered" there (measured, and shown if it is
            ticked), or measured only "on request" (by name).

    Raises:
        TypeError: if ``needs`` is a text.
        ValueError: if ``needs`` or ``in_comparison`` has an unknown value.
    """

    name: str
    title: str
    function: Callable[..., Measured]
    higher_is_better: bool
    source: str
    needs: frozenset[str] = frozenset()
    signed: bool = False
    unit: str = "1"
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    tools: Callable[[], Mapping[str, str]] | None = None
    empty_map: EmptyMap | None = None
    uses_annotation: bool = True
    in_comparison: InComparison = "on request"

    def __post_init__(self) -> None:
        _check_needs(self.needs)
        if self.in_comparison not in get_args(InComparison):
            known = ", ".join(map(repr, get_args(InComparison)))
            raise ValueError(f"in_comparison of {self.name!r} is one of {known}; got {self.in_comparison!r}")

    @property
    def settings(self) -> dict[str, Any]:
        """The metric's settings with their defaults: the keyword-only arguments of its function."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return all settings of the metric, the given ones over the defaults.

        Args:
            settings: some settings by name.

        Returns:
            Every setting by name.

        Raises:
            TypeError: if a name is unknown.
            ValueError: if a value is not among the setting's choices, or not of its type (``options.as_setting``).
        """
        known, found = self.settings, {}
        kinds = annotations_of(self.function) if settings else {}
        for name, value in settings.items():
            if name not in known:
                raise TypeError(
                    f"metric {self.name!r} has no setting {name!r}; its settings: {', '.join(known) or 'none'}"
                )
            found[name] = as_setting(f"{name} of {self.name!r}", value, kinds[name], self.choices.get(name))
        return {**known, **found}

    def measure(self, case: MetricInput, **settings: Any) -> Measured:
        """Measure each object of an image.

        Args:
            case: one image's objects with their maps.
            **settings: the metric's own settings.

        Returns:
            One value for each object, and what else the metric measured.

        Raises:
            TypeError: if a setting is unknown, or the function returns anything but ``Measured`` with a tensor.
            ValueError: if a setting's value is unknown, the function returns another number of values, the case lacks
                what the metric needs, or it has signed maps and the metric takes none; ``MetricInput.positive_part``
                makes maps that every metric takes.
        """
        complete = self.complete(settings)
        if "detector" in self.needs and case.detector is None:
            raise ValueError(f"{self.name} queries the detector with changed images; give MetricInput its detector")
        if "part" in self.needs and case.sample.load_parts is None:
            raise ValueError(
                f"{self.name} needs the masks of the parts that tell the classes, and {case.sample.file_name} has "
                "none; the synthetic scenes have them"
            )
        if case.signed and not self.signed:
            raise ValueError(
                f"{self.name} is defined for maps without negative values, these are signed; "
                "measure their positive part, case.positive_part()"
            )
        found = self.function(case, **complete)
        _check_measured(self.name, found, len(case))
        return found


class MetricFields(TypedDict, total=False):
    """The fields of ``Metric`` that the decorator ``metric`` takes besides those it names.

    Attributes:
        signed, unit, choices, tools, empty_map, uses_annotation, in_comparison: as in ``Metric``.
    """

    signed: bool
    unit: str
    choices: Mapping[str, tuple[Any, ...]]
    tools: Callable[[], Mapping[str, str]] | None
    empty_map: EmptyMap | None
    uses_annotation: bool
    in_comparison: InComparison


METRICS: dict[str, Metric] = {}
"""The registered metrics by name; those of installed packages come in when ``all_metrics`` is called."""


def register(metric: Metric) -> Metric:
    """Add a metric to the table, so that it is found by its name.

    A metric whose function has the same module and qualified name is replaced, so that a notebook cell may run twice.

    Args:
        metric: the metric; for a function there is the decorator ``dx.metrics.metric``.

    Returns:
        The same metric.

    Raises:
        TypeError: if it is no ``Metric``, a field has the wrong type, or its function cannot be called with a case.
        ValueError: if its name is no slug or is taken by another metric, or a setting has no default.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> def peak(case):
        ...     return dx.metrics.Measured(case.maps.amax(dim=(1, 2)).double().cpu())
        >>> mine = dx.metrics.Metric("peak", "Highest value", peak, higher_is_better=True, source="this example")
        >>> dx.metrics.register(mine) is dx.metrics.find_metric("peak")
        True
        >>> del dx.metrics.METRICS["peak"]
    """
    if not isinstance(metric, Metric):
        raise TypeError(
            f"dx.metrics.register takes a dx.metrics.Metric, got {metric!r}; "
            "a function becomes one with the decorator dx.metrics.metric(name, title=..., ...)"
        )
    _check_fields(metric)
    known = METRICS.get(metric.name)
    if known is not None and _identity(known) != _identity(metric):
        raise ValueError(
            f"the name {metric.name!r} is taken by the metric {known.title!r} ({known.source}); "
            f"choose another, such as 'my-{metric.name}'"
        )
    METRICS[metric.name] = metric
    return metric


def metric(
    name: str,
    *,
    title: str,
    source: str,
    higher_is_better: bool,
    needs: tuple[str, ...] = (),
    **fields: Unpack[MetricFields],
) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
    """Register the decorated function, ``(case, *, settings...) -> Measured``, as a metric.

    Args:
        name: a slug such as "energy-pointing-box".
        title: the name that people read.
        source: the paper, with its table or equation.
        higher_is_better: the direction.
        needs: what the input has to bring, some of "mask", "part", "others" and "detector".
        **fields: further fields of ``Metric``, such as ``empty_map``, ``signed``, ``unit`` and ``choices``.

    Returns:
        A decorator that returns the function as it is.

    Raises:
        TypeError: if a field has the wrong type.
        ValueError: if the name is no slug or is taken, or a need is unknown.
    """
    _check_needs(needs)

    def decorate(function: Callable[..., Measured]) -> Callable[..., Measured]:
        register(Metric(name, title, function, higher_is_better, source, frozenset(needs), **fields))
        return function

    return decorate


def all_metrics() -> Mapping[str, Metric]:
    """Return the whole table of metrics, those of installed packages included.

    Returns:
        Metrics by name, those of this package first.
    """
    load_entry_points(GROUP, _register_installed)
    return METRICS


def find_metric(name: str | Metric) -> Metric:
    """Return the registered metric of a name.

    Args:
        name: a name, such as "vea"; a ``Metric`` is returned as it is.

    Returns:
        The metric.

    Raises:
        TypeError: if ``name`` is neither a string nor a ``Metric``.
        ValueError: if there is no metric of that name.

    Example:
        >>> import detxai_nb as dx
        >>> dx.metrics.find_metric("vea").title
        'Visual explanation accuracy'
    """
    if isinstance(name, Metric):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a metric is a name ({', '.join(METRICS)}) or a Metric, got {name!r}")
    if name not in METRICS and name not in all_metrics():
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    return METRICS[name]


def _register_installed(loaded: Any) -> None:
    """Register what an entry point names: a Metric, or a function that the decorator has registered."""
    if not any(known.function is loaded for known in METRICS.values()):
        register(loaded)


def _identity(metric: Metric) -> tuple[str, str]:
    function = metric.function
    return getattr(function, "__module__", ""), getattr(function, "__qualname__", repr(function))


def _check_measured(name: str, found: Any, count: int) -> None:
    """Raise an error if a metric's function returned anything but one value for each of ``count`` objects."""
    if not isinstance(found, Measured):
        raise TypeError(f"the function of metric {name!r} returns Measured(value), got {type(found).__name__}")
    if not isinstance(found.value, Tensor):
        raise TypeError(f"metric {name!r} returns a tensor as Measured.value, got {type(found.value).__name__}")
    if tuple(found.value.shape) != (count,):
        raise ValueError(f"metric {name!r} returns one value for each object, [{count}], got {list(found.value.shape)}")


def _check_needs(needs: tuple[str, ...] | frozenset[str]) -> None:
    if isinstance(needs, str):
        raise TypeError(f"needs is a tuple of names, such as ({needs!r},), got {needs!r}")
    unknown = set(needs) - set(NEEDS)
    if unknown:
        raise ValueError(f"a metric can need {', '.join(NEEDS)}; got {', '.join(sorted(unknown))}")


def _check_signature(metric: Metric) -> None:
    """Raise an error unless the function takes a case, and each setting has a default and its choices a setting."""
    try:
        inspect.signature(metric.function).bind("case", **dict.fromkeys(metric.settings))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the function of metric {metric.name!r} takes (case, *, settings...): {error}; settings are keyword-only, "
            "after a *"
        ) from None
    if missing := [name for name, value in metric.settings.items() if value is inspect.Parameter.empty]:
        raise ValueError(f"every setting of metric {metric.name!r} needs a default; {', '.join(missing)} has none")
    if unknown := set(metric.choices) - set(metric.settings):
        raise ValueError(f"metric {metric.name!r} has choices for {', '.join(sorted(unknown))}, which it does not take")


def _check_fields(metric: Metric) -> None:
    """Raise an error, which names the field, if a metric cannot be registered."""
    for name, kind in _TYPES.items():
        value = getattr(metric, name)
        if not isinstance(value, kind):
            raise TypeError(f"{name} of the metric {metric.name!r} is of type {kind.__name__}, got {value!r}")
    if not callable(metric.function):
        raise TypeError(f"the metric {metric.name!r} needs a function (case, **settings), got {metric.function!r}")
    _check_signature(metric)
    if not _SLUG.fullmatch(metric.name):
        raise ValueError(f"a metric's name is a slug such as 'energy-pointing-box', got {metric.name!r}")
    empty = metric.empty_map
    if isinstance(empty, str) and empty != "random order":
        raise ValueError(f"empty_map of {metric.name!r} is a number, NaN or 'random order'; got {empty!r}")
