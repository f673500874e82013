"""D-RISE: which parts of the image a detector needs to find an object again, from its answers alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import as_detections, require_own
from detxai_nb.image import ImageSource, load_image
from detxai_nb.methods.d_rise.estimate import WEIGHTS, SplitHalves, maps_of
from detxai_nb.methods.d_rise.masks import SAMPLINGS, MaskGrid, draw, group_size
from detxai_nb.methods.d_rise.weights import class_preferences, require_class_scores, similarities
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.methods.registry import MethodResult, perturbation_method
from detxai_nb.types import Cancelled, Detections, Detector, Progress, Target

AGREEMENT = "split-half correlation"
_FIRST_CHECK = 100
_GROWTH = 1.2
_MOST_VALUES = 2**31
_LOOK: ContextVar[Callable[[Estimate], None] | None] = ContextVar("look", default=None)


@dataclass(frozen=True)
class DRiseSettings:
    """The settings of D-RISE, each of which ``explain(..., method="d-rise")`` takes by name.

    The defaults are those with which real photographs needed the fewest masks (tests/bench/bench_d_rise_masks.py). The
    paper's method is "plain" sampling and weights with 16 cells and a probability of 0.5; "balanced" and "centred" (see
    ``draw`` and ``estimate``) estimate the same map with fewer masks. A finer grid shows more if there are enough masks
    for it.

    Attributes:
        masks: at most this many masked images, at least 2.
        cells: cells of the masks' grid on each axis, at least 2; see ``MaskGrid``.
        probability: of keeping a cell, between 0 and 1.
        sampling: how masks are drawn, "plain" or "balanced".
        weights: how weights become a map, "plain" or "centred".
        score_threshold: of the detections in masked images, 0..1; maps depend on it.
        stop_agreement: masks end early once every object's split-half correlation reaches this value, 0..1; None for
            never.
        seed: of the masks, at least 0; the same seed always gives the same masks, and the same number of them.
        batch_size: masked images that go through the detector together; by default see ``BatchedDetector``.
        fast: whether a fast copy of the network answers if its scores agree to 1e-5 (see ``passes``).

    Raises:
        ValueError: for a value out of range.
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
    fast: bool = True

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
        if self.masks * self.cells**2 > _MOST_VALUES:
            raise ValueError(
                f"{self.masks} masks of {self.cells} x {self.cells} cells are {self.masks * self.cells**2:.2g} values, "
                f"which are drawn together; at most {_MOST_VALUES:.2g}. Take fewer masks or cells"
            )
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
    """D-RISE's maps as far as they are known after some masks.

    Attributes:
        masks: the number of masks so far.
        agreement: float64 ``[N]``, for each object the rank correlation, -1..1, between the maps of two independent
            halves of the masks; 0 if there is nothing to compare.
        stopped: None while it goes on, else why it ended: "masks" (all are used), "agreement" (every object has reached
            ``stop_agreement``) or "cancelled".
        answers: the masks with their weights.
    """

    masks: int
    agreement: Tensor
    stopped: str | None
    answers: MaskedDetections

    def maps(self, rows: Sequence[int] | None = None) -> Tensor:
        """Compute the raw maps of these masks; every call computes them again.

        Args:
            rows: of which objects; by default of all.

        Returns:
            float32 ``[N,H,W]`` at the image's size, non-negative unless they are of a contrast.
        """
        return self.answers.maps(self.masks, rows)


