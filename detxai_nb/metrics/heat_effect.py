"""Heat-effect correlation: whether a map is hot where the score falls when the picture is filled there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from detxai_nb.interventions.choosing import segmented
from detxai_nb.interventions.controls import boxes_as_mask, control_regions
from detxai_nb.interventions.fill import FILLS, Fill
from detxai_nb.interventions.region import Region
from detxai_nb.metrics.case import MetricInput
from detxai_nb.metrics.detection_cache import MIN_IOU, SCORE_THRESHOLD, DetectionCache
from detxai_nb.metrics.registry import Measured, metric
from detxai_nb.statistics import rank_correlation

PATCHES = ("grid", "superpixels")
"""How an object's box is cut."""
FEWEST = 4
"""With fewer patches there is no correlation to speak of."""
_CONTROLS = 4

_KNOWN: WeakKeyDictionary[DetectionCache, dict[tuple[object, ...], PatchEffects]] = WeakKeyDictionary()
"""The effects of one photograph's patches, which do not depend on a map: all methods of it share them."""


@dataclass(frozen=True, eq=False)
class PatchEffects:
    """What an object's score loses when patches of its box are filled, one at a time.

    Attributes:
        labels: int64 ``[H,W]``: the patch of each pixel, -1 outside the box.
        lost: float64 ``[F,P]``: the score lost with each of F fills in each of P patches.
        elsewhere: float64 ``[F]``: the mean score lost when as many pixels of the background are filled; NaN if there
            is no room.
    """

    labels: np.ndarray
    lost: Tensor
    elsewhere: Tensor

    @property
    def mean(self) -> Tensor:
        """The score lost in each patch, the mean over the fills, float64 ``[P]``."""
        return self.lost.mean(dim=0)


