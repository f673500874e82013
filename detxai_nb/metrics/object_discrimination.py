"""Object discrimination index: how much of a map's energy on objects lies on the other objects."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import box_masks, check_non_negative, energy, safe_ratio
from detxai_nb.metrics.registry import Measured, metric

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
    kept = torch.ones(len(masks), dtype=torch.bool) if counted is None else counted.cpu()
    covering = masks[kept.to(masks.device)].sum(dim=0, dtype=torch.int32)
    found = []
    for row, number in enumerate(targets.tolist()):
        own = masks[max(number, 0)] if len(masks) else masks.new_zeros(masks.shape[1:])
        others = (covering - own.int() if number >= 0 and kept[number] else covering) > 0
        on_any = energy(maps[row, None], others | own)
        on_others = energy(maps[row, None], others & ~own if exclusive else others)
        found.append(safe_ratio(on_others, on_any, torch.nan))
    result = torch.cat(found).cpu().double() if found else torch.zeros(0, dtype=torch.float64)
    return torch.where(targets.cpu() < 0, torch.nan, result)


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
    return _odi(case, box_masks(torch.from_numpy(case.sample.boxes).to(case.maps.device), *case.size), exclusive, crowd)


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
    return _odi(case, torch.from_numpy(case.sample.masks).to(case.maps.device), exclusive, crowd)


def _odi(case: MetricInput, masks: torch.Tensor, exclusive: bool, crowd: bool) -> Measured:
    """The index with ``masks`` ``[M,H,W]`` of all annotations."""
    counted = torch.ones(len(case.sample), dtype=torch.bool) if crowd else ~torch.from_numpy(case.sample.crowd)
    value = object_discrimination_index(case.maps, case.annotations, masks, counted, exclusive=exclusive)
    own = torch.zeros(len(case), dtype=torch.bool)
    own[case.annotated] = counted[case.annotations.cpu()[case.annotated]]
    return Measured(per_object(case, value), extras={"others": (counted.sum() - own.int()).double()})
