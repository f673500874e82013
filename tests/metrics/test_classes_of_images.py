"""Predictions of a classifier: each annotated class is one object, made of all its annotations."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from detxai_nb.data.sample import Sample
from detxai_nb.metrics import METRICS, MetricInput, class_members, match
from detxai_nb.types import Detections

HEIGHT, WIDTH = 10, 16
BOXES = [[1.0, 1, 4, 5], [8.0, 2, 12, 6], [2.0, 6, 6, 9], [12.0, 7, 16, 10], [0.0, 0, 16, 10]]
LABELS = [0, 1, 0, 2, 0]  # two dogs, a cat, a bird, and a crowd of dogs
NAMES = ("dog", "cat", "bird")


def annotated() -> Sample:
    masks = np.zeros((5, HEIGHT, WIDTH), bool)
    for mask, (x1, y1, x2, y2) in zip(masks, np.array(BOXES, int)):
        mask[y1 : y2 - 1, x1:x2] = True
    return Sample(
        image=np.zeros((HEIGHT, WIDTH, 3), np.uint8),
        boxes=np.array(BOXES, np.float32),
        labels=np.array(LABELS),
        crowd=np.array([False] * 4 + [True]),
        image_id=1,
        file_name="a.png",
        names=NAMES,
        load_masks=lambda: masks,
        load_parts=lambda: masks,
    )


def classes(names: tuple[str, ...], scores: list[float]) -> Detections:
    """What a classifier reports: every class, by falling score, with the whole image as its box."""
    order = np.argsort(scores)[::-1].copy()
    return Detections(
        torch.tensor([[0.0, 0, WIDTH, HEIGHT]]).expand(len(scores), 4),
        torch.tensor(scores)[order],
        torch.from_numpy(order),
        names,
        origins=torch.from_numpy(order)[:, None],
        origin_fields=("class",),
    )


def test_every_class_takes_its_first_annotation_whatever_its_box() -> None:
    sample = annotated()
    found = classes(("cat", "dog", "fish"), [0.2, 0.7, 0.1])
    assert match(found, sample).tolist() == [0, 1, -1]
    assert [class_members(sample, number) for number in (0, 1, -1)] == [[0, 2], [1], []]


def test_a_class_that_the_classifier_splits_goes_to_its_most_likely_one() -> None:
    found = classes(("pug", "beagle", "tabby", "tiger cat"), [0.1, 0.4, 0.3, 0.2])
    split = {"dog": ("pug", "beagle"), "cat": ["tabby", "tiger cat"]}
    assert match(found, annotated(), classes=split).tolist() == [0, 1, -1, -1]
    with pytest.raises(ValueError, match="has no class 'beegle'; did you mean 'beagle'"):
        match(found, annotated(), classes={"dog": "beegle"})
    with pytest.raises(ValueError, match="has no class 'dogs'; did you mean 'dog'"):
        match(found, annotated(), classes={"dogs": "pug"})


def test_masks_and_boxes_of_a_class_are_unions_and_crowds_are_none() -> None:
    sample = annotated()
    found = classes(NAMES, [0.6, 0.3, 0.1])
    one = MetricInput(torch.zeros(3, HEIGHT, WIDTH), found, match(found, sample), sample)
    assert one.members == ((0, 2), (1,), (3,))
    assert one.boxes.tolist() == [[1, 1, 6, 9], BOXES[1], BOXES[3]]
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[1:5, 1:4] = pixels[6:9, 2:6] = True
    assert (one.box_masks[0].numpy() == pixels).all()
    pixels[4] = pixels[8] = False
    assert (one.masks[0].numpy() == pixels).all()
    assert (one.parts[0].numpy() == pixels).all()
    assert (one.masks[1].numpy() == sample.masks[1]).all()


def test_metrics_of_places_measure_the_class_against_all_its_objects() -> None:
    sample = annotated()
    found = classes(NAMES, [0.6, 0.3, 0.1])
    heat = torch.zeros(3, HEIGHT, WIDTH)
    heat[0, 7, 3], heat[0, 3, 9] = 3, 1  # the second dog, and the cat
    heat[1, 3, 9] = heat[2, 0, 0] = 1
    one = MetricInput(heat, found, match(found, sample), sample)
    assert METRICS["pointing-game-box"].measure(one).value.tolist() == [1, 1, 0]
    assert METRICS["pointing-game-mask"].measure(one).value.tolist() == [1, 1, 0]
    assert METRICS["energy-pointing-mask"].measure(one).value[:2].tolist() == [0.75, 1]
    for name in ("odi-box", "odi-mask"):
        odi = METRICS[name].measure(one)
        assert odi.value[:2].tolist() == pytest.approx([0.25, 0])
        assert odi.extras["others"].tolist() == [2, 3, 3]


def test_a_detector_still_has_one_annotation_an_object() -> None:
    sample = annotated()
    found = Detections(torch.tensor(BOXES[:3]), torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 1, 0]), NAMES)
    one = MetricInput(torch.zeros(3, HEIGHT, WIDTH), found, match(found, sample), sample)
    assert one.members == ((0,), (1,), (2,))
    assert one.least_score(0.05) == 0.05
