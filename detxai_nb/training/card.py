"""The card of a bundled model: how it was trained, how it was measured, and the figures."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import torch
import torchvision

from detxai_nb.data import scenes
from detxai_nb.training.loop import TRAINING_SEED, TrainingSettings
from detxai_nb.training.recipe import Recipe


def differences(expected: dict[str, Any], got: dict[str, Any], tolerance: float, where: str = "") -> list[str]:
    """Compare measured figures with those of a card.

    Args:
        expected: figures, or nested dictionaries of figures, of the card.
        got: the measured ones, nested alike.
        tolerance: the largest difference that is accepted.
        where: a prefix for the names of the figures.

    Returns:
        A line for every figure of ``expected`` that is missing in ``got`` or differs by more than ``tolerance``.
    """
    lines = []
    for name, value in expected.items():
        other = got.get(name)
        if isinstance(value, dict):
            lines += differences(value, other or {}, tolerance, f"{where}{name} ")
        elif other is None or not abs(value - other) <= tolerance:
            lines.append(f"{where}{name}: the card says {value}, measured {other}")
    return lines


def make_card(
    name: str,
    recipe: Recipe,
    stages: Sequence[TrainingSettings],
    *,
    parameters: int,
    hardware: str,
    measured: dict[str, Any],
    weights: Path,
) -> dict[str, Any]:
    """Return the card of a model: everything that a user wants to know before trusting the weights.

    Args:
        name: the name of the model.
        recipe: its recipe.
        stages: the settings that it was trained with, those of each training after the other.
        parameters: the number of its parameters.
        hardware: the device and the precision of the training, in words.
        measured: the figures of the recipe's held-out protocol.
        weights: the file of weights.

    Returns:
        The card, as JSON data.

    Raises:
        ValueError: if the title of one of the recipe's notes is a key that the card itself uses.
    """
    module = "python -m detxai_nb.training.zoo"
    taken = {"data", "scenes", "modes", "sizes", "command", "settings", "further", "hardware"} & dict(
        recipe.notes
    ).keys()
    if taken:
        raise ValueError(f"the card itself has {', '.join(sorted(taken))}; give these notes another title")
    settings, *further = stages
    flags = f" --steps {settings.steps} --batch {settings.batch} --rate {settings.rate} --seed {settings.seed}"
    return {
        "name": name,
        "family": recipe.family,
        "architecture": recipe.architecture,
        "input": recipe.image,
        "names": list(recipe.names),
        "parts": list(scenes.PART_NAMES),
        "licence": "Apache-2.0",
        "parameters": parameters,
        "bytes": weights.stat().st_size,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "training": {
            "data": f"synthetic scenes of detxai_nb.data.scenes, {_drawn(settings)}",
            "drawing": scenes.DRAWING,
            "scenes": sum(each.steps * each.batch for each in stages),
            "scenes_seed": TRAINING_SEED + settings.seed,
            "modes": _shares(settings.mix),
            "sizes": _shares((f"{width}x{height}", share) for (width, height), share in settings.sizes),
            **({"starts_from": f"{recipe.start}: {', '.join(recipe.prefixes)}"} if recipe.start else {}),
            "command": f"{module} {name}{'' if further else flags}",
            "settings": _settings(settings),
            **({"further": [_settings(each) for each in further]} if further else {}),
            "hardware": hardware,
            **dict(recipe.notes),
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
            "scenes": recipe.protocol.scenes,
            **recipe.protocol.figures,
        },
    }


def _drawn(settings: TrainingSettings) -> str:
    return f"a pool of {settings.pool}, gone through again and again" if settings.pool else "each drawn once"


def _settings(settings: TrainingSettings) -> dict[str, Any]:
    return {key: value for key, value in asdict(settings).items() if key not in ("mix", "sizes")}


def _shares(pairs: Iterable[tuple[str, float]]) -> dict[str, float]:
    return dict(pairs)
