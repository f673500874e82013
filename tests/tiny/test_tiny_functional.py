"""Sizes of maps, distances of boxes and likeness of maps, by hand and against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from detxai_nb.tiny import box_distances, half_energy_share, nearest_boxes, similarity
from detxai_nb.tiny.functional import energy_beside


def test_half_of_the_energy_by_hand() -> None:
    maps = torch.zeros(5, 4, 5)
    maps[0, 1, 2] = 3
    maps[1, 3, :4] = 2
    maps[2, 0, :3] = torch.tensor([4.0, 3.0, 2.0])
    maps[3] = 7
    # 4 of 9 are less than half; 2 of 4 equal pixels are exactly half; of the last map nothing is.
    assert half_energy_share(maps)[:4].tolist() == [1 / 20, 2 / 20, 2 / 20, 10 / 20]
    assert half_energy_share(maps)[4].isnan()
    assert half_energy_share(torch.ones(1, 3, 3)).item() == pytest.approx(5 / 9)
    assert half_energy_share(maps[:0]).shape == (0,)
    assert torch.equal(half_energy_share(maps[:3]), half_energy_share(maps[:3] * 1e-20))
    with pytest.raises(ValueError, match="the energy of a map is defined for non-negative maps"):
        half_energy_share(-maps)


def test_half_of_the_energy_against_a_loop() -> None:
    maps = torch.from_numpy(np.random.default_rng(0).integers(0, 5, (6, 7, 9))).float()
    for heat, found in zip(maps, half_energy_share(maps).tolist()):
        values = sorted((int(value) for value in heat.flatten()), reverse=True)
        count = next(n for n in range(1, 64) if 2 * sum(values[:n]) >= sum(values))
        assert found == count / 63


BOXES = torch.tensor([[0, 0, 4, 4], [4, 2, 6, 9], [9, 13, 10, 14], [1, 1, 2, 2], [-9, 0, -6, 2]]).float()


def test_distances_by_hand_and_against_the_points_of_both() -> None:
    found = box_distances(BOXES)
    assert torch.equal(found, found.T)
    assert found.diagonal().tolist() == [0] * 5
    assert found[0].tolist() == [0, 0, math.hypot(5, 9), 0, 6]
    assert found[1, 2].item() == 5
    points = [
        np.stack(np.meshgrid(np.arange(x1, x2 + 1), np.arange(y1, y2 + 1)), axis=-1).reshape(-1, 2)
        for x1, y1, x2, y2 in BOXES.int().tolist()
    ]
    for i in range(5):
        for j in range(5):
            between = np.linalg.norm(points[i][:, None] - points[j][None], axis=2).min()
            assert found[i, j].item() == pytest.approx(between)


def test_the_nearest_box() -> None:
    # Box 3 lies in box 0, and both touch: centres (1.5, 1.5) and (5, 5.5) from (2, 2).
    assert nearest_boxes(BOXES).tolist() == [3, 0, 1, 0, 0]
    alike = torch.tensor([[10, 0, 12, 2], [0, 0, 2, 2], [20, 0, 22, 2]]).float()
    assert nearest_boxes(alike).tolist() == [1, 0, 0], "of two at one distance the lower number"
    assert nearest_boxes(BOXES[:1]).tolist() == [-1]
    assert nearest_boxes(BOXES[:0]).tolist() == []


def test_similarity_by_hand() -> None:
    one, other = torch.zeros(1, 2, 3), torch.zeros(1, 2, 3)
    one[0, 0], other[0, 0] = torch.tensor([3.0, 4.0, 0.0]), torch.tensor([4.0, 3.0, 0.0])
    assert similarity(one, other).item() == pytest.approx(24 / 25)
    assert similarity(one, other, True).item() == pytest.approx(np.corrcoef(one.flatten(), other.flatten())[0, 1])
    assert similarity(one, one * 5).item() == pytest.approx(1)
    assert similarity(one, one * 5 + 1, True).item() == pytest.approx(1)
    far = one.flip(1)
    assert similarity(one, far).item() == 0
    assert similarity(one, far, True).item() < 0
    assert similarity(one, torch.zeros_like(one)).isnan().all()
    assert similarity(one, torch.full_like(one, 0.1), True).isnan().all(), "a constant map correlates with nothing"
    assert similarity(one, torch.full_like(one, 0.1)).item() > 0
    assert similarity(one[:0], one[:0], True).shape == (0,)


def test_energy_beside() -> None:
    heat, own, other = torch.zeros(1, 2, 4), torch.zeros(1, 2, 4).bool(), torch.zeros(1, 2, 4).bool()
    heat[0, 0] = torch.tensor([1.0, 2.0, 3.0, 4.0])
    own[0, :, :2], other[0, :, 1:3] = True, True
    assert energy_beside(heat, own, other).item() == pytest.approx(0.3), "what both hold is the object's own"
    assert energy_beside(heat * 0, own, other).item() == 0
    with pytest.raises(ValueError, match="maps and masks are both"):
        energy_beside(heat, own, other[:, :1])
