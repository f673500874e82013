"""Checks of heat maps: they show something, and they lie where the evidence is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from detxai_nb.doctor.estimate import MedianEstimate
from detxai_nb.doctor.layer_place import layer_offsets
from detxai_nb.doctor.pairs import mirrored, pair_detections
from detxai_nb.doctor.patient import CONFIDENT, Patient
from detxai_nb.doctor.result import OK, SUSPICIOUS, WRONG, CheckResult, NotChecked, Value
from detxai_nb.doctor.views import Views, make_views
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Detections

METHOD = "odam"
"""The method whose maps are looked at: the plain product of gradient and activation, the same in every family."""
EMPTY, ALL = 0.5, 0.999
"""The share of maps without positive evidence that is suspicious, and wrong."""
MOVED, FAR = 1.0, 1.5
"""How many cells maps may be off, in the median: beyond the first it is suspicious, beyond the second wrong. Half a
cell is between two conventions, as a convolution of stride 2 reads it and as it is drawn."""
MOST = 3
"""How many pictures are looked at."""
_OBJECTS = 6


def check_maps(patient: Patient) -> CheckResult:
    """Check that maps are not all zero.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box, or without detections.
    """
    patient.white_box()
    status = []
    for number, picture in enumerate(patient.pictures[:MOST]):
        found = patient.confident(number, _OBJECTS)
        if len(found):
            status += list(explain(patient.detector, picture, found, method=METHOD).status)
    if not status:
        raise NotChecked("nothing is found in these pictures, so that there is nothing to explain")
    empty = sum(one != "ok" for one in status) / len(status)
    measured: dict[str, Value] = {"maps": len(status), "share without evidence": empty}
    means = "there is nothing to see in the maps"
    remedy = "take a layer on which the score depends, without detach, no_grad or numpy between it and the score"
    if empty > EMPTY:
        what = next(one for one in status if one != "ok")
        said = f"{empty:.0%} of {len(status)} maps show nothing ({what})"
        return CheckResult("maps", WRONG if empty > ALL else SUSPICIOUS, said, measured, means, remedy)
    return CheckResult("maps", OK, f"{1 - empty:.0%} of {len(status)} maps show evidence", measured)


def check_place(patient: Patient) -> CheckResult:
    """Check that maps lie where the evidence is.

    Where a small square of the picture is changed the layer has to change in the cells that lie there. Maps of the
    same objects in two crops, one moved against the other, have to lie over each other in what both crops show, and
    those of the mirror image once they are turned back: how far they are apart is where they resemble each other most.

    Args:
        patient: the detector and its pictures.

    Returns:
        What was found.

    Raises:
        NotChecked: for a black box or a classifier, and if too few objects are found again.
    """
    detector = patient.white_box()
    patient.require_boxes()
    patient.require_probabilities()
    apart: dict[str, list[tuple[float, float]]] = {"changed": [], "moved": [], "mirrored": []}
    for picture in patient.pictures[:MOST]:
        views = make_views(picture, patient.detect)
        apart["changed"] += layer_offsets(detector, picture)
        apart["moved"] += _apart(patient, views, _moved(views))
        apart["mirrored"] += [(y / 2, x / 2) for y, x in _apart(patient, views, _turned(views))]
    off = {
        (how, axis): MedianEstimate.of([one[number] for one in values])
        for how, values in apart.items()
        for number, axis in enumerate("yx")
    }
    # Turned left to right a place on the left lies as far to the right as one on the right lies to the left.
    off["changed", "y and x"] = MedianEstimate.of([math.hypot(*one) / math.sqrt(2) for one in apart["changed"]])
    measured: dict[str, Value] = {f"objects, {how}": len(values) for how, values in apart.items()}
    measured |= {f"cells off when {how} ({axis})": one.known for (how, axis), one in off.items()}
    worst = {limit: [key for key, one in off.items() if one.beyond(0, limit)] for limit in (MOVED, FAR)}
    if not worst[MOVED]:
        known = [abs(one.known) for one in off.values() if one.known is not None]
        if not known:
            raise NotChecked("too few objects are found again", "take pictures with more objects", measured)
        largest = max(known)
        return CheckResult("place", OK, f"maps lie where they should, to {largest:.2f} cells", measured)
    how, axis = max(worst[MOVED], key=lambda key: abs(off[key].median or 0))
    what = "the cells of the layer that change" if how == "changed" else "the maps"
    said = f"in a {how} picture {what} lie {abs(off[how, axis].median or 0):.1f} cells in {axis} from where they should"
    means = "the evidence is shown in the wrong place"
    remedy = "compare the placement (where the picture lies in the input, its padding) and the layer's stride"
    return CheckResult("place", WRONG if worst[FAR] else SUSPICIOUS, said, measured, means, remedy)


def _sure(found: Detections) -> Detections:
    return found[found.scores >= CONFIDENT][:_OBJECTS]


@dataclass(frozen=True, eq=False)
class _Other:
    """Another view of a picture than the first.

    Attributes:
        picture: the view.
        found: the detections in it.
        boxes: where these lie in the first view.
        cut_first, cut: bring maps of the first view, and of this one, to what both have in common.
    """

    picture: np.ndarray
    found: Detections
    boxes: Tensor
    cut_first: Callable[[Tensor], Tensor]
    cut: Callable[[Tensor], Tensor]


def _moved(views: Views) -> _Other:
    """The second crop."""
    right, down = views.move
    height, width = views.size
    found = views.found[1]
    boxes = found.boxes + found.boxes.new_tensor([right, down, right, down])

    def cut_first(maps: Tensor) -> Tensor:
        return maps[:, down:, right:]

    def cut(maps: Tensor) -> Tensor:
        return maps[:, : height - down, : width - right]

    return _Other(views.pictures[1], found, boxes, cut_first, cut)


def _turned(views: Views) -> _Other:
    """The mirror image."""
    found = views.found[2]
    boxes = mirrored(found.boxes, views.size[1])
    return _Other(views.pictures[2], found, boxes, lambda maps: maps, lambda maps: maps.flip(2))


def _apart(patient: Patient, views: Views, other: _Other) -> list[tuple[float, float]]:
    """How far the maps of each object that is found in both views are apart, (y, x) in cells of the layer."""
    own = _sure(views.found[0])
    pairs = pair_detections(own, other.found, other.boxes)
    pairs = [(i, j) for i, j in pairs if float(other.found.scores[j]) >= CONFIDENT / 2]
    if not pairs:
        return []
    first = explain(patient.detector, views.pictures[0], own[[i for i, _ in pairs]], method=METHOD)
    second = explain(patient.detector, other.picture, other.found[[j for _, j in pairs]], method=METHOD)
    maps, theirs = other.cut_first(first.values.cpu()), other.cut(second.values.cpu())
    moves = []
    for row in range(len(pairs)):
        shown = first.status[row] == second.status[row] == "ok" and float(maps[row].std()) > 0 < float(
            theirs[row].std()
        )
        # The same object may be found on another grid of a pyramid, whose map looks otherwise.
        if shown and first.strides[row] == second.strides[row]:
            move, cell = best_move(maps[row], theirs[row]), _cell(first, row)
            moves.append((move[0] / cell[0], move[1] / cell[1]))
    return moves


def _cell(maps: HeatMaps, row: int) -> tuple[float, float]:
    """The size of a cell of a map, (y, x) in pixels of the picture."""
    scale = maps.placement.scale
    return maps.strides[row][0] / scale[0], maps.strides[row][1] / scale[1]


def best_move(first: Tensor, second: Tensor) -> tuple[int, int]:
    """Return how far a map has to be moved to resemble another one most: where their correlation is largest.

    Args:
        first, second: two maps ``[H,W]``.

    Returns:
        (y, x) in pixels: ``second`` moved by it lies over ``first``.
    """
    height, width = first.shape
    size = (2 * height, 2 * width)
    spectra = [torch.fft.rfft2(one.double() - one.double().mean(), s=size) for one in (first, second)]
    product = torch.fft.irfft2(spectra[0] * spectra[1].conj(), s=size)
    place = int(product.argmax())
    y, x = divmod(place, size[1])
    return (y if y < height else y - size[0]), (x if x < width else x - size[1])
