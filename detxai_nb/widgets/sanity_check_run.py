"""One sanity check for a widget: what is asked, what was found so far, and both for the browser and in words."""

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
from detxai_nb.types import Detections, Progress, Target
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
    """One run: the object of that index, its maps by ``methods``, and how the weights are taken away."""

    methods: tuple[str, ...]
    index: int
    mode: str
    layers: str
    seeds: tuple[int, ...]

    @property
    def key(self) -> str:
        """The same for the same computation."""
        return "#".join(
            [",".join(self.methods), str(self.index), self.mode, self.layers, ",".join(map(str, self.seeds))]
        )

    @property
    def randomization(self) -> sanity.Randomization:
        """The settings of ``sanity.check``."""
        return sanity.Randomization(self.mode, self.layers, self.seeds)

    @property
    def title(self) -> str:
        """In words."""
        return f"the {self.mode} sanity check of {', '.join(map(title_of, self.methods))}"


@dataclass(eq=False)
class SanityRun:
    """What a run has found so far: maps by (method, step's number, seed), those of step 0 in ``originals``."""

    check: Check
    image: np.ndarray
    detections: Detections
    steps: tuple[sanity.Step, ...]
    originals: dict[str, HeatMaps] = field(default_factory=dict)
    maps: dict[tuple[str, int, int], HeatMaps] = field(default_factory=dict)

    def add(self, step: sanity.Step, seed: int, found: Mapping[str, HeatMaps]) -> None:
        """Take what the check found in one more state of the network."""
        if not step.number:
            self.originals.update(found)
        else:
            self.maps.update({(name, step.number, seed): maps for name, maps in found.items()})

    def result(self) -> sanity.SanityResult:
        """All of it so far; a verdict counts the runs that came to the last step."""
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


def title_of(method: str) -> str:
    """What a method is called, or the control."""
    return EDGES_TITLE if method == sanity.EDGES else method_title(method)


def begin(detector: Any, image: np.ndarray, one: Detections, check: Check) -> SanityRun:
    """Nothing found yet, of a check of one object."""
    return SanityRun(check, image, one.to("cpu"), steps_of(detector, image, check.randomization))


def run(
    detector: Any,
    one: Detections,
    found: SanityRun,
    settings: Mapping[str, Mapping[str, Any]],
    progress: Progress | None,
) -> sanity.SanityResult:
    """Run the check; ``found`` has all that was found whenever it ends. ``settings``: by method."""
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


def to_payload(check: Check, result: sanity.SanityResult) -> dict[str, Any]:
    """For the browser: maps by "method|step|seed" (of the trained network "method|0"), figures, curves and verdicts."""
    methods, states, problems = list(result.methods), {}, {}
    named = {f"{m}|0": maps for m, maps in result.originals.items()}
    named |= {f"{m}|{number}|{seed}": maps for (m, number, seed), maps in result.maps.items()}
    for name, maps in named.items():
        try:
            states[name] = serialize.pack_maps(name, title_of(name.split("|")[0]), maps)
        except ValueError:
            problems[name] = "not finite"
    return {
        "key": check.key,
        "stages": [TRAINED, *(step.stage for step in result.steps)],
        "seeds": list(result.seeds),
        "note": note(check, result),
        "methods": [{"name": m, "title": title_of(m), **judged(result, m)} for m in methods],
        "maps": states,
        "problems": problems,
        "figures": _figures(result),
        "curves": {m: _curves(result, m) for m in result.measures},
    }


def note(check: Check, result: sanity.SanityResult) -> str:
    """What to say where the run was stopped before its end; empty where it was not."""
    runs, last = {(number, seed) for _, number, seed in result.maps}, len(result.steps)
    if len(runs) == last * len(check.seeds):
        return ""
    every, whole = last * len(check.seeds), sum((last, seed) in runs for seed in check.seeds)
    return f"Stopped by hand: {len(runs)} of {every} steps, {whole} of {len(check.seeds)} seeds to the end."


def judged(result: sanity.SanityResult, method: str) -> dict[str, str]:
    """The verdict on one method and why, in words with figures."""
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


def _figures(result: sanity.SanityResult) -> dict[str, dict[str, float | None]]:
    """By measure: the value of each "method|step|seed"."""
    found: dict[str, dict[str, float | None]] = {measure: {} for measure in result.measures}
    for row in result.table.itertuples():
        if row.measure in found:
            found[row.measure][f"{row.method}|{row.step}|{row.seed}"] = _known(row.value)
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


def curve_of(result: sanity.SanityResult, measure: str, methods: Sequence[str]) -> list[list[float]]:
    """The medians by method, NaN where there is none."""
    curves = _curves(result, measure)
    return [[math.nan if v is None else v for v in curves[m]["median"]] for m in methods]
