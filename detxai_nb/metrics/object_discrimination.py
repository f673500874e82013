"""Object discrimination index: how much of a map's energy on objects lies on the other objects."""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import box_masks, centres_between, check_non_negative, energy, safe_ratio
from detxai_nb.metrics.matching import class_members
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.polygons import polygon_masks

_COVERED: weakref.WeakKeyDictionary[Sample, dict[tuple[bool, bool, bool, torch.device], Tensor]] = (
    weakref.WeakKeyDictionary()
)
"""How many counted objects cover each pixel, by sample and by masks or boxes, crowd and device."""

SOURCE = "Zhao & Chan, ODAM (ICLR 2023), table 3a"


def object_discrimination_index(
    maps: Tensor, targets: Tensor, masks: Tensor, counted: Tensor | None = None, *, exclusive: bool = False
) -> Tensor:
    """Return each map's energy on all other objects over its energy on all objects, of any class.

    Where objects overlap, each pixel counts once in either union.

    Args:
        maps: heat maps ``[N,H,W]``, raw, non-negative, at the size of the image.
        targets: int64 ``[N]``: which of the M objects each map explains, -1 for none.
        masks: bool ``[M,H,W]``: every annotated object's mask or box (``box_masks``).
        counted: bool ``[M]``: which of the M count as objects, by default all; a map's own object always counts.
        exclusive: whose the target's pixels are that another object covers too: by default the other's, as in the
            authors' code; True gives them to the target. (On photographs that alone moved the index from 0.42 to 0.06.)

    Returns:
        float64 ``[N]`` on the CPU in 0..1, lower is better. NaN where no energy lies on an object (an all-zero map) and
        where the map has no object of its own; 0 in an image with a single object.

    Raises:
        ValueError: if sizes do not fit together or a map has negative values.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> maps = torch.tensor([[[3.0, 1.0, 5.0]]])
        >>> objects = torch.tensor([[[True, False, False]], [[False, True, False]]])
        >>> dx.metrics.object_discrimination_index(maps, torch.tensor([0]), objects)
        tensor([0.2500], dtype=torch.float64)

    References:
        Zhao & Chan, ODAM (ICLR 2023), sec. 4.2 and table 3a.
    """
    check_non_negative(maps)
    if masks.shape[1:] != maps.shape[1:]:
        raise ValueError(f"masks are [M,H,W] of the maps' size {list(maps.shape[1:])}, got {list(masks.shape)}")
    if len(targets) != len(maps):
        raise ValueError(f"targets are one number for each of the {len(maps)} maps, got {len(targets)}")
    kept = torch.ones(len(masks), dtype=torch.bool, device="cpu") if counted is None else counted.cpu()
    covering = masks[kept.to(masks.device)].sum(dim=0, dtype=torch.int32)
    return _index(maps, targets, masks.__getitem__, covering, kept, exclusive)


def _index(
    maps: Tensor,
    targets: Tensor,
    mask_of: Callable[[int], Tensor],
    covering: Tensor,
    kept: Tensor,
    exclusive: bool,
) -> Tensor:
    """The index from ``covering``, int32 ``[H,W]``: how many of the ``kept`` objects cover each pixel."""
    found = []
    for row, number in enumerate(targets.tolist()):
        if number < 0:
            found.append(maps.new_full((1,), torch.nan, dtype=torch.float64, device="cpu"))
            continue
        counts = mask_of(number)
        others = (covering - counts.int() if kept[number] else covering) > 0
        own = counts > 0
        on_any = energy(maps[row, None], others | own)
        on_others = energy(maps[row, None], others & ~own if exclusive else others)
        found.append(safe_ratio(on_others, on_any, torch.nan).cpu().double())
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.float64, device="cpu")


@metric(
    "odi-box",
    title="Object discrimination (box)",
    source=SOURCE,
    higher_is_better=False,
    empty_map=math.nan,
    in_comparison="shown",
    needs=("others",),
)
def odi_box(case: MetricInput, *, exclusive: bool = False, crowd: bool = False) -> Measured:
    """Measure the object discrimination index with annotated boxes.

    Args:
        case: one image's objects with their maps.
        exclusive: whether the target keeps pixels that another object covers too.
        crowd: whether crowd annotations count as other objects; by default their pixels are background, as in COCO's
            own metrics.

    Returns:
        Indices in 0..1. ``extras["others"]``: how many other objects counted; with none the index is 0.
    """
    return _odi(case, False, exclusive, crowd)


