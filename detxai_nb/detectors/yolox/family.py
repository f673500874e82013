"""The record of the family "yolox"."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.catalogue import SCENES, bundled, pick_names
from detxai_nb.detectors.coco_names import COCO_80
from detxai_nb.detectors.weights import fit_weights, read_weights, tensor_called
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, TINY, TINY_INPUT, Yolox


def _entry(name: str) -> Entry:
    """The entry of one of YOLOX's sizes."""

    def build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> YoloxDetector:
        if weights is None:
            raise ValueError(
                f"{name} needs weights='path': the official {name.replace('-', '_')}.pth from the releases of "
                "github.com/Megvii-BaseDetection/YOLOX, or a .safetensors file with the same tensor names"
            )
        state = read_weights(weights)
        outputs = tensor_called(state, "head.cls_preds.0.bias")
        classes = len(COCO_80) if outputs is None else len(outputs)
        module = Yolox(classes, SIZES[name])
        fit_weights(module, state, name)
        settings.setdefault("input_size", SIZES[name].input_side)
        return YoloxDetector(module, pick_names(names, classes, COCO_80), **settings)

    about = f"YOLOX, input {SIZES[name].input_side}"
    return Entry(name, "yolox", "your file: weights='...'", about, build, "official file")


FAMILY = Family(
    name="yolox",
    adapter=YoloxDetector,
    entries=(
        bundled(
            "tiny-yolox",
            YoloxDetector,
            f"small YOLOX {SCENES}",
            lambda names: Yolox(len(names), TINY),
            {"input_size": TINY_INPUT, "convention": "rgb-imagenet"},
        ),
        *(_entry(name) for name in SIZES),
    ),
    stage_patterns=(
        ("outputs", r"head\.\w+_preds\."),
        ("head", r"head\."),
        ("neck", r"backbone\.(?!backbone\.)"),
    ),
)
