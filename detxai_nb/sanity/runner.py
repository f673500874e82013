"""check: the explanations of one image's detections again and again, as the detector loses its weights."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.explain import compare
from detxai_nb.explaining.jobs import Steps
from detxai_nb.float32 import full_float32
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.sanity.randomization import INITS, Randomizer, drawn_tensors
from detxai_nb.sanity.result import EDGES, SanityResult, Step
from detxai_nb.sanity.similarity import MEASURES, check_measures
from detxai_nb.sanity.table import edge_maps, score_entropies, similarity_table
from detxai_nb.sanity.weight_stages import stages
from detxai_nb.types import Detections, Progress, Target, Trace

MODES = ("cascading", "independent")
WITHIN = ("reach", "image")
THRESHOLD = 0.5
"""A method fails above this median |Spearman| after randomization."""

_TICKS = 100  # of progress in one comparison

Seen = Callable[[Step, int, Mapping[str, HeatMaps]], None]
"""Called as ``seen(step, seed, maps by method)``: first for the trained network, a step of number 0, seed -1 and no
layers, then after each step."""


def check(
    detector: Any,
    image: Any,
    detections: Detections,
    methods: Sequence[str | Callable[..., Any]] | str = ("odam", "grad-cam"),
    *,
    mode: str = "cascading",
    layers: str | Sequence[str] = "papers",
    seeds: Sequence[int] = (0, 1, 2),
    init: str = "normal",
    target: Target | str = "class",
    layer: str | None = None,
    measures: Sequence[str] = MEASURES,
    within: str = "reach",
    threshold: float = THRESHOLD,
    smooth: int = 0,
    noise: float = 0.1,
    method_settings: Mapping[str, Mapping[str, Any]] | None = None,
    progress: Progress | None = None,
    seen: Seen | None = None,
) -> SanityResult:
    """The weight-randomization test of Adebayo et al. (2018) on the explanations of ``detections``.

    ``detector``: one with a ``module``. ``image``, ``detections``, ``methods``, ``target`` and ``layer`` are those of
    ``compare``; a map of the photograph's edges stands beside the methods as a control that must fail. The same
    predictions are explained in every step: the original location, query or proposal (of Faster R-CNN the proposal's
    box is held), never what the randomized network detects. Perturbation methods ask the randomized network about
    changed images, as they do, and look for the original boxes in its answers.

    ``mode``: "cascading" randomizes from the output down to each stage, "independent" each stage alone. ``layers``:
    those of ``stages``. ``seeds``: each stands for a run of its own. ``init``: that of ``Randomizer.randomize``.
    ``measures``: among ``MEASURES``. ``within``: "reach" compares maps in the smallest rectangle outside of which all
    maps of that prediction and method are 0, since a head's window or a pooled region stays where it is whatever the
    weights are, and zeros around it look alike in any two maps; "image" compares whole maps, as Adebayo et al. do with
    classifiers, whose maps reach everywhere. ``threshold``: of the verdict, see ``SanityResult.verdict``.

    ``smooth``: the smooth test (sMPRT) of Hedström et al., "Sanity Checks Revisited" (2024): each map is the mean of
    the maps of that many noisy copies of the image, the same ones in every step; ``noise`` is the standard deviation of
    the noise as a share of the image's range, and copies are rounded to uint8. 0 is the classic test. Their efficient
    test (eMPRT) reads off any run: ``SanityResult.efficient``; ``layers="all"`` is the cheapest.

    ``progress(done, total)`` is called throughout and may raise; ``seen`` as told at ``Seen``. The detector is what it
    was afterwards, bit for bit, whatever is raised.

    Raises ``TypeError`` for a detector without a module, or one whose queries change with its weights; ``ValueError``
    for settings out of range; otherwise what ``compare`` raises.
    """
    plan = _Plan.of(mode, seeds, init, measures, within, threshold, smooth, noise)
    pixels, target = load_image(image), Target.of(target)
    detections.require_nonempty()
    _require_steady(detector, detections)
    methods = [methods] if isinstance(methods, str) or callable(methods) else list(methods)
    own: dict[str, Any] = {"methods": methods, "target": target, "layer": layer, "settings": method_settings}
    steps = steps_of(detector, pixels, plan.mode, layers)
    run = _Run(detector, pixels, detections.to(detector.device), own, plan, steps, seen)
    started = time.perf_counter()
    run.count = Steps(progress, _TICKS * len(run.inputs) * (1 + len(steps) * len(plan.seeds)))
    # Also the scores, which are not the maps' own.
    with run.held(), full_float32(detector.device):
        run.go()
    weighty = sum(bool(drawn_tensors(part)) for part in detector.module.modules())
    about = {
        "layers": layers,
        "init": init,
        "layer": layer,
        "within": within,
        "smooth": smooth,
        "noise": noise if smooth else None,
    }
    return SanityResult(
        steps=steps,
        originals=run.originals,
        maps=run.maps,
        table=similarity_table(run.originals, run.maps, run.scores, steps, plan.measures, within),
        image=pixels,
        detections=detections.to("cpu"),
        target=target,
        mode=mode,
        seeds=plan.seeds,
        measures=plan.measures,
        threshold=threshold,
        full=mode == "cascading" and len(steps[-1].layers) == weighty,
        entropies=run.entropies,
        settings={**about, "method_settings": dict(method_settings or {})},
        seconds=time.perf_counter() - started,
    )


@dataclass(frozen=True)
class _Plan:
    """The checked settings of a run."""

    mode: str
    seeds: tuple[int, ...]
    init: str
    measures: tuple[str, ...]
    smooth: int
    noise: float

    @classmethod
    def of(
        cls,
        mode: str,
        seeds: Sequence[int],
        init: str,
        measures: Any,
        within: str,
        threshold: float,
        smooth: int,
        noise: float,
    ) -> _Plan:
        for name, value, known in (("mode", mode, MODES), ("init", init, INITS), ("within", within, WITHIN)):
            if value not in known:
                raise ValueError(f"{name} is one of {', '.join(map(repr, known))}; got {value!r}")
        own = tuple(int(seed) for seed in ([seeds] if isinstance(seeds, int) else seeds))
        if not own or len(set(own)) != len(own) or min(own) < 0:
            raise ValueError(f"seeds are different whole numbers from 0, at least one; got {seeds}")
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold is from 0 to 1, got {threshold}")
        if smooth < 0 or not noise > 0:
            raise ValueError(f"smooth is 0 or a number of noisy copies, noise is above 0; got {smooth} and {noise}")
        names = check_measures(measures)
        # The verdict rests on it.
        return cls(mode, own, init, tuple(dict.fromkeys(("spearman", *names))), smooth, noise)


def _require_steady(detector: Any, detections: Detections) -> None:
    if "cell" in detections.origin_fields:
        what = type(Capabilities(detector).module or detector).__name__
        raise TypeError(
            f"the queries of this {what} are chosen by its weights, so "
            "with random ones there is no same prediction to explain; a DETR with learned queries has one"
        )


def steps_of(detector: Any, pixels: np.ndarray, mode: str, layers: str | Sequence[str]) -> tuple[Step, ...]:
    """The steps of a check of the image uint8 ``[H,W,3]``; ``mode`` and ``layers`` are those of ``check``."""
    found = stages(detector, pixels, layers)
    cascading = mode == "cascading"
    return tuple(
        Step(i, stage.name, stage.down_to if cascading else stage.layers) for i, stage in enumerate(found, start=1)
    )


class _OneTrace:
    """A detector whose ``trace`` of an image runs once for each layer, for all that look into it."""

    def __init__(self, detector: Any) -> None:
        self._detector = detector
        self._traces: dict[str, Trace] = {}
        # By name what the protocols ask for, which do not look into __getattr__.
        self.names, self.device, self.layers = detector.names, detector.device, detector.layers
        self.detect = detector.detect

    def __getattr__(self, name: str) -> Any:
        return getattr(self._detector, name)

    def trace(self, image: Any, layer: str | None = None) -> Trace:
        """The one trace of that layer; whoever asks means the same image."""
        name = layer or self.layers[0]
        if name not in self._traces:
            self._traces[name] = self._detector.trace(image, name)
        return self._traces[name]


def _one_trace(detector: Any) -> Any:
    """Such a detector, called as the given one is, so that what is wrong is said of that."""
    return type(type(detector).__name__, (_OneTrace,), {})(detector)


class _Run:
    """The work of one check, and what it has found so far."""

    count: Steps

    def __init__(
        self,
        detector: Any,
        pixels: np.ndarray,
        detections: Detections,
        own: dict[str, Any],
        plan: _Plan,
        steps: tuple[Step, ...],
        seen: Seen | None,
    ) -> None:
        self.detector, self.pixels, self.detections = detector, pixels, detections
        self.own, self.plan, self.steps, self.seen = own, plan, steps, seen
        self.inputs = [pixels] if not plan.smooth else _noisy(pixels, plan.smooth, plan.noise)
        self.edges: HeatMaps | None = None
        self.originals: dict[str, HeatMaps] = {}
        self.maps: dict[tuple[str, int, int], HeatMaps] = {}
        self.entropies: dict[tuple[int, int], tuple[float, ...]] = {}
        self.scores: dict[tuple[int, int], torch.Tensor] = {}

    def held(self) -> AbstractContextManager[Any]:
        """While it holds, proposals are those of the trained network, where the detector makes any."""
        return Capabilities(self.detector).holding(self.pixels, self.detections)

    def go(self) -> None:
        """All steps of all seeds; the weights are back at the end, whatever happens."""
        self.originals = self._explained(0, 0)
        self._show(Step(0, "trained", ()), -1, self.originals)
        randomizer = Randomizer(self.detector.module)
        try:
            with randomizer:
                for seed in self.plan.seeds:
                    self._run_of(randomizer, seed)
        finally:
            randomizer.restore()

    def _run_of(self, randomizer: Randomizer, seed: int) -> None:
        done: set[str] = set()
        randomizer.start_over()
        for step in self.steps:
            if self.plan.mode == "independent":
                randomizer.start_over()
                done = set()
            randomizer.randomize([p for p in step.layers if p not in done], seed, self.plan.init, below=False)
            done.update(step.layers)
            found = self._explained(step.number, seed)
            self.maps.update({(name, step.number, seed): maps for name, maps in found.items()})
            self._show(step, seed, found)

    def _show(self, step: Step, seed: int, found: dict[str, HeatMaps]) -> None:
        if self.seen is not None:
            self.seen(step, seed, found)

    def _explained(self, number: int, seed: int) -> dict[str, HeatMaps]:
        """The maps by method with the weights as they are, the control last; notes the explained scalars."""
        found: list[dict[str, HeatMaps]] = []
        open_ = Capabilities(self.detector).traceable
        for pixels in self.inputs:
            asked = _one_trace(self.detector) if open_ else self.detector
            before = self.count.done
            found.append(compare(asked, pixels, self.detections, progress=self.count.within(_TICKS), **self.own))
            self.count.done = before
            self.count.add(_TICKS)
        if open_:
            # Of the clean image, which has a trace already unless copies are noisy.
            last = not number or number == len(self.steps)
            self._note(self.detector if self.plan.smooth else asked, number, seed, last)
        maps = {name: _mean([one[name] for one in found], self.pixels) for name in found[0]}
        self.edges = self.edges or edge_maps(self.inputs, next(iter(maps.values())))
        return {**maps, EDGES: self.edges}

    def _note(self, detector: Any, number: int, seed: int, entropy: bool) -> None:
        """The explained scalars of the clean image, and the entropy of the scores."""
        trace = detector.trace(self.pixels, self.own["layer"])
        target = self.own["target"]
        target = replace(target, part="class") if target.part == "combined" else target
        self.scores[(number, seed)] = trace.scalars(self.detections, target).float().cpu()
        if entropy:
            self.entropies[(number, seed)] = score_entropies(trace, self.detections)


def _mean(found: Sequence[HeatMaps], pixels: np.ndarray) -> HeatMaps:
    """The mean of maps of the same predictions, over the clean image, on the CPU."""
    first = found[0]
    grids = tuple(torch.stack(list(same)).mean(dim=0).cpu() for same in zip(*(maps.grids for maps in found)))
    return replace(first, grids=grids, detections=first.detections.to("cpu"), image=pixels)


def _noisy(pixels: np.ndarray, count: int, noise: float) -> list[np.ndarray]:
    """Copies with normal noise, always the same ones."""
    numbers = np.random.Generator(np.random.PCG64(0))
    spread = noise * max(float(pixels.max()) - float(pixels.min()), 1.0)
    found = (pixels + spread * numbers.standard_normal(pixels.shape, dtype=np.float32) for _ in range(count))
    return [one.round().clip(0, 255).astype(np.uint8) for one in found]
