"""Object discrimination index: how much of a map's energy on objects lies on the other objects."""

from __future__ import annotations

import torch
from torch import Tensor

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.map_energy import box_masks, check_not_negative, energy, share
from detxai_nb.metrics.registry import Measured, metric

ODI = "Zhao & Chan, ODAM (ICLR 2023), table 3a"


def object_discrimination_index(
    maps: Tensor, targets: Tensor, masks: Tensor, counted: Tensor | None = None, *, exclusive: bool = False
) -> Tensor:
    """Energy on all other objects over the energy on all objects, of any class: ``[N]`` in 0..1. Lower is better.

    ``maps`` ``[N,H,W]``: raw, non-negative, at the image's size. ``masks`` bool ``[M,H,W]``: every annotated object's
    mask or box (``box_masks``). ``targets`` int64 ``[N]``: which of the M each map's own object is, -1 for none.
    ``counted`` bool ``[M]``: which of the M count as objects, by default all; a target's own always counts. Where
    objects overlap, each pixel counts once in either union. The target's pixels that another object covers too are the
    other's, as in the authors' code; ``exclusive=True`` gives them to the target. (On photographs that alone moved the
    index from 0.42 to 0.06.)

    NaN where no energy lies on an object (an all-zero map) and where the map has no object of its own; 0 in an image
    with one object alone. Zhao & Chan, ODAM (ICLR 2023), sec. 4.2, table 3a.
    """
    check_not_negative(maps)
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
        found.append(share(on_others, on_any, torch.nan))
    result = torch.cat(found).cpu().double() if found else torch.zeros(0, dtype=torch.float64)
    return torch.where(targets.cpu() < 0, torch.nan, result)


@metric("odi-box", title="Object discrimination (box)", source=ODI, higher_is_better=False, needs=("others",))
def odi_box(case: MetricInput, *, exclusive: bool = False, crowd: bool = False) -> Measured:
    """Object discrimination index with annotated boxes, 0..1; see ``object_discrimination_index``.

    Annotations of crowds count as other objects only with ``crowd=True``; by default their pixels are background, as
    COCO's own measures ignore them. ``extras["others"]``: how many other objects counted; with none the index is 0.
    """
    return _odi(case, box_masks(torch.from_numpy(case.sample.boxes).to(case.maps.device), *case.size), exclusive, crowd)


@metric("odi-mask", title="Object discrimination (mask)", source=ODI, higher_is_better=False, needs=("mask", "others"))
def odi_mask(case: MetricInput, *, exclusive: bool = False, crowd: bool = False) -> Measured:
    """Object discrimination index with annotated masks, 0..1; the settings are those of "odi-box"."""
    return _odi(case, torch.from_numpy(case.sample.masks).to(case.maps.device), exclusive, crowd)


def _odi(case: MetricInput, masks: torch.Tensor, exclusive: bool, crowd: bool) -> Measured:
    """The index with ``masks`` ``[M,H,W]`` of all annotations."""
    counted = torch.ones(len(case.sample), dtype=torch.bool) if crowd else ~torch.from_numpy(case.sample.crowd)
    value = object_discrimination_index(case.maps, case.annotations, masks, counted, exclusive=exclusive)
    own = torch.zeros(len(case), dtype=torch.bool)
    own[case.annotated] = counted[case.annotations.cpu()[case.annotated]]
    return Measured(per_object(case, value), extras={"others": (counted.sum() - own.int()).double()})
