"""Scoring: the registered metrics of the maps in one photograph, with annotations or without."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import LazyMasks, Sample
from detxai_nb.detections import are_classes, as_detections
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.matching import match
from detxai_nb.metrics.registry import Metric, all_metrics, find_metric
from detxai_nb.types import Detections, Progress

Figures = dict[str, list[float | None]]
"""One value for each object by metric, None where the metric is undefined."""


@dataclass(frozen=True, eq=False)
class MapScorer:
    """Metrics of the objects in one photograph, ready to measure any maps of them.

    Attributes:
        metrics: what is measured.
        sample: the photograph with annotations.
        annotations: int64 ``[N]``: the index of each object's annotation in ``sample``, -1 for none.
        annotated: whether ``sample`` has real annotations; else its boxes are the detected ones, so that "in the box"
            means in the box that the detector drew.

    Example:
        >>> import detxai_nb as dx
        >>> sample = dx.data.scenes.Scenes(1)[0]
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> detections = detector.detect([sample.image])[0]
        >>> scorer = dx.metrics.MapScorer.of(sample.image, detections, sample, ["energy-pointing-box", "vea"])
        >>> figures = scorer.measure(dx.explain(detector, sample.image, detections))
        >>> [len(values) == len(detections) for values in figures.values()]
        [True, True]
    """

    metrics: tuple[Metric, ...]
    sample: Sample
    annotations: Tensor
    annotated: bool

    @classmethod
    def of(
        cls,
        image: np.ndarray,
        detections: Detections,
        sample: Sample | None = None,
        names: Sequence[str | Metric] | None = None,
    ) -> MapScorer:
        """Choose the metrics for the objects of a photograph.

        Args:
            image: uint8 ``[H,W,3]``.
            detections: N objects of the image.
            sample: the image with its annotations; None to put the detected boxes in their place.
            names: metrics to measure; None for all that can be measured here, but for those with ``in_comparison`` "on
                request". Of a classifier's classes, which have no boxes of their own, none that compares with a box can
                be measured without ``sample``.

        Returns:
            A scorer of these objects.

        Raises:
            ValueError: if a metric is unknown, queries the detector, needs masks or parts that the sample lacks, or
                needs a box where the detections are classes and there is no sample.
        """
        annotated = sample is not None
        detections = as_detections(detections)
        used = _from_detections(image, detections) if sample is None else sample
        numbers = torch.arange(len(detections), device="cpu") if sample is None else match(detections, used)
        placeless = are_classes(detections) and not annotated
        known = {"others"} if len(used) > 1 else set()
        if annotated and _has_masks(used):
            known |= {"mask", *(["part"] if used.load_parts is not None else [])}
        if names is None:
            found = [m for m in all_metrics().values() if m.needs <= known and m.in_comparison != "on request"]
            chosen = [m for m in found if not (placeless and m.uses_annotation)]
        else:
            chosen = [_checked(find_metric(name), known | {"others"}, annotated) for name in names]
            for metric in chosen if placeless else ():
                _require_no_box(metric)
        return cls(tuple(chosen), used, numbers, annotated)

    def only(self, *names: str) -> MapScorer:
        """Return a scorer with some of the metrics.

        Args:
            *names: the metrics to keep; a name that it does not have is ignored.

        Returns:
            A scorer of the same objects.
        """
        return replace(self, metrics=tuple(m for m in self.metrics if m.name in names))

    def measure(self, maps: HeatMaps, progress: Progress | None = None) -> Figures:
        """Measure the maps of all objects, which are brought to the size of the image one at a time.

        Args:
            maps: the maps of the N objects.
            progress: called with (done, total) before each map; what it raises ends the work.

        Returns:
            One value for each object by metric, None where the metric is undefined.

        Raises:
            ValueError: if a map is not finite.
        """
        figures: Figures = {m.name: [] for m in self.metrics}
        for index in range(len(maps) if self.metrics else 0):
            if progress is not None:
                progress(index, len(maps))
            for name, value in self.of_object(maps[index], index).items():
                figures[name].append(value)
        return figures

    def of_object(self, maps: HeatMaps, index: int) -> dict[str, float | None]:
        """Measure the map of one object.

        A metric that takes no signed maps measures the positive part of a signed map.

        Args:
            maps: the one map.
            index: its object, 0 to N - 1.

        Returns:
            The value of each metric, None where it is undefined.

        Raises:
            ValueError: if the map is not finite.
        """
        if not self.metrics:
            return {}
        numbers = self.annotations[index : index + 1]
        case = MetricInput(maps.values, maps.detections, numbers, self.sample, signed=maps.signed)
        plain = case.positive_part() if case.signed else case
        found = {m.name: float(m.measure(case if m.signed else plain).value[0]) for m in self.metrics}
        return {name: value if np.isfinite(value) else None for name, value in found.items()}


def mean_of(values: Sequence[float | None], rows: Sequence[int]) -> float | None:
    """Return the mean of some rows, those without a value left out.

    Args:
        values: one value or None for each object.
        rows: the objects that count.

    Returns:
        The mean; None if no row has a value.
    """
    there = [value for row in rows if (value := values[row]) is not None]
    return sum(there) / len(there) if there else None


def means(figures: Figures, rows: Sequence[int]) -> dict[str, float | None]:
    """Return each metric's mean over some objects, those without a value left out.

    Args:
        figures: one value or None for each object, by metric.
        rows: the objects that count.

    Returns:
        Means by metric; None if no object has a value.
    """
    return {name: mean_of(values, rows) for name, values in figures.items()}


def _checked(metric: Metric, known: set[str], annotated: bool) -> Metric:
    if "detector" in metric.needs:
        raise ValueError(
            f"{metric.name!r} queries the detector with many changed images, which takes too long here; "
            "the widget Perturbation and dx.evaluate do that"
        )
    lacking = sorted(metric.needs - known)
    if lacking:
        remedy = "this sample has none" if annotated else "hand in sample=, the photograph as its dataset gives it"
        raise ValueError(f"{metric.name!r} needs annotated masks or parts ({', '.join(lacking)}); {remedy}")
    return metric


def _require_no_box(metric: Metric) -> None:
    if metric.uses_annotation:
        raise ValueError(
            f"{metric.name!r} compares a map with the box of an object, and a class of the whole image has none; hand "
            "in sample=, the photograph as its dataset gives it, for the annotated boxes of each class"
        )


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
        if isinstance(sample.load_masks, LazyMasks):
            sample.check_masks()
            return True
        return len(sample.masks) == len(sample)
    except ValueError:
        return False
