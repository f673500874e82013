"""The card of a bundled detector: what it was trained on, how it was measured, and the figures."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import torch
import torchvision
from torch import nn

from detxai_nb.data import scenes
from detxai_nb.metrics.detection import average_precision
from detxai_nb.training.calibration import GAIN, SHIFT
from detxai_nb.training.loop import MIX, SIZES, TRAINING_SEED, Settings
from detxai_nb.types import Detector

MEASURED_ON = {"plain": 500, "tiny": 200, "crowd": 200}
MEASURING_SEED = 1
SCORE_THRESHOLD = 0.05


def measure(detector: Detector, counts: dict[str, int] | None = None) -> dict[str, dict[str, Any]]:
    """Average precision on ``counts`` unseen scenes of each mode (by default ``MEASURED_ON``), by mode."""
    measured = {}
    for mode, count in (counts or MEASURED_ON).items():
        dataset = scenes.Scenes(count, seed=MEASURING_SEED, mode=mode)
        found = [detector.detect([sample.image], score_threshold=SCORE_THRESHOLD)[0] for sample in dataset]
        figures = average_precision(dataset, found)
        per_class = {name: round(value, 4) for name, value in figures.pop("per_class").items()}
        rounded = {name: round(value, 4) for name, value in figures.items()}
        measured[mode] = {"scenes": rounded.pop("images"), **rounded, "AP_per_class": per_class}
    return measured


def differences(expected: dict[str, Any], got: dict[str, Any], tolerance: float, where: str = "") -> list[str]:
    """A line for every figure of ``expected`` that ``got`` lacks or that is further than ``tolerance`` away."""
    lines = []
    for name, value in expected.items():
        other = got.get(name)
        if isinstance(value, dict):
            lines += differences(value, other or {}, tolerance, f"{where}{name} ")
        elif other is None or not abs(value - other) <= tolerance:
            lines.append(f"{where}{name}: the card says {value}, measured {other}")
    return lines


def make_card(
    name: str, model: nn.Module, settings: Settings, hardware: str, measured: dict[str, Any], weights: Path
) -> dict[str, Any]:
    """Everything a person wants to know before trusting the weights, as JSON data."""
    module = "python -m detxai_nb.training.zoo"
    flags = f"--steps {settings.steps} --batch {settings.batch} --rate {settings.rate} --seed {settings.seed}"
    return {
        "name": name,
        "family": "fcos",
        "architecture": (
            "torchvision FCOS on a small residual backbone with a feature pyramid: strides 8, 16, 32 of 64 channels, "
            "head of 3 convolutions with GroupNorm (detxai_nb/detectors/tiny.py)"
        ),
        "input": "RGB, short side 256 pixels, long side at most 448; 320x256 passes unscaled",
        "names": list(scenes.NAMES),
        "parts": list(scenes.PART_NAMES),
        "licence": "Apache-2.0",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "bytes": weights.stat().st_size,
        "training": {
            "data": "synthetic scenes of detxai_nb.data.scenes, each drawn once",
            "drawing": scenes.DRAWING,
            "scenes": settings.steps * settings.batch,
            "scenes_seed": TRAINING_SEED + settings.seed,
            "modes": _shares(MIX),
            "sizes": _shares((f"{width}x{height}", share) for (width, height), share in SIZES),
            "command": f"{module} {name} {flags}",
            "settings": asdict(settings),
            "hardware": hardware,
            "calibration": f"class logits times {GAIN}, plus {SHIFT}: 0.3 is a good score threshold",
            "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "versions": {
                "python": platform.python_version(),
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "numpy": numpy.__version__,
            },
        },
        "measured": measured,
        "protocol": {
            "command": f"{module} {name} --check",
            "scenes": f"320x256, seed {MEASURING_SEED}, never trained on",
            "average_precision": f"pycocotools, boxes, detections with a score of at least {SCORE_THRESHOLD}",
        },
    }


def _shares(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    return dict(pairs)
