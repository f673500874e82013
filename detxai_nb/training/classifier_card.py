"""How good a bundled image classifier is, on scenes of one object that no training has seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from detxai_nb.data import scenes
from detxai_nb.training.held_out import MEASURING_SEED, Measuring
from detxai_nb.types import Detector

COUNT = 500
"""Scenes of one object."""


def measure_classifier(detector: Detector, count: int = COUNT) -> dict[str, Any]:
    """The share of ``count`` unseen "single" scenes whose object's class is the likeliest, over all and by class.

    Figures have four digits and stand under "single", as those of the detectors stand under their modes. A class that
    none of the scenes holds is left out.
    """
    names = scenes.NAMES
    hits, there = np.zeros(len(names), int), np.zeros(len(names), int)
    for sample in scenes.Scenes(count, seed=MEASURING_SEED, mode="single"):
        label = int(sample.labels[0])
        # At a threshold of 0 every class is reported, the likeliest first.
        found = detector.detect([sample.image], 0.0)[0]
        there[label] += 1
        hits[label] += found.label_names()[0] == names[label]
    per_class = {
        name: round(float(right / of), 4) for name, right, of in zip(names, hits, there, strict=True) if of > 0
    }
    return {"single": {"scenes": count, "top1": round(float(hits.sum() / count), 4), "top1_per_class": per_class}}


CLASSIFICATION = Measuring(
    measure_classifier,
    f"320x256, seed {MEASURING_SEED}, one object each, never trained on",
    {"top1": "the share of scenes whose object's class has the highest softmax probability"},
)
