"""Compactness: values worked out by hand, and the formula one pixel at a time."""

from __future__ import annotations

import math

import pytest
import torch
from random_maps import BOXES, random_maps
from torch import Tensor

from detxai_nb.metrics import compactness


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
    spread = [slow_compactness(heat, box) for heat, box in zip(maps, BOXES)]
    assert compactness(maps, BOXES).tolist() == pytest.approx(spread, nan_ok=True)
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


def test_scale_does_not_matter() -> None:
    maps = torch.rand(4, 6, 9, generator=torch.Generator().manual_seed(0))
    boxes = torch.tensor([[0.0, 0.0, 9.0, 6.0]] * 4)
    assert torch.allclose(compactness(maps, boxes), compactness(maps * 1e-6, boxes))


def test_no_maps_at_all() -> None:
    assert compactness(torch.zeros(0, 5, 8), torch.zeros(0, 4)).tolist() == []


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="non-negative maps"):
        compactness(-torch.ones(1, 2, 3), torch.ones(1, 4))
    with pytest.raises(ValueError, match=r"boxes are \[N,4\] for 1 maps, got \[2, 4\]"):
        compactness(torch.ones(1, 2, 3), torch.ones(2, 4))
