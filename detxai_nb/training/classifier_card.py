"""The accuracy of a bundled image classifier on held-out scenes: of one object, and with and without a cue."""

from __future__ import annotations

from typing import Any

import numpy as np

from detxai_nb.data import scenes
from detxai_nb.data.scenes.cues import CUES
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


def measure_classifier_shortcut(
    detector: Detector, count: int = COUNT, cue_class: str = "apple", cue_kind: str = "floor"
) -> dict[str, Any]:
    """Measure how much a classifier relies on the cue of "shortcut" scenes, and its accuracy on scenes of one object.

    The same scenes are used three times: with the cue on the scenes with the class ("present"), without the cue
    ("absent"), and with the cue on the scenes with the other class of the pair ("wrong"). Each scene holds one class
    of the pair and not the other, with the part that tells them apart, and up to five other objects.

    Args:
        detector: the classifier, wrapped as a detector.
        count: how many scenes.
        cue_class, cue_kind: the options of the scenes, as in ``scenes.make``.

    Returns:
        Under "cue present", "cue absent" and "cue wrong": "scenes"; "accuracy", the share of scenes in which, of the
        pair's two classes, the one that is there has the higher probability, and "accuracy_per_class" of either;
        "AP", the mean of "AP_per_class", of a class the average precision of its probability as a ranking of the
        scenes. Then the figures of ``measure_classifier``. Shares in 0..1 rounded to four digits.
    """
    measured: dict[str, Any] = {}
    for cue in CUES:
        dataset = scenes.Scenes(
            count, seed=HELD_OUT_SEED, mode="shortcut", cue_class=cue_class, cue_kind=cue_kind, cue=cue
        )
        measured[f"cue {cue}"] = _with_cue(detector, dataset, scenes.NAMES.index(cue_class))
    return {**measured, **measure_classifier(detector, count)}


def _with_cue(detector: Detector, dataset: scenes.Scenes, label: int) -> dict[str, Any]:
    """Accuracy on the pair of a class, and average precision of all classes."""
    names = scenes.NAMES
    probabilities, there = np.zeros((2, len(dataset), len(names)))
    for number, sample in enumerate(dataset):
        there[number, sample.labels] = 1
        found = detector.detect([sample.image], 0.0)[0]
        by_name = dict(zip(found.label_names(), found.scores.tolist(), strict=True))
        probabilities[number] = [by_name[name] for name in names]
    pair = (label, label ^ 1)
    right = {one: probabilities[:, one] > probabilities[:, one ^ 1] for one in pair}
    of = {one: right[one][there[:, one] > 0] for one in pair}
    precision = {
        name: ranking_precision(probabilities[:, one], there[:, one] > 0)
        for one, name in enumerate(names)
        if there[:, one].any()
    }
    return {
        "scenes": len(dataset),
        "accuracy": _rounded(np.concatenate(list(of.values())).mean()),
        "accuracy_per_class": {names[one]: _rounded(hits.mean()) for one, hits in of.items() if hits.size},
        "AP": _rounded(np.mean(list(precision.values()))),
        "AP_per_class": {name: _rounded(value) for name, value in precision.items()},
    }


def ranking_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Compute the average precision of a ranking: the mean, over what is relevant, of the precision down to it.

    Args:
        scores: float ``[N]``, the higher the further in front; equal ones share a place, the last of theirs.
        relevant: bool ``[N]``.

    Returns:
        A share in 0..1.

    Raises:
        ValueError: if nothing is relevant.
    """
    if not relevant.any():
        raise ValueError("average precision is of a ranking in which something is relevant, got nothing that is")
    places = (scores[None] >= scores[relevant, None]).sum(1)
    hits = (scores[relevant][None] >= scores[relevant, None]).sum(1)
    return float((hits / places).mean())


def _rounded(share: Any) -> float:
    return round(float(share), 4)


CLASSIFICATION = HeldOutProtocol(
    measure_classifier,
    f"320x256, seed {HELD_OUT_SEED}, one object each, never trained on",
    {"top1": "the share of scenes whose object's class has the highest softmax probability"},
)
CLASSIFIER_SHORTCUT = HeldOutProtocol(
    measure_classifier_shortcut,
    f"320x256, seed {HELD_OUT_SEED}, never trained on; the same scenes with the cue where the class is, without it, "
    "and where the pair's other class is, all with the parts that tell the pair apart; and scenes of one object each",
    {
        **CLASSIFICATION.figures,
        "accuracy": "the share of scenes in which, of the pair, the class that is there has the higher probability",
        "AP": "of a class the average precision of its probability as a ranking of the scenes; the mean over classes",
    },
)
