"""Oriented boxes: pixels, areas and overlaps, against a raster and against upright boxes."""

from __future__ import annotations

import math

import torch
from torchvision.ops import box_iou

from detxai_nb.metrics import box_masks
from detxai_nb.polygons import corners_of, detection_overlaps, polygon_areas, polygon_masks, polygon_overlaps
from detxai_nb.types import Detections

NUMBERS = torch.Generator().manual_seed(0)
SIZE = (60, 80)


def turned(count: int) -> torch.Tensor:
    """Random oriented boxes, some beyond the image."""
    centre = torch.rand(count, 1, 2, generator=NUMBERS, dtype=torch.float64) * torch.tensor([80.0, 60.0])
    half = 3 + 17 * torch.rand(count, 1, 2, generator=NUMBERS, dtype=torch.float64)
    angle = 2 * math.pi * torch.rand(count, 1, generator=NUMBERS, dtype=torch.float64)
    u, v = (half * torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])).unbind(-1)
    x, y = u * angle.cos() - v * angle.sin(), u * angle.sin() + v * angle.cos()
    return centre + torch.stack([x, y], dim=-1)


def upright(count: int) -> torch.Tensor:
    ends = torch.rand(count, 2, 2, generator=NUMBERS, dtype=torch.float64) * 60
    return torch.cat([ends.amin(dim=1), ends.amax(dim=1)], dim=1)


def test_upright_polygons_are_the_boxes() -> None:
    first, second = upright(20), upright(30)
    assert torch.allclose(polygon_overlaps(corners_of(first), corners_of(second)), box_iou(first, second))
    # Neither the order nor the first corner matters.
    other = corners_of(second).flip(1).roll(1, 1)
    assert torch.allclose(polygon_overlaps(corners_of(first), other), box_iou(first, second))
    assert torch.equal(polygon_masks(corners_of(first), *SIZE), box_masks(first, *SIZE))


def test_overlaps_are_those_of_a_fine_raster() -> None:
    first, second = turned(12), turned(15)
    fine = 8
    one, other = (polygon_masks((p + 30) * fine, 120 * fine, 140 * fine).flatten(1).float() for p in (first, second))
    shared = one @ other.T
    expected = shared / (one.sum(1)[:, None] + other.sum(1) - shared)
    found = polygon_overlaps(first, second)
    assert (found - expected).abs().max() < 0.01
    assert (found > 0.05).sum() > 10
    assert torch.allclose(polygon_areas(first), one.sum(1).double() / fine**2, rtol=0.02)


def test_known_overlaps() -> None:
    square = corners_of(torch.tensor([[0.0, 0.0, 2.0, 2.0]]))
    diamond = torch.tensor([[[1.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 1.0]]])
    assert torch.allclose(polygon_overlaps(square, diamond), torch.tensor([[0.5]]).double())
    assert torch.allclose(polygon_overlaps(diamond, diamond), torch.ones(1, 1).double())
    far = diamond + 5
    flat = torch.zeros(1, 4, 2)
    assert float(polygon_overlaps(square, far)) == float(polygon_overlaps(flat, flat)) == 0
    assert polygon_overlaps(square[:0], diamond).shape == (0, 1)
    assert not polygon_masks(flat, 3, 3).any()


def test_detections_overlap_by_their_polygons_if_both_have_them() -> None:
    square = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    diamond = torch.tensor([[[1.0, 0.0], [2.0, 1.0], [1.0, 2.0], [0.0, 1.0]]])
    plain = Detections(square, torch.ones(1), torch.zeros(1, dtype=torch.int64), ("a",))
    oriented = Detections(square, torch.ones(1), torch.zeros(1, dtype=torch.int64), ("a",), polygons=diamond)
    whole = Detections(square, torch.ones(1), torch.zeros(1, dtype=torch.int64), ("a",), polygons=corners_of(square))
    assert float(detection_overlaps(plain, oriented)) == 1
    assert float(detection_overlaps(whole, oriented)) == 0.5
