"""Visual explanation accuracy: by hand, and one threshold at a time."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.metrics import area_below, visual_accuracy_curve
from detxai_nb.metrics.visual_accuracy import THRESHOLDS


def test_a_map_that_is_its_mask() -> None:
    masks = torch.zeros(1, 3, 5, dtype=torch.bool)
    masks[0, 1:, 2:] = True
    curve = visual_accuracy_curve(masks.float() * 0.01, masks)
    assert curve.tolist() == [[1.0] * 20 + [0.0]], "above 1 there is nothing"
    assert area_below(curve).tolist() == pytest.approx([0.975])


def test_by_hand() -> None:
    # Scaled to 0, 0.5, 1 on three pairs of pixels; the mask is the upper pair and one pixel of the middle one.
    heat = torch.tensor([[[2.0, 2.0, 4.0], [4.0, 6.0, 6.0]]])
    mask = torch.tensor([[[0, 0, 0], [1, 1, 1]]]).bool()
    curve = visual_accuracy_curve(heat, mask, thresholds=(0.0, 0.25, 0.5, 0.75, 1.0))
    assert curve.tolist()[0] == pytest.approx([3 / 4, 3 / 4, 2 / 3, 2 / 3, 0])
    assert area_below(curve).tolist() == pytest.approx([(0.375 + 0.75 + 2 / 3 + 2 / 3) / 4])


def test_against_one_threshold_at_a_time() -> None:
    random = torch.Generator().manual_seed(0)
    maps = (torch.rand(5, 7, 11, generator=random) * 40).floor() / 40
    masks = torch.rand(5, 7, 11, generator=random) > 0.6
    maps[3], maps[4], masks[2] = 0.0, 0.7, False
    curve = visual_accuracy_curve(maps, masks)
    for row, (heat, mask) in enumerate(zip(maps, masks)):
        for k, threshold in enumerate(THRESHOLDS):
            spread = heat.max() - heat.min()
            scaled = (heat - heat.min()) / spread if spread > 0 else torch.zeros_like(heat)
            above = scaled > torch.tensor(threshold)
            union = int((above | mask).sum())
            assert curve[row, k].item() == pytest.approx(int((above & mask).sum()) / union if union else 0.0)
    assert area_below(curve)[2:].tolist() == [0, 0, 0], "no mask, an all-zero map, a constant map"
    assert (area_below(curve)[:2] > 0.1).all()


def test_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match="thresholds rise"):
        visual_accuracy_curve(torch.ones(1, 2, 3), torch.ones(1, 2, 3).bool(), (0.5, 0.5))
    with pytest.raises(ValueError, match="non-negative"):
        visual_accuracy_curve(-torch.ones(1, 2, 3), torch.ones(1, 2, 3).bool())
    with pytest.raises(ValueError, match="at least two points, got 1"):
        area_below(torch.ones(3, 1))
