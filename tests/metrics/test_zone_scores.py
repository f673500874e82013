"""Scores with only the zone, or only the context: by hand on a detector, and literally on a classifier."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, Counting, box_mask, case, detector, painted, sample
from torch import nn

import detxai_nb as dx
from detxai_nb.metrics import METRICS, DetectionCache, MetricInput, match, zone_picture

FOUR = ("saliency-zone-drop", "saliency-zone-increase", "context-zone-drop", "context-zone-increase")


def classifier() -> Any:
    """A network that knows three classes and looks at colours in places."""
    drawn = torch.Generator().manual_seed(3)
    module = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(6 * 16, 3)
    )
    for weight in module.parameters():
        nn.init.normal_(weight, std=0.7, generator=drawn)
    return dx.wrap(module, family="classifier", names=["cup", "pan", "pot"], input_size=16)


def classified(kept: int = 3) -> tuple[Any, MetricInput]:
    about = classifier()
    photograph = np.random.default_rng(4).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    one = sample(image=photograph)
    found = about.detect([photograph], 0.0)[0][:kept]
    maps = torch.rand(kept, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(5))
    return about, MetricInput(maps, found, match(found, one), one, about, answers=DetectionCache(about))


@pytest.mark.parametrize("fill", ["black", "mean", "random"])
@pytest.mark.parametrize("threshold", [0.2, 0.5])
def test_against_asking_the_network_with_pictures_made_pixel_by_pixel(fill: str, threshold: float) -> None:
    about, one = classified()
    photograph = one.sample.image
    for context in (False, True):
        changed = []
        for row, heat in enumerate(one.maps):
            filling = np.random.Generator(np.random.PCG64(one.object_seed(row, "fill"))).integers(
                0, 256, photograph.shape, dtype=np.uint8
            )
            picture = photograph.copy()
            for y in range(HEIGHT):
                for x in range(WIDTH):
                    inside = float(heat[y, x]) / float(heat.max()) > threshold
                    if inside == context:
                        mean = np.round(photograph.reshape(-1, 3).mean(axis=0))
                        picture[y, x] = {"black": 0, "mean": mean, "random": filling[y, x]}[fill]
            label = int(one.detections.labels[row])
            before, after = (
                float(next(d.scores[d.labels == label] for d in about.detect([p], 0.0))) for p in (photograph, picture)
            )
            changed.append((max(0.0, before - after) / before, float(after > before)))
        zone = "context" if context else "saliency"
        for name, expected in zip(("drop", "increase"), zip(*changed)):
            value = METRICS[f"{zone}-zone-{name}"].measure(one, threshold=threshold, fill=fill).value
            # Batches differ from single pictures in the last digits.
            assert value.tolist() == pytest.approx(expected, abs=2e-5)


def test_a_class_that_becomes_unlikely_keeps_its_probability() -> None:
    # Below the least score of detections it would be read as 0, and every drop as 1.
    _, one = classified()
    rare = one.detections.scores.argmin()
    assert float(one.detections.scores[rare]) < 0.05
    measured = METRICS["context-zone-drop"].measure(one)
    assert measured.extras["original"][rare].item() == pytest.approx(float(one.detections.scores[rare]), rel=1e-4)
    assert (measured.extras["left"] > 0).all()


def test_on_a_detector_by_hand() -> None:
    # The first object's zone is a quarter of its box, the second's all of it.
    quarter, whole = box_mask(BOXES[0]), torch.from_numpy(box_mask(BOXES[1])).float()
    quarter[:, int(BOXES[0][0]) + 2 :] = False
    share = quarter.sum() / box_mask(BOXES[0]).sum()
    one = case(torch.stack([torch.from_numpy(quarter).float(), whole]), detector=detector())
    found = {name: METRICS[name].measure(one).value.tolist() for name in FOUR}
    assert found["saliency-zone-drop"] == pytest.approx([1 - share, 0])
    assert found["context-zone-drop"] == pytest.approx([share, 1])
    assert found["saliency-zone-increase"] == found["context-zone-increase"] == [0, 0]


def test_a_score_that_rises_counts_once() -> None:
    def better_on_black(image: np.ndarray) -> dict[str, Any]:
        answer = painted(image)
        return {**answer, "scores": np.full(2, 0.9 if (image[-1] == 0).all() else 0.6)}

    heat = torch.zeros(2, HEIGHT, WIDTH)
    heat[0, :-1], heat[1, -1] = 1, 1
    one = case(heat, detector=detector(better_on_black))
    assert METRICS["saliency-zone-increase"].measure(one).value.tolist() == [1, 0]
    assert METRICS["context-zone-increase"].measure(one).value.tolist() == [0, 1]
    assert METRICS["saliency-zone-drop"].measure(one).value.tolist() == [0, 0]


def test_empty_zones_are_misses_and_full_ones_change_nothing() -> None:
    one = case(torch.stack([torch.zeros(HEIGHT, WIDTH), torch.ones(HEIGHT, WIDTH)]), detector=detector())
    found = {name: METRICS[name].measure(one) for name in FOUR}
    assert [found[name].value.tolist() for name in FOUR] == [[1, 0], [0, 0], [0, 1], [0, 0]]
    assert found["saliency-zone-drop"].extras["empty_zone"].tolist() == [1, 0]
    assert found["saliency-zone-drop"].extras["full_zone"].tolist() == [0, 1]


def test_the_four_metrics_share_their_pictures() -> None:
    asked = Counting()
    one = case(torch.rand(2, HEIGHT, WIDTH), detector=detector(asked))
    for name in FOUR:
        METRICS[name].measure(one)
    assert asked.calls == 5  # the photograph, and two zones and two contexts


def test_whole_image_deletion_and_insertion_follow_the_probability_of_a_class() -> None:
    about, one = classified()
    for name in ("deletion", "insertion"):
        measured = METRICS[name].measure(one, steps=4, fill="black")
        for row in range(len(one)):
            order = dx.metrics.pixel_order(one.maps[row], seed=one.object_seed(row, "order"))
            expected = []
            for step in range(5):
                picture = one.sample.image.copy().reshape(-1, 3)
                first = order[: round(step * len(order) / 4)]
                picture[first if name == "deletion" else np.setdiff1d(np.arange(len(order)), first)] = 0
                answer = about.detect([picture.reshape(one.sample.image.shape)], 0.0)[0]
                expected.append(float(answer.scores[answer.labels == one.detections.labels[row]]))
            assert measured.curve[row].tolist() == pytest.approx(expected, abs=1e-6)
            area = sum(a + b for a, b in itertools.pairwise(expected)) / 8
            assert measured.value[row].item() == pytest.approx(area, abs=1e-6)


def test_mistakes_are_named() -> None:
    photograph = np.zeros((2, 3, 3), np.uint8)
    with pytest.raises(ValueError, match=r"kept is \[3, 2\], the photograph \[2, 3\]; they need one size"):
        zone_picture(photograph, np.ones((3, 2), bool))
    with pytest.raises(ValueError, match="fill is one of random, black, mean; got 'white'"):
        zone_picture(photograph, np.ones((2, 3), bool), "white")
    with pytest.raises(ValueError, match="fill of 'context-zone-drop' is one of"):
        METRICS["context-zone-drop"].measure(case(torch.zeros(2, HEIGHT, WIDTH), detector=detector()), fill="white")
