"""The result of a sanity check: maps before and after randomization, their similarity, and a verdict on each method."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.pages.report import PagePicture, write_report
from detxai_nb.types import Detections, Target

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure

    from detxai_nb.sanity.settings import Randomization, Similarity

EDGES = "control: edges"
"""The name of the control among the methods."""

PASSES, FAILS, UNDECIDED = "passes", "fails", "undecided"
"""The verdicts on a method."""
TRAINED = "trained"
"""The stage of step 0."""
COLUMNS = ("method", "step", "stage", "seed", "object", "measure", "value", "status")
OK, VANISHED, NO_ORIGINAL, NOT_FINITE = "ok", "vanished", "no original map", "not finite"


@dataclass(frozen=True)
class Step:
    """One state of the network during a check.

    Attributes:
        number: from 1; 0 is the trained network.
        stage: name of the stage that was randomized last.
        layers: paths of all submodules whose weights are random in this state.
    """

    number: int
    stage: str
    layers: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class SanityResult:
    """The result of ``sanity.check``.

    Attributes:
        steps: the states of the network, in order.
        originals: by method the maps of the trained network, one for each object, on their native grids on the CPU;
            the control is the last method.
        maps: the same of the randomized network, by (method, step number, seed).
        table: a DataFrame with a row for each method, step, seed, object and measure. Measures are the similarities (1
            means the same map), "complexity" of the randomized map (entropy in bits of the histogram of its values),
            "score" (the explained scalar) and "score change" (the score minus that of the trained network). Step 0
            with seed -1 is the trained network, with complexity and scores. ``status`` is "ok", "vanished" (the
            randomized map is constant), "no original map" (the original map is constant) or "not finite"; if it is
            not "ok", similarities are NaN.
        image: uint8 ``[H,W,3]``.
        detections: the N explained predictions, on the CPU.
        target: the explained scalar.
        randomization: how the weights were randomized.
        comparison: how the maps were compared, with the threshold of the verdict.
        full: whether the last step of a cascade leaves no trained weight.
        entropies: by (step number, seed) the entropy in bits of each prediction's scores over all classes, for the
            trained network (0, 0) and the last step.
        settings: the other settings: "layer" and "method_settings".
        seconds: running time of the check.
    """

    steps: tuple[Step, ...]
    originals: Mapping[str, HeatMaps]
    maps: Mapping[tuple[str, int, int], HeatMaps]
    table: pandas.DataFrame
    image: np.ndarray
    detections: Detections
    target: Target
    randomization: Randomization
    comparison: Similarity
    full: bool
    entropies: Mapping[tuple[int, int], tuple[float, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods in the given order, the control last."""
        return tuple(self.originals)

    @property
    def mode(self) -> str:
        """How weights were randomized: "cascading" or "independent"."""
        return self.randomization.mode

    @property
    def seeds(self) -> tuple[int, ...]:
        """Seeds of the runs; without those that a check which was stopped did not reach."""
        reached = {seed for _, _, seed in self.maps}
        return tuple(seed for seed in self.randomization.seeds if seed in reached)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the similarities in the table."""
        return tuple(self.comparison.measures)

    @property
    def threshold(self) -> float:
        """The largest median absolute Spearman correlation of a method that passes."""
        return self.comparison.threshold

    def __repr__(self) -> str:
        return (
            f"SanityResult({', '.join(self.methods)}: {self.mode}, {len(self.steps)} steps, {len(self.seeds)} seeds, "
            f"{len(self.detections)} objects)"
        )

    def curve(self, measure: str = "spearman", objects: Sequence[int] | None = None) -> pandas.DataFrame:
        """Return a measure by method and step: the median over seeds and objects, the lowest and the highest value.

        Args:
            measure: one of the measures in the table.
            objects: indices of detections; all by default.

        Returns:
            A table with the columns "method", "step", "stage", "median", "low", "high" and "count". Undefined values
            are left out; a step without any has NaN.

        Raises:
            ValueError: for an unknown measure.
        """
        rows = self._rows(measure, objects)
        grouped = rows.groupby(["method", "step", "stage"], sort=False)["value"]
        return grouped.agg(median="median", low="min", high="max", count="count").reset_index()

    def verdict(self, threshold: float | None = None) -> pandas.DataFrame:
        """Return for each method whether its maps depend on what the network has learnt.

        A method fails if its maps still resemble the original ones when the weights are random: if the median over
        seeds and objects of the absolute Spearman correlation is above the threshold in the last step of a cascade.
        With independent randomization the stage that changes the maps most counts: a method fails if no single stage
        matters to it. A map that vanished resembles nothing and counts as 0. Objects without an original map and maps
        that are not finite are left out; a method without any other map is "undecided".

        Args:
            threshold: 0..1; that of the check by default.

        Returns:
            A table by method with the columns "verdict" ("passes", "fails", "undecided"), "resemblance" (that median),
            "low" and "high" (over seeds and objects), "step", "stage", "maps" (number of maps that count) and
            "vanished" (how many of these vanished).

        Raises:
            ValueError: if ``threshold`` is out of range.
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
        columns = ["method", "verdict", "resemblance", "low", "high", "step", "stage", "maps", "vanished"]
        return pd.DataFrame(found, columns=columns).set_index("method")

    def efficient(self) -> pandas.DataFrame:
        """Return the result of the efficient test (eMPRT): how much more complex the maps are with random weights.

        Returns:
            A table by method. "rise": (entropy in the last step - entropy of the original map) / entropy of the
            original map, the median over seeds and objects; a method that depends on the weights has a clear rise,
            the control none. "low" and "high": the lowest and highest rise. "model_rise": the same for the output of
            the network itself, the entropy of the explained prediction's scores over all classes, which tells how
            much there was to see. "maps": number of maps.

        References:
            Hedström et al., "Sanity Checks Revisited" (2024).
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
        """Return a figure of one object: its maps step by step, and the curves of similarity with their spread.

        Args:
            number: index of the object among the detections.
            **options: those of ``sanity.figures.plot_sanity``: ``measure``, ``seed``, ``opacity``.

        Returns:
            A matplotlib figure.
        """
        from detxai_nb.sanity.figures import plot_sanity

        return plot_sanity(self, number, **options)

    def save_html(
        self, path: str | os.PathLike[str], *, title: str = "Sanity check of explanations", overwrite: bool = False
    ) -> Path:
        """Write the verdict, the curves and a figure of each object as one HTML file.

        Args:
            path: the file, which ends in .html.
            title: of the page.
            overwrite: whether an existing file is replaced.

        Returns:
            The file.

        Raises:
            FileNotFoundError: if its folder does not exist.
            FileExistsError: if the file exists and ``overwrite`` is False.
            ValueError: if the name is no HTML file's.
        """
        from detxai_nb.sanity.figures import to_png

        names = self.detections.label_names()
        pictures = [PagePicture(to_png(self.plot(n)), f"Object {n}, {name}") for n, name in enumerate(names)]
        words = (
            f"{self.mode.capitalize()} randomization, {len(self.steps)} steps, seeds {', '.join(map(str, self.seeds))}."
        )
        parts = [words, "# Verdict", self.verdict().round(3), "# Similarity step by step", self.curve().round(3)]
        return write_report(path, title, [*parts, "# Maps step by step", *pictures], overwrite)

    def _repr_png_(self) -> bytes:
        from detxai_nb.sanity.figures import to_png

        return to_png(self.plot())

    def _rows(self, measure: str, objects: Sequence[int] | None) -> pandas.DataFrame:
        # Those that no map has yet count too.
        known = list(dict.fromkeys([*self.table["measure"], *self.measures]))
        if measure not in known:
            raise ValueError(f"measure is one of {', '.join(map(repr, known))}; got {measure!r}")
        rows = self.table[self.table["measure"] == measure]
        return rows if objects is None else rows[rows["object"].isin(list(objects))]


def _judged(rows: Any, bar: float, cascading: bool, last: int) -> dict[str, Any]:
    """The verdict on one method from its rows with the absolute Spearman correlation."""
    medians = rows.groupby("step")["value"].median()
    if cascading:
        medians = medians[medians.index == last]
    if not len(medians):
        nothing = {"resemblance": np.nan, "low": np.nan, "high": np.nan, "step": last, "stage": ""}
        return {"verdict": UNDECIDED, **nothing, "maps": 0, "vanished": 0}
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
    rise: np.ndarray = np.divide(after - before, before, out=np.full(len(before), np.nan), where=before > 0)
    return rise


def _median(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
