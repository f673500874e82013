"""Which objects of an image are explained and measured, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.detections import are_classes
from detxai_nb.metrics.matching import class_members, match
from detxai_nb.names import ClassMapping, as_mapping, names_of_each
from detxai_nb.types import Detections

CROWD = "marked as crowd"
UNKNOWN = "class unknown to the detector"
MISSED = "not detected"
LOOSE = "detected, box too loose"
ALONE = "too few in the image"
BEYOND = "not among the best of the image"
TOGETHER = "measured together with another of its class"
REASONS = (CROWD, UNKNOWN, MISSED, LOOSE, ALONE, BEYOND, TOGETHER)
"""Why an annotation is left out; each has one reason, the first of these that applies."""

FOUND_IOU = 0.5


@dataclass(frozen=True)
class Protocol:
    """A rule that selects the objects to measure.

    Annotations that are not marked as crowd are matched one to one, greedily by falling score, with detections of
    their class (by name) that score above ``score`` and overlap them with an IoU above ``iou``. Images with fewer than
    ``at_least`` such objects are left out; of the others the ``at_most`` with the highest scores are measured.

    Of a classifier each annotated class with a probability above ``score`` is one object, whatever the IoU.

    Attributes:
        name: shown in tables.
        iou: at least 0.5 and below 1.
        score: at least 0 and below 1.
        at_least: 1 or more.
        at_most: None for no limit.
        source: where the rule comes from.
        classes: by the dataset's class name the detector's name, or names, of it, where they differ. Of several the
            one with the highest score counts.

    Raises:
        ValueError: if a setting is out of range.
        TypeError: if ``classes`` is no such mapping.
    """

    name: str
    iou: float = FOUND_IOU
    score: float = 0.3
    at_least: int = 1
    at_most: int | None = None
    source: str = ""
    classes: ClassMapping | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "classes", as_mapping(self.classes) or None)
        if not FOUND_IOU <= self.iou < 1:
            raise ValueError(f"iou of a protocol is at least {FOUND_IOU} and below 1, got {self.iou}")
        if not 0 <= self.score < 1:
            raise ValueError(f"score of a protocol is at least 0 and below 1, got {self.score}")
        if self.at_least < 1:
            raise ValueError(f"at_least of a protocol is 1 or more, got {self.at_least}")
        if self.at_most is not None and self.at_most < self.at_least:
            raise ValueError(f"at_most of a protocol is None or at least {self.at_least}, got {self.at_most}")

    def __str__(self) -> str:
        few = f", at least {self.at_least} of them in the image" if self.at_least > 1 else ""
        many = "" if self.at_most is None else f", the best {self.at_most} of the image"
        return f"{self.name!r} (IoU > {self.iou:g}, score > {self.score:g}{few}{many})"


PROTOCOLS: dict[str, Protocol] = {
    p.name: p
    for p in (
        Protocol("default"),
        # The paper names no score: every box that its own deletion curves still take into account is used.
        Protocol("odam", iou=0.9, score=0.05, source="ODAM (ICLR 2023), sec. 4.2: well-detected objects, IoU > 0.9"),
        Protocol("difference", score=0.4, at_least=2, source="difference maps, sec. 4.3: score > 0.4, IoU > 0.5"),
        Protocol("best", at_most=1, source="ODAM, A.5.9: the prediction with the highest score of each image"),
        Protocol(
            "classes", score=0.0, source="global guidance, sec. 4.2: every annotated class, whatever its probability"
        ),
    )
}
"""Which objects papers measure, by the names that ``evaluate`` takes."""


def find_protocol(protocol: str | Protocol) -> Protocol:
    """Return the protocol of that name, or the given Protocol itself.

    Args:
        protocol: a name of ``PROTOCOLS``, or a Protocol.

    Returns:
        The protocol.

    Raises:
        ValueError: for an unknown name.
        TypeError: for anything else.
    """
    if isinstance(protocol, Protocol):
        return protocol
    if not isinstance(protocol, str):
        raise TypeError(f"a protocol is a name ({', '.join(PROTOCOLS)}) or a Protocol, got {protocol!r}")
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; known: {', '.join(PROTOCOLS)}, or pass a Protocol")
    return PROTOCOLS[protocol]


@dataclass(frozen=True, eq=False)
class Selected:
    """The objects of one image that are measured.

    Attributes:
        detections: N predictions, by falling score.
        annotations: int64 ``[N]`` on the CPU: the number of each one's annotation in the sample.
        left_out: number of annotations that were left out, by reason (``REASONS``).
        unknown: names of annotated classes that the detector does not know.
    """

    detections: Detections
    annotations: Tensor
    left_out: Mapping[str, int]
    unknown: tuple[str, ...] = ()


def select(detections: Detections, sample: Sample, protocol: Protocol) -> Selected:
    """Return the objects of a sample that are measured.

    Args:
        detections: of the sample's image, with a score threshold not above the protocol's.
        sample: the image with its annotations.
        protocol: the rule of selection.

    Returns:
        The selected objects; together with ``left_out`` they are all annotations of the sample.
    """
    detections = detections[detections.scores > protocol.score]
    known = names_of_each(sample.names, detections.names, protocol.classes)
    foreign = ~sample.crowd & ~np.array([bool(known[name]) for name in sample.names], bool)[sample.labels]
    pairs = match(detections, sample, protocol.iou, protocol.classes)
    kept = (pairs >= 0).nonzero()[:, 0]
    found = len(kept)
    enough = found if found >= protocol.at_least else 0
    # Detections are sorted by falling score, so the first are the best.
    kept = kept[: enough if protocol.at_most is None else min(enough, protocol.at_most)]
    # Objects that only a stricter protocol drops are counted apart from those that the detector missed.
    seen = found
    if protocol.iou != FOUND_IOU:
        seen = max(found, int((match(detections, sample, FOUND_IOU, protocol.classes) >= 0).sum()))
    usable = int((~sample.crowd & ~foreign).sum())
    together = 0
    if are_classes(detections):
        together = sum(len(class_members(sample, number)) - 1 for number in pairs[pairs >= 0].tolist())
    counts = {
        CROWD: int(sample.crowd.sum()),
        UNKNOWN: int(foreign.sum()),
        MISSED: usable - seen - together,
        LOOSE: seen - found,
        ALONE: found - enough,
        BEYOND: enough - len(kept),
        TOGETHER: together,
    }
    names = tuple(sorted({sample.names[label] for label in sample.labels[foreign].tolist()}))
    return Selected(
        detections=detections[kept.to(detections.scores.device)],
        annotations=pairs[kept],
        left_out={reason: count for reason, count in counts.items() if count},
        unknown=names,
    )


def unknown_classes(
    names: tuple[str, ...], detector_names: tuple[str, ...], classes: ClassMapping | None = None
) -> tuple[str, ...]:
    """Return the dataset's classes that the detector does not know.

    Args:
        names: class names of the dataset.
        detector_names: class names of the detector.
        classes: as in ``Protocol``.

    Returns:
        The unknown names, in the order of the dataset.

    Raises:
        ValueError: if they have no name in common, or ``classes`` has a name that one of them does not have.
    """
    known = names_of_each(names, detector_names, classes)
    missing = tuple(name for name in names if not known[name])
    if names and len(missing) == len(names):
        raise ValueError(
            f"the detector's classes ({', '.join(detector_names[:4])}, ...) and the dataset's "
            f"({', '.join(names[:4])}, ...) have no name in common; rename one side's classes, "
            "or say which is which: protocol=Protocol(..., classes={dataset's name: detector's name or names})"
        )
    return missing
