"""The pointing game: values worked out by hand, and the formula one pixel at a time."""

from __future__ import annotations

import pytest
import torch
from random_maps import BOXES, random_maps
from torch import Tensor

from detxai_nb.metrics import box_masks, pointing_game


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


def test_against_loops_over_pixels() -> None:
    maps = random_maps(6)
    maps[5] = 0
    masks = box_masks(BOXES, 6, 9)
    pointing = [slow_pointing(heat, mask) for heat, mask in zip(maps, masks)]
    assert pointing_game(maps, masks).tolist() == pytest.approx(pointing)
    assert 0 < sum(pointing) < 5


def test_no_maps_at_all() -> None:
    none = torch.zeros(0, 5, 8)
    assert pointing_game(none, none.bool()).tolist() == []


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"got \[1, 2, 3\] and \[1, 3, 2\]"):
        pointing_game(torch.ones(1, 2, 3), torch.ones(1, 3, 2, dtype=torch.bool))
