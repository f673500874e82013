"""The registered metrics that look at maps and annotations alone. NaN for an object without an annotation."""

from __future__ import annotations

import torch

from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.evidence import evidence_energy, gain, part_share
from detxai_nb.metrics.localization import box_masks, compactness, energy_pointing_game, pointing_game
from detxai_nb.metrics.object_discrimination import object_discrimination_index
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.metrics.visual_accuracy import area_below, visual_accuracy_curve

POINTING = "Zhang et al. (IJCV 2018); ODAM (ICLR 2023), table 4"
ENERGY = "Wang et al., Score-CAM (CVPR Workshops 2020); ODAM (ICLR 2023), table 4"
ODI = "Zhao & Chan, ODAM (ICLR 2023), table 3a"


@metric("pointing-game-box", title="Pointing game (box)", source=POINTING, higher_is_better=True, signed=True)
def pointing_game_box(case: MetricInput) -> Measured:
    """Share of the map's maximal pixels in the annotated box, 0..1."""
    return Measured(per_object(case, pointing_game(case.maps, case.box_masks)))


@metric(
    "pointing-game-mask",
    title="Pointing game (mask)",
    source=POINTING,
    higher_is_better=True,
    needs=("mask",),
    signed=True,
)
def pointing_game_mask(case: MetricInput) -> Measured:
    """Share of the map's maximal pixels in the annotated mask, 0..1."""
    return Measured(per_object(case, pointing_game(case.maps, case.masks)))


@metric("energy-pointing-box", title="Energy pointing game (box)", source=ENERGY, higher_is_better=True)
def energy_pointing_box(case: MetricInput) -> Measured:
    """Share of the map's energy in the annotated box, 0..1."""
    return Measured(per_object(case, energy_pointing_game(case.maps, case.box_masks)))


@metric(
    "energy-pointing-mask", title="Energy pointing game (mask)", source=ENERGY, higher_is_better=True, needs=("mask",)
)
def energy_pointing_mask(case: MetricInput) -> Measured:
    """Share of the map's energy in the annotated mask, 0..1."""
    return Measured(per_object(case, energy_pointing_game(case.maps, case.masks)))


@metric("compactness", title="Compactness", source="ODAM (ICLR 2023), table 4", higher_is_better=False)
def compactness_of_case(case: MetricInput) -> Measured:
    """Spread about the maximum in units of the annotated box; NaN for an all-zero map."""
    return Measured(per_object(case, compactness(case.maps, case.boxes)))


@metric(
    "vea",
    title="Visual explanation accuracy",
    source="Oramas et al. (ICLR 2019); ODAM (ICLR 2023), figure 5c, table 1",
    higher_is_better=True,
    needs=("mask",),
)
def visual_accuracy(case: MetricInput) -> Measured:
    """Area below the IoU of mask and thresholded map over thresholds 0, 0.05, ... 1, in 0..1; the curve is that IoU."""
    curve = visual_accuracy_curve(case.maps, case.masks)
    curve = torch.where(case.annotated[:, None], curve, torch.nan)
    return Measured(area_below(curve), curve=curve)


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


@metric(
    "evidence-energy",
    title="Energy on the telling part",
    source="synthetic scenes of this package",
    higher_is_better=True,
    needs=("mask", "part"),
)
def evidence_energy_of_case(case: MetricInput) -> Measured:
    """Energy on the part that tells the class over the energy on the object, 0..1.

    ``extras``: "area_share", the part's share of the object's area, what an even map scores; "gain", value over share.
    """
    value = per_object(case, evidence_energy(case.maps, case.parts, case.masks))
    even = per_object(case, part_share(case.parts, case.masks))
    return Measured(value, extras={"area_share": even, "gain": gain(value, even)})
