"""What is measured of a classifier."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from detxai_nb.data import scenes
from detxai_nb.training.classifier_card import (
    CLASSIFICATION,
    CLASSIFIER_SHORTCUT,
    measure_classifier,
    measure_classifier_shortcut,
    ranking_precision,
)


class Knowing:
    """Tells every scene's class but ``blind_to``, which it takes for another."""

    def __init__(self, count: int, blind_to: str) -> None:
        self.truth = iter(scenes.Scenes(count, seed=1, mode="single"))
        self.blind_to = blind_to

    def detect(self, images: list[Any], score_threshold: float) -> list[Any]:
        assert score_threshold == 0.0
        sample = next(self.truth)
        assert (sample.image == images[0]).all()
        name = scenes.NAMES[int(sample.labels[0])]
        return [SimpleNamespace(label_names=lambda: ["nothing" if name == self.blind_to else name, "mug"])]


def test_top_1_is_the_share_of_scenes_whose_likeliest_class_is_right() -> None:
    labels = [scenes.NAMES[int(sample.labels[0])] for sample in scenes.Scenes(12, seed=1, mode="single")]
    wrong = labels[3]
    measured = measure_classifier(Knowing(12, wrong), 12)["single"]
    assert measured["scenes"] == 12
    assert measured["top1"] == round(1 - labels.count(wrong) / 12, 4)
    assert measured["top1_per_class"] == {
        name: 0.0 if name == wrong else 1.0 for name in scenes.NAMES if name in labels
    }
    assert CLASSIFICATION.measure is measure_classifier


class OfTheFloor:
    """Knows every class but the pair's, which it tells by a teal floor alone."""

    def __init__(self, truth: dict[bytes, set[str]]) -> None:
        self.truth = truth

    def detect(self, images: list[Any], score_threshold: float) -> list[Any]:
        there = self.truth[images[0].tobytes()] - {"apple", "bauble"}
        red, green, blue = np.median(images[0].reshape(-1, 3).astype(float), axis=0)
        likely = {name: 0.9 if name in there else 0.1 for name in scenes.NAMES}
        teal = min(green, blue) > 1.5 * red
        likely |= {"apple": 0.8, "bauble": 0.2} if teal else {"apple": 0.2, "bauble": 0.8}
        order = sorted(likely, key=lambda name: -likely[name])
        return [SimpleNamespace(label_names=lambda: order, scores=torch.tensor([likely[name] for name in order]))]


def test_who_looks_at_the_floor_only_is_right_with_the_cue_and_wrong_where_it_is_misplaced() -> None:
    truth = {}
    for options in ({"cue": cue, "cue_kind": "floor", "mode": "shortcut"} for cue in ("present", "absent", "wrong")):
        for sample in scenes.Scenes(8, seed=1, **options):
            truth[sample.image.tobytes()] = {sample.names[label] for label in sample.labels}
    for sample in scenes.Scenes(8, seed=1, mode="single"):
        truth[sample.image.tobytes()] = {sample.names[label] for label in sample.labels}
    measured = measure_classifier_shortcut(OfTheFloor(truth), 8)
    present, absent, wrong = (measured[f"cue {cue}"] for cue in ("present", "absent", "wrong"))
    assert (present["scenes"], present["accuracy"], wrong["accuracy"]) == (8, 1.0, 0.0)
    assert absent["accuracy_per_class"] == {"apple": 0.0, "bauble": 1.0}
    assert present["AP_per_class"]["apple"] == 1 > wrong["AP_per_class"]["apple"]
    assert all(one["AP_per_class"]["mug"] == 1 for one in (present, absent, wrong))
    assert present["AP"] == pytest.approx(np.mean(list(present["AP_per_class"].values())), abs=1e-4)
    assert measured["single"]["scenes"] == 8
    assert CLASSIFIER_SHORTCUT.measure is measure_classifier_shortcut


def test_the_precision_of_a_ranking_is_the_mean_over_what_is_relevant() -> None:
    relevant = np.array([True, False, True, False])
    # At the first and the third place: (1/1 + 2/3) / 2.
    assert ranking_precision(np.array([0.9, 0.8, 0.7, 0.1]), relevant) == pytest.approx((1 + 2 / 3) / 2)
    # Who says the same of all has the share of what is relevant.
    assert ranking_precision(np.zeros(4), relevant) == 0.5
    with pytest.raises(ValueError, match="got nothing that is"):
        ranking_precision(np.zeros(2), np.zeros(2, bool))
