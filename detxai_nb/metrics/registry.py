"""What a metric is, what it may look at, and the one table of metrics."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from detxai_nb.metrics.case import MetricInput

__all__ = ["METRICS", "NEEDS", "Measured", "Metric", "MetricInput", "find_metric", "metric"]
NEEDS = ("mask", "part", "others", "detector")


@dataclass(frozen=True, eq=False)
class Measured:
    """What a metric found for the N objects of a Case.

    ``value`` float64 ``[N]`` on the CPU, NaN where the metric is undefined; ``ties`` ``[N]``: where pixels were
    ordered, the share of tied ones among those that were changed (``pixel_order``); ``curve`` ``[N,K]`` where the value
    is the area below one; ``extras``: further figures by name, each ``[N]``. All on the CPU.
    """

    value: Tensor
    ties: Tensor | None = None
    curve: Tensor | None = None
    extras: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Metric:
    """A metric as an evaluation finds it: ``measure(case, **settings)``.

    ``function(case, **settings)`` returns a Measured; its keyword-only arguments are the settings. ``needs``: what a
    Case has to bring: "mask" (instance masks), "part" (masks of the part that tells the class), "detector" (it is asked
    about changed images); "others" tells that the metric says nothing in an image with one object alone. ``signed``: it
    takes maps with negative values, such as difference maps. ``unit``: "1" or "%", that of the value. ``tools``: gives
    by name the versions of what its values depend on outside of this package; an evaluation keeps them with its
    settings.
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

    @property
    def settings(self) -> dict[str, Any]:
        """The metric's settings with their defaults: the keyword-only arguments of its function."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """``settings`` over the defaults; unknown names (TypeError) or values (ValueError) are named with the known."""
        known = self.settings
        for name, value in settings.items():
            if name not in known:
                raise TypeError(
                    f"metric {self.name!r} has no setting {name!r}; its settings: {', '.join(known) or 'none'}"
                )
            allowed = self.choices.get(name)
            if allowed is not None and value not in allowed:
                raise ValueError(f"{name} of {self.name!r} is one of {', '.join(map(repr, allowed))}; got {value!r}")
        return {**known, **settings}

    def measure(self, case: MetricInput, **settings: Any) -> Measured:
        """The metric of each of the case's objects.

        Raises TypeError or ValueError for unknown settings, and ValueError for a case that lacks what the metric needs
        or has signed maps where it takes none; ``MetricInput.positive_part`` makes maps that every metric takes.
        """
        complete = self.complete(settings)
        if "detector" in self.needs and case.detector is None:
            raise ValueError(f"{self.name} asks the detector about changed images; give the Case its detector")
        if "part" in self.needs and case.sample.parts is None:
            raise ValueError(
                f"{self.name} needs the masks of the parts that tell the classes, and {case.sample.file_name} has "
                "none; the synthetic scenes have them"
            )
        if case.signed and not self.signed:
            raise ValueError(
                f"{self.name} is defined for maps without negative values, these are signed; "
                "measure their positive part, case.positive_part()"
            )
        return self.function(case, **complete)


METRICS: dict[str, Metric] = {}


def metric(
    name: str,
    *,
    title: str,
    source: str,
    higher_is_better: bool,
    needs: tuple[str, ...] = (),
    **about: Any,
) -> Callable[[Callable[..., Measured]], Callable[..., Measured]]:
    """Register the decorated function, ``(case, *, settings...) -> Measured``, under the slug ``name``.

    ``about``: the further fields of Metric, such as ``signed``, ``unit``, ``choices`` and ``tools``.
    """
    unknown = set(needs) - set(NEEDS)
    if unknown:
        raise ValueError(f"a metric can need {', '.join(NEEDS)}; got {', '.join(sorted(unknown))}")

    def register(function: Callable[..., Measured]) -> Callable[..., Measured]:
        METRICS[name] = Metric(name, title, function, higher_is_better, source, frozenset(needs), **about)
        return function

    return register


def find_metric(name: str | Metric) -> Metric:
    """The registered metric of that name; a Metric of one's own is handed back."""
    if isinstance(name, Metric):
        return name
    if not isinstance(name, str):
        raise TypeError(f"a metric is a name ({', '.join(METRICS)}) or a Metric, got {name!r}")
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}; known: {', '.join(METRICS)}")
    return METRICS[name]