class MaskedDetections:
    """The masks of one image with their weights, as far as the detector has been queried.

    ``settings``, ``grid`` and ``drawn`` say how the masks are made; ``weights`` ``[masks,N]`` are known for the first
    ``done``. Masks are made in batches when they are needed and not kept: a grid and its weights say all.

    Args:
        detector: any detector.
        image: RGB uint8 ``[H,W,3]``.
        detections: the objects to explain, of this image.
        settings: see ``DRiseSettings``.
        target: a contrast of two classes; by default how well each object is found again.

    Raises:
        ValueError: if there are no detections, or they belong to an image of another size, or carry no class scores for
            a contrast.
    """

    def __init__(
        self,
        detector: Detector,
        image: np.ndarray,
        detections: Detections,
        settings: DRiseSettings,
        target: Target | None = None,
    ) -> None:
        height, width = image.shape[:2]
        as_detections(detections).require_nonempty()
        detections.require_image(height, width)
        self.contrast = target if target is not None and target.against is not None else None
        if self.contrast is not None:
            self.contrast.resolve(detections.labels, detections.names)
            require_class_scores(detections)
        self.settings = settings
        self.targets = detections.to(detector.device)
        self.asker = BatchedDetector(
            detector,
            image,
            score_threshold=settings.score_threshold,
            batch_size=settings.batch_size,
            fast=settings.fast,
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
        """Query the detector with the next batch of masks.

        Args:
            upto: the number of masks that must not be exceeded.
        """
        first = self.done

        def masked(count: int) -> Tensor:
            return self.grid.masks(self.drawn[first : first + count])[:, None] * self.asker.pixels

        found = self.asker.ask(masked, upto - first)
        rows = slice(first, first + len(found))
        self.weights[rows] = self._weights(found).to(self.weights.dtype)
        self._halves.add(self.drawn[rows], first, self.weights[rows])
        self.done = rows.stop

    def _weights(self, found: Sequence[Detections]) -> Tensor:
        if self.contrast is None:
            return similarities(self.targets, found)
        return class_preferences(self.targets, found, self.contrast)

    def maps(self, count: int, rows: Sequence[int] | None = None) -> Tensor:
        """Compute the maps of the first masks.

        Args:
            count: how many masks, at most ``done``.
            rows: of which objects; by default of all.

        Returns:
            float32 ``[N,H,W]`` at the image's size, non-negative; of a contrast signed, how far keeping a pixel moves
            the difference from its mean over all masks.
        """
        of = self.settings
        weights = self.weights[:count] if rows is None else self.weights[:count, list(rows)]
        found = maps_of(self.grid, self.drawn[:count], weights, of.probability, of.weights)
        return found if self.contrast is None else found - weights.mean(dim=0).to(found.dtype)[:, None, None]

    def estimates(self, progress: Progress | None) -> Iterator[Estimate]:
        """Yield estimates from more and more masks.

        Args:
            progress: called between batches as ``progress(masks done, masks)``; what it raises ends the work.

        Yields:
            The estimate after 100 masks, then after a fifth more each time; the last says why it ended.

        Raises:
            Cancelled: if ``progress`` raised it before the first batch was done.
        """
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
    detector: Detector,
    image: ImageSource,
    detections: Detections,
    *,
    target: Target | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Iterator[Estimate]:
    """Return D-RISE's estimates one after the other, each from more masks than the one before.

    The first is of 100 masks, each further one of a fifth more. Estimates are cheap, since maps are only computed by
    ``Estimate.maps``, and the caller may stop at any time. Arguments are checked at once, before the first estimate.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.
        detections: the objects to explain, of this image.
        target: a contrast of two classes by "prob" or "log-prob"; by default how well each object is found again.
        progress: called between batches; ``Cancelled`` ends with a last estimate from the masks so far.
        **settings: the fields of ``DRiseSettings``.

    Returns:
        An iterator; its last estimate says why it ended.

    Raises:
        ValueError: for settings out of range, no detections, or those of an image of another size.
    """
    pixels = load_image(image)
    answers = MaskedDetections(detector, pixels, detections, DRiseSettings(**settings), target)
    require_own(detector, pixels, detections)
    return answers.estimates(progress)


@contextmanager
def showing(look: Callable[[Estimate], None]) -> Iterator[None]:
    """While it holds, every run of the method "d-rise" in this thread shows its estimates, also within other calls.

    Args:
        look: called with each estimate but the last of a run; it should be quick, since the method waits for it.

    Yields:
        Nothing.
    """
    token = _LOOK.set(look)
    try:
        yield
    finally:
        _LOOK.reset(token)


@perturbation_method(
    "d-rise",
    settings=DRiseSettings,
    title="D-RISE",
    source="Petsiuk et al., Black-box Explanation of Object Detectors via Saliency Maps, CVPR 2021",
    choices={"sampling": SAMPLINGS, "weights": WEIGHTS},
    targeted=True,
)
def d_rise(
    detector: Detector,
    image: np.ndarray,
    detections: Detections,
    progress: Progress,
    target: Target,
    settings: DRiseSettings,
) -> MethodResult:
    """Compute the maps of all detections from the same masked images, one value a pixel of the image.

    A pixel's value is how well the object is found (``similarities``) on average while a mask keeps the pixel. The
    image is black where a mask is 0; masking is done in float pixels, without rounding if the detector is a white box.
    Half precision is the detector's own choice.

    Of a contrast of two classes a pixel's value is signed: how much more the object is taken for the one than for the
    other (``weights.class_preferences``) on average while a mask keeps the pixel, less that average over all masks.

    Every map carries its "split-half correlation": the rank correlation between the maps of two independent halves of
    the masks. A low one says that the ranking of pixels is mostly noise, either because there are too few masks or
    because most of the image does not matter to the object. ``stop_agreement`` is checked after 100 masks and then
    after a fifth more each time, so that the same seed always gives the same number.

    Args:
        detector: any detector.
        image: RGB uint8 ``[H,W,3]``.
        detections: the objects to explain, of this image.
        progress: called between batches; ``Cancelled`` ends with the masks so far, or goes on to the caller if there
            are none.
        target: each detection's own class, or a contrast of two classes.
        settings: see ``DRiseSettings``.

    Returns:
        Maps float32 ``[H,W]``, non-negative unless they are of a contrast, with the split-half correlations as
        diagnostics.

    Raises:
        ValueError: if there are no detections, or they belong to an image of another size, or if the detector's answers
            carry no class scores for a contrast.

    References:
        Petsiuk et al., D-RISE (CVPR 2021), sec. 3. Departures: float pixels, and the defaults of ``DRiseSettings``;
        contrasts are ours.
    """
    answers = MaskedDetections(detector, image, detections, settings, target)
    look = _LOOK.get()
    for last in answers.estimates(progress):
        if look is not None and last.stopped is None:
            look(last)
    if last.stopped == "agreement":
        with suppress(Cancelled):
            progress(settings.masks, settings.masks)
    return MethodResult(
        grids=list(last.maps()),
        diagnostics={AGREEMENT: last.agreement.tolist()},
        settings={
            "masks made": last.masks,
            "stopped": last.stopped,
            "rounded": not answers.asker.exact,
            "precision": Capabilities(detector).precision,
            "passes": answers.asker.passes,
        },
        seed=settings.seed,
        unit="similarity" if target.against is None else "",
    )
