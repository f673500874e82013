"""One object against the others, pixel by pixel against a slow and obvious way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import stub
import torch
from stub_maps import stub_maps

import detxai_nb as dx
from detxai_nb.metrics.neighbours import NOBODY, neighbour_contrast


def slow_takers(maps: dx.HeatMaps, index: int) -> np.ndarray:
    """For each pixel the first of the strongest other objects where that is stronger than the object."""
    values = maps.normalized().cpu().numpy()
    takers = np.full(values.shape[1:], NOBODY)
    for y, x in np.ndindex(takers.shape):
        others = [(values[n, y, x], n) for n in range(len(values)) if n != index]
        if not others:
            continue
        most = max(value for value, _ in others)
        if most > values[index, y, x]:
            takers[y, x] = min(n for value, n in others if value == most)
    return takers


@pytest.mark.parametrize("direction", ["positive", "signed"])
def test_the_difference_is_that_of_all_maps_together_and_takers_are_the_strongest(direction: str) -> None:
    given = stub_maps(direction=direction)
    maps = given.positive()
    difference = maps.difference()
    for index in range(len(maps)):
        found = neighbour_contrast(given, index)
        torch.testing.assert_close(found.difference.values[0], difference.values[index])
        assert found.difference.signed
        assert (found.takers.numpy() == slow_takers(maps, index)).all()


def test_ties_go_to_nobody_between_object_and_neighbour_and_to_the_first_among_neighbours() -> None:
    maps = stub_maps()
    grid = torch.tensor([[0.0, 1.0], [2.0, 4.0]])
    same = replace(maps, grids=(grid, grid, grid), strides=((48.0, 80.0),) * 3)
    assert (neighbour_contrast(same, 1).takers == NOBODY).all()
    weaker = replace(same, grids=(grid, grid**3, grid))
    assert set(neighbour_contrast(weaker, 1).takers.unique().tolist()) <= {NOBODY, 0}
    assert (neighbour_contrast(weaker, 1).takers.numpy() == slow_takers(weaker, 1)).all()


def test_shares_are_counted_pixels_and_sums_of_energy() -> None:
    maps = stub_maps()
    for index, (x1, y1, x2, y2) in enumerate(stub.BOXES):
        found = neighbour_contrast(maps, index)
        box = np.zeros(stub.SIZE, bool)
        box[round(y1) : round(y2), round(x1) : round(x2)] = True
        takers, energy = slow_takers(maps, index), maps.values[index].double().numpy()
        lead = maps.difference().values[index].numpy()
        assert found.kept == pytest.approx((box & (lead > 0)).sum() / box.sum())
        for taken in found.taken:
            assert taken.inside == pytest.approx((box & (takers == taken.index)).sum() / box.sum())
            assert taken.energy == pytest.approx(energy[takers == taken.index].sum() / energy.sum(), abs=1e-6)
        assert {t.index for t in found.taken} == set(np.unique(takers)) - {NOBODY}
    assert neighbour_contrast(maps, 0).taken[0].index == 1, "the small box inside takes the most"


def test_one_object_alone_keeps_its_own_map() -> None:
    maps = stub_maps()[0]
    found = neighbour_contrast(maps, 0)
    torch.testing.assert_close(found.difference.values[0], maps.normalized()[0])
    assert found.taken == ()
    assert (found.takers == NOBODY).all()


def test_an_object_without_evidence_has_no_share_of_energy() -> None:
    maps = stub_maps()
    empty = replace(maps, grids=(torch.zeros_like(maps.grids[0]), *maps.grids[1:]))
    found = neighbour_contrast(empty, 0)
    assert found.kept == 0
    assert {t.energy for t in found.taken} == {None}
