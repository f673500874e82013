"""What the registered metrics say of the maps in one photograph, with annotations or without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics import METRICS, Metric, MetricInput, find_metric, match
from detxai_nb.types import Detections, Progress

Figures = dict[str, list[float | None]]
"""By metric one value for each object, None where the metric is undefined."""

ON_REQUEST = frozenset({"information-drop", "tiny-pointing-game-box", "tiny-energy-pointing-box"})
"""Measured where they are named only: the first encodes a picture for each map, the others hold for tiny objects."""


@dataclass(frozen=True, eq=False)
class MapScorer:
    """``metrics`` to measure; ``annotations`` int64 ``[N]``: each object's number in ``sample``, -1 for none.

    ``annotated`` tells whether ``sample`` was annotated by people; else its boxes are the detected ones, so that "in
    the box" means in the box that the detector drew.
    """

    metrics: tuple[Metric, ...]
    sample: Sample
    annotations: Tensor
    annotated: bool

    @classmethod
    def of(
        cls, image: np.ndarray, detections: Detections, sample: Sample | None, names: Sequence[str] | None
    ) -> MapScorer:
        """The metrics of that name; by default all but ``ON_REQUEST`` that need no further answers of the detector.

        Raises ``ValueError`` for an unknown metric, for one that asks the detector, and without annotations for one
        that needs masks or parts.
        """
        annotated = sample is not None
        used = _from_detections(image, detections) if sample is None else sample
        numbers = torch.arange(len(detections)) if sample is None else match(detections, used)
        known = {"others"} if len(used) > 1 else set()
        if annotated and _has_masks(used):
            known |= {"mask", *(["part"] if used.parts is not None else [])}
        if names is None:
            chosen = [m for m in METRICS.values() if m.needs <= known and m.name not in ON_REQUEST]
        else:
            chosen = [_checked(find_metric(name), known | {"others"}, annotated) for name in names]
        return cls(tuple(chosen), used, numbers, annotated)

    def packed(self) -> list[dict[str, Any]]:
        """For the browser: names with titles, and which way is better."""
        return [
            {"name": m.name, "title": m.title, "higher": m.higher_is_better, "unit": m.unit, "source": m.source}
            for m in self.metrics
        ]

    def only(self, *names: str) -> MapScorer:
        """The same with those of its metrics alone that have one of these names."""
        return replace(self, metrics=tuple(m for m in self.metrics if m.name in names))

    def measure(self, maps: HeatMaps, progress: Progress | None = None) -> Figures:
        """All metrics of the maps of all objects, one map at a time brought to the image's size.

        Raises ``ValueError`` for a map that is not finite.
        """
        figures: Figures = {m.name: [] for m in self.metrics}
        for index in range(len(maps) if self.metrics else 0):
            if progress is not None:
                progress(index, len(maps))
            for name, value in self.of_object(maps[index], index).items():
                figures[name].append(value)
        return figures

    def of_object(self, maps: HeatMaps, index: int) -> dict[str, float | None]:
        """All metrics of the one map in ``maps``, that of object ``index``; None where one is undefined.

        A signed map meets a metric that takes none with its positive part.
        """
        if not self.metrics:
            return {}
        numbers = self.annotations[index : index + 1]
        case = MetricInput(maps.values, maps.detections, numbers, self.sample, signed=maps.signed)
        plain = case.positive_part() if case.signed else case
        found = {m.name: float(m.measure(case if m.signed else plain).value[0]) for m in self.metrics}
        return {name: value if np.isfinite(value) else None for name, value in found.items()}


def mean_of(values: Sequence[float | None], rows: Sequence[int]) -> float | None:
    """The mean of those rows that have a value, None where none has."""
    there = [value for row in rows if (value := values[row]) is not None]
    return sum(there) / len(there) if there else None


def _checked(metric: Metric, known: set[str], annotated: bool) -> Metric:
    if "detector" in metric.needs:
        raise ValueError(
            f"{metric.name!r} asks the detector about many changed images, which is not done under each cell; "
            "the widget Perturbation and dx.evaluate do that"
        )
    lacking = sorted(metric.needs - known)
    if lacking:
        remedy = "this sample has none" if annotated else "hand in sample=, the photograph as its dataset gives it"
        raise ValueError(f"{metric.name!r} needs annotated masks or parts ({', '.join(lacking)}); {remedy}")
    return metric


def _from_detections(image: np.ndarray, detections: Detections) -> Sample:
    """The detected boxes in the place of annotations."""
    return Sample(
        image=image,
        boxes=detections.boxes.float().cpu().numpy().reshape(-1, 4),
        labels=detections.labels.cpu().numpy(),
        crowd=np.zeros(len(detections), bool),
        image_id=0,
        file_name="the photograph",
        names=tuple(detections.names),
        load_masks=_no_masks,
    )


def _no_masks() -> np.ndarray:
    raise ValueError("detections have no masks; hand in sample=, the photograph as its dataset gives it")


def _has_masks(sample: Sample) -> bool:
    """Whether the dataset has masks: those that have none say so with a ValueError."""
    try:
        return len(sample.masks) == len(sample)
    except ValueError:
        return False


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
