"""The accuracy of a bundled image classifier on held-out scenes of one object."""

from __future__ import annotations

from typing import Any

import numpy as np

from detxai_nb.data import scenes
from detxai_nb.training.held_out import HELD_OUT_SEED, HeldOutProtocol
from detxai_nb.types import Detector

COUNT = 500
"""The number of scenes."""


def measure_classifier(detector: Detector, count: int = COUNT) -> dict[str, Any]:
    """Measure the top-1 accuracy on held-out scenes of mode "single", overall and by class.

    Args:
        detector: the classifier, wrapped as a detector.
        count: how many scenes.

    Returns:
        Under "single", as the figures of detectors stand under their modes: "scenes", "top1" and "top1_per_class",
        shares in 0..1 rounded to four digits. A class that no scene holds is left out.
    """
    names = scenes.NAMES
    hits, there = np.zeros(len(names), int), np.zeros(len(names), int)
    for sample in scenes.Scenes(count, seed=HELD_OUT_SEED, mode="single"):
        label = int(sample.labels[0])
        # At a threshold of 0 every class is reported, the likeliest first.
        found = detector.detect([sample.image], 0.0)[0]
        there[label] += 1
        hits[label] += found.label_names()[0] == names[label]
    per_class = {
        name: round(float(right / of), 4) for name, right, of in zip(names, hits, there, strict=True) if of > 0
    }
    return {"single": {"scenes": count, "top1": round(float(hits.sum() / count), 4), "top1_per_class": per_class}}


CLASSIFICATION = HeldOutProtocol(
    measure_classifier,
    f"320x256, seed {HELD_OUT_SEED}, one object each, never trained on",
    {"top1": "the share of scenes whose object's class has the highest softmax probability"},
)
