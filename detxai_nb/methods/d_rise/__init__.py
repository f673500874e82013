"""D-RISE: which parts of the image a detector needs to find an object again, from its answers alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.image import load_image
from detxai_nb.methods.d_rise.estimate import WEIGHTS, SplitHalves, maps_of
from detxai_nb.methods.d_rise.masks import SAMPLINGS, MaskGrid, draw, group_size
from detxai_nb.methods.d_rise.weights import similarities
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.methods.registry import MethodResult, perturbation_method
from detxai_nb.types import Cancelled, Detections, Detector, Progress

AGREEMENT = "split-half correlation"
_FIRST_CHECK = 100
_GROWTH = 1.2


@dataclass(frozen=True)
class DRiseSettings:
    """What ``d_rise`` and ``improving`` can be told; see ``d_rise``. Raises ``ValueError`` for what makes no sense.

    The defaults are those of which real photographs needed the fewest masks (tests/bench/bench_d_rise_masks.py); the
    paper's are 16 cells, kept with a probability of 0.5, "plain" sampling and weights.
    """

    masks: int = 5000
    cells: int = 8
    probability: float = 0.25
    sampling: str = "plain"
    weights: str = "centred"
    score_threshold: float = 0.05
    stop_agreement: float | None = 0.8
    seed: int = 0
    batch_size: int | None = None

    def __post_init__(self) -> None:
        for name, known in (("sampling", SAMPLINGS), ("weights", WEIGHTS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}; got {getattr(self, name)!r}")
        for name, least in (("masks", 2), ("cells", 2), ("seed", 0), ("batch_size", 1)):
            value = getattr(self, name)
            if name == "batch_size" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is a whole number of at least {least}, got {value!r}")
        if not 0 < self.probability < 1:
            raise ValueError(f"probability, of keeping a cell, lies between 0 and 1, got {self.probability!r}")
        for name in ("score_threshold", "stop_agreement"):
            value = getattr(self, name)
            if not (name == "stop_agreement" and value is None) and not 0 <= value <= 1:
                raise ValueError(f"{name} lies in 0..1, got {value!r}")
        if self.sampling == "balanced":
            group_size(self.probability)


@dataclass(frozen=True, eq=False)
class Estimate:
    """D-RISE's answer so far. ``masks``: how many it is made of. ``stopped``: None while it goes on, then why it ended.

    ``agreement`` float64 ``[N]``: for each object the rank correlation, -1..1, between the maps of two independent
    halves of the masks; 0 where there is nothing to compare. The reasons to end: "masks" (all are made), "agreement"
    (every object's passed ``stop_agreement``), "cancelled".
    """

    masks: int
    agreement: Tensor
    stopped: str | None
    answers: MaskedDetections

    def maps(self) -> Tensor:
        """The raw maps at the image's size, float32 ``[N,H,W]``, non-negative; computed anew by each call."""
        return self.answers.maps(self.masks)


class MaskedDetections:
    """The masks of one image with their weights, as far as they were asked about.

    ``settings``, ``grid``, ``drawn``: how the masks are made. ``weights`` ``[masks,N]``, of which ``done`` are known.
    Masks themselves are made when they are used, in batches, and not kept: a grid and its weights say all.
    """

    def __init__(self, detector: Detector, image: np.ndarray, detections: Detections, settings: DRiseSettings) -> None:
        height, width = image.shape[:2]
        detections.require_nonempty()
        detections.require_image(height, width)
        self.settings = settings
        self.targets = detections.to(detector.device)
        self.asker = BatchedDetector(
            detector, image, score_threshold=settings.score_threshold, batch_size=settings.batch_size
        )
        self.grid = MaskGrid((height, width), settings.cells, detector.device)
        self.drawn = draw(
            settings.masks,
            settings.cells,
            self.grid.cell,
            probability=settings.probability,
            sampling=settings.sampling,
            seed=settings.seed,
        ).to(detector.device)
        self.weights = torch.zeros(len(self.drawn), len(detections), dtype=self.grid.exact, device=detector.device)
        self.done = 0
        self._halves = SplitHalves(self.grid, len(detections), settings.probability, settings.weights)

    def ask(self, upto: int) -> None:
        """Ask about the next batch of masks, none beyond number ``upto``."""
        first = self.done

        def masked(count: int) -> Tensor:
            return self.grid.masks(self.drawn[first : first + count])[:, None] * self.asker.pixels

        found = self.asker.ask(masked, upto - first)
        rows = slice(first, first + len(found))
        self.weights[rows] = similarities(self.targets, found).to(self.weights.dtype)
        self._halves.add(self.drawn[rows], first, self.weights[rows])
        self.done = rows.stop

    def maps(self, count: int) -> Tensor:
        """The maps that the first ``count`` masks give, float32 ``[N,H,W]``."""
        of = self.settings
        return maps_of(self.grid, self.drawn[:count], self.weights[:count], of.probability, of.weights)

    def estimates(self, progress: Progress | None) -> Iterator[Estimate]:
        """Estimates from more and more masks, the last with the reason to end."""
        report: Progress = progress or (lambda done, total: None)
        total = len(self.drawn)
        check = min(_FIRST_CHECK, total)
        report(0, total)
        while True:
            try:
                while self.done < check:
                    self.ask(check)
                    report(self.done, total)
            except Cancelled:
                if not self.done:
                    raise
                yield self._estimate("cancelled")
                return
            found = self._estimate(None)
            enough = self.settings.stop_agreement
            agreed = enough is not None and float(found.agreement.min()) >= enough
            stopped = "agreement" if agreed else "masks" if self.done == total else None
            yield replace(found, stopped=stopped)
            if stopped is not None:
                return
            check = min(total, math.ceil(check * _GROWTH))

    def _estimate(self, stopped: str | None) -> Estimate:
        return Estimate(self.done, self._halves.agreement(), stopped, self)


def improving(
    detector: Detector, image: Any, detections: Detections, *, progress: Progress | None = None, **settings: Any
) -> Iterator[Estimate]:
    """Better and better estimates: the first of 100 masks, then of a fifth more each time, to the end.

    ``settings``: those of ``d_rise``, and all else as there, also that ``Cancelled`` raised by ``progress`` ends it
    with a last estimate of what there is. Estimates are cheap: maps are computed when they are asked for. The caller
    may stop asking at any time. Arguments are checked at once, before the first estimate.
    """
    return MaskedDetections(detector, load_image(image), detections, DRiseSettings(**settings)).estimates(progress)


@perturbation_method(
    "d-rise",
    title="D-RISE",
    source="Petsiuk et al., Black-box Explanation of Object Detectors via Saliency Maps, CVPR 2021",
    choices={"sampling": SAMPLINGS, "weights": WEIGHTS},
)
def d_rise(
    detector: Detector,
    image: np.ndarray,
    detections: Detections,
    progress: Progress,
    *,
    masks: int = DRiseSettings.masks,
    cells: int = DRiseSettings.cells,
    probability: float = DRiseSettings.probability,
    sampling: str = DRiseSettings.sampling,
    weights: str = DRiseSettings.weights,
    score_threshold: float = DRiseSettings.score_threshold,
    stop_agreement: float | None = DRiseSettings.stop_agreement,
    seed: int = DRiseSettings.seed,
    batch_size: int | None = DRiseSettings.batch_size,
) -> MethodResult:
    """Maps of all detections from the same masked images, one value a pixel of the image.

    A pixel's value is how well the object is found (``similarities``) on average where a mask keeps the pixel. The
    image is black where a mask is 0; masking is done in float pixels, without rounding where the detector can be looked
    into. ``masks``: at most so many masked images. ``cells``, ``probability``: of the grid (see ``MaskGrid``) and of
    keeping a cell. ``score_threshold``: of the detections in masked images; maps depend on it. ``batch_size``: see
    ``BatchedDetector``. Half precision is the detector's own choice.

    ``sampling`` "plain" with ``weights`` "plain" is the paper's method, with 16 cells and a probability of 0.5;
    "balanced" and "centred" (see ``draw`` and ``estimate``) estimate the same map with fewer masks. A finer grid shows
    more where there are masks enough for it. Every map carries its "split-half correlation": the rank
    correlation between the maps of two independent halves of the masks. A low one says that the ranking of pixels is
    mostly noise, be it for want of masks or because most of the image is nothing to the object.
    Masks end early where every object's reaches ``stop_agreement`` (None: never), checked after 100 masks and then
    after a fifth more each time, so that the same seed always gives the same number.

    ``Cancelled`` raised by ``progress`` ends it with what there is, or goes on to the caller where there is nothing.
    """
    chosen = DRiseSettings(
        masks, cells, probability, sampling, weights, score_threshold, stop_agreement, seed, batch_size
    )
    answers = MaskedDetections(detector, image, detections, chosen)
    last = list(answers.estimates(progress))[-1]
    if last.stopped == "agreement":
        with suppress(Cancelled):
            progress(masks, masks)
    return MethodResult(
        grids=list(last.maps()),
        diagnostics={AGREEMENT: last.agreement.tolist()},
        settings={
            "masks made": last.masks,
            "stopped": last.stopped,
            "rounded": not answers.asker.exact,
            "precision": Capabilities(detector).precision,
        },
        seed=seed,
    )