def patches_of_box(
    image: np.ndarray, box: Sequence[float], count: int = 6, patches: str = "grid"
) -> tuple[np.ndarray, int]:
    """Cut a box of a picture into patches.

    Args:
        image: uint8 ``[H,W,3]``.
        box: xyxy in pixels.
        count: the patches of a side, so about ``count ** 2`` in all; at most as many as pixels.
        patches: "grid" (rows and columns of about equal width) or "superpixels" (SLIC's, of the cut out box).

    Returns:
        The patch of each pixel, int64 ``[H,W]``, -1 outside the box, and how many there are.

    Raises:
        ValueError: if ``count`` is below 1 or ``patches`` unknown.
        ImportError: if superpixels are wanted without scikit-image.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 1000:
        raise ValueError(f"count is a whole number of patches of a side, 1 to 1000; got {count!r}")
    if patches not in PATCHES:
        raise ValueError(f"patches is one of {', '.join(map(repr, PATCHES))}; got {patches!r}")
    height, width = image.shape[:2]
    labels = np.full((height, width), -1, np.int64)
    mask = boxes_as_mask([box], (height, width))
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows) or not len(columns):
        return labels, 0
    inside = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    if patches == "superpixels":
        found = segmented(np.ascontiguousarray(image[inside]), count * count)
    else:
        down = np.arange(len(rows)) * min(count, len(rows)) // len(rows)
        across = np.arange(len(columns)) * min(count, len(columns)) // len(columns)
        found = down[:, None] * min(count, len(columns)) + across[None]
    _, numbers = np.unique(found, return_inverse=True)
    labels[inside] = numbers.reshape(found.shape)
    return labels, int(numbers.max()) + 1


def patch_effects(
    case: MetricInput,
    row: int,
    *,
    count: int = 6,
    patches: str = "grid",
    fills: Sequence[str] = ("blur", "mean"),
    score_threshold: float = SCORE_THRESHOLD,
    min_iou: float = MIN_IOU,
) -> PatchEffects:
    """Fill the patches of an object's detected box one at a time and follow its score.

    The object is found again by class and IoU, as in all changed pictures. The effects do not depend on a map, so they
    are kept with the case's cache of answers.

    Args:
        case: one image's objects and the detector.
        row: the object, 0 to N - 1.
        count, patches: as in ``patches_of_box``.
        fills: names of fills; each has its own picture of each patch.
        score_threshold: the least score of detections in the changed pictures.
        min_iou: an object is found again by its class and an IoU above this one.

    Returns:
        The effects.

    Raises:
        ValueError: if there is no detector, or a setting is unknown or out of range.
        ImportError: if a fill needs a library that is missing.
    """
    answers, least = case.ask(), case.least_score(score_threshold)
    target = case.detections[row].to("cpu")
    box = target.boxes[0].tolist()
    seed = case.object_seed(row, "fill") % 2**31
    key = (tuple(box), int(target.labels), seed, count, patches, tuple(fills), least, min_iou)
    known = _KNOWN.setdefault(answers, {})
    if key in known:
        return known[key]
    image = case.sample.image
    labels, number = patches_of_box(image, box, count, patches)
    regions = [Region(labels == patch) for patch in range(number)]
    boxes = [] if case.classes else [*case.detections.boxes.tolist(), *case.sample.boxes.tolist()]
    objects = boxes_as_mask(boxes, case.size)
    middle = sorted(regions, key=lambda region: region.area)[number // 2 : number // 2 + 1]
    controls = [area for one in middle for _, area, _ in control_regions(one, None, objects, _CONTROLS, seed) if boxes]
    areas, painters = [*regions, *controls], [Fill(name) for name in fills]

    def pictures() -> Iterator[np.ndarray]:
        for painter in painters:
            for area in areas:
                yield painter.paint(image, area, seed, objects if boxes else None)

    before = float(target.scores[0])
    scores = [float(found.follow(target, min_iou)[0][0]) for found in answers.ask(pictures(), least)]
    lost = before - torch.tensor(scores, dtype=torch.float64, device="cpu").reshape(len(painters), len(areas))
    known[key] = PatchEffects(labels, lost[:, :number], _mean_of(lost[:, number:]))
    return known[key]


def _mean_of(values: Tensor) -> Tensor:
    return values.mean(dim=1) if values.shape[1] else torch.full_like(values.new_empty(len(values)), math.nan)


def heat_effect_correlation(heat: Tensor, effects: Tensor) -> tuple[float, float, float]:
    """Return the rank correlation of the heat in patches with the score lost there, with its 95% interval.

    Args:
        heat: ``[P]``, the mean heat of each patch.
        effects: ``[P]``, the score lost when it is filled.

    Returns:
        Spearman's correlation in -1..1, and the ends of its interval. 0 for heat that is the same everywhere; all three
        are NaN where every patch has the same effect, so that there is nothing to agree with, or there are fewer than
        ``FEWEST``.

    References:
        Bonett & Wright, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations"
        (Psychometrika 2000): on Fisher's scale the standard error is ``sqrt((1 + r^2 / 2) / (P - 3))``.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> heat, lost = torch.tensor([1.0, 2.0, 3.0, 4.0, 9.0]), torch.tensor([0.0, 0.1, 0.2, 0.4, 0.3])
        >>> value, low, high = dx.metrics.heat_effect_correlation(heat, lost)
        >>> round(value, 6), low < value < high
        (0.9, True)
    """
    heat, effects = heat.double().cpu(), effects.double().cpu()
    if len(heat) < FEWEST or not bool((effects != effects[0]).any()):
        return math.nan, math.nan, math.nan
    value = float(rank_correlation(heat[None], effects[None])[0])
    # A correlation of 1 has no place on Fisher's scale.
    z = math.atanh(min(max(value, -1 + 1e-12), 1 - 1e-12))
    spread = 1.959964 * math.sqrt((1 + value * value / 2) / (len(heat) - 3))
    return value, math.tanh(z - spread), math.tanh(z + spread)


def heat_in_patches(heat: Tensor, labels: np.ndarray) -> Tensor:
    """Return the mean heat in each patch.

    Args:
        heat: a map ``[H,W]``.
        labels: int64 ``[H,W]``: the patch of each pixel, -1 for none.

    Returns:
        float64 ``[P]`` on the CPU.
    """
    at = torch.from_numpy(labels).flatten()
    inside = at >= 0
    count = int(at.max()) + 1 if len(at) else 0
    sums = torch.zeros(count, dtype=torch.float64, device="cpu")
    sums.index_add_(0, at[inside], heat.detach().double().cpu().flatten()[inside])
    return sums / torch.bincount(at[inside], minlength=count).clamp(min=1)


@metric(
    "heat-effect",
    title="Heat-effect correlation",
    source="this package: agreement of a map with interventions",
    higher_is_better=True,
    needs=("detector",),
    signed=True,
    empty_map=0.0,
    uses_annotation=False,
    choices={"patches": PATCHES},
)
def heat_effect_of_case(
    case: MetricInput,
    *,
    count: int = 6,
    patches: str = "grid",
    fills: str = "blur, mean",
    score_threshold: float = SCORE_THRESHOLD,
    min_iou: float = MIN_IOU,
) -> Measured:
    """Measure the rank correlation of the heat in patches of the detected box with the score lost when one is filled.

    Of a map that says where the detector looks, the hot patches are those whose filling costs the score most. A random
    map has 0 in the mean. A Gaussian in the box has what lies in the middle mattering more: that a method beats it is
    what counts.

    Args:
        case: one image's objects with their maps and the detector.
        count: the box is cut into about ``count ** 2`` patches.
        patches: "grid" or "superpixels".
        fills: names of fills, separated by commas; the effects are their mean.
        score_threshold: the least score of detections in the changed pictures.
        min_iou: an object is found again by its class and an IoU above this one.

    Returns:
        Correlations in -1..1; NaN where every patch has the same effect, or there are fewer than four. ``extras``:
        "low" and "high", the ends of the 95% interval of this object's correlation; "with blur" and so on, the
        correlation with each fill alone; "fills agree", the rank correlation of the effects of the first two fills, NaN
        for one; "lost", the mean score lost over the patches; "lost on background", the same for as many pixels
        elsewhere; "patches", how many there are.
    """
    names = _names_of(fills)
    keys = ["low", "high", *(f"with {name}" for name in names), "fills agree", "lost", "lost on background", "patches"]
    value = torch.full((len(case),), math.nan, dtype=torch.float64, device="cpu")
    extras = {key: value.clone() for key in keys}
    for row in range(len(case)):
        found = patch_effects(
            case, row, count=count, patches=patches, fills=names, score_threshold=score_threshold, min_iou=min_iou
        )
        extras["patches"][row] = number = found.lost.shape[1]
        if number < FEWEST:
            continue
        heat = heat_in_patches(case.maps[row], found.labels)
        value[row], extras["low"][row], extras["high"][row] = heat_effect_correlation(heat, found.mean)
        for name, lost in zip(names, found.lost):
            extras[f"with {name}"][row] = heat_effect_correlation(heat, lost)[0]
        if len(names) > 1:
            extras["fills agree"][row] = heat_effect_correlation(found.lost[0], found.lost[1])[0]
        extras["lost"][row], extras["lost on background"][row] = found.lost.mean(), found.elsewhere.mean()
    return Measured(value, extras=extras)


def _names_of(fills: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in str(fills).split(",") if name.strip())
    known = [name for name in FILLS if name != "picture"]
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise ValueError(f"fills are one or more of {', '.join(known)}, separated by commas; got {fills!r}")
    return names
