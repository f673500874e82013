"""The record of the family "ultralytics"."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.ultralytics.classify import open_classification
from detxai_nb.detectors.ultralytics.detector import UltralyticsDetector
from detxai_nb.detectors.ultralytics.rtdetr import UltralyticsRtDetr
from detxai_nb.names import ClassNames
from detxai_nb.types import OpenDetector

_ADAPTERS: dict[str, Callable[..., OpenDetector]] = {
    "RTDETRDetectionModel": UltralyticsRtDetr,
    "ClassificationModel": open_classification,
}
"""The adapters of models that are no YOLO with a head of the kind of Detect, by the name of the model's class."""


def open_ultralytics(module: Any, names: ClassNames | None = None, **settings: Any) -> OpenDetector:
    """Open any model of Ultralytics' that detects or classifies.

    Args:
        module: an ``ultralytics.YOLO``, ``RTDETR`` or ``YOLOWorld``, or the model inside it.
        names: a name for each class output; by default the model's own.
        **settings: those of ``UltralyticsDetector``, or of the model's own adapter.

    Returns:
        An ``UltralyticsDetector``, an ``UltralyticsRtDetr``, or for a classification model a ``ClassifierDetector``.

    Raises:
        ImportError: if ultralytics is missing.
        TypeError: if the module is none of these, or for a setting that its adapter does not have.
        ValueError: as the adapter says.
    """
    kinds = [kind.__name__ for one in (module, getattr(module, "model", None)) for kind in type(one).__mro__]
    adapter = next((_ADAPTERS[kind] for kind in kinds if kind in _ADAPTERS), UltralyticsDetector)
    known = inspect.signature(adapter).parameters
    if unknown := [name for name in settings if name not in known]:
        named = [one.name for one in known.values() if one.kind is inspect.Parameter.KEYWORD_ONLY]
        told = next(kind for kind in kinds if kind in _ADAPTERS)
        raise TypeError(f"a {told} has no setting {unknown[0]!r}; its settings: {', '.join(named)}")
    return adapter(module, names, **settings)


# The table of detectors shows the settings of most of them.
open_ultralytics.__signature__ = inspect.signature(UltralyticsDetector)  # type: ignore[attr-defined]


def _build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> OpenDetector:
    raise ValueError(
        "Ultralytics keeps its models in pickles, which this package does not open: open it yourself with "
        "ultralytics.YOLO('yolo11n.pt') if you trust the file, then dx.wrap(yolo, family='ultralytics'). "
        "Ultralytics is under AGPL-3.0"
    )


FAMILY = Family(
    name="ultralytics",
    adapter=open_ultralytics,
    entries=(
        Entry(
            "ultralytics",
            "ultralytics",
            "your YOLO object: dx.wrap(yolo, family='ultralytics'); needs ultralytics (AGPL-3.0)",
            "YOLOv5u, v8 to v10, 11, 12, 26 (boxes, turned boxes, masks, key points, classes), RT-DETR, YOLO-World",
            _build,
            "library",
        ),
    ),
    needs={"ultralytics": "detxai-nb[ultralytics]"},
    knows_names=True,
)
