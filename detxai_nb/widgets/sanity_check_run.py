"""One run of the widget SanityCheck: what is checked, what was found so far, and both for the browser and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from detxai_nb import sanity
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.methods import all_methods
from detxai_nb.methods.d_rise import Estimate, showing
from detxai_nb.sanity.runner import steps_of
from detxai_nb.sanity.table import similarity_table
from detxai_nb.types import Detections, OpenDetector, Progress, Target
from detxai_nb.widgets.shared.forecast import fewer_than, in_words, runs_of_detector
from detxai_nb.widgets.shared.improving import maps_so_far, masks_in_words
from detxai_nb.widgets.shared.options import method_title

TRAINED = "Trained"
MEASURES = {
    "spearman": "Spearman",
    "spearman_abs": "|Spearman|",
    "ssim": "SSIM",
    "hog": "HOG",
}
COMPARISON = sanity.Similarity(measures=tuple(MEASURES))
EDGES_TITLE = "Edges (control)"


@dataclass(frozen=True)
class Check:
    """One check of one object.

    Attributes:
        methods: whose maps are checked.
        index: the object.
        mode: "cascading" or "independent".
        layers: a preset of ``sanity.stages``.
        seeds: of the random weights.
    """

    methods: tuple[str, ...]
    index: int
    mode: str
    layers: str
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """The check's name in Python and in the browser: the same for the same check."""
        return "#".join(
            [",".join(self.methods), str(self.index), self.mode, self.layers, ",".join(map(str, self.seeds))]
        )

    @property
    def randomization(self) -> sanity.Randomization:
        """The settings of ``sanity.check``."""
        return sanity.Randomization(self.mode, self.layers, self.seeds)

    @property
    def title(self) -> str:
        """The check in words."""
        return f"the {self.mode} sanity check of {', '.join(map(title_of, self.methods))}"


@dataclass(eq=False)
class UnfinishedMap:
    """The map that a slow method is at, as far as it is known; made when it is looked at.

    Attributes:
        method: its name.
        number: of the step; 0 is the trained network.
        stage: the step in words.
        seed: of the random weights.
        make: makes the one map.
    """

    method: str
    number: int
    stage: str
    seed: int
    make: Callable[[], HeatMaps]

    @cached_property
    def maps(self) -> HeatMaps:
        """The one map."""
        return self.make()

    def settled(self) -> UnfinishedMap:
        """Return the same with its map made.

        Returns:
            A copy that holds nothing but the map.
        """
        maps = self.maps
        return replace(self, make=lambda: maps)

    @property
    def words(self) -> str:
        """How far it is."""
        return f"{self.stage}, {masks_in_words(self.maps)}"


@dataclass(eq=False)
class SanityRun:
    """What a run has found so far.

    Attributes:
        check: what is checked.
        image: the photograph, uint8 ``[H,W,3]``.
        detections: the one object, on the CPU.
        steps: the steps of the randomisation, in order.
        originals: maps of the trained network by method.
        maps: maps by method, number of the step (from 1) and seed.
        unfinished: the map that is being computed, if it can be shown before it is done. It is no part of ``result``,
            since a verdict on it would be one on its noise.
        known: figures that were measured for ``result`` before.
        packed: maps that were packed for the browser before, by key.
    """

    check: Check
    image: np.ndarray
    detections: Detections
    steps: tuple[sanity.Step, ...]
    originals: dict[str, HeatMaps] = field(default_factory=dict)
    maps: dict[tuple[str, int, int], HeatMaps] = field(default_factory=dict)
    unfinished: UnfinishedMap | None = None
    known: dict[Any, Any] = field(default_factory=dict)
    packed: dict[str, Any] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not self.originals and self.unfinished is None

    def states(self) -> list[tuple[sanity.Step, int]]:
        """Return the states of the network in the order in which a method meets them.

        Returns:
            Steps with their seeds; first the trained network with the seed -1.
        """
        trained = sanity.Step(0, TRAINED, ())
        return [(trained, -1), *((step, seed) for seed in self.check.seeds for step in self.steps)]

    def add(self, step: sanity.Step, seed: int, found: Mapping[str, HeatMaps]) -> None:
        """Take the maps of one more state of the network.

        Args:
            step: the state; number 0 is the trained network.
            seed: of its random weights.
            found: maps by method.
        """
        self.unfinished = None
        if not step.number:
            self.originals.update(found)
        else:
            self.maps.update({(name, step.number, seed): maps for name, maps in found.items()})

    def result(self) -> sanity.SanityResult:
        """Return all of it so far; a verdict counts the seeds that came to the last step.

        Returns:
            As from ``sanity.check``.
        """
        # A copy, as the run may still be adding to it.
        maps, found = dict(self.maps), dict(self.originals)
        originals = {name: found[name] for name in (*self.check.methods, sanity.EDGES) if name in found}
        return sanity.SanityResult(
            steps=self.steps,
            originals=originals,
            maps=maps,
            table=similarity_table(originals, maps, {}, self.steps, COMPARISON, self.known),
            image=self.image,
            detections=self.detections,
            target=Target("class"),
            randomization=self.check.randomization,
            comparison=COMPARISON,
            full=False,
        )


