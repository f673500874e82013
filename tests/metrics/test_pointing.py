"""Pointing games and compactness: values worked out by hand, and each formula one pixel at a time."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from detxai_nb.metrics import box_masks, compactness, energy_pointing_game, pointing_game


def random_maps(count: int = 4, seed: int = 0) -> Tensor:
    """Non-square maps with many ties and zeros."""
    values = torch.rand(count, 6, 9, generator=torch.Generator().manual_seed(seed))
    return (values * 4).floor().clamp(max=3) * (values > 0.3)


def test_a_pixel_is_in_a_box_if_its_centre_is() -> None:
    masks = box_masks(torch.tensor([[0.5, 1.0, 2.6, 2.0], [0.6, 0.0, 2.5, 3.0], [3.0, 0.0, 9.0, 1.0]]), 3, 5)
    assert masks[0].int().tolist() == [[0, 0, 0, 0, 0], [1, 1, 1, 0, 0], [0, 0, 0, 0, 0]]
    assert masks[1].int().tolist() == [[0, 1, 0, 0, 0]] * 3
    assert masks[2].int().tolist() == [[0, 0, 0, 1, 1], [0] * 5, [0] * 5]


def test_energy_is_the_share_inside() -> None:
    maps = torch.zeros(3, 2, 4)
    maps[0] = torch.tensor([[1.0, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0]])
    maps[1] = 1e-30
    masks = torch.zeros(3, 2, 4, dtype=torch.bool)
    masks[:, 0, 1:3] = True
    assert energy_pointing_game(maps, masks).tolist() == pytest.approx([0.5, 0.25, 0.0])


def test_scale_does_not_matter() -> None:
    maps = torch.rand(4, 6, 9, generator=torch.Generator().manual_seed(0))
    masks = maps > 0.5
    boxes = torch.tensor([[0.0, 0.0, 9.0, 6.0]] * 4)
    assert torch.allclose(energy_pointing_game(maps, masks), energy_pointing_game(maps * 1e-6, masks))
    assert torch.allclose(compactness(maps, boxes), compactness(maps * 1e-6, boxes))


def test_pointing_counts_the_share_of_the_maximal_pixels() -> None:
    maps = torch.zeros(5, 2, 4)
    maps[0, 1, 3] = 2.0  # one maximum, outside
    maps[1, 0, 1] = 1e-30  # one maximum, inside
    maps[2, 0, 1] = maps[2, 0, 2] = maps[2, 1, 0] = 5.0  # two of three inside
    maps[4] = -1.0  # as map 3, without a positive value
    masks = torch.zeros(5, 2, 4, dtype=torch.bool)
    masks[:, 0, 1:3] = True
    assert pointing_game(maps, masks).tolist() == pytest.approx([0, 1, 2 / 3, 0, 0])


def test_pointing_takes_signed_maps() -> None:
    maps = torch.tensor([[[-9.0, 0.0, 0.5], [0.0, -1.0, 0.0]]])
    assert pointing_game(maps, maps > 0).tolist() == [1]


def slow_pointing(heat: Tensor, mask: Tensor) -> float:
    hits = []
    for y in range(heat.shape[0]):
        for x in range(heat.shape[1]):
            if heat[y, x] == heat.max() > 0:
                hits.append(bool(mask[y, x]))
    return sum(hits) / len(hits) if hits else 0.0


def slow_compactness(heat: Tensor, box: Tensor) -> float:
    height, width = heat.shape
    if not heat.sum() > 0:
        return math.nan
    peak = max((heat[y, x].item(), -y, -x) for y in range(height) for x in range(width))
    total = sum(
        heat[y, x].item() * math.hypot(y + peak[1], x + peak[2]) ** 2 for y in range(height) for x in range(width)
    )
    w, h = (box[2] - box[0]).item(), (box[3] - box[1]).item()
    return math.sqrt(total / heat.double().sum().item() / ((w * w + h * h) / 4))


def test_against_loops_over_pixels() -> None:
    maps = random_maps(6)
    maps[5] = 0
    boxes = torch.tensor([[0.0, 0, 3, 4], [-2, 1, 5, 6], [8, 5, 9, 6], [2, 2, 20, 5], [1.5, 0, 3, 6], [0, 0, 9, 6]])
    masks = box_masks(boxes, 6, 9)
    pointing = [slow_pointing(heat, mask) for heat, mask in zip(maps, masks)]
    spread = [slow_compactness(heat, box) for heat, box in zip(maps, boxes)]
    assert pointing_game(maps, masks).tolist() == pytest.approx(pointing)
    assert compactness(maps, boxes).tolist() == pytest.approx(spread, nan_ok=True)
    assert 0 < sum(pointing) < 5
    assert [math.isnan(value) for value in spread] == [False] * 5 + [True]


def test_compactness_by_hand() -> None:
    # Two equal pixels 3 apart in a box of 6 x 8: the first is the maximum, so d^2 is 0 and 9, their mean 4.5.
    maps = torch.zeros(3, 5, 8)
    maps[0, 4, 2] = maps[0, 4, 5] = 0.25
    # One pixel in the corner: no spread at all, whatever the box.
    maps[1, 0, 7] = 3.0
    maps[2, 1, 1] = 1.0
    boxes = torch.tensor([[1.0, 0.0, 7.0, 8.0], [0.0, 0.0, 1.0, 1.0], [3.0, 3.0, 3.0, 3.0]])
    found = compactness(maps, boxes).tolist()
    assert found[:2] == pytest.approx([math.sqrt(4.5 / 25), 0])
    assert math.isnan(found[2]), "a box without extent has no size to measure by"


def test_no_maps_at_all() -> None:
    none = torch.zeros(0, 5, 8)
    assert pointing_game(none, none.bool()).tolist() == []
    assert energy_pointing_game(none, none.bool()).tolist() == []
    assert compactness(none, torch.zeros(0, 4)).tolist() == []


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="non-negative maps"):
        energy_pointing_game(-torch.ones(1, 2, 3), torch.ones(1, 2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="non-negative maps"):
        compactness(-torch.ones(1, 2, 3), torch.ones(1, 4))
    for game in (energy_pointing_game, pointing_game):
        with pytest.raises(ValueError, match=r"got \[1, 2, 3\] and \[1, 3, 2\]"):
            game(torch.ones(1, 2, 3), torch.ones(1, 3, 2, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"boxes are \[N,4\] for 1 maps, got \[2, 4\]"):
        compactness(torch.ones(1, 2, 3), torch.ones(2, 4))
