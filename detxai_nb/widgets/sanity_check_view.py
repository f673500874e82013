"""What the widget SanityCheck shows of a check, in words and figures and for the browser."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from detxai_nb import sanity
from detxai_nb.widgets.sanity_check_run import TRAINED, Check, SanityRun, UnfinishedMap, state_key, title_of
from detxai_nb.widgets.shared import serialize


def check_payload(
    found: SanityRun, result: sanity.SanityResult, running: bool = False, unfinished: UnfinishedMap | None = None
) -> dict[str, Any]:
    """Return what the browser shows of a check.

    Args:
        found: the run; what is packed here is kept there for the next time.
        result: what was found.
        running: whether the check goes on.
        unfinished: a map that still improves, or did so when the check was stopped.

    Returns:
        Maps and figures by key, the keys by method and seed, curves and verdicts.
    """
    check, methods = found.check, shown_methods(result, unfinished)
    states: dict[str, Any] = {}
    problems = {}
    every = [(m, 0, 0, maps) for m, maps in result.originals.items()]
    every += [(m, number, seed, maps) for (m, number, seed), maps in result.maps.items()]
    for method, number, seed, maps in every:
        name = state_key(method, number, seed)
        try:
            packed = found.packed.get(name) or serialize.pack_maps(name, title_of(method), maps)
            states[name] = found.packed[name] = packed
        except ValueError:
            problems[name] = "not finite"
    seeds = list(result.seeds)
    if unfinished is not None:
        name = state_key(unfinished.method, unfinished.number, unfinished.seed)
        states[name] = serialize.pack_maps(name, title_of(unfinished.method), unfinished.maps)
        states[name]["grids"][0]["status"] = f"after {unfinished.maps.settings['masks made']} masks"
        reached = {*seeds, *([unfinished.seed] if unfinished.number else [])}
        seeds = [seed for seed in check.seeds if seed in reached]
    return {
        "key": check.key,
        "index": check.index,
        "mode": check.mode,
        "stages": [TRAINED, *(step.stage for step in result.steps)],
        "seeds": seeds,
        "note": note(check, result, running),
        "methods": [{"name": m, "title": title_of(m), **judged(result, m, running, unfinished)} for m in methods],
        "keys": {m: _keys(m, len(result.steps), check.seeds) for m in methods},
        "maps": states,
        "problems": problems,
        "figures": figures_of(result),
        "curves": {m: _curves(result, m, methods) for m in result.measures},
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


def shown_methods(result: sanity.SanityResult, unfinished: UnfinishedMap | None) -> list[str]:
    """Return the methods that have something to show, the control last.

    Args:
        result: of a check.
        unfinished: a map that still improves, or None.

    Returns:
        Their names.
    """
    methods = list(result.methods)
    if unfinished is not None and unfinished.method not in methods:
        methods.insert(len(methods) - (sanity.EDGES in methods), unfinished.method)
    return methods


def judged(
    result: sanity.SanityResult, method: str, running: bool = False, unfinished: UnfinishedMap | None = None
) -> dict[str, str]:
    """Return the verdict on one method and why.

    Args:
        result: of a check.
        method: its name.
        running: whether the check goes on.
        unfinished: the map that it is at, or was at when it was stopped.

    Returns:
        "verdict", and "words" with figures.
    """
    if unfinished is not None and unfinished.method == method:
        return {"verdict": "at work" if running else "stopped", "words": unfinished.words}
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


def figures_of(result: sanity.SanityResult) -> dict[str, dict[str, float | None]]:
    """Return how alike every map is to that of the trained network.

    Args:
        result: of a check.

    Returns:
        By measure the value of each state's key.
    """
    found: dict[str, dict[str, float | None]] = {measure: {} for measure in result.measures}
    for row in result.table.itertuples():
        if row.measure in found:
            found[row.measure][state_key(row.method, row.step, row.seed)] = _known(row.value)
    return found


def _curves(
    result: sanity.SanityResult, measure: str, methods: Sequence[str]
) -> dict[str, dict[str, list[float | None]]]:
    """By method: median, lowest and highest over seeds at each step; the trained network's own map is 1."""
    rows = result.curve(measure)
    found: dict[str, dict[str, list[float | None]]] = {}
    for method in methods:
        own = rows[rows["method"] == method]
        found[method] = {}
        for part in ("median", "low", "high"):
            at = dict(zip(own["step"], own[part]))
            found[method][part] = [1.0, *(_known(at.get(step.number)) for step in result.steps)]
    return found


def _known(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)
