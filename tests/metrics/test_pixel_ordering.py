"""The order of pixels and its ties."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.metrics import pixel_order, tied_share

HEAT = torch.tensor([[0.0, 3.0, -0.0, 1.0], [1.0, 0.0, 7.0, 0.0]])


def test_row_major_by_hand() -> None:
    assert pixel_order(HEAT, ties="row-major").tolist() == [6, 1, 3, 4, 0, 2, 5, 7]


def test_random_ties_keep_the_order_of_values_and_follow_the_seed() -> None:
    orders = [pixel_order(HEAT, seed=seed).tolist() for seed in range(40)]
    assert all(order[:2] == [6, 1] and set(order[2:4]) == {3, 4} and len(set(order)) == 8 for order in orders)
    assert {order[2] for order in orders} == {3, 4}
    assert {order[4] for order in orders} == {0, 2, 5, 7}, "every tied pixel comes first under some seed"
    assert orders == [pixel_order(HEAT, seed=seed).tolist() for seed in range(40)]


def test_an_empty_map_is_in_random_order_and_any_sign_is_ordered() -> None:
    empty = torch.zeros(5, 9)
    assert pixel_order(empty, seed=1).tolist() != list(range(45))
    assert sorted(pixel_order(empty, seed=1).tolist()) == list(range(45))
    assert pixel_order(torch.tensor([[-2.0, -1.0, 0.0]])).tolist() == [2, 1, 0]


@pytest.mark.parametrize("ties", ["random", "row-major"])
def test_against_a_slow_sort(ties: str) -> None:
    heat = (torch.rand(9, 13, generator=torch.Generator().manual_seed(0)) * 20 - 5).floor().clamp(min=0)
    order = pixel_order(heat, ties, seed=3).tolist()
    values = heat.flatten().tolist()
    assert [values[i] for i in order] == sorted(values, reverse=True)
    counts = [sum(other == values[i] for other in values) for i in order]
    for first in (0, 1, 10, 117):
        tied = sum(count > 1 for count in counts[:first])
        assert tied_share(heat, torch.tensor(order), first) == pytest.approx(tied / first if first else 0)


def test_ties_that_reach_beyond_the_first_pixels_count() -> None:
    order = pixel_order(HEAT, ties="row-major")
    assert [tied_share(HEAT, order, n) for n in (2, 3, 4, 8)] == pytest.approx([0, 1 / 3, 1 / 2, 3 / 4])
    assert tied_share(HEAT, order) == pytest.approx(3 / 4)


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="ties is one of random, row-major; got 'none'"):
        pixel_order(HEAT, ties="none")
