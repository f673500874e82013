"""What comes out of the ODAM paper's claims on suppression, what brings the gain, and how alike maps are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from detxai_nb.evaluation.pairs import HOLDS, REVERSED, UNDECIDED
from detxai_nb.evaluation.suppression.correlations import KINDS
from detxai_nb.evaluation.suppression.paper import FAMILIES
from detxai_nb.evaluation.suppression.results import SuppressionResults
from detxai_nb.evaluation.suppression.tables import (
    PaperTable,
    mark_of,
    paper_table,
    table_5,
    table_7,
    table_8,
    table_9,
)

if TYPE_CHECKING:
    import pandas

OVERLAP = 0.5
"""The least IoU of two predicted boxes whose correlations are told: where T_low decides."""


def gain_split(results: SuppressionResults) -> PaperTable:
    """Return what each part of ODAM-NMS brings: T_low alone, T_high alone, both, and the training.

    Args:
        results: what was measured.

    Returns:
        A row for each part and family: the difference in AP50, JI and MR in percentage points.
    """
    words = {HOLDS: "better", REVERSED: "worse", UNDECIDED: UNDECIDED.removeprefix("is ")}
    return _contrasts(results, "part", "What brings the gain, in percentage points", words)


def orderings(results: SuppressionResults) -> PaperTable:
    """Return what comes out of the paper's claims.

    Args:
        results: what was measured.

    Returns:
        A row for each claim, family and metric: whether it holds, is the other way round or is undecided.
    """
    words = {verdict: verdict for verdict in (HOLDS, REVERSED, UNDECIDED)}
    return _contrasts(results, "claim", "The paper's orderings, differences in percentage points", words)


def threshold_plane(results: SuppressionResults, name: str, figure: str = "JI") -> pandas.DataFrame:
    """Return a figure over the plane of ODAM-NMS's two thresholds, the mean over seeds.

    Args:
        results: what was measured.
        name: of the model, such as "tiny-fcos-crowd-odam".
        figure: "AP50", "JI" or "MR".

    Returns:
        T_low down, T_high across, 0..1; (0, 1) is NMS.

    Raises:
        ValueError: for a model or figure that was not measured.
    """
    plane = results.plane
    known = list(dict.fromkeys(plane["name"])) if len(plane) else []
    if name not in known:
        raise ValueError(f"measured were {', '.join(known) or 'no models'}; got {name!r}")
    if figure not in ("AP50", "JI", "MR"):
        raise ValueError(f"the plane shows AP50, JI or MR, got {figure!r}")
    return plane[plane["name"] == name].pivot_table(index="t_low", columns="t_high", values=figure, aggfunc="mean")


def correlation_means(results: SuppressionResults, least_iou: float = OVERLAP) -> pandas.DataFrame:
    """Return how alike the maps of predictions of one object are, and those of different objects that overlap.

    Args:
        results: what was measured.
        least_iou: the least IoU of two predicted boxes, a multiple of 0.1; 0 for all that overlap.

    Returns:
        A row for each family, training and kind of pair: the mean correlation over the pairs of a seed, then "mean" and
        "sd" over seeds, and "pairs" in all.
    """
    import pandas as pd

    rows = results.correlations
    rows = rows[(rows["iou"] >= least_iou - 1e-9) & (rows["pairs"] > 0)].assign(sum=lambda t: t["mean"] * t["pairs"])
    sums = rows.groupby(["family", "odam_train", "kind", "seed"], sort=False)[["sum", "pairs"]].sum()
    by_seed = (sums["sum"] / sums["pairs"]).groupby(level=[0, 1, 2], sort=False)
    pairs = sums["pairs"].groupby(level=[0, 1, 2], sort=False).sum()
    found = pd.DataFrame({"mean": by_seed.mean(), "sd": by_seed.std(), "pairs": pairs})
    order = [(f, odam, kind) for f in FAMILIES for odam in (False, True) for kind in KINDS]
    return found.loc[[key for key in order if key in found.index]]


def all_tables(results: SuppressionResults) -> list[PaperTable]:
    """Return all tables.

    Args:
        results: what was measured.

    Returns:
        Tables 5, 7, 8 and 9, how alike maps are (figure 4), what brings the gain, and the orderings.
    """
    return [
        table_5(results),
        table_7(results),
        table_8(results),
        table_9(results),
        _correlation_table(results),
        gain_split(results),
        orderings(results),
    ]


def _correlation_table(results: SuppressionResults) -> PaperTable:
    """Figure 4 in numbers: pairs whose boxes overlap much, and all that overlap."""
    tables = {f"IoU from {OVERLAP:g}": correlation_means(results), "any overlap": correlation_means(results, 0.0)}
    rows = []
    for key in tables["any overlap"].index:
        row = {}
        for told, table in tables.items():
            one = table.loc[key] if key in table.index else None
            spread = "" if one is None or np.isnan(one["sd"]) else f" ± {one['sd']:.3f}"
            row[told,] = "" if one is None else f"{one['mean']:.3f}{spread} ({int(one['pairs']):,} pairs)"
        rows.append(row)
    names = [(FAMILIES[family], mark_of(odam), kind) for family, odam, kind in tables["any overlap"].index]
    notes = (
        "predictions with a score of at least 0.1, each of the object of its class with the highest IoU above 0.5; "
        "mean over pairs, then over seeds",
    )
    return paper_table(
        "Figure 4: correlation of heat maps", rows, names, ("", "ODAM-Train", "pairs of"), results, notes
    )


def _contrasts(results: SuppressionResults, kind: str, title: str, words: Mapping[str, str]) -> PaperTable:
    show: Callable[[float], str] = lambda value: f"{100 * value:+.1f}"  # noqa: E731
    rows, names = [], []
    for row in results.difference_rows:
        if row["kind"] != kind:
            continue
        names.append((row["title"], FAMILIES[row["family"]], row["figure"]))
        rows.append(
            {
                ("by seed",): ", ".join(map(show, row["differences"])),
                ("mean",): show(row["mean"]),
                ("sd",): "" if np.isnan(row["sd"]) else f"{100 * row['sd']:.1f}",
                ("95% over scenes",): f"{show(row['low'])} to {show(row['high'])}",
                ("verdict",): words[row["verdict"]],
            }
        )
    notes = ("of MR lower is better; crowd, sparse and found are recalls at the best JI of each",)
    return paper_table(title, rows, names, ("what", "family", "metric"), results, notes)
