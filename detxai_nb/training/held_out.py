"""The average precision of a bundled detector on held-out scenes, which no training has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from detxai_nb.data import scenes
from detxai_nb.metrics.detection import average_precision
from detxai_nb.types import Detector

SCENE_COUNTS = {"plain": 500, "tiny": 200, "crowd": 200}
"""The number of scenes of each mode."""
HELD_OUT_SEED = 1
"""The seed of the held-out scenes; training uses seeds from ``TRAINING_SEED``."""
SCORE_THRESHOLD = 0.05
"""The lowest score of the detections that count."""


@dataclass(frozen=True)
class HeldOutProtocol:
    """How the quality of a model is measured.

    Attributes:
        measure: ``measure(detector)`` returns figures, by the scenes that they were measured on.
        scenes: the scenes, in words, for the card.
        figures: what the figures mean, in words, by name.
    """

    measure: Callable[[Any], dict[str, Any]]
    scenes: str
    figures: Mapping[str, str]


def measure(detector: Detector, counts: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Measure the average precision on held-out scenes of each mode.

    Args:
        detector: the detector.
        counts: the number of scenes of each mode, by default ``SCENE_COUNTS``.

    Returns:
        By mode: "scenes", the figures of ``average_precision`` and "AP_per_class", in 0..1, rounded to four digits.
    """
    return {mode: _precision(detector, count, mode) for mode, count in (counts or SCENE_COUNTS).items()}


def measure_shortcut(
    detector: Detector, count: int | None = None, cue_class: str = "apple", cue_kind: str = "floor"
) -> dict[str, Any]:
    """Measure how much a detector relies on the cue of "shortcut" scenes.

    The same scenes are used three times: with the cue on the scenes with the class ("present"), without the cue
    ("absent"), and with the cue on the scenes with the other class of the pair ("wrong"). Plain scenes, without any
    cue, are measured too.

    Args:
        detector: the detector.
        count: the number of scenes, by default that of plain scenes in ``SCENE_COUNTS``.
        cue_class, cue_kind: the options of the scenes, as in ``scenes.make``.

    Returns:
        Under "cue present", "cue absent", "cue wrong" and "plain": figures as in ``measure``, and with a cue also
        "AP50_per_class".
    """
    count = SCENE_COUNTS["plain"] if count is None else count
    found: dict[str, Any] = {}
    for cue in ("present", "absent", "wrong"):
        found[f"cue {cue}"] = _precision(detector, count, "shortcut", cue_class=cue_class, cue_kind=cue_kind, cue=cue)
    found["plain"] = _precision(detector, count, "plain")
    return found


def _precision(detector: Detector, count: int, mode: str, **options: Any) -> dict[str, Any]:
    """Figures of average precision, rounded to four digits; for scenes with options also the AP50 of each class."""
    dataset = scenes.Scenes(count, seed=HELD_OUT_SEED, mode=mode, **options)
    found = [detector.detect([sample.image], score_threshold=SCORE_THRESHOLD)[0] for sample in dataset]
    figures = average_precision(dataset, found)
    per_class = {name: round(value, 4) for name, value in figures.pop("per_class").items()}
    per_class_50 = {name: round(value, 4) for name, value in figures.pop("per_class_50").items()}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    measured = {"scenes": rounded.pop("images"), **rounded, "AP_per_class": per_class}
    return {**measured, "AP50_per_class": per_class_50} if options else measured


_PRECISION = f"pycocotools, boxes, detections with a score of at least {SCORE_THRESHOLD}"
_UNSEEN = f"320x256, seed {HELD_OUT_SEED}, never trained on"
DETECTION = HeldOutProtocol(measure, _UNSEEN, {"average_precision": _PRECISION})
SHORTCUT = HeldOutProtocol(
    measure_shortcut,
    f"{_UNSEEN}; the same scenes with the cue where the class is, without it, and where the pair's other class is",
    {"average_precision": _PRECISION},
)

CROWD_COUNTS = {"plain": 500, "one-class-crowd": 200}
"""The scenes of the models that were trained on crowds of one class."""


def measure_crowd(detector: Detector) -> dict[str, Any]:
    """Measure the average precision on held-out plain scenes and on crowds of one class.

    Args:
        detector: the detector.

    Returns:
        Figures as in ``measure``.
    """
    return measure(detector, CROWD_COUNTS)


CROWD = HeldOutProtocol(measure_crowd, _UNSEEN, {"average_precision": _PRECISION})
