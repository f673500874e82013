"""How good a bundled detector is, on scenes that no training has seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from detxai_nb.data import scenes
from detxai_nb.metrics.detection import average_precision
from detxai_nb.types import Detector

MEASURED_ON = {"plain": 500, "tiny": 200, "crowd": 200}
"""Scenes of each mode."""
MEASURING_SEED = 1
SCORE_THRESHOLD = 0.05


@dataclass(frozen=True)
class Measuring:
    """What is measured of a model: ``measure(detector)`` gives figures by what they were measured on."""

    measure: Callable[[Any], dict[str, Any]]
    scenes: str
    figures: Mapping[str, str]


def measure(detector: Detector, counts: Mapping[str, int] | None = None) -> dict[str, Any]:
    """Average precision on ``counts`` unseen scenes of each mode (by default ``MEASURED_ON``), by mode."""
    return {mode: _precision(detector, count, mode) for mode, count in (counts or MEASURED_ON).items()}


def measure_shortcut(
    detector: Detector, count: int | None = None, cue_class: str = "apple", cue_kind: str = "floor"
) -> dict[str, Any]:
    """How much a detector relies on the cue of ``count`` "shortcut" scenes: AP50 of the class that it gives away.

    The same scenes three times: with the cue where the class is ("present"), without it, and with it on the scenes with
    the other class of the pair ("wrong"). Beside them the plain scenes, where nothing gives a class away.
    """
    count = MEASURED_ON["plain"] if count is None else count
    found: dict[str, Any] = {}
    for cue in ("present", "absent", "wrong"):
        found[f"cue {cue}"] = _precision(detector, count, "shortcut", cue_class=cue_class, cue_kind=cue_kind, cue=cue)
    found["plain"] = _precision(detector, count, "plain")
    return found


def _precision(detector: Detector, count: int, mode: str, **options: Any) -> dict[str, Any]:
    """Figures of average precision, rounded to four digits; AP50 of each class too where there is a cue."""
    dataset = scenes.Scenes(count, seed=MEASURING_SEED, mode=mode, **options)
    found = [detector.detect([sample.image], score_threshold=SCORE_THRESHOLD)[0] for sample in dataset]
    figures = average_precision(dataset, found)
    per_class = {name: round(value, 4) for name, value in figures.pop("per_class").items()}
    per_class_50 = {name: round(value, 4) for name, value in figures.pop("per_class_50").items()}
    rounded = {name: round(value, 4) for name, value in figures.items()}
    measured = {"scenes": rounded.pop("images"), **rounded, "AP_per_class": per_class}
    return {**measured, "AP50_per_class": per_class_50} if options else measured


_PRECISION = f"pycocotools, boxes, detections with a score of at least {SCORE_THRESHOLD}"
_UNSEEN = f"320x256, seed {MEASURING_SEED}, never trained on"
DETECTION = Measuring(measure, _UNSEEN, {"average_precision": _PRECISION})
SHORTCUT = Measuring(
    measure_shortcut,
    f"{_UNSEEN}; the same scenes with the cue where the class is, without it, and where the pair's other class is",
    {"average_precision": _PRECISION},
)
