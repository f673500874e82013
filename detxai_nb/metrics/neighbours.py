"""One object against the others: its difference map, and which of them takes which pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics import box_masks
from detxai_nb.types import Progress

NOBODY = -1
_MOST_SAMPLES = 1_500_000


@dataclass(frozen=True)
class NeighbourShare:
    """What one neighbour takes from an object, all shares 0..1.

    ``index``: the neighbour; ``inside``: the share of the object's box whose pixels speak more for the neighbour;
    ``energy``: the share of the object's positive evidence that lies on pixels which the neighbour takes, anywhere in
    the image, None where there is none.
    """

    index: int
    inside: float
    energy: float | None


@dataclass(frozen=True, eq=False)
class NeighbourContrast:
    """One object against all others of its image.

    ``own``: its raw map, not negative; ``difference``: its signed difference map at the image's size, both HeatMaps of
    this one object. ``takers`` int16 ``[H,W]`` on the CPU: the strongest neighbour where that is stronger than the
    object, else -1. ``taken``: what each neighbour takes that takes anything, most inside the box first. ``kept``: the
    share of the object's box where its own map is strongest; the rest of the box is nobody's, or equally strong.
    """

    index: int
    own: HeatMaps
    difference: HeatMaps
    takers: Tensor
    taken: tuple[NeighbourShare, ...]
    kept: float

    @property
    def nbytes(self) -> int:
        """What its large parts take."""
        return self.difference.grids[0].numel() * 4 + self.takers.numel() * 2


def neighbour_contrast(maps: HeatMaps, index: int, progress: Progress | None = None) -> NeighbourContrast:
    """Object ``index`` against all others in ``maps``, which are brought to the image's size one at a time.

    The difference map is that of ``HeatMaps.difference``: the object's normalised map minus the greatest of the
    others' (Xia, Zhao & Chan); of one object alone it is its own normalised map. A pixel is taken by the neighbour with
    the greatest normalised map there, the first of equal ones, if that is above the object's own. Of signed maps it is
    the positive part that is compared.
    """
    maps = maps.positive()
    own = maps[index].normalized()[0]
    strongest = torch.zeros_like(own)
    strongest_index = torch.full(own.shape, NOBODY, dtype=torch.int16, device=own.device)
    first = True
    for other in range(len(maps)):
        if progress is not None:
            progress(other, len(maps))
        if other == index:
            continue
        values = maps[other].normalized()[0]
        stronger = torch.ones_like(values, dtype=torch.bool) if first else values > strongest
        strongest = torch.where(stronger, values, strongest)
        strongest_index[stronger] = other
        first = False
    difference = own - strongest
    takers = torch.where((difference < 0) & (strongest_index != NOBODY), strongest_index, NOBODY)
    taken, kept = _shares(maps, index, difference, takers)
    height, width = maps.placement.image_size
    signed = replace(
        maps[index],
        grids=(difference,),
        strides=((1.0, 1.0),),
        corners=(None,),
        placement=Placement.identity(height, width),
        method=f"difference of {maps.method}",
        settings={**maps.settings, "others": len(maps) - 1},
        signed=True,
        diagnostics={},
    )
    return NeighbourContrast(index, maps[index], signed, takers.cpu(), taken, kept)


def _shares(maps: HeatMaps, index: int, difference: Tensor, takers: Tensor) -> tuple[tuple[NeighbourShare, ...], float]:
    height, width = maps.placement.image_size
    inside = box_masks(maps.detections.boxes[index : index + 1].to(takers.device), height, width)[0]
    energy = maps[index].values[0].clamp(min=0).cpu().double()
    area, whole = int(inside.sum()), float(energy.sum())
    # Counted by neighbour: NOBODY is number 0.
    number = (takers.long() + 1).flatten()
    pixels = torch.bincount(number[inside.flatten()].cpu(), minlength=len(maps) + 1)
    carried = torch.bincount(number.cpu(), weights=energy.flatten(), minlength=len(maps) + 1)
    anywhere = torch.bincount(number.cpu(), minlength=len(maps) + 1)
    found = [
        NeighbourShare(n, int(pixels[n + 1]) / max(area, 1), float(carried[n + 1]) / whole if whole > 0 else None)
        for n in range(len(maps))
        if int(anywhere[n + 1])
    ]
    kept = int((inside & (difference > 0)).sum()) / max(area, 1)
    return tuple(sorted(found, key=lambda t: (-t.inside, -(t.energy or 0.0), t.index))), kept


def for_screen(found: NeighbourContrast) -> tuple[HeatMaps, Tensor, int]:
    """The difference map and the takers with at most 1.5 million samples, and how many pixels a sample's side has.

    A smaller photograph keeps every pixel; a larger one is averaged over squares, the takers are those of their middle.
    """
    (grid,) = found.difference.grids
    step = 1
    while grid.shape[0] * grid.shape[1] / step**2 > _MOST_SAMPLES:
        step += 1
    if step == 1:
        return found.difference, found.takers, 1
    small = F.avg_pool2d(grid[None, None], step, ceil_mode=True)[0, 0]
    rows, columns = (
        (torch.arange(cells) * step + step // 2).clamp(max=pixels - 1) for cells, pixels in zip(small.shape, grid.shape)
    )
    difference = replace(found.difference, grids=(small,), strides=((float(step), float(step)),))
    return difference, found.takers[rows][:, columns], step


def to_payload(found: NeighbourContrast) -> dict[str, Any]:
    """What each neighbour takes, for the browser."""
    return {
        "kept": found.kept,
        "taken": [{"index": t.index, "inside": t.inside, "energy": t.energy} for t in found.taken],
    }
