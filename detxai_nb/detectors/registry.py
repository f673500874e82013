"""The one table of detectors, and the doors to it: load_detector and wrap."""

from __future__ import annotations

import json
import os
import urllib.error
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from detxai_nb.detectors.common import pick_device
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.detectors.names import COCO_80
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.yolox import YoloxDetector
from detxai_nb.detectors.yolox_network import SIZES, Yolox
from detxai_nb.types import OpenDetector

if TYPE_CHECKING:
    import pandas

ZOO = Path(__file__).parent / "zoo"
FAMILIES: dict[str, Callable[..., OpenDetector]] = {"fcos": FcosDetector, "yolox": YoloxDetector}


@dataclass(frozen=True)
class _Entry:
    """A detector that can be loaded by name; ``build(weights, names, settings)`` makes it on the CPU."""

    family: str
    weights: str
    about: str
    build: Callable[[Any, Sequence[str] | None, dict[str, Any]], Any]


def _tiny_fcos(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> FcosDetector:
    from detxai_nb.detectors.tiny import tiny_fcos

    path = ZOO / "tiny-fcos.safetensors" if weights is None else weights
    if names is None:
        names = json.loads((ZOO / "tiny-fcos.json").read_text(encoding="utf-8"))["names"]
    module = tiny_fcos(len(names))
    fit_weights(module, read_weights(path), "tiny-fcos")
    return FcosDetector(module, names, **settings)


def _fcos_resnet50(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> FcosDetector:
    from torchvision.models.detection import FCOS_ResNet50_FPN_Weights, fcos_resnet50_fpn

    coco = FCOS_ResNet50_FPN_Weights.COCO_V1
    if weights is None:
        try:
            module = fcos_resnet50_fpn(weights=coco)
        except (urllib.error.URLError, OSError) as error:
            raise RuntimeError(
                f"torchvision could not download the COCO weights ({error}). With a network, try again; without one, "
                f"fetch {coco.url} elsewhere and hand in weights='path/to/file.pth', or take the bundled 'tiny-fcos'"
            ) from error
        return FcosDetector(module, coco.meta["categories"], **settings)
    state = read_weights(weights)
    outputs = state.get("head.classification_head.cls_logits.bias")
    classes = len(coco.meta["categories"]) if outputs is None else len(outputs)
    module = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=classes)
    fit_weights(module, state, "fcos_resnet50_fpn")
    return FcosDetector(module, _names(names, classes, coco.meta["categories"]), **settings)


def _yolox(name: str) -> Callable[[Any, Sequence[str] | None, dict[str, Any]], YoloxDetector]:
    def build(weights: Any, names: Sequence[str] | None, settings: dict[str, Any]) -> YoloxDetector:
        if weights is None:
            raise ValueError(
                f"{name} needs weights='path': the official {name.replace('-', '_')}.pth from the releases of "
                "github.com/Megvii-BaseDetection/YOLOX, or a .safetensors file with the same tensor names"
            )
        state = read_weights(weights)
        outputs = state.get("head.cls_preds.0.bias")
        classes = len(COCO_80) if outputs is None else len(outputs)
        module = Yolox(classes, SIZES[name])
        fit_weights(module, state, name)
        settings.setdefault("input_size", SIZES[name].input_side)
        return YoloxDetector(module, _names(names, classes, COCO_80), **settings)

    return build


def _names(names: Sequence[str] | None, classes: int, usual: Sequence[str]) -> Sequence[str]:
    if names is not None:
        return names
    if classes == len(usual):
        return usual
    raise ValueError(f"these weights have {classes} classes instead of {len(usual)}; hand in names=[...] for them")


DETECTORS: dict[str, _Entry] = {
    "tiny-fcos": _Entry("fcos", "bundled", "small FCOS trained on the synthetic scenes; works offline", _tiny_fcos),
    "fcos_resnet50_fpn": _Entry(
        "fcos", "COCO, 124 MB, downloaded by torchvision on first use", "FCOS, ResNet-50 FPN", _fcos_resnet50
    ),
    **{
        name: _Entry("yolox", "your file: weights='...'", f"YOLOX, input {size.input_side}", _yolox(name))
        for name, size in SIZES.items()
    },
}


def detectors() -> pandas.DataFrame:
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
    **settings: Any,
) -> Any:
    """A detector of the table ``detectors()``, ready to detect and to be explained.

    ``weights``: a ``.safetensors`` file or a checkpoint of plain tensors; by default what the table says. ``names``:
    class names where the weights are not the usual ones. ``device``: "auto" takes CUDA, then MPS, then the CPU.
    ``settings``: those of the family's detector (``FcosDetector``, ``YoloxDetector``).

    Raises ``ValueError`` for an unknown name or weights of another architecture (naming the first tensor that does not
    fit), ``FileNotFoundError`` for a missing file, ``RuntimeError`` where a download failed.
    """
    if name not in DETECTORS:
        raise ValueError(f"unknown detector {name!r}; known: {', '.join(DETECTORS)}; for a module of your own use wrap")
    detector = DETECTORS[name].build(weights, names, settings)
    detector.module.requires_grad_(False).eval().to(pick_device(device))
    return detector


def wrap(module: nn.Module, *, family: str, names: Sequence[str], **settings: Any) -> Any:
    """A module of your own as a detector of ``family`` ("fcos", "yolox"); it is used where it is and never changed.

    ``names``: a name for each class output. ``settings``: those of the family's detector.
    """
    if family not in FAMILIES:
        raise ValueError(f"unknown family {family!r}; known: {', '.join(FAMILIES)}")
    return FAMILIES[family](module, names, **settings)
