"""check: the explanations of one image's detections, computed again step by step as weights are randomized."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Unpack

import numpy as np
import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import accepting_changes, as_detections, require_own
from detxai_nb.explaining.explain import compare
from detxai_nb.explaining.jobs import Steps
from detxai_nb.float32 import in_full_float32
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import ImageSource, load_image
from detxai_nb.options import complete_options, show_options
from detxai_nb.sanity.private_copy import private_copy
from detxai_nb.sanity.randomization import Randomizer, drawn_tensors
from detxai_nb.sanity.result import EDGES, TRAINED, SanityResult, Step
from detxai_nb.sanity.settings import CHECK_DEFAULTS, CheckOptions, OnStep, Randomization, Similarity
from detxai_nb.sanity.similarity import require_libraries
from detxai_nb.sanity.table import edge_maps, score_entropies, similarity_table
from detxai_nb.sanity.weight_stages import stages
from detxai_nb.types import Detections, OpenDetector, Target, Trace

_TICKS = 100  # of progress in one comparison
_RANDOMIZATION = Randomization()
_COMPARISON = Similarity()


@show_options(CheckOptions, CHECK_DEFAULTS)
def check(
    detector: OpenDetector,
    image: ImageSource,
    detections: Detections,
    methods: Sequence[str | Callable[..., Any]] | str = ("odam", "grad-cam"),
    *,
    randomization: Randomization | str = _RANDOMIZATION,
    comparison: Similarity = _COMPARISON,
    **options: Unpack[CheckOptions],
) -> SanityResult:
    """Run the weight-randomization test on the explanations of ``detections``.

    A map of the photograph's edges is checked along with the methods, as a control that must fail. The same predictions
    are explained in every step: the original location, query or proposal (for Faster R-CNN the box of the proposal is
    held), never what the randomized network detects. Perturbation methods run the randomized network on perturbed
    images, as they always do, and look for the original boxes among its detections.

    The weights become random in a private copy (in the same memory), so the detector can be used beside a check. One
    that cannot be copied, such as a function that holds its module, is randomized itself: other threads that would
    explain with it are refused meanwhile, and afterwards it is what it was, bit for bit, whatever is raised.

    Args:
        detector: an open detector: one with a ``module``.
        image: what ``load_image`` takes.
        detections: N predictions of this detector in this image.
        methods: registered names, or functions of gradient methods.
        randomization: how weights are randomized, or just the mode: "cascading" or "independent".
        comparison: how the maps are compared.
        **options: the keyword arguments below.
        target: the explained scalar, as in ``explain``; "class" by default.
        layer: the explained layer, one of ``detector.layers``; by default the one that each method prefers.
        method_settings: by method name, what ``explain`` takes as keyword arguments; none by default.
        progress: called as ``progress(done, total)`` throughout; what it raises ends the check.
        on_step: called as ``on_step(step, seed, maps by method)``: first for the trained network (a step of number 0
            and no layers, seed -1), then after each step.

    Returns:
        Maps, similarities and verdicts, with all settings.

    Raises:
        TypeError: for a detector without a ``module``, for one whose queries change with its weights, and for an
            unknown argument.
        ValueError: for settings out of range and where ``compare`` raises it.
        ImportError: if a measure needs scikit-image and it is missing.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> sample = dx.data.scenes.make(0, seed=1)
        >>> found = detector.detect([sample.image])[0][:1]
        >>> everything = dx.sanity.Randomization(layers="all", seeds=0)
        >>> spearman = dx.sanity.Similarity(measures="spearman")
        >>> result = dx.sanity.check(
        ...     detector, sample.image, found, ["odam"], randomization=everything, comparison=spearman
        ... )
        >>> result.verdict()["verdict"].to_dict()
        {'odam': 'passes', 'control: edges': 'fails'}

    References:
        Adebayo et al., "Sanity Checks for Saliency Maps" (NeurIPS 2018). Here the target stays the original
        prediction, and by default maps are compared in their support only (see ``Similarity``).
    """
    given = complete_options(check, options, CHECK_DEFAULTS)
    randomization = Randomization.of(randomization)
    require_libraries(comparison.measures)
    pixels, target, layer = load_image(image), Target.of(given["target"]), given["layer"]
    as_detections(detections).require_nonempty()
    detections.require_image(*pixels.shape[:2])
    _require_steady(detector, detections)
    methods = [methods] if isinstance(methods, str) or callable(methods) else list(methods)
    settings = given["method_settings"]
    explained: dict[str, Any] = {"methods": methods, "target": target, "layer": layer, "settings": settings}
    steps = steps_of(detector, pixels, randomization)
    require_own(detector, pixels, detections)
    own = private_copy(detector, pixels)
    run = _Run(own, pixels, detections.to(detector.device), explained, randomization, steps, given["on_step"])
    started = time.perf_counter()
    run.count = Steps(given["progress"], _TICKS * len(run.inputs) * (1 + len(steps) * len(randomization.seeds)))
    # The explained scores too need whole float32, not only the maps.
    in_full_float32(detector.device, run.go_held)
    weighty = sum(bool(drawn_tensors(part)) for part in run.detector.module.modules())
    return SanityResult(
        steps=steps,
        originals=run.originals,
        maps=run.maps,
        table=similarity_table(run.originals, run.maps, run.scores, steps, comparison),
        image=pixels,
        detections=detections.to("cpu"),
        target=target,
        randomization=randomization,
        comparison=comparison,
        full=randomization.mode == "cascading" and len(steps[-1].layers) == weighty,
        entropies=run.entropies,
        settings={"layer": layer, "method_settings": dict(settings or {})},
        seconds=time.perf_counter() - started,
    )


def _require_steady(detector: Any, detections: Detections) -> None:
    if "cell" in detections.origin_fields:
        what = type(Capabilities(detector).module or detector).__name__
        raise TypeError(
            f"the queries of this {what} are chosen by its weights, so "
            "with random ones there is no same prediction to explain; a DETR with learned queries has one"
        )


def steps_of(detector: Any, pixels: np.ndarray, randomization: Randomization) -> tuple[Step, ...]:
    """Return the steps of a check.

    Args:
        detector: one with a ``module``.
        pixels: the image, uint8 ``[H,W,3]``; the detector runs on it once, for the order of its layers.
        randomization: the settings; ``mode`` and ``layers`` count.

    Returns:
        The steps in order, numbered from 1.
    """
    found = stages(detector, pixels, randomization.layers)
    cascading = randomization.mode == "cascading"
    return tuple(
        Step(i, stage.name, stage.down_to if cascading else stage.layers) for i, stage in enumerate(found, start=1)
    )


class _OneTrace:
    """A detector whose ``trace`` of an image runs once for each layer, whichever methods need it."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self._traces: dict[str, Trace] = {}
        # What the protocols require, as isinstance does not use __getattr__.
        self.names, self.device, self.layers = detector.names, detector.device, detector.layers
        self.detect = detector.detect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def trace(self, image: ImageSource, layer: str | None = None) -> Trace:
        """The one trace of that layer; every caller means the same image."""
        name = layer or self.layers[0]
        if name not in self._traces:
            self._traces[name] = self._detector.trace(image, name)
        return self._traces[name]


