"""explain_misses: from a detector and a dataset to the causes of its misses and the kinds of its false alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import torch
from torchvision.ops import box_iou

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.foreign import as_id
from detxai_nb.data.sample import Sample
from detxai_nb.detectors.base import as_score_threshold
from detxai_nb.metrics.matching import match
from detxai_nb.misses.causes import Cause, Limits, find_causes
from detxai_nb.misses.evidence import Evidence, collect
from detxai_nb.misses.false_alarms import FalseAlarm, sort_false_alarms
from detxai_nb.misses.report import FALSE_ALARM_COLUMNS, MISS_COLUMNS, MissReport, size_of
from detxai_nb.names import ClassMapping, as_mapping
from detxai_nb.subjects import require_places
from detxai_nb.types import Detections, Detector, Progress

FLOOR = 0.05
"""The lowest score of a candidate, as of torchvision's detectors."""


def explain_misses(
    detector: Detector,
    dataset: Any,
    *,
    score_threshold: float = 0.3,
    iou: float = 0.5,
    floor: float = FLOOR,
    classes: ClassMapping | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> MissReport:
    """Say of every annotated object that was not detected why, and of every false alarm what is wrong with it.

    Detections and annotations are matched one to one, as by ``metrics.match``. Every annotation without a detection,
    but for those marked as crowd, gets exactly one cause of ``CAUSES``; ``misses.causes.find_causes`` says in which
    order they are asked for. What is looked at is what the detector predicted before it decided: of a one-stage
    detector the cells of all levels before suppression, of a two-stage detector its region proposals and all boxes that
    the second stage makes of them, of a DETR all queries. Of a black box it is what it answers at a low score; what it
    suppressed by itself is not among that, and such a miss is told as what is left: "proposal" or "regressor".

    Args:
        detector: any detector of objects.
        dataset: Samples with annotations, or one Sample.
        score_threshold: the lowest score of a detection, 0..1.
        iou: a box fits an object if their IoU is above this, 0..1.
        floor: the lowest score of what counts as a candidate, 0..1 and at most the score threshold (else that); of
            two-stage detectors and DETRs everything is one.
        classes: by the dataset's class name the detector's name, or names, of it, where they differ.
        limit: only the first so many images; None for all.
        progress: called as ``progress(done, total)`` after each image; what it raises ends the work.

    Returns:
        The misses, the false alarms and tables of them.

    Raises:
        TypeError: if the dataset holds something else than Samples, or a setting is of another kind.
        ValueError: for settings out of range, an empty dataset, one of which no image can be read, names that do not
            exist, and image classifiers.

    References:
        Miller et al., "What's in the black box? The false negative mechanisms inside object detectors" (RA-L 2022);
        Bolya et al., "TIDE" (ECCV 2020).

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-yolox", device="cpu")
        >>> report = dx.misses.explain_misses(detector, dx.data.scenes.Scenes(2, mode="tiny", width=192, height=128))
        >>> set(report.misses["cause"]) <= set(dx.misses.CAUSES)
        True
    """
    require_places(detector, "dx.misses says why objects in places were missed", "dx.evaluate with 'classes'")
    limits = Limits(as_score_threshold(score_threshold), _share("iou", iou), *_suppression(detector))
    floor, mapping = min(_share("floor", floor), limits.score), as_mapping(classes) or None
    samples = _samples(dataset)
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise ValueError(f"limit is a number of images, 1 or more, or None for all; got {limit!r}")
    total = len(samples) if limit is None else min(limit, len(samples))
    found = _Found()
    for number in range(total):
        sample = _read(samples, number, found)
        if sample is not None:
            evidence = collect(detector, sample.image, limits.score, floor)
            found.add(number, sample, evidence, limits, mapping)
        if progress is not None:
            progress(number + 1, total)
    if not found.images:
        raise ValueError(f"none of the {total} images could be read; the first: {found.unread[0]}")
    return found.report(detector, limits, floor)


def _share(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} is a number in 0..1, got {value!r}")
    if not 0 <= value < 1:
        raise ValueError(f"{name} is at least 0 and below 1, got {value}")
    return float(value)


def _suppression(detector: Detector) -> tuple[float | None, int | None]:
    """The IoU above which a detector suppresses, and its largest number of detections; None for what it does not say.

    A rule of suppression around a detector (``nms.NmsDetector``) has thresholds of its own.
    """
    inside = getattr(detector, "detector", None)
    own = None if hasattr(detector, "rule") else getattr(detector, "nms_threshold", None)
    most = getattr(detector, "max_detections", None)
    return _number(own), _number(getattr(inside, "max_detections", None) if most is None else most)


def _number(value: Any) -> Any:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _samples(dataset: Any) -> Sequence[Sample]:
    if isinstance(dataset, Sample):
        return [dataset]
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__") or isinstance(dataset, (str, bytes)):
        raise TypeError(
            f"misses are told by annotations: hand in a dataset of Samples or one Sample, got {type(dataset).__name__}"
        )
    if not len(dataset):
        raise ValueError("the dataset has no images")
    return cast(Sequence[Sample], dataset)


def _read(samples: Sequence[Sample], number: int, found: _Found) -> Sample | None:
    """The image, or None for one that cannot be read, which is kept in mind."""
    try:
        sample = samples[number]
    except (ValueError, OSError) as error:
        found.unread.append(f"image {number}: {type(error).__name__}: {error}")
        return None
    if not isinstance(sample, Sample):
        raise TypeError(f"a dataset holds Samples with annotations, image {number} is a {type(sample).__name__}")
    return sample


@dataclass
class _Found:
    """What was found so far."""

    misses: list[dict[str, Any]] = field(default_factory=list)
    candidates: list[Detections | None] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    objects: Counter[tuple[str, str]] = field(default_factory=Counter)
    detections: Counter[tuple[str, str]] = field(default_factory=Counter)
    unread: list[str] = field(default_factory=list)
    images: int = 0
    crowds: int = 0
    ignored: int = 0
    seen_before: bool = True

    def add(
        self, number: int, sample: Sample, evidence: Evidence, limits: Limits, classes: ClassMapping | None
    ) -> None:
        """Add one image."""
        detections = evidence.detections
        pairs = match(detections, sample, limits.iou, classes).numpy()
        causes = find_causes(sample, evidence, pairs, limits, classes)
        alarms, ignored = sort_false_alarms(sample, detections, pairs, limits.iou, classes)
        about = {
            "image": number,
            "image_id": as_id(sample.image_id, "the image's id"),
            "file_name": sample.file_name,
        }
        for cause in causes:
            self.misses.append({**about, **_miss(sample, evidence, cause)})
            row = cause.candidate
            self.candidates.append(evidence.candidates[[row]] if row >= 0 else None)
            self.labels.append(cause.label)
        self.alarms += [{**about, **_alarm(detections, alarm)} for alarm in alarms]
        for box, label, crowd in zip(sample.boxes, sample.labels.tolist(), sample.crowd.tolist()):
            self.objects[sample.names[label], size_of(box)] += not crowd
        for row, (box, name) in enumerate(zip(detections.boxes.tolist(), detections.label_names())):
            self.detections[name, size_of(box)] += row not in ignored
        self.images += 1
        self.crowds += int(sample.crowd.sum())
        self.ignored += len(ignored)
        self.seen_before &= evidence.seen_before

    def report(self, detector: Detector, limits: Limits, floor: float) -> MissReport:
        """All of it as tables."""
        import pandas as pd

        about = Capabilities(detector)
        return MissReport(
            pd.DataFrame(self.misses, columns=list(MISS_COLUMNS)),
            pd.DataFrame(self.alarms, columns=list(FALSE_ALARM_COLUMNS)),
            tuple(self.candidates),
            tuple(self.labels),
            {key: count for key, count in self.objects.items() if count},
            {key: count for key, count in self.detections.items() if count},
            {
                "detector": type(detector).__name__,
                "family": about.family,
                "score_threshold": limits.score,
                "iou": limits.iou,
                "floor": floor,
                "nms_threshold": limits.nms,
                "max_detections": limits.most,
                "seen_before": self.seen_before,
            },
            self.images,
            tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        if not self.seen_before:
            yield (
                "what this detector suppresses by itself is not among its answers: a miss by suppression is told as "
                "'proposal' or 'regressor'"
            )
        if self.crowds:
            yield f"{self.crowds} annotations marked as crowd and {self.ignored} detections inside them are left out"
        if self.unread:
            yield f"{len(self.unread)} images could not be read and are left out: {'; '.join(self.unread[:3])}"


def _miss(sample: Sample, evidence: Evidence, cause: Cause) -> dict[str, Any]:
    """The columns of one miss."""
    box, candidates, row = sample.boxes[cause.annotation], evidence.candidates, cause.candidate
    found: dict[str, Any] = {
        "annotation": cause.annotation,
        "label": sample.names[int(sample.labels[cause.annotation])],
        **dict(zip(("x1", "y1", "x2", "y2"), box.tolist())),
        "size": size_of(box),
        "cause": cause.cause,
        "score": float("nan"),
        "predicted": "",
        "predicted_score": float("nan"),
        "iou": cause.iou,
        "own": cause.own,
        **{f"candidate_{name}": float("nan") for name in ("x1", "y1", "x2", "y2")},
        "origin": "",
        "neighbour": cause.neighbour,
        "neighbour_iou": float("nan"),
    }
    if row >= 0:
        found |= {
            "score": cause.score,
            "predicted": candidates.names[int(candidates.labels[row])],
            "predicted_score": float(candidates.scores[row]),
            **{f"candidate_{n}": v for n, v in zip(("x1", "y1", "x2", "y2"), candidates.boxes[row].tolist())},
            "origin": _origin(candidates, row),
        }
        if cause.neighbour >= 0:
            other = evidence.detections.boxes[cause.neighbour][None].double()
            found["neighbour_iou"] = float(box_iou(candidates.boxes[row][None].double(), other))
    return found


def _origin(candidates: Detections, row: int) -> str:
    """Where in the network a candidate was made, in words; empty for a black box."""
    if candidates.origins is None:
        return ""
    values: torch.Tensor = candidates.origins[row]
    names = candidates.origin_fields or tuple(f"origin {i}" for i in range(len(values)))
    return ", ".join(f"{name} {value}" for name, value in zip(names, values.tolist()))


def _alarm(detections: Detections, alarm: FalseAlarm) -> dict[str, Any]:
    """The columns of one false alarm."""
    row = alarm.detection
    box = detections.boxes[row].tolist()
    return {
        "detection": row,
        "label": detections.names[int(detections.labels[row])],
        "score": float(detections.scores[row]),
        **dict(zip(("x1", "y1", "x2", "y2"), box)),
        "size": size_of(box),
        "kind": alarm.kind,
        "annotation": alarm.annotation,
        "iou": alarm.iou,
    }
