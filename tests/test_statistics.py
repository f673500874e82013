"""Ranks, correlations and overlaps that several parts share, against values worked out by hand."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.statistics import mean_ranks, paired_iou, rank_correlation, share_interval


def test_equal_values_share_their_mean_rank() -> None:
    values = torch.tensor([[3.0, 1.0, 3.0, 0.0], [2.0, 2.0, 2.0, 2.0]])
    assert mean_ranks(values).tolist() == [[2.5, 1.0, 2.5, 0.0], [1.5] * 4]


def test_rank_correlation_by_hand() -> None:
    first = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [5.0, 5.0, 5.0]])
    second = torch.tensor([[10.0, 20.0, 90.0], [3.0, 2.0, 2.0], [1.0, 2.0, 3.0]])
    assert rank_correlation(first, second).tolist() == pytest.approx([1.0, -(3**0.5) / 2, 0.0])


def test_overlaps_broadcast_and_empty_boxes_are_told() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 3.0, 2.0], [5.0, 5.0, 6.0, 6.0]])
    assert paired_iou(boxes, boxes[0]).tolist() == pytest.approx([1.0, 1 / 3, 0.0])
    assert paired_iou(boxes[:, None], boxes).shape == (3, 3)
    empty = torch.zeros(1, 4)
    assert bool(paired_iou(empty, empty).isnan())
    assert paired_iou(empty, empty, 1e-16).tolist() == [0.0]


def test_wilsons_interval_by_hand() -> None:
    assert share_interval(5, 10) == pytest.approx((0.236593, 0.763407), abs=1e-6)
    assert share_interval(0, 10) == pytest.approx((0.0, 0.277533), abs=1e-6)
    assert share_interval(10, 10) == pytest.approx((0.722467, 1.0), abs=1e-6)
    assert all(end != end for end in share_interval(0, 0))
    with pytest.raises(ValueError, match="got 3 of 2"):
        share_interval(3, 2)
