"""Neighbours: an object's difference map, and which pixels speak more for which other object of the image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.map_energy import box_masks
from detxai_nb.polygons import polygon_masks
from detxai_nb.types import Progress

NOBODY = -1
"""In ``NeighbourContrast.takers``: a pixel that no neighbour takes."""


@dataclass(frozen=True)
class NeighbourShare:
    """The share of an object that one neighbour takes.

    Attributes:
        index: the neighbour's index among the detections.
        inside: the share, 0..1, of the pixels in the object's box that speak more for the neighbour.
        energy: the share, 0..1, of the object's positive evidence that lies on pixels which the neighbour takes,
            anywhere in the image; None if the object has no positive evidence.
    """

    index: int
    inside: float
    energy: float | None


@dataclass(frozen=True, eq=False)
class NeighbourContrast:
    """One object against all others of its image.

    Attributes:
        index: the object's index among the detections.
        own: its raw map, non-negative; HeatMaps of this one object.
        difference: its signed difference map in -1..1 at the size of the image; HeatMaps of this one object.
        takers: int16 ``[H,W]`` on the CPU: the index of the strongest neighbour where that is stronger than the object,
            else -1.
        taken: the share of each neighbour that takes any pixel, largest share of the box first.
        kept: the share of the object's box, 0..1, where its own map is strongest; the rest of the box is nobody's, or
            equally strong.
    """

    index: int
    own: HeatMaps
    difference: HeatMaps
    takers: Tensor
    taken: tuple[NeighbourShare, ...]
    kept: float

    @property
    def nbytes(self) -> int:
        """The memory of its large parts in bytes."""
        return self.difference.grids[0].numel() * 4 + self.takers.numel() * 2


def neighbour_contrast(maps: HeatMaps, index: int, progress: Progress | None = None) -> NeighbourContrast:
    """Compare an object's map with those of all other objects.

    The difference map is that of ``HeatMaps.difference``: the object's normalised map minus the largest of the others;
    of a single object it is its own normalised map. A pixel is taken by the neighbour with the largest normalised map
    there, the first of equal ones, if that is above the object's own. Of signed maps the positive parts are compared.
    Maps are brought to the size of the image one at a time.

    Args:
        maps: the maps of all objects of an image.
        index: the object, 0 to N - 1.
        progress: called with (done, total) before each map; what it raises ends the work.

    Returns:
        The difference map, the takers of pixels and the neighbours' shares.

    Example:
        >>> import detxai_nb as dx
        >>> image = dx.data.scenes.make(1).image
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> maps = dx.explain(detector, image, detector.detect([image])[0])
        >>> contrast = dx.metrics.neighbour_contrast(maps, 0)
        >>> contrast.takers.shape == image.shape[:2], 0 <= contrast.kept <= 1
        (True, True)

    References:
        Xia, Zhao & Chan, difference maps.
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
        corners=(),
        shifts=(),
        placement=Placement.identity(height, width),
        method=f"difference of {maps.method}",
        settings={**maps.settings, "others": len(maps) - 1},
        signed=True,
        diagnostics={},
        unit="share of each map's range",
        deciding=(),
    )
    return NeighbourContrast(index, maps[index], signed, takers.cpu(), taken, kept)


def _shares(maps: HeatMaps, index: int, difference: Tensor, takers: Tensor) -> tuple[tuple[NeighbourShare, ...], float]:
    """Each neighbour's share of object ``index``, and the share of its box that the object keeps."""
    height, width = maps.placement.image_size
    own = maps.detections[index]
    if own.polygons is None:
        inside = box_masks(own.boxes.to(takers.device), height, width)[0]
    else:
        inside = polygon_masks(own.polygons.to(takers.device), height, width)[0]
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
