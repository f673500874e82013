"""The record of the family "ultralytics"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.ultralytics.detector import UltralyticsDetector


def _build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> UltralyticsDetector:
    raise ValueError(
        "Ultralytics keeps its models in pickles, which this package does not open: open it yourself with "
        "ultralytics.YOLO('yolo11n.pt') if you trust the file, then dx.wrap(yolo, family='ultralytics'). "
        "Ultralytics is under AGPL-3.0"
    )


FAMILY = Family(
    name="ultralytics",
    adapter=UltralyticsDetector,
    entries=(
        Entry(
            "ultralytics",
            "ultralytics",
            "your YOLO object: dx.wrap(yolo, family='ultralytics'); needs ultralytics (AGPL-3.0)",
            "YOLOv5u, v8, v9, v10, 11 and later with a Detect head",
            _build,
            "library",
        ),
    ),
    needs={"ultralytics": "detxai-nb[ultralytics]"},
    knows_names=True,
)