def state_key(method: str, number: int, seed: int) -> str:
    """Return the key of one method's map in one state of the network.

    Args:
        method: its name.
        number: of the step; 0 is the trained network, which is the same for every seed.
        seed: of the random weights.

    Returns:
        The key.
    """
    return f"{method}|{number}|{seed}" if number else f"{method}|0"


def title_of(method: str) -> str:
    """Return the title of a method or of the control.

    Args:
        method: its name.

    Returns:
        The title.
    """
    return EDGES_TITLE if method == sanity.EDGES else method_title(method)


def begin(detector: OpenDetector, image: np.ndarray, one: Detections, check: Check) -> SanityRun:
    """Return a run that has found nothing yet.

    Args:
        detector: one with a module.
        image: the photograph, uint8 ``[H,W,3]``.
        one: the one object.
        check: what is checked.

    Returns:
        The run.
    """
    return SanityRun(check, image, one.to("cpu"), steps_of(detector, image, check.randomization))


def run(
    detector: OpenDetector,
    found: SanityRun,
    settings: Mapping[str, Mapping[str, Any]],
    progress: Progress | None,
    stepped: Callable[[], None],
) -> sanity.SanityResult:
    """Run a check: first the methods that look inside the detector, then each of those that ask it many times.

    Args:
        detector: one with a module; its weights are changed meanwhile.
        found: from ``begin``; holds all that was found whenever the check ends.
        settings: of methods, by method.
        progress: called with the steps done and their number; what it raises ends the check.
        stepped: called after each state of the network, and when a map that still improves has become better.

    Returns:
        The result.
    """
    check, every = found.check, all_methods()
    quick = tuple(m for m in check.methods if every[m].kind != "perturbation")
    groups = [group for group in (quick, *((m,) for m in check.methods if m not in quick)) if group]
    costs = [sum(runs_of_detector(every[m], settings.get(m, {})) for m in group) for group in groups]
    results = []

    for number, group in enumerate(groups):
        states = iter(found.states())
        at = [next(states)]

        def on_step(
            step: sanity.Step, seed: int, maps: Mapping[str, HeatMaps], states: Any = states, at: Any = at
        ) -> None:
            found.add(step, seed, maps)
            at[0] = next(states, at[0])
            stepped()

        def look(estimate: Estimate, at: Any = at) -> None:
            step, seed = at[0]
            make = partial(maps_so_far, estimate, found.image, found.detections, [0])
            found.unfinished = UnfinishedMap("d-rise", step.number, step.stage, seed, make)
            stepped()

        def report(done: int, total: int, before: float = sum(costs[:number]), cost: float = costs[number]) -> None:
            if progress is not None:
                progress(round(before + cost * done / max(total, 1)), round(sum(costs)))

        with showing(look):
            results.append(
                sanity.check(
                    detector,
                    found.image,
                    found.detections.to(detector.device),
                    list(group),
                    randomization=check.randomization,
                    comparison=COMPARISON,
                    method_settings={m: settings.get(m, {}) for m in group},
                    progress=report,
                    on_step=on_step,
                )
            )
    return _joined(results, check.methods)


def _joined(results: Sequence[sanity.SanityResult], methods: Sequence[str]) -> sanity.SanityResult:
    """The results of several methods as one, in the order of ``methods``, the control last."""
    if len(results) == 1:
        return results[0]
    import pandas as pd

    originals = {name: maps for result in results for name, maps in result.originals.items()}
    order = [*methods, sanity.EDGES]
    tables = [results[0].table, *(r.table[r.table["method"] != sanity.EDGES] for r in results[1:])]
    table = pd.concat(tables).sort_values("method", key=lambda names: names.map(order.index), kind="stable")
    return replace(
        results[0],
        originals={name: originals[name] for name in order},
        maps={key: maps for result in results for key, maps in result.maps.items()},
        table=table.reset_index(drop=True),
        settings={
            **results[0].settings,
            "method_settings": {m: s for r in results for m, s in r.settings["method_settings"].items()},
        },
        seconds=sum(result.seconds for result in results),
    )


def forecast_of(
    check: Check, seconds: float, steps: int, settings: Mapping[str, Mapping[str, Any]]
) -> tuple[float, str]:
    """Return about how long a check will take, and that in words with what to do about it.

    Args:
        check: what is to be checked.
        seconds: of one run of the detector.
        steps: of the randomisation.
        settings: of methods, by method.

    Returns:
        Seconds, and a sentence or two.
    """
    every, maps = all_methods(), 1 + steps * len(check.seeds)
    costs = {m: maps * seconds * runs_of_detector(every[m], settings.get(m, {})) for m in check.methods}
    slow = [m for m in check.methods if every[m].kind == "perturbation"]
    said = f"This check takes {in_words(sum(costs.values()))}."
    if slow:
        runs = max(runs_of_detector(every[m], settings.get(m, {})) for m in slow)
        asks = "asks" if len(slow) == 1 else "ask"
        said += (
            f" {' and '.join(map(title_of, slow))} {asks} the detector up to {runs:.0f} times for each of {maps} maps"
        )
        quick = sum(cost for m, cost in costs.items() if m not in slow)
        said += f"; the other methods take {in_words(quick)}." if quick else "."
        said += f" One seed, or fewer masks or samples (SanityCheck(..., masks={fewer_than(runs)})), make it shorter."
    return sum(costs.values()), said
