"""Oriented boxes as polygons: their pixels, areas and overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

_PAIRS = 2**16
"""Pairs of polygons whose overlap is computed at once."""


def corners_of(boxes: Tensor) -> Tensor:
    """Return the corners of upright boxes.

    Args:
        boxes: ``[N,4]``, xyxy.

    Returns:
        ``[N,4,2]`` (x, y): top left, top right, bottom right and bottom left.
    """
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([torch.stack([x1, x2, x2, x1], dim=1), torch.stack([y1, y1, y2, y2], dim=1)], dim=2)


def polygon_areas(polygons: Tensor) -> Tensor:
    """Return the areas of convex polygons.

    Args:
        polygons: ``[...,K,2]`` (x, y), corners in order.

    Returns:
        ``[...]``, at least 0.
    """
    x, y = polygons.unbind(-1)
    return (x * y.roll(-1, -1) - y * x.roll(-1, -1)).sum(dim=-1).abs() / 2


def polygon_masks(polygons: Tensor, height: int, width: int) -> Tensor:
    """Return the pixels whose centre lies in each convex polygon.

    Args:
        polygons: ``[N,K,2]`` (x, y) in pixels of the image, corners in order; they may lie outside of the image.
        height, width: size of the image in pixels.

    Returns:
        bool ``[N,height,width]`` on the device of ``polygons``.
    """
    found = torch.zeros(len(polygons), height, width, dtype=torch.bool, device=polygons.device)
    points = polygons.double()
    y = torch.arange(height, dtype=torch.float64, device=polygons.device)[:, None] + 0.5
    x = torch.arange(width, dtype=torch.float64, device=polygons.device)[None] + 0.5
    for row, corners in enumerate(points):
        sides = [
            (end[0] - start[0]) * (y - start[1]) - (end[1] - start[1]) * (x - start[0])
            for start, end in zip(corners, corners.roll(-1, 0))
        ]
        signed = torch.stack([side.expand(height, width) for side in sides])
        found[row] = ((signed >= 0).all(dim=0) | (signed <= 0).all(dim=0)) & (polygon_areas(corners) > 0)
    return found


def polygon_overlaps(first: Tensor, second: Tensor) -> Tensor:
    """Return the IoU of convex quadrilaterals, exactly.

    The corners of an intersection are the corners of either that lie in the other and the points where sides cross.

    Args:
        first: ``[N,4,2]`` (x, y), corners in order.
        second: ``[M,4,2]``.

    Returns:
        float64 ``[N,M]`` in 0..1 on the device of ``first``; 0 where neither has an area.
    """
    one, other = _clockwise(first.double()), _clockwise(second.to(first.device).double())
    areas, others = polygon_areas(one), polygon_areas(other)
    shared = areas.new_zeros(len(one), len(other))
    # Only those whose upright boxes meet can overlap.
    low, high = torch.maximum(one.amin(1)[:, None], other.amin(1)), torch.minimum(one.amax(1)[:, None], other.amax(1))
    pairs = (low < high).all(dim=2).nonzero()
    for some in torch.split(pairs, _PAIRS):
        shared[some[:, 0], some[:, 1]] = _shared_areas(one[some[:, 0]], other[some[:, 1]])
    whole = areas[:, None] + others - shared
    return torch.where(whole > 0, shared / whole, 0.0).clamp(0, 1)


def detection_overlaps(first: Any, second: Any) -> Tensor:
    """Return the IoU of each detection with each other one: of their polygons if both have them, else of their boxes.

    Args:
        first: N detections, or anything with ``boxes`` and perhaps ``polygons``.
        second: M of them.

    Returns:
        float64 ``[N,M]`` in 0..1 on the device of the boxes of ``first``; 0 where both are empty.
    """
    turned = [getattr(one, "polygons", None) for one in (first, second)]
    if turned[0] is not None and turned[1] is not None:
        return polygon_overlaps(turned[0], turned[1])
    from torchvision.ops import box_iou

    found: Tensor = box_iou(first.boxes.double(), second.boxes.to(first.boxes.device).double())
    return found.nan_to_num(0.0)


def joined_polygons(several: Sequence[Any]) -> Tensor | None:
    """Return the polygons of several images' detections in a row, if all have them.

    Args:
        several: Detections.

    Returns:
        ``[D,4,2]``, or None.
    """
    found = [one.polygons for one in several]
    return torch.cat(found) if found and all(one is not None for one in found) else None


def _clockwise(polygons: Tensor) -> Tensor:
    """The same with corners in one order: that of growing angles from x to y."""
    x, y = polygons.unbind(-1)
    turns = (x * y.roll(-1, -1) - y * x.roll(-1, -1)).sum(dim=-1)
    return torch.where((turns < 0)[:, None, None], polygons.flip(1), polygons)


def _shared_areas(first: Tensor, second: Tensor) -> Tensor:
    """The areas ``[P]`` of the intersections of pairs of clockwise quadrilaterals ``[P,4,2]``."""
    size = torch.cat([first, second], dim=1).abs().amax(dim=(1, 2), keepdim=True).clamp(min=1)
    points = torch.cat([first, second, _crossings(first, second)[0]], dim=1)
    inside = torch.cat(
        [
            _within(first, second, 1e-12 * size[:, 0] ** 2),
            _within(second, first, 1e-12 * size[:, 0] ** 2),
            _crossings(first, second)[1],
        ],
        dim=1,
    )
    count = inside.sum(dim=1)
    middle = (points * inside[:, :, None]).sum(dim=1) / count.clamp(min=1)[:, None]
    around = points - middle[:, None]
    angles = torch.where(inside, torch.atan2(around[:, :, 1], around[:, :, 0]), torch.inf)
    order = angles.argsort(dim=1)
    around, inside = around.gather(1, order[:, :, None].expand(-1, -1, 2)), inside.gather(1, order)
    # What is no corner lies on the first one, where it adds nothing.
    around = torch.where(inside[:, :, None], around, around[:, :1])
    return torch.where(count > 2, polygon_areas(around), 0.0)


def _within(points: Tensor, polygons: Tensor, slack: Tensor) -> Tensor:
    """Whether points ``[P,4,2]`` lie in their clockwise polygon, its edge included: bool ``[P,4]``."""
    along = polygons.roll(-1, 1) - polygons
    to = points[:, :, None] - polygons[:, None]
    return (along[:, None, :, 0] * to[..., 1] - along[:, None, :, 1] * to[..., 0] >= -slack[:, :, None]).all(dim=2)


def _crossings(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The points ``[P,16,2]`` where the lines of two sides meet, and whether both sides reach there."""
    start, along = first[:, :, None], (first.roll(-1, 1) - first)[:, :, None]
    other, across = second[:, None], (second.roll(-1, 1) - second)[:, None]
    turn = along[..., 0] * across[..., 1] - along[..., 1] * across[..., 0]
    apart = other - start
    safe = torch.where(turn == 0, 1.0, turn)
    t = (apart[..., 0] * across[..., 1] - apart[..., 1] * across[..., 0]) / safe
    u = (apart[..., 0] * along[..., 1] - apart[..., 1] * along[..., 0]) / safe
    met = (turn != 0) & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    return (start + t[..., None] * along).flatten(1, 2), met.flatten(1, 2)
