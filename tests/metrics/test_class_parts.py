"""Energy on the part that tells the classes apart: by hand, and on a real synthetic scene."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import detxai_nb as dx
from detxai_nb.data.scenes import Scenes, redraw
from detxai_nb.metrics import METRICS, MetricInput, match, part_energy, part_share
from detxai_nb.metrics.class_parts import gain


def test_by_hand() -> None:
    masks = torch.tensor([[[1, 1, 1, 1, 0]]] * 3 + [[[0, 0, 0, 0, 0]]]).bool()
    parts = torch.tensor([[[0, 0, 0, 1, 0]]] * 3 + [[[0, 0, 0, 0, 0]]]).bool()
    maps = torch.tensor([[[1.0, 0, 0, 3, 90]], [[0.0] * 5], [[0.0, 0, 0, 0, 9]], [[1.0] * 5]])
    found, even = part_energy(maps, parts, masks), part_share(parts, masks)
    assert found.tolist() == pytest.approx([0.75, 0, 0, 0])
    assert even.tolist() == pytest.approx([0.25, 0.25, 0.25, math.nan], nan_ok=True)
    assert gain(found, even).tolist() == pytest.approx([3, 0, 0, math.nan], nan_ok=True)


def test_even_maps_score_the_parts_share_and_the_parts_themselves_1() -> None:
    scene = Scenes(1, seed=4, width=200, height=150)[0]
    masks, parts = torch.from_numpy(scene.masks), torch.from_numpy(scene.parts)
    even = part_energy(torch.ones(masks.shape), parts, masks)
    assert torch.allclose(even, part_share(parts, masks))
    assert even.tolist() == pytest.approx([p.sum() / m.sum() for p, m in zip(scene.parts, scene.masks)])
    assert part_energy(parts.float(), parts, masks).tolist() == [1] * len(scene)


def test_mistakes_are_named() -> None:
    mask = torch.ones(1, 2, 3, dtype=torch.bool)
    with pytest.raises(ValueError, match="non-negative maps"):
        part_energy(-torch.ones(1, 2, 3), mask, mask)
    with pytest.raises(ValueError, match=r"got \[1, 2, 3\] and \[1, 3, 2\]"):
        part_energy(torch.ones(1, 2, 3), mask.transpose(1, 2), mask)


def test_the_parts_effect_is_the_score_lost_in_the_scene_without_it() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    dataset = Scenes(5, seed=1, width=192, height=160)
    sample = dataset[4]
    detections = detector.detect([sample.image], 0.3)[0]
    numbers = match(detections, sample)
    maps = torch.rand(len(detections), 160, 192, generator=torch.Generator().manual_seed(0))
    one = MetricInput(maps, detections, numbers, sample, detector)
    found = METRICS["part-energy"].measure(one)
    for row, number in enumerate(numbers.tolist()):
        lost, left = float(found.extras["effect"][row]), float(found.extras["score without"][row])
        if number < 0:
            assert math.isnan(lost)
            assert math.isnan(left)
            continue
        bare = redraw(dataset.scene(4), without_parts=number).image
        again, _ = next(one.ask().ask([bare])).follow(detections[row])
        assert left == float(again[0])
        assert lost == pytest.approx(float(detections.scores[row]) - left)
    assert bool((found.extras["effect"] > 0.1).any())
    without = METRICS["part-energy"].measure(replace(one, detector=None, answers=None))
    assert torch.equal(without.value.nan_to_num(), found.value.nan_to_num())
    assert bool(torch.isnan(without.extras["effect"]).all())
