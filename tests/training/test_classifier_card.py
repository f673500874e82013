"""What is measured of a classifier."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from detxai_nb.data import scenes
from detxai_nb.training.classifier_card import CLASSIFICATION, measure_classifier


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
