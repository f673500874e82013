"""One run of the widget SanityCheck: what is checked, what was found so far, and both for the browser and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detxai_nb import sanity
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.sanity.runner import steps_of
from detxai_nb.sanity.table import similarity_table
from detxai_nb.types import Detections, OpenDetector, Progress, Target
from detxai_nb.widgets.shared import serialize
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
class SanityRun:
    """What a run has found so far.

    Attributes:
        check: what is checked.
        image: the photograph, uint8 ``[H,W,3]``.
        detections: the one object, on the CPU.
        steps: the steps of the randomisation, in order.
        originals: maps of the trained network by method.
        maps: maps by method, number of the step (from 1) and seed.
    """

    check: Check
    image: np.ndarray
    detections: Detections
    steps: tuple[sanity.Step, ...]
    originals: dict[str, HeatMaps] = field(default_factory=dict)
    maps: dict[tuple[str, int, int], HeatMaps] = field(default_factory=dict)

    def add(self, step: sanity.Step, seed: int, found: Mapping[str, HeatMaps]) -> None:
        """Take the maps of one more state of the network.

        Args:
            step: the state; number 0 is the trained network.
            seed: of its random weights.
            found: maps by method.
        """
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
        maps = dict(self.maps)
        return sanity.SanityResult(
            steps=self.steps,
            originals=self.originals,
            maps=maps,
            table=similarity_table(self.originals, maps, {}, self.steps, COMPARISON),
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
    one: Detections,
    found: SanityRun,
    settings: Mapping[str, Mapping[str, Any]],
    progress: Progress | None,
) -> sanity.SanityResult:
    """Run a check.

    Args:
        detector: one with a module; its weights are changed meanwhile.
        one: the one object.
        found: from ``begin``; holds all that was found whenever the check ends.
        settings: of methods, by method.
        progress: called with the steps done and their number; what it raises ends the check.

    Returns:
        The result.
    """
    check = found.check
    return sanity.check(
        detector,
        found.image,
        one,
        list(check.methods),
        randomization=check.randomization,
        comparison=COMPARISON,
        method_settings=settings,
        progress=progress,
        on_step=found.add,
    )


def check_payload(check: Check, result: sanity.SanityResult) -> dict[str, Any]:
    """Return what the browser shows of a check.

    Args:
        check: what was checked.
        result: what was found.

    Returns:
        Maps and figures by key, the keys by method and seed, curves and verdicts.
    """
    methods, states, problems = list(result.methods), {}, {}
    every = [(m, 0, 0, maps) for m, maps in result.originals.items()]
    every += [(m, number, seed, maps) for (m, number, seed), maps in result.maps.items()]
    for method, number, seed, maps in every:
        name = state_key(method, number, seed)
        try:
            states[name] = serialize.pack_maps(name, title_of(method), maps)
        except ValueError:
            problems[name] = "not finite"
    return {
        "key": check.key,
        "index": check.index,
        "mode": check.mode,
        "stages": [TRAINED, *(step.stage for step in result.steps)],
        "seeds": list(result.seeds),
        "note": note(check, result),
        "methods": [{"name": m, "title": title_of(m), **judged(result, m)} for m in methods],
        "keys": {m: _keys(m, len(result.steps), check.seeds) for m in methods},
        "maps": states,
        "problems": problems,
        "figures": _figures(result),
        "curves": {m: _curves(result, m) for m in result.measures},
    }


def note(check: Check, result: sanity.SanityResult) -> str:
    """Return what to say if a run was stopped before its end.

    Args:
        check: what was checked.
        result: what was found.

    Returns:
        A sentence; empty if the run came to its end.
    """
    runs, last = {(number, seed) for _, number, seed in result.maps}, len(result.steps)
    if len(runs) == last * len(check.seeds):
        return ""
    every, whole = last * len(check.seeds), sum((last, seed) in runs for seed in check.seeds)
    return f"Stopped by hand: {len(runs)} of {every} steps, {whole} of {len(check.seeds)} seeds to the end."


def judged(result: sanity.SanityResult, method: str) -> dict[str, str]:
    """Return the verdict on one method and why.

    Args:
        result: of a check.
        method: its name.

    Returns:
        "verdict", and "words" with figures.
    """
    row = result.verdict().loc[method]
    bar = f"{result.threshold:g}"
    if row["verdict"] == sanity.UNDECIDED:
        return {"verdict": sanity.UNDECIDED, "words": "no map of the last step could be compared with the trained one"}
    where = f"after {row['stage']}" if result.mode == "cascading" else f"at most changed by {row['stage']}"
    spread = f"{row['low']:.2f} to {row['high']:.2f} over {row['maps']} {'run' if row['maps'] == 1 else 'runs'}"
    vanished = f", {row['vanished']} of its maps vanished" if row["vanished"] else ""
    side = "above" if row["verdict"] == sanity.FAILS else "not above"
    words = f"|Spearman| {row['resemblance']:.2f} ({spread}) {where}, {side} {bar}{vanished}"
    return {"verdict": str(row["verdict"]), "words": words}


def _keys(method: str, steps: int, seeds: Sequence[int]) -> dict[str, Any]:
    """The keys of one method's maps: "trained", and "steps" by seed, from the first step on."""
    return {
        "trained": state_key(method, 0, 0),
        "steps": {str(seed): [state_key(method, number, seed) for number in range(1, steps + 1)] for seed in seeds},
    }


def _figures(result: sanity.SanityResult) -> dict[str, dict[str, float | None]]:
    """By measure the value of each state's key."""
    found: dict[str, dict[str, float | None]] = {measure: {} for measure in result.measures}
    for row in result.table.itertuples():
        if row.measure in found:
            found[row.measure][state_key(row.method, row.step, row.seed)] = _known(row.value)
    return found


def _curves(result: sanity.SanityResult, measure: str) -> dict[str, dict[str, list[float | None]]]:
    """By method: median, lowest and highest over seeds at each step; the trained network's own map is 1."""
    rows = result.curve(measure)
    found = {}
    for method in result.methods:
        own = rows[rows["method"] == method].set_index("step")
        found[method] = {
            part: [1.0, *(_known(own[part].get(step.number)) for step in result.steps)]
            for part in ("median", "low", "high")
        }
    return found


def _known(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