def _one_trace(detector: Any) -> Any:
    """A ``_OneTrace`` with the class name of the given detector, which error messages then show."""
    return type(type(detector).__name__, (_OneTrace,), {})(detector)


class _Run:
    """The work of one check, and what it has found so far."""

    count: Steps

    def __init__(
        self,
        detector: Any,
        pixels: np.ndarray,
        detections: Detections,
        explained: dict[str, Any],
        randomization: Randomization,
        steps: tuple[Step, ...],
        on_step: OnStep | None,
    ) -> None:
        self.detector, self.pixels, self.detections = detector, pixels, detections
        self.explained, self.randomization, self.steps, self.on_step = explained, randomization, steps, on_step
        smooth = randomization.smooth
        self.inputs = [pixels] if not smooth else _noisy(pixels, smooth, randomization.noise)
        self.edges: HeatMaps | None = None
        self.originals: dict[str, HeatMaps] = {}
        self.maps: dict[tuple[str, int, int], HeatMaps] = {}
        self.entropies: dict[tuple[int, int], tuple[float, ...]] = {}
        self.scores: dict[tuple[int, int], torch.Tensor] = {}

    def held(self) -> AbstractContextManager[Any]:
        """While it holds, proposals are those of the trained network, where the detector makes any."""
        return Capabilities(self.detector).holding(self.pixels, self.detections)

    def go_held(self) -> None:
        """Go while it ``held``."""
        with self.held():
            self.go()

    def go(self) -> None:
        """All steps of all seeds; the weights are back at the end, whatever happens."""
        self.originals = self._explain(0, 0)
        self._report(Step(0, TRAINED, ()), -1, self.originals)
        randomizer = Randomizer(self.detector.module)
        try:
            with randomizer:
                for seed in self.randomization.seeds:
                    self._run_of(randomizer, seed)
        finally:
            randomizer.close()

    def _run_of(self, randomizer: Randomizer, seed: int) -> None:
        done: set[str] = set()
        randomizer.start_over()
        for step in self.steps:
            if self.randomization.mode == "independent":
                randomizer.start_over()
                done = set()
            new = [path for path in step.layers if path not in done]
            randomizer.randomize(new, seed, self.randomization.init, below=False)
            done.update(step.layers)
            found = self._explain(step.number, seed)
            self.maps.update({(name, step.number, seed): maps for name, maps in found.items()})
            self._report(step, seed, found)

    def _report(self, step: Step, seed: int, found: dict[str, HeatMaps]) -> None:
        if self.on_step is not None:
            self.on_step(step, seed, found)

    def _explain(self, number: int, seed: int) -> dict[str, HeatMaps]:
        """The maps by method with the weights as they are, the control last; notes the explained scalars."""
        found: list[dict[str, HeatMaps]] = []
        white_box = Capabilities(self.detector).traceable
        for pixels in self.inputs:
            detector = _one_trace(self.detector) if white_box else self.detector
            before = self.count.done
            progress = self.count.within(_TICKS)
            with accepting_changes():
                found.append(compare(detector, pixels, self.detections, progress=progress, **self.explained))
            self.count.done = before
            self.count.add(_TICKS)
        if white_box:
            # Of the clean image, which has a trace already unless copies are noisy.
            last = not number or number == len(self.steps)
            self._note(self.detector if self.randomization.smooth else detector, number, seed, last)
        maps = {name: _mean([one[name] for one in found], self.pixels) for name in found[0]}
        self.edges = self.edges or edge_maps(self.inputs, next(iter(maps.values())))
        return {**maps, EDGES: self.edges}

    def _note(self, detector: Any, number: int, seed: int, entropy: bool) -> None:
        """The explained scalars of the clean image, and the entropy of the scores."""
        trace = detector.trace(self.pixels, self.explained["layer"])
        target = self.explained["target"]
        target = replace(target, part="class") if target.part == "combined" else target
        self.scores[(number, seed)] = trace.scalars(self.detections, target).float().cpu()
        if entropy:
            self.entropies[(number, seed)] = score_entropies(trace, self.detections)


def _mean(found: Sequence[HeatMaps], pixels: np.ndarray) -> HeatMaps:
    """The mean of maps of the same predictions, over the clean image, on the CPU."""
    first = found[0]
    grids = tuple(torch.stack(list(same)).mean(dim=0).cpu() for same in zip(*(maps.grids for maps in found)))
    return replace(first, grids=grids, detections=first.detections.to("cpu"), image=pixels, deciding=())


def _noisy(pixels: np.ndarray, count: int, noise: float) -> list[np.ndarray]:
    """Copies with normal noise, always the same ones."""
    numbers = np.random.Generator(np.random.PCG64(0))
    spread = noise * max(float(pixels.max()) - float(pixels.min()), 1.0)
    found = (pixels + spread * numbers.standard_normal(pixels.shape, dtype=np.float32) for _ in range(count))
    return [one.round().clip(0, 255).astype(np.uint8) for one in found]
