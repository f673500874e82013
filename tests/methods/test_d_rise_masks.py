"""Masks: drawn as promised, equal to torch's own resizing, and summed without being made."""

from __future__ import annotations

import pytest
import torch
from d_rise_by_hand import masks_by_hand

from detxai_nb.methods.d_rise.masks import MaskGrid, draw, group_size

CPU = torch.device("cpu")
SIZES = [(45, 70), (16, 9), (5, 33), (3, 3)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("cells", [2, 5, 8])
def test_masks_are_the_upsampled_grid_cropped(size: tuple[int, int], cells: int) -> None:
    grid = MaskGrid(size, cells, CPU)
    drawn = draw(30, cells, grid.cell, probability=0.5, sampling="plain", seed=2)
    expected = masks_by_hand(drawn, cells, size)
    found = grid.masks(drawn)
    assert found.dtype == torch.float32
    assert torch.allclose(found.double(), expected, atol=1e-6)
    rows, columns = grid.lattice
    assert torch.allclose(grid.masks(drawn, lattice=True), found[:, rows][:, :, columns], atol=1e-6)


@pytest.mark.parametrize("size", SIZES)
def test_sums_of_masks_that_were_never_made(size: tuple[int, int]) -> None:
    grid = MaskGrid(size, 4, CPU)
    drawn = draw(50, 4, grid.cell, probability=0.4, sampling="plain", seed=5)
    weights = torch.randn(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = torch.einsum("nt,nhw->thw", weights, masks_by_hand(drawn, 4, size))
    found = grid.sums(drawn, weights)
    assert found.dtype == torch.float64
    assert torch.allclose(found, expected, atol=1e-12)
    assert not grid.sums(drawn[:0], weights[:0]).any()


def test_offsets_stay_within_a_cell_and_reach_everywhere() -> None:
    drawn = draw(4000, 3, (4, 6), probability=0.5, sampling="plain", seed=0)
    y, x = drawn.offsets.unbind(1)
    assert y.unique().tolist() == list(range(4))
    assert x.unique().tolist() == list(range(6))
    assert drawn.kept.double().mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(("probability", "group", "keep"), [(0.5, 2, 1), (0.25, 4, 1), (0.3, 10, 3), (2 / 3, 3, 2)])
def test_balanced_groups_keep_every_cell_equally_often(probability: float, group: int, keep: int) -> None:
    assert group_size(probability) == (group, keep)
    drawn = draw(40 * group, 6, (5, 7), probability=probability, sampling="balanced", seed=1)
    grouped = drawn.kept.unflatten(0, (-1, group))
    assert drawn.group == group
    assert (grouped.sum(dim=1) == keep).all()
    assert (drawn.offsets.unflatten(0, (-1, group)) == drawn.offsets[::group, None]).all()
    # Each place in a group is as good as the others, and so are the cells of one mask.
    assert torch.allclose(grouped.double().mean(dim=(0, 2, 3)), torch.full((group,), probability).double(), atol=0.06)
    assert (grouped[:, 0].flatten(1).double().mean(dim=1) - probability).abs().max() > 0.05


def test_a_pair_of_masks_is_antithetic() -> None:
    grid = MaskGrid((30, 41), 4, CPU)
    first, second = grid.masks(draw(2, 4, grid.cell, probability=0.5, sampling="balanced", seed=0))
    assert torch.allclose(first + second, torch.ones(30, 41), atol=1e-6)


@pytest.mark.parametrize("sampling", ["plain", "balanced"])
def test_a_longer_draw_begins_with_the_shorter_one(sampling: str) -> None:
    few, many = (draw(n, 5, (3, 4), probability=0.5, sampling=sampling, seed=9) for n in (31, 300))
    assert torch.equal(few.kept, many.kept[:31])
    assert torch.equal(few.offsets, many.offsets[:31])
    assert (len(few), len(many)) == (31, 300)
    other = draw(31, 5, (3, 4), probability=0.5, sampling=sampling, seed=10)
    assert not torch.equal(few.kept, other.kept)
