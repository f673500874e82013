"""Where flat anchors lie, and which predictions are candidates."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.detectors.dense.anchors import AnchorGrid, best_of_classes, best_of_levels, suppress

EXTENTS = ((3, 5, 2), (2, 3, 4), (1, 1, 1))


def test_places_and_flat_numbers_are_inverse() -> None:
    grid = AnchorGrid(torch.zeros(55, 4), EXTENTS)
    origins = grid.origins(torch.arange(55))
    expected = [[i, *at] for i, extent in enumerate(EXTENTS) for at in torch.ones(extent).nonzero().tolist()]
    assert origins.tolist() == expected
    for level in range(3):
        mine = (origins[:, 0] == level).nonzero()[:, 0]
        assert torch.equal(grid.flat(level, origins[mine, 1:]), mine)


def test_anchors_that_do_not_fit_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected 55 anchors .* the module made 54"):
        AnchorGrid(torch.zeros(54, 4), EXTENTS)


def test_candidates_of_levels_and_classes() -> None:
    scores = torch.tensor([[0.9, 0.2], [0.3, 0.8], [0.7, 0.6], [0.1, 0.5]])
    anchor, label = best_of_levels(scores, [2, 2], 0.25, 2)
    assert sorted(zip(anchor.tolist(), label.tolist())) == [(0, 0), (1, 1), (2, 0), (2, 1)]
    anchor, label = best_of_levels(scores, [2, 2], 0.55, 9)
    assert sorted(zip(anchor.tolist(), label.tolist())) == [(0, 0), (1, 1), (2, 0), (2, 1)]
    anchor, label = best_of_classes(scores, 0.3, 2)
    assert sorted(zip(anchor.tolist(), label.tolist())) == [(1, 1), (2, 1)]
    assert len(best_of_classes(scores, 0.95, 2)[0]) == 0


def test_suppression_is_by_class_and_keeps_the_best() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 1, 10, 11], [30, 30, 50, 40]])
    scores = torch.tensor([[0.9, 0.1], [0.8, 0.7], [0.2, 0.95]])
    candidates = torch.tensor([0, 1, 1, 2]), torch.tensor([0, 0, 1, 1])
    anchor, label = suppress(boxes, scores, candidates, 0.5, 100)
    assert list(zip(anchor.tolist(), label.tolist())) == [(2, 1), (0, 0), (1, 1)]
    assert suppress(boxes, scores, candidates, 0.5, 1)[0].tolist() == [2]
