"""One run of the widget SanityCheck: what is checked, what was found so far, and both for the browser and in words."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from detxai_nb import sanity
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.methods import all_methods
from detxai_nb.sanity.runner import steps_of
from detxai_nb.sanity.table import similarity_table
from detxai_nb.types import Detections, OpenDetector, Progress, Target
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.forecast import in_words, runs_of_detector
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
        maps, found = dict(self.maps), dict(self.originals)
        originals = {name: found[name] for name in (*self.check.methods, sanity.EDGES) if name in found}
        return sanity.SanityResult(
            steps=self.steps,
            originals=originals,
            maps=maps,
            table=similarity_table(originals, maps, {}, self.steps, COMPARISON),
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
        stepped: called after each state of the network.

    Returns:
        The result.
    """
    check, every = found.check, all_methods()
    quick = tuple(m for m in check.methods if every[m].kind != "perturbation")
    groups = [group for group in (quick, *((m,) for m in check.methods if m not in quick)) if group]
    costs = [sum(runs_of_detector(every[m], settings.get(m, {})) for m in group) for group in groups]
    results = []

    def on_step(step: sanity.Step, seed: int, maps: Mapping[str, HeatMaps]) -> None:
        found.add(step, seed, maps)
        stepped()

    for number, group in enumerate(groups):

        def report(done: int, total: int, before: float = sum(costs[:number]), cost: float = costs[number]) -> None:
            if progress is not None:
                progress(round(before + cost * done / max(total, 1)), round(sum(costs)))

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
        said += " One seed, or fewer masks or samples (SanityCheck(..., masks=300)), make it shorter."
    return sum(costs.values()), said


def check_payload(check: Check, result: sanity.SanityResult, running: bool = False) -> dict[str, Any]:
    """Return what the browser shows of a check.

    Args:
        check: what was checked.
        result: what was found.
        running: whether the check goes on.

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
        "note": note(check, result, running),
        "methods": [{"name": m, "title": title_of(m), **judged(result, m)} for m in methods],
        "keys": {m: _keys(m, len(result.steps), check.seeds) for m in methods},
        "maps": states,
        "problems": problems,
        "figures": _figures(result),
        "curves": {m: _curves(result, m) for m in result.measures},
    }


def note(check: Check, result: sanity.SanityResult, running: bool = False) -> str:
    """Return what to say if a run has not come to its end.

    Args:
        check: what was checked.
        result: what was found.
        running: whether it goes on.

    Returns:
        A sentence; empty if the run came to its end.
    """
    last, seeds = len(result.steps), len(check.seeds)
    every = last * seeds * len(check.methods)
    done = sum(method in check.methods for method, _, _ in result.maps)
    if done == every:
        return ""
    whole = sum(all((m, last, seed) in result.maps for m in check.methods) for seed in check.seeds)
    how = "So far" if running else "Stopped by hand"
    return f"{how}: {done} of {every} maps, {whole} of {seeds} seeds to the end."


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
