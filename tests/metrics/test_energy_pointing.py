"""The energy pointing game: values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.metrics import energy_pointing_game


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


def test_no_maps_at_all() -> None:
    none = torch.zeros(0, 5, 8)
    assert energy_pointing_game(none, none.bool()).tolist() == []


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="non-negative maps"):
        energy_pointing_game(-torch.ones(1, 2, 3), torch.ones(1, 2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"got \[1, 2, 3\] and \[1, 3, 2\]"):
        energy_pointing_game(torch.ones(1, 2, 3), torch.ones(1, 3, 2, dtype=torch.bool))
