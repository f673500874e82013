"""What speaks for an object that was missed and what against: a map of its best candidate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource
from detxai_nb.misses.report import MissReport
from detxai_nb.types import Detector, Target


def explain_candidate(
    detector: Detector,
    image_or_dataset: Any,
    report: MissReport,
    row: int,
    *,
    method: str | Callable[..., Any] | None = None,
    target: Target | str = "class",
    **options: Any,
) -> HeatMaps:
    """Compute the map of a miss's best candidate: what speaks for the object, and what against.

    The candidate is a prediction of the detector that it did not report, or reported as something else. Explained is
    its score for the class of the ANNOTATION, whatever the detector took it for.

    Args:
        detector: the one that the report is of.
        image_or_dataset: the dataset, or the sample or image of this miss.
        report: what ``explain_misses`` returned.
        row: of ``report.misses``, from 0.
        method: as in ``explain``; None: signed ODAM maps, or for a black box "d-rise", whose maps are not signed.
        target: what about the candidate is explained; its label is that of the annotation unless a ``Target`` says
            otherwise.
        **options: what ``explain`` takes besides, such as ``layer``, ``progress`` and the method's settings.

    Returns:
        One map.

    Raises:
        IndexError: if there is no such miss.
        TypeError: as ``explain``.
        ValueError: if the miss has no candidate, or the candidate is no prediction of this detector in this image.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> sample = dx.data.scenes.Scenes(3, mode="crowd")[2]
        >>> report = dx.misses.explain_misses(detector, sample)
        >>> row = int(report.misses["iou"].notna().argmax())
        >>> maps = dx.misses.explain_candidate(detector, sample, report, row)
        >>> len(maps), maps.signed
        (1, True)
    """
    candidate = report.candidate(row)
    target = Target.of(target)
    if target.label is None:
        target = replace(target, label=report.labels[row])
    inside = Capabilities(detector).traceable and candidate.origins is not None
    if method is None:
        method = "odam" if inside else "d-rise"
        if inside:
            options = {"direction": "signed", **options}
    image = image_of(image_or_dataset, report, row)
    return explain(detector, image, candidate, method=method, target=target, **options)


def image_of(image_or_dataset: Any, report: MissReport, row: int) -> ImageSource:
    """Return the picture of a miss.

    Args:
        image_or_dataset: a dataset, whose image of this miss is taken; else a sample or an image.
        report: what ``explain_misses`` returned.
        row: of its misses.

    Returns:
        The image.

    Raises:
        IndexError: if there is no such miss.
        ValueError: for a dataset that is too short.
    """
    report.require_row(row)
    found = image_or_dataset
    if isinstance(found, (list, tuple)) or (hasattr(found, "names") and hasattr(found, "__getitem__")):
        number = int(report.misses["image"].iloc[row])
        if number >= len(found):
            raise ValueError(f"the miss is in image {number}, and this dataset has {len(found)}; hand in the report's")
        found = found[number]
    pixels: ImageSource = found.image if isinstance(found, Sample) else found
    return pixels
