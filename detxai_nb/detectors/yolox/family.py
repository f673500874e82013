"""The record of the family "yolox"."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.catalogue import SCENES, bundled, pick_names
from detxai_nb.detectors.coco_names import COCO_80
from detxai_nb.detectors.weights import fit_weights, read_weights, tensor_called
from detxai_nb.detectors.yolox.detector import CONVENTIONS, YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, TINY, TINY_INPUT, Yolox
from detxai_nb.stated_input import read_stated_input

_log = logging.getLogger(__name__)
_STATED = {"convention": ("channel_order", "normalisation"), "input_size": ("input_size",)}
"""By setting of ``YoloxDetector`` what a weights file states of it."""


def _entry(name: str) -> Entry:
    """The entry of one of YOLOX's sizes."""

    def build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> YoloxDetector:
        if weights is None:
            raise ValueError(
                f"{name} needs weights='path': the official {name.replace('-', '_')}.pth from the releases of "
                "github.com/Megvii-BaseDetection/YOLOX, or a .safetensors file with the same tensor names, whose "
                "metadata may state channel_order, normalisation and input_size"
            )
        state = read_weights(weights)
        usual = {"convention": CONVENTIONS[0], "input_size": SIZES[name].input_side}
        settings = {**stated_yolox_input(weights, usual, settings), **settings}
        outputs = tensor_called(state, "head.cls_preds.0.bias")
        classes = len(COCO_80) if outputs is None else len(outputs)
        module = Yolox(classes, SIZES[name])
        fit_weights(module, state, name)
        return YoloxDetector(module, pick_names(names, classes, COCO_80), **settings)

    about = f"YOLOX, input {SIZES[name].input_side}"
    return Entry(name, "yolox", "your file: weights='...'", about, build, "official file")


def stated_yolox_input(
    weights: str | os.PathLike[str], usual: Mapping[str, Any], given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return convention and input size as a weights file states them, else the usual ones, and log which.

    Args:
        weights: the file.
        usual: the settings "convention" and "input_size" of a file that states nothing.
        given: settings that the caller has; what the file states of them is not read.

    Returns:
        The settings "convention" and "input_size" of ``YoloxDetector``.

    Raises:
        ValueError: if the file states something that cannot be understood, or a normalisation that YOLOX does not have.
    """
    known = [key for setting, keys in _STATED.items() if setting in given for key in keys]
    stated = read_stated_input(weights, known)
    if stated.scale == "other":
        raise ValueError(
            f"{stated.file} states a normalisation by mean {stated.mean} and std {stated.std}, which is none of "
            f"YOLOX's; hand in the nearest as convention=..., one of {', '.join(CONVENTIONS)}"
        )
    scale = {"imagenet": "-imagenet", None: usual["convention"][3:]}.get(stated.scale, stated.scale)
    found = {
        "convention": f"{stated.order or usual['convention'][:3]}{scale}",
        "input_size": stated.size or usual["input_size"],
    }
    settings = {**found, **given}
    told = f"convention {settings['convention']}, input size {settings['input_size']}"
    if not stated.is_silent:
        _log.info("%s states of its input what is not given: %s", weights, told)
    elif len(known) < sum(map(len, _STATED.values())):
        silent = f"{weights} states nothing of its input; what is not given is as usual: {told}"
        # An official checkpoint is no safetensors file, and what it needs is the usual.
        if stated.file.suffix == ".safetensors":
            warnings.warn(silent, stacklevel=2)
        else:
            _log.info(silent)
    return found


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
            stated=stated_yolox_input,
        ),
        *(_entry(name) for name in SIZES),
    ),
    stage_patterns=(
        ("outputs", r"head\.\w+_preds\."),
        ("head", r"head\."),
        ("neck", r"backbone\.(?!backbone\.)"),
    ),
)
