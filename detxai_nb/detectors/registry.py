"""The doors to the detectors: load_detector, wrap, and the table of what there is."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet

from detxai_nb.detectors.base import pick_device
from detxai_nb.detectors.catalogue import DETECTORS, ZOO, classifier
from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.detectors.precision import at_precision
from detxai_nb.detectors.retinanet import RetinaNetDetector
from detxai_nb.detectors.ssd import SsdDetector
from detxai_nb.detectors.ultralytics.detector import UltralyticsDetector
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.types import OpenDetector

if TYPE_CHECKING:
    import pandas

__all__ = ["DETECTORS", "FAMILIES", "ZOO", "load_detector", "table", "wrap"]


def _pvt(module: Any, names: Sequence[str], **settings: Any) -> Any:
    """The adapter of a detector on a PVT backbone, which is that of its head."""
    for kind, adapter in ((RetinaNet, RetinaNetDetector), (FCOS, FcosDetector), (FasterRCNN, FasterRcnnDetector)):
        if isinstance(module, kind):
            return adapter(module, names, **settings)
    raise TypeError(
        "family 'pvt' expects a torchvision RetinaNet, FCOS or FasterRCNN on a PvtBackbone of this package "
        f"(detxai_nb.detectors.pvt), got {type(module).__name__}"
    )


FAMILIES: dict[str, Callable[..., OpenDetector]] = {
    "fcos": FcosDetector,
    "retinanet": RetinaNetDetector,
    "faster_rcnn": FasterRcnnDetector,
    "ssd": SsdDetector,
    "yolox": YoloxDetector,
    "detr": DetrDetector,
    "pvt": _pvt,
    "ultralytics": UltralyticsDetector,
    "classifier": ClassifierDetector,
}

_KNOW_THEIR_NAMES = ("detr", "ultralytics")


def table() -> pandas.DataFrame:
    """The detectors that ``load_detector`` knows: name, family, where the weights come from, what it is."""
    import pandas as pd

    rows = [{"detector": n, "family": e.family, "weights": e.weights, "about": e.about} for n, e in DETECTORS.items()]
    return pd.DataFrame(rows).set_index("detector")


def load_detector(
    name: str,
    *,
    weights: str | os.PathLike[str] | None = None,
    names: Sequence[str] | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    **settings: Any,
) -> Any:
    """A detector of the table ``dx.detectors()``, or a classifier of torchvision, ready to detect and be explained.

    ``weights``: a ``.safetensors`` file or a checkpoint of plain tensors; by default what the table says. ``names``:
    class names where the weights are not the usual ones. ``device``: "auto" takes CUDA, then MPS, then the CPU.
    ``precision``: "fp32", or "bf16" or "fp16" for the forward passes of ``detect`` (see ``at_precision``); gradients
    are taken in float32. ``settings``: those of the family's detector (``FcosDetector``, ``YoloxDetector``, ...).

    Raises ``ValueError`` for an unknown name or weights of another architecture (naming the first tensor that does not
    fit), ``FileNotFoundError`` for a missing file, ``RuntimeError`` where a download failed, ``ImportError`` where the
    detector needs an extra that is not installed.
    """
    entry = DETECTORS.get(name) or classifier(name)
    if entry is None:
        raise ValueError(
            f"unknown detector {name!r}; known: {', '.join(DETECTORS)}, and torchvision's image classifiers such as "
            "resnet50; for a module of your own use wrap, for a callable wrap_predict"
        )
    where = pick_device(device)
    detector = entry.build(weights, names, settings)
    detector.module.requires_grad_(False).eval().to(where)
    return at_precision(detector, precision)


def wrap(
    module: nn.Module,
    *,
    family: str,
    names: Sequence[str] | None = None,
    precision: str = "fp32",
    **settings: Any,
) -> Any:
    """A module of your own as a detector of ``family``; it is used where it is and never changed.

    ``family``: "fcos", "retinanet", "faster_rcnn", "ssd", "yolox", "detr", "pvt", "ultralytics" (their libraries' own
    modules) or "classifier" (any network from image to logits). ``names``: a name for each class output; the modules of
    "detr" and "ultralytics" know theirs. ``precision`` as in ``load_detector``. ``settings``: those of the family's
    detector.

    Raises ``TypeError`` or ``ValueError`` where the module does not fit the family, saying what was expected and what
    came; ``ImportError`` where the family needs an extra that is not installed.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; known: {', '.join(FAMILIES)}")
    if names is None:
        if family not in _KNOW_THEIR_NAMES:
            raise ValueError(f"a module of family {family!r} does not know its classes; hand in names=[...], one each")
        return at_precision(FAMILIES[family](module, **settings), precision)
    return at_precision(FAMILIES[family](module, names, **settings), precision)
