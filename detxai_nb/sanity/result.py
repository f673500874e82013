"""What a sanity check found: the maps as weights are lost, how alike they stay, and the verdict on each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.types import Detections, Target

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

EDGES = "control: edges"
"""The name of the control among the methods."""

PASSES, FAILS, UNDECIDED = "passes", "fails", "undecided"
TRAINED = "trained"
"""The stage of step 0."""
COLUMNS = ("method", "step", "stage", "seed", "object", "measure", "value", "status")
OK, VANISHED, NO_ORIGINAL, NOT_FINITE = "ok", "vanished", "no original map", "not finite"


@dataclass(frozen=True)
class Step:
    """One state of the network: ``number`` from 1, the ``stage`` that was reached, and all ``layers`` then random."""

    number: int
    stage: str
    layers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SanityResult:
    """What ``check`` found.

    ``steps``: the states of the network, in order. ``originals``: by method the maps of the trained network, a map for
    each object, and ``maps``: by (method, step's number, seed) those of the randomized one, all on their native grids
    on the CPU. ``table``: a DataFrame with a row for each method, step, seed, object and measure: the similarities (1
    means the same map), "complexity" of the randomized map (entropy in bits of its values' histogram), "score" (the
    explained scalar) and "score change" (the same less the trained network's); step 0, of seed -1, is the trained
    network, with complexity and scores. ``status`` of a row: "ok", "vanished" (the randomized map is constant), "no
    original map" (the original one is) or "not finite"; a similarity is NaN then. ``full``: whether the last step of a
    cascade leaves no trained weight. ``entropies``: by (step's number, seed) the entropy in bits of each prediction's
    scores over all classes, for the trained network (0, 0) and the last step. ``settings``: all that it ran with.
    """

    steps: tuple[Step, ...]
    originals: Mapping[str, HeatMaps]
    maps: Mapping[tuple[str, int, int], HeatMaps]
    table: pandas.DataFrame
    image: np.ndarray
    detections: Detections
    target: Target
    mode: str
    seeds: tuple[int, ...]
    measures: tuple[str, ...]
    threshold: float
    full: bool
    entropies: Mapping[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods in the order in which they were named, the control last."""
        return tuple(self.originals)

    def __repr__(self) -> str:
        return (
            f"SanityResult({', '.join(self.methods)}: {self.mode}, {len(self.steps)} steps, {len(self.seeds)} seeds, "
            f"{len(self.detections)} objects)"
        )

    def curve(self, measure: str = "spearman", objects: Sequence[int] | None = None) -> pandas.DataFrame:
        """The measure by method and step: median over seeds and objects, and the lowest and highest.

        ``objects``: numbers of detections, by default all. Columns "method", "step", "stage", "median", "low", "high",
        "count". Values that are not defined are left out; of a step without any the figures are NaN.
        """
        rows = self._rows(measure, objects)
        grouped = rows.groupby(["method", "step", "stage"], sort=False)["value"]
        return grouped.agg(median="median", low="min", high="max", count="count").reset_index()

    def verdict(self, threshold: float | None = None) -> pandas.DataFrame:
        """Whether each method's maps depend on what the network learnt.

        A method fails where its maps still resemble the original ones when the weights are random: where the median
        over seeds and objects of |Spearman| is above ``threshold`` (by default the check's own) in the last step of a
        cascade. With independent randomization it is the stage that changes the maps most: a method fails where no
        single stage matters to it. A map that vanished resembles nothing and counts as 0; objects without an original
        map, and maps that are not finite, are left out. A method without any is "undecided".

        Columns by method: "verdict" ("passes", "fails", "undecided"), "resemblance" (that median), "low" and "high"
        (over seeds and objects), "step", "stage", "maps" (how many were judged), "vanished" (how many of them).
        """
        import pandas as pd

        bar = self.threshold if threshold is None else threshold
        if not 0 <= bar <= 1:
            raise ValueError(f"threshold is from 0 to 1, got {bar}")
        rows = self._rows("spearman", None)
        rows = rows[rows["status"].isin([OK, VANISHED])]
        rows = rows.assign(value=rows["value"].abs().where(rows["status"] == OK, 0.0))
        found = []
        for method in self.methods:
            own = rows[rows["method"] == method]
            found.append({"method": method, **_judged(own, bar, self.mode == "cascading", len(self.steps))})
        return pd.DataFrame(found).set_index("method")

    def efficient(self) -> pandas.DataFrame:
        """The efficient test of Hedström et al.: how much more complex the maps are once the weights are random.

        ``rise``: (entropy in the last step - entropy of the original map) / entropy of the original map, the eMPRT
        score, median over seeds and objects; a method that depends on the weights has a clear rise, the control none.
        ``model_rise``: the same of the network's own output, the entropy of the explained prediction's scores over all
        classes: how much there was to see. Columns "rise", "low", "high", "model_rise", "maps".
        """
        import pandas as pd

        rows, last = self._rows("complexity", None), len(self.steps)
        model = [_rise(self.entropies[(0, 0)], self.entropies[(last, seed)]) for seed in self.seeds if self.entropies]
        found = []
        for method in self.methods:
            own = rows[rows["method"] == method]
            before = own[own["step"] == 0].sort_values("object")["value"].to_numpy()
            rises = [
                _rise(before, own[(own["step"] == last) & (own["seed"] == seed)].sort_values("object")["value"])
                for seed in self.seeds
            ]
            known = np.concatenate(rises)
            known = known[np.isfinite(known)]
            spread = (np.median(known), known.min(), known.max()) if known.size else (np.nan,) * 3
            row = dict(zip(("rise", "low", "high"), map(float, spread)))
            row["model_rise"] = _median(np.concatenate(model)) if model else float("nan")
            found.append({"method": method, **row, "maps": known.size})
        return pd.DataFrame(found).set_index("method")

    def plot(self, number: int = 0, **options: Any) -> Figure:
        """A figure of one object: its maps as the weights are lost, and the curves of similarity with their spread.

        The options are those of ``sanity_plots.plot_sanity``.
        """
        from detxai_nb.sanity.figures import plot_sanity

        return plot_sanity(self, number, **options)

    def _repr_png_(self) -> bytes:
        from detxai_nb.sanity.figures import to_png

        return to_png(self.plot())

    def _rows(self, measure: str, objects: Sequence[int] | None) -> pandas.DataFrame:
        known = list(dict.fromkeys(self.table["measure"]))
        if measure not in known:
            raise ValueError(f"measure is one of {', '.join(map(repr, known))}; got {measure!r}")
        rows = self.table[self.table["measure"] == measure]
        return rows if objects is None else rows[rows["object"].isin(list(objects))]


def _judged(rows: Any, bar: float, cascading: bool, last: int) -> dict[str, Any]:
    """The verdict on one method from its rows with |Spearman|."""
    medians = rows.groupby("step")["value"].median()
    if cascading:
        medians = medians[medians.index == last]
    if not len(medians):
        return {
            "verdict": UNDECIDED,
            "resemblance": np.nan,
            "low": np.nan,
            "high": np.nan,
            "step": last,
            "stage": "",
        } | {
            "maps": 0,
            "vanished": 0,
        }
    step = int(medians.idxmin())
    judged = rows[rows["step"] == step]
    return {
        "verdict": FAILS if medians[step] > bar else PASSES,
        "resemblance": float(medians[step]),
        "low": float(judged["value"].min()),
        "high": float(judged["value"].max()),
        "step": step,
        "stage": judged["stage"].iloc[0],
        "maps": len(judged),
        "vanished": int((judged["status"] == VANISHED).sum()),
    }


def _rise(before: Any, after: Any) -> np.ndarray:
    before, after = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    return np.divide(after - before, before, out=np.full(len(before), np.nan), where=before > 0)


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
