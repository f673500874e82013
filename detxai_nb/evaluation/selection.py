"""Which objects of an image are explained and measured, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.metrics.matching import match
from detxai_nb.types import Detections

CROWD = "marked as crowd"
UNKNOWN = "class unknown to the detector"
MISSED = "not detected"
LOOSE = "detected, box too loose"
ALONE = "too few in the image"
BEYOND = "not among the best of the image"
REASONS = (CROWD, UNKNOWN, MISSED, LOOSE, ALONE, BEYOND)
"""Why an annotation is left out; each one has one reason, the first of these that holds."""

FOUND_IOU = 0.5


@dataclass(frozen=True)
class Protocol:
    """A rule of selection.

    Annotations that are no crowd are matched one to one, greedily by falling score, with detections of their class
    (by name) that score above ``score`` and overlap them by an IoU above ``iou`` (0.5 or more). Images with fewer than
    ``at_least`` such objects are left out; of the others the ``at_most`` with the highest scores are measured.
    """

    name: str
    iou: float = FOUND_IOU
    score: float = 0.3
    at_least: int = 1
    at_most: int | None = None
    source: str = ""

    def __post_init__(self) -> None:
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
        # The paper names no score: every box that its own deletion curves would still see counts.
        Protocol("odam", iou=0.9, score=0.05, source="ODAM (ICLR 2023), sec. 4.2: well-detected objects, IoU > 0.9"),
        Protocol("difference", score=0.4, at_least=2, source="difference maps, sec. 4.3: score > 0.4, IoU > 0.5"),
        Protocol("best", at_most=1, source="ODAM, A.5.9: the prediction with the highest score of each image"),
    )
}


def find_protocol(protocol: str | Protocol) -> Protocol:
    """The preset of that name; a Protocol of one's own is handed back."""
    if isinstance(protocol, Protocol):
        return protocol
    if not isinstance(protocol, str):
        raise TypeError(f"a protocol is a name ({', '.join(PROTOCOLS)}) or a Protocol, got {protocol!r}")
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}; known: {', '.join(PROTOCOLS)}, or hand in a Protocol")
    return PROTOCOLS[protocol]


@dataclass(frozen=True, eq=False)
class Selected:
    """The objects of one image that are measured.

    ``detections``: N of them, by falling score; ``annotations`` int64 ``[N]`` on the CPU: the number of each one's
    annotation in the sample; ``left_out``: how many annotations were left out, by reason; ``unknown``: names of
    annotated classes that the detector does not know.
    """

    detections: Detections
    annotations: Tensor
    left_out: Mapping[str, int]
    unknown: tuple[str, ...] = ()


def select(detections: Detections, sample: Sample, protocol: Protocol) -> Selected:
    """The objects of ``sample`` that are measured; ``detections`` of a threshold not above the protocol's score.

    ``left_out`` and the selected objects together are all annotations of the sample.
    """
    detections = detections[detections.scores > protocol.score]
    known = np.array([name in detections.names for name in sample.names], bool)
    foreign = ~sample.crowd & ~known[sample.labels]
    pairs = match(detections, sample, protocol.iou)
    kept = (pairs >= 0).nonzero()[:, 0]
    found = len(kept)
    enough = found if found >= protocol.at_least else 0
    # Detections are sorted by falling score, so the first are the best.
    kept = kept[: enough if protocol.at_most is None else min(enough, protocol.at_most)]
    # What a stricter protocol drops is told apart from what the detector did not see at all.
    seen = found if protocol.iou == FOUND_IOU else max(found, int((match(detections, sample, FOUND_IOU) >= 0).sum()))
    usable = int((~sample.crowd & ~foreign).sum())
    counts = {
        CROWD: int(sample.crowd.sum()),
        UNKNOWN: int(foreign.sum()),
        MISSED: usable - seen,
        LOOSE: seen - found,
        ALONE: found - enough,
        BEYOND: enough - len(kept),
    }
    names = tuple(sorted({sample.names[label] for label in sample.labels[foreign].tolist()}))
    return Selected(
        detections=detections[kept.to(detections.scores.device)],
        annotations=pairs[kept],
        left_out={reason: count for reason, count in counts.items() if count},
        unknown=names,
    )


def shared_classes(names: tuple[str, ...], detector_names: tuple[str, ...]) -> tuple[str, ...]:
    """The dataset's classes that the detector does not know; ``ValueError`` where they have none in common."""
    missing = tuple(name for name in names if name not in detector_names)
    if names and len(missing) == len(names):
        raise ValueError(
            f"the detector's classes ({', '.join(detector_names[:4])}, ...) and the dataset's "
            f"({', '.join(names[:4])}, ...) have no name in common; rename one side's classes"
        )
    return missing
