"""The two controls: what they look like, and that they are the same every time."""

from __future__ import annotations

import math

import pytest
import torch

from detxai_nb.metrics import box_masks, centred_gaussians, energy_pointing_game, random_maps


def test_random_maps_follow_their_seed() -> None:
    maps = random_maps(3, 40, 50, seed=7)
    assert maps.shape == (3, 40, 50)
    assert maps.dtype == torch.float32
    assert torch.equal(maps[:1], random_maps(1, 40, 50, seed=7))
    assert not torch.equal(maps[0], maps[1])
    assert not torch.equal(maps, random_maps(3, 40, 50, seed=8))
    assert 0 <= maps.min() < maps.max() < 1
    assert maps.mean().item() == pytest.approx(0.5, abs=0.02)
    assert random_maps(0, 4, 5).shape == (0, 4, 5)


def test_gaussians_pixel_by_pixel() -> None:
    boxes = torch.tensor([[2.0, 1.0, 8.0, 4.0], [-3.0, 0.0, 3.0, 30.0]])
    maps = centred_gaussians(boxes, 9, 14)
    for row, (x1, y1, x2, y2) in enumerate(boxes.tolist()):
        for y in range(9):
            for x in range(14):
                across = (x + 0.5 - (x1 + x2) / 2) / ((x2 - x1) / math.sqrt(12))
                down = (y + 0.5 - (y1 + y2) / 2) / ((y2 - y1) / math.sqrt(12))
                assert maps[row, y, x].item() == pytest.approx(math.exp(-(across**2 + down**2) / 2), rel=1e-4)


def test_a_gaussian_has_the_spread_of_its_box_and_most_of_itself_inside() -> None:
    boxes = torch.tensor([[100.0, 80.0, 160.0, 180.0]])
    heat = centred_gaussians(boxes, 260, 270)
    centres = torch.arange(270) + 0.5
    weights = heat.sum(1)[0] / heat.sum()
    middle = (weights * centres).sum()
    assert middle.item() == pytest.approx(130, abs=0.01)
    assert (weights * (centres - middle) ** 2).sum().sqrt().item() == pytest.approx(60 / math.sqrt(12), rel=0.01)
    assert energy_pointing_game(heat, box_masks(boxes, 260, 270)).item() == pytest.approx(0.84, abs=0.01)


def test_a_box_without_extent_is_one_pixel() -> None:
    heat = centred_gaussians(torch.tensor([[4.5, 2.5, 4.5, 2.5]]), 6, 9)
    assert heat.flatten().argmax().item() == 2 * 9 + 4
    assert torch.isfinite(heat).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="seed is 0 or more, got -1"):
        random_maps(1, 2, 3, seed=-1)
    with pytest.raises(ValueError, match="sigma is above 0"):
        centred_gaussians(torch.zeros(1, 4), 2, 3, sigma=0)
