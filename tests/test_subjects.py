"""Objects or classes: what a detector's predictions are called, and where to begin."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import detxai_nb as dx
from detxai_nb.subjects import (
    CLASSES,
    FIRST_CLASSES,
    OBJECTS,
    class_titles,
    first_predictions,
    number_of_class,
    subject_of,
    with_class,
)


@pytest.fixture(scope="module")
def classifier() -> Any:
    return dx.load_detector("tiny-resnet", device="cpu")


@pytest.fixture(scope="module")
def image() -> Any:
    return dx.data.scenes.make(1, mode="single").image


def many_classes(names: list[str], scale: float = 0.1) -> Any:
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=4),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(1),
        torch.nn.Flatten(),
        torch.nn.Linear(4, len(names)),
    )
    torch.nn.init.normal_(module[4].weight, std=scale)
    return dx.wrap(module, family="classifier", names=names, input_size=32)


def test_a_classifier_predicts_classes_and_everything_else_objects(classifier: Any) -> None:
    assert subject_of(classifier) is CLASSES
    assert subject_of(dx.load_detector("tiny-fcos", device="cpu")) is OBJECTS
    assert subject_of(dx.wrap_predict(lambda image: ([], [], []), ["cat"])) is OBJECTS
    assert [CLASSES.counted(1), CLASSES.counted(5), OBJECTS.counted(0)] == ["1 class", "5 classes", "0 objects"]


def test_small_probabilities_keep_their_digits_and_scores_of_objects_do_not_change() -> None:
    said = [CLASSES.score_in_words(p) for p in (0.914, 0.01, 0.0042, 3.14e-6, 0.0)]
    assert said == ["0.91", "0.01", "0.0042", "3.1e-6", "0.00"]
    assert OBJECTS.score_in_words(0.0042) == "0.00"


def test_the_five_most_probable_classes_come_first_however_small_their_probabilities(image: Any) -> None:
    thousand = many_classes([f"class {n}" for n in range(1000)])
    found = first_predictions(thousand, image, 0.3)
    assert len(found) == FIRST_CLASSES
    assert float(found.scores.max()) < 0.01
    assert found.labels.tolist() == thousand.detect([image], 0.0)[0].labels[:5].tolist()
    assert len(first_predictions(many_classes(["a", "b"]), image, 0.3)) == 2


def test_a_low_threshold_adds_every_class_above_it(classifier: Any, image: Any) -> None:
    scores = classifier.detect([image], 0.0)[0].scores
    assert len(first_predictions(classifier, image, float(scores[6]))) == 7
    assert len(first_predictions(classifier, image, 0.99)) == 5


def test_one_more_class_is_what_the_classifier_itself_says_of_it(classifier: Any, image: Any) -> None:
    first = first_predictions(classifier, image, 0.3)
    number = next(n for n in range(len(classifier.names)) if n not in first.labels.tolist())
    slow = dx.detections.of_classes(classifier, image, [*first.labels.tolist(), number])
    for given in (first, torch_less(first)):
        more = with_class(classifier, image, given, number)
        assert len(more) == 6
        for field in ("boxes", "scores", "labels", "origins"):
            assert torch.equal(getattr(more, field), getattr(slow, field)), field
        assert len(dx.explain(classifier, image, more, method="grad-cam")) == 6


def torch_less(found: Any) -> Any:
    """The same without the probabilities of the other classes."""
    from dataclasses import replace

    return replace(found, class_scores=None)


def test_a_class_is_named_by_its_name_or_number_and_an_unknown_one_answered_with_the_nearest(classifier: Any) -> None:
    assert number_of_class(classifier, " MUG ") == classifier.names.index("mug")
    assert number_of_class(classifier, "#3") == number_of_class(classifier, 3) == 3
    with pytest.raises(ValueError, match=r"no class 'mugg'; did you mean 'mug'"):
        number_of_class(classifier, "mugg")
    with pytest.raises(ValueError, match="numbered 0 to 9"):
        number_of_class(classifier, "#10")
    with pytest.raises(TypeError, match="text or a whole number"):
        number_of_class(classifier, True)


def test_classes_of_one_name_are_told_apart_by_their_numbers(image: Any) -> None:
    twice = many_classes(["crane", "bird", "crane"])
    found = dx.detections.of_classes(twice, image, [2, 1, 0])
    assert class_titles(found) == ["crane (2)", "bird", "crane (0)"]
    assert number_of_class(twice, "#2") == 2
