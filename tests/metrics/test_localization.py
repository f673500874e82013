"""Energy inside boxes and masks, on values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.metrics import box_masks, energy_pointing_game


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
    assert torch.allclose(energy_pointing_game(maps, masks), energy_pointing_game(maps * 1e-6, masks))


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="non-negative maps"):
        energy_pointing_game(-torch.ones(1, 2, 3), torch.ones(1, 2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"got \[1, 2, 3\] and \[1, 3, 2\]"):
        energy_pointing_game(torch.ones(1, 2, 3), torch.ones(1, 3, 2, dtype=torch.bool))