@metric(
    "odi-mask",
    title="Object discrimination (mask)",
    source=SOURCE,
    higher_is_better=False,
    empty_map=math.nan,
    in_comparison="offered",
    needs=("mask", "others"),
)
def odi_mask(case: MetricInput, *, exclusive: bool = False, crowd: bool = False) -> Measured:
    """Measure the object discrimination index with annotated masks.

    Args:
        case: one image's objects with their maps.
        exclusive, crowd: as in "odi-box".

    Returns:
        Indices in 0..1 with ``extras`` as in "odi-box".
    """
    return _odi(case, True, exclusive, crowd)


def _odi(case: MetricInput, masks: bool, exclusive: bool, crowd: bool) -> Measured:
    """The index with the masks or the boxes of all annotations."""
    device, size = case.maps.device, case.size
    counted = (
        torch.ones(len(case.sample), dtype=torch.bool, device="cpu") if crowd else ~torch.from_numpy(case.sample.crowd)
    )
    check_non_negative(case.maps)

    def mask_of(number: int) -> Tensor:
        # A class of the whole image is all its objects: how many of them cover each pixel.
        members = class_members(case.sample, number) if case.classes else [number]
        if masks:
            found = torch.from_numpy(case.sample.masks_of(members)).to(device)
        elif case.polygons is not None and case.sample.polygons is not None:
            found = polygon_masks(torch.from_numpy(case.sample.polygons[members]).to(device), *size)
        else:
            found = box_masks(torch.from_numpy(case.sample.boxes[members]).to(device), *size)
        return found.sum(dim=0, dtype=torch.int32)

    covering = _covering(case, masks, counted, crowd)
    value = _index(case.maps, case.annotations, mask_of, covering, counted, exclusive)
    own = torch.tensor([int(counted[list(members)].sum()) for members in case.members], dtype=torch.int64, device="cpu")
    return Measured(per_object(case, value), extras={"others": (counted.sum() - own).double()})


def _covering(case: MetricInput, masks: bool, counted: Tensor, crowd: bool) -> Tensor:
    """How many counted masks or boxes cover each pixel, int32 ``[H,W]``; made once for all maps of a photograph."""
    device, kept = case.maps.device, _COVERED.setdefault(case.sample, {})
    turned = case.polygons is not None
    found = kept.get((masks, crowd, turned, device))
    if found is None:
        if masks:
            covered = np.zeros(case.size, np.int32)
            for number in counted.nonzero()[:, 0].tolist():
                covered += case.sample.masks_of([number])[0]
            found = torch.from_numpy(covered).to(device)
        elif turned and case.sample.polygons is not None:
            covered = np.zeros(case.size, np.int32)
            for polygon in torch.split(torch.from_numpy(case.sample.polygons)[counted], 1):
                covered += polygon_masks(polygon, *case.size)[0].numpy()
            found = torch.from_numpy(covered).to(device)
        else:
            found = _cover(torch.from_numpy(case.sample.boxes)[counted], *case.size).to(device)
        kept[masks, crowd, turned, device] = found
    return found


def _cover(boxes: Tensor, height: int, width: int) -> Tensor:
    """How many boxes cover each pixel, int32 ``[height,width]``, without their masks: +1 and -1 at corners, summed."""
    x1, y1, x2, y2 = boxes.unbind(1)
    rows, columns = centres_between(y1, y2, height), centres_between(x1, x2, width)
    there = rows.any(1) & columns.any(1)
    rows, columns = rows[there].byte(), columns[there].byte()
    top, left = rows.argmax(1), columns.argmax(1)
    bottom, right = top + rows.sum(1), left + columns.sum(1)
    steps = torch.zeros((height + 1) * (width + 1), dtype=torch.int32, device="cpu")
    for down, across, sign in ((top, left, 1), (top, right, -1), (bottom, left, -1), (bottom, right, 1)):
        steps.index_add_(0, down * (width + 1) + across, torch.full_like(down, sign, dtype=torch.int32))
    return steps.view(height + 1, width + 1).cumsum(0).cumsum(1)[:-1, :-1].int()
