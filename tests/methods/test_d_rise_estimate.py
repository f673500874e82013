"""Weights and estimates against loops, ranks against scipy, and what the split-half correlation says."""

from __future__ import annotations

import pytest
import torch
from d_rise_by_hand import BOXES, IMAGE_SIZE, NAMES, masks_by_hand, weights_by_hand

import detxai_nb as dx
from detxai_nb.methods.d_rise.estimate import SplitHalves, estimate, maps_of
from detxai_nb.methods.d_rise.masks import MaskGrid, draw
from detxai_nb.methods.d_rise.weights import class_vectors, similarities
from detxai_nb.statistics import rank_correlation

CPU = torch.device("cpu")


def some(count: int, seed: int, objectness: bool = True) -> dx.Detections:
    """Random detections near the fixed boxes."""
    random = torch.Generator().manual_seed(seed)
    boxes = BOXES[torch.arange(count) % 3] + 4 * torch.rand(count, 4, generator=random)
    probabilities = torch.rand(count, 3, generator=random)
    scores, labels = probabilities.max(dim=1)
    objects = torch.rand(count, generator=random) if objectness else None
    return dx.Detections(boxes, scores, labels, NAMES, class_scores=probabilities, objectness=objects)


@pytest.mark.parametrize("objectness", [True, False])
def test_weights_of_a_batch(objectness: bool) -> None:
    targets = some(4, seed=0)
    found = [some(count, seed, objectness) for seed, count in enumerate((5, 0, 1, 8), start=1)]
    weights = similarities(targets, found)
    expected = torch.stack([weights_by_hand(targets, answer) for answer in found])
    assert weights.shape == (4, 4)
    assert torch.allclose(weights.double(), expected, atol=1e-6)
    assert not weights[1].any()
    assert (weights[3] > 0.1).all()
    assert similarities(targets, [some(0, 0), some(0, 0)]).tolist() == [[0.0] * 4] * 2


def test_an_answer_without_objectness_leaves_the_others_theirs() -> None:
    targets, with_it, without = some(4, seed=0), some(5, seed=1), some(5, seed=2, objectness=False)
    both = similarities(targets, [with_it, without])
    assert torch.allclose(both, torch.cat([similarities(targets, [one]) for one in (with_it, without)]))


def test_boxes_without_area_are_found_nowhere() -> None:
    flat = dx.Detections(torch.tensor([[5.0, 5.0, 5.0, 5.0]]), torch.ones(1), torch.zeros(1, dtype=torch.long), NAMES)
    assert similarities(flat, [flat]).tolist() == [[0.0]]


def test_missing_class_probabilities_are_spread() -> None:
    answer = dx.Detections(BOXES, torch.tensor([0.8, 0.5, 0.2]), torch.tensor([1, 0, 2]), NAMES)
    expected = torch.tensor([[0.1, 0.8, 0.1], [0.5, 0.25, 0.25], [0.4, 0.4, 0.2]])
    assert torch.allclose(class_vectors(answer), expected)
    one = dx.Detections(BOXES[:1], torch.tensor([0.8]), torch.tensor([0]), ("person",))
    assert class_vectors(one).tolist() == [[pytest.approx(0.8)]]


@pytest.mark.parametrize("kind", ["plain", "centred"])
def test_estimate_of_both_kinds(kind: str) -> None:
    grid = MaskGrid(IMAGE_SIZE, 4, CPU)
    drawn = draw(21, 4, grid.cell, probability=0.5, sampling="balanced", seed=0)
    weights = torch.rand(21, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    masks = masks_by_hand(drawn, 4, IMAGE_SIZE)
    found = maps_of(grid, drawn, weights, 0.5, kind)
    for t in range(2):
        if kind == "plain":
            expected = (weights[:, t, None, None] * masks).sum(0) / (21 * 0.5)
        else:
            mean = weights[:, t].mean()
            expected = mean + ((weights[:, t] - mean)[:, None, None] * masks).sum(0) / masks.sum(0)
        assert torch.allclose(found[t].double(), expected, atol=1e-6)


def test_both_kinds_are_one_for_whole_balanced_groups() -> None:
    grid = MaskGrid(IMAGE_SIZE, 4, CPU)
    drawn = draw(40, 4, grid.cell, probability=0.25, sampling="balanced", seed=0)
    weights = torch.rand(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    plain, centred = (maps_of(grid, drawn, weights, 0.25, kind) for kind in ("plain", "centred"))
    assert torch.allclose(plain, centred, atol=1e-6)


def test_where_nothing_was_kept_stands_the_mean() -> None:
    sums, kept = torch.tensor([[0.0, 3.0]]), torch.tensor([0.0, 4.0])
    assert estimate(sums, kept, torch.tensor([0.5]), 4.0, "centred").tolist() == [[0.5, 0.75]]


@pytest.mark.parametrize("batches", [[60], [1] * 60, [7, 23, 30]])
def test_halves_go_by_turns(batches: list[int]) -> None:
    grid = MaskGrid(IMAGE_SIZE, 4, CPU)
    drawn = draw(60, 4, grid.cell, probability=0.25, sampling="balanced", seed=0)
    masks = masks_by_hand(drawn, 4, IMAGE_SIZE)
    # The first target is found better where the left part is kept, the second at random.
    chance = torch.rand(60, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weights = torch.stack([masks[:, :, :30].mean(dim=(1, 2)), chance], dim=1)
    halves, first = SplitHalves(grid, 2, 0.25, "centred"), 0
    for count in batches:
        halves.add(drawn[first : first + count], first, weights[first : first + count])
        first += count
    side = torch.arange(60) // 4 % 2
    rows, columns = grid.lattice
    maps = [maps_of(grid, drawn, weights * (side == n)[:, None], 0.25, "plain") for n in (0, 1)]
    expected = rank_correlation(*(m[:, rows][:, :, columns].flatten(1) for m in maps))
    found = halves.agreement()
    assert torch.allclose(found, expected.double(), atol=2e-3)
    assert found[0] > 0.5
    assert found[0] > found[1] + 0.3


def test_one_half_alone_agrees_with_nothing() -> None:
    grid = MaskGrid(IMAGE_SIZE, 4, CPU)
    halves = SplitHalves(grid, 3, 0.5, "centred")
    assert halves.agreement().tolist() == [0, 0, 0]
    drawn = draw(2, 4, grid.cell, probability=0.5, sampling="balanced", seed=0)
    halves.add(drawn, 0, torch.rand(2, 3, generator=torch.Generator().manual_seed(0)))
    assert halves.agreement().tolist() == [0, 0, 0]


def test_rank_correlation_with_ties() -> None:
    stats = pytest.importorskip("scipy.stats")
    random = torch.Generator().manual_seed(0)
    first = torch.randint(0, 6, (4, 50), generator=random).double()
    second = first + torch.randint(0, 4, (4, 50), generator=random)
    found = rank_correlation(first, second)
    for row in range(4):
        assert float(found[row]) == pytest.approx(stats.spearmanr(first[row], second[row]).statistic, abs=1e-12)
    assert rank_correlation(torch.zeros(1, 9), torch.arange(9.0)[None]).tolist() == [0]
    assert rank_correlation(first, -first).tolist() == pytest.approx([-1] * 4)
