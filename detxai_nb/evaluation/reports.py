"""report: tables as in the papers, from the rows of an evaluation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.evaluation.papers import Paper, find_paper
from detxai_nb.evaluation.plan import DIFFERENCE
from detxai_nb.evaluation.runner import ATTRIBUTE, read_evaluation
from detxai_nb.heatmaps import NO_POSITIVE_EVIDENCE, OK
from detxai_nb.metrics.registry import METRICS
from detxai_nb.metrics.zones import EMPTY_ZONE, FULL_ZONE, ZONE_SHARE
from detxai_nb.pages.report import write_report

if TYPE_CHECKING:
    import pandas

RESAMPLES = 2000
_CELLS = 2**22


@dataclass(frozen=True, eq=False)
class Report:
    """The table of an evaluation with notes.

    Attributes:
        table: a row for each metric and method, with the columns ``mean``, ``low`` and ``high`` (95% bootstrap interval
            of the mean over objects), ``count`` (objects for which the metric is defined), ``undefined`` (values that
            are NaN and left out of the mean), ``zero_maps`` (maps without a positive value; each metric decides how
            they count, most count them as a miss), ``ties`` (mean share of tied pixels), and with a paper ``paper`` and
            ``printed_in``.
        notes: sentences on what was measured, what was left out and why, and what differs from the paper.
    """

    table: pandas.DataFrame
    notes: tuple[str, ...]

    def wide(self) -> pandas.DataFrame:
        """Return a table with methods as rows and metrics as columns.

        Returns:
            A DataFrame of texts: "mean (low to high)", and the paper's value after a bar.
        """
        rows = self.table.reset_index()
        cells = [_cell(row) for row in rows.to_dict("records")]
        metrics, methods = list(dict.fromkeys(rows["metric"])), list(dict.fromkeys(rows["method"]))
        wide = rows.assign(cell=cells).pivot(index="method", columns="metric", values="cell")
        return wide.loc[methods, metrics].fillna("")

    def __str__(self) -> str:
        import pandas as pd

        with pd.option_context("display.width", 200, "display.max_columns", None, "display.max_rows", None):
            return "\n".join([str(self.table.round(4)), "", *(f"- {note}" for note in self.notes)])

    def save_html(self, path: str | os.PathLike[str], *, title: str = "Evaluation", overwrite: bool = False) -> Path:
        """Write the tables and notes as one HTML file.

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
        parts = [self.wide(), "# All figures", self.table.round(4), "# Notes", list(self.notes)]
        return write_report(path, title, parts, overwrite)

    def _repr_html_(self) -> str:
        from html import escape

        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"{self.wide().to_html()}<ul>{notes}</ul>"


def report(
    evaluation: pandas.DataFrame | str | os.PathLike[str],
    paper: str | Paper | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Report:
    """Return a table as in the papers: mean, 95% bootstrap interval, counts, and the paper's values beside them.

    Args:
        evaluation: what ``evaluate`` returned, or its store, also one that is still being filled.
        paper: a name of ``PAPERS`` or a ``Paper``. Its figures are shown in every row of that method and metric, with a
            note on what differs; figures that metrics keep among their extras get rows of their own.
        seed, resamples: of the bootstrap, which draws objects with replacement and takes quantiles of their means.

    Returns:
        The table and the notes.

    Raises:
        ValueError: for an unknown paper, and for a table without rows or without its ``attrs``.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> rows = dx.evaluate(detector, dx.data.scenes.Scenes(2), ["odam"], ["energy-pointing-box"], progress=False)
        >>> dx.report(rows).table.index.tolist()[0]
        ('energy-pointing-box', 'odam')
    """
    import pandas as pd

    frame = statistics_table(evaluation)
    about = frame.attrs[ATTRIBUTE]
    printed = find_paper(paper) if paper is not None else None
    table = pd.DataFrame(_rows(frame, about["settings"], printed, seed, resamples)).set_index(["metric", "method"])
    return Report(table, (*_notes(frame, about), *(_paper_notes(about, printed) if printed else [])))


def statistics_table(evaluation: pandas.DataFrame | str | os.PathLike[str]) -> pandas.DataFrame:
    """Return the table of an evaluation, which says how it was made.

    Args:
        evaluation: what ``evaluate`` returned, or its store.

    Returns:
        The rows, with ``attrs["evaluation"]``.

    Raises:
        ValueError: if the table lost its ``attrs``.
    """
    import pandas as pd

    frame = evaluation if isinstance(evaluation, pd.DataFrame) else read_evaluation(evaluation)
    if ATTRIBUTE not in frame.attrs:
        raise ValueError(
            f"this table has no attrs[{ATTRIBUTE!r}], so nothing says how it was made; take what evaluate returned, "
            "or its store"
        )
    return frame


def bootstrap(values: np.ndarray, seed: int = 0, resamples: int = RESAMPLES) -> tuple[float, float]:
    """Return the 95% interval of a mean: quantiles of the means of N values drawn with replacement.

    Args:
        values: numbers ``[N]``.
        seed: of the random numbers.
        resamples: number of draws.

    Returns:
        The lower and the upper end; NaN if there are fewer than two values.
    """
    if len(values) < 2:
        return float("nan"), float("nan")
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    block = max(1, _CELLS // len(values))
    for start in range(0, resamples, block):
        drawn = random.integers(0, len(values), (min(block, resamples - start), len(values)))
        means[start : start + len(drawn)] = values[drawn].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def _rows(
    frame: pandas.DataFrame, settings: Mapping[str, Any], paper: Paper | None, seed: int, resamples: int
) -> list[dict[str, Any]]:
    """A row for each metric, or figure among its extras, and method, in the order of the evaluation."""
    groups = dict(iter(frame.groupby(["metric", "method"], sort=False)))
    found = []
    for metric, about in settings["metrics"].items():
        for figure in (None, *_figures_of(about["metric"], paper)):
            for method, record in settings["methods"].items():
                rows = groups.get((metric, method))
                if rows is None:
                    continue
                name = metric if figure is None else f"{metric}: {figure}"
                values = rows["value"].to_numpy(float) if figure is None else _extra(rows["extras"], figure)
                row = {"metric": name, "method": method, **_statistics(rows, values, seed, resamples)}
                if paper is not None:
                    standard = about["metric"] if figure is None else f"{about['metric']}: {figure}"
                    cell = paper.figures.get((_standard(method, record), standard))
                    row |= {"paper": cell.value if cell else np.nan, "printed_in": cell.table if cell else ""}
                found.append(row)
    if not found:
        raise ValueError("the table has no rows: no object was measured; its attrs say what was left out and why")
    return found


def _figures_of(metric: str, paper: Paper | None) -> list[str]:
    """The extras of a metric that the paper prints."""
    names = {name for _, name in (paper.figures if paper else ()) if name.startswith(f"{metric}: ")}
    return sorted(name.split(": ", 1)[1] for name in names)


def _extra(extras: Any, figure: str) -> np.ndarray:
    found = [None if cell is None else cell.get(figure) for cell in extras]
    return np.array([np.nan if value is None else value for value in found], float)


def _standard(method: str, record: Mapping[str, Any]) -> str:
    """The registered name of a row's method, whatever the table calls it."""
    if "method" not in record:
        return method
    return f"{DIFFERENCE}{record['method']}" if record.get("difference") else str(record["method"])


def _statistics(rows: pandas.DataFrame, values: np.ndarray, seed: int, resamples: int) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    low, high = bootstrap(known, seed, resamples)
    ties = rows["ties"].to_numpy(float)
    ties = ties[~np.isnan(ties)]
    return {
        "mean": float(known.mean()) if len(known) else float("nan"),
        "low": low,
        "high": high,
        "count": len(known),
        "undefined": len(values) - len(known),
        "zero_maps": int((rows["map"] == NO_POSITIVE_EVIDENCE).sum()),
        "ties": float(ties.mean()) if len(ties) else float("nan"),
    }


def _cell(row: Mapping[str, Any]) -> str:
    text = f"{row['mean']:.3f} ({row['low']:.3f} to {row['high']:.3f})" if row["count"] else "undefined"
    return text if np.isnan(row.get("paper", np.nan)) else f"{text} | {row['paper']:g}"


def _notes(frame: pandas.DataFrame, about: Mapping[str, Any]) -> list[str]:
    """What was measured and what was left out."""
    left = ", ".join(f"{count} {reason}" for reason, count in about["left_out"].items())
    notes = [
        f"{about['objects']} of {about['annotations']} annotated objects, in {about['images_with_objects']} of "
        f"{about['images']} images, selected by {_protocol(about)}" + (f"; left out: {left}" if left else "")
    ]
    if about["unknown_classes"]:
        notes.append(f"classes that the detector does not know: {', '.join(about['unknown_classes'])}")
    if about["unreadable"]:
        shown = "; ".join(one["error"] for one in about["unreadable"][:3])
        notes.append(f"{len(about['unreadable'])} images could not be read and are left out: {shown}")
    if "command" in about:
        notes.append(f"computed beforehand by `{about['command']}`")
    notes += [*_map_notes(frame), *_zone_notes(frame)]
    lower = [n for n, m in about["settings"]["metrics"].items() if m["metric"] in METRICS and not _higher(m["metric"])]
    if lower:
        notes.append(f"lower is better: {', '.join(lower)}")
    return notes


def _map_notes(frame: pandas.DataFrame) -> list[str]:
    """Maps without values, and the diagnostics of methods about their maps."""
    notes = []
    maps = frame.drop_duplicates(["image", "annotation", "method"])
    for (method, state), rows in maps[maps["map"] != OK].groupby(["method", "map"], sort=False):
        meaning = "they count, as misses" if state == NO_POSITIVE_EVIDENCE else "their values are undefined"
        notes.append(f"{method}: {len(rows)} maps with {state}; {meaning}")
    for method, rows in maps.dropna(subset=["map_figures"]).groupby("method", sort=False):
        for name in rows["map_figures"].iloc[0]:
            values = _extra(rows["map_figures"], name)
            known = values[~np.isnan(values)]
            if len(known):
                notes.append(f"{method}: {name} of its maps is {known.mean():.3f} in the mean over {len(known)} maps")
    return notes


def _zone_notes(frame: pandas.DataFrame) -> list[str]:
    """How large the zones of each method are, and how many are empty or full; one note for those that are alike."""
    rows = frame.dropna(subset=["extras"])
    rows = rows[np.array([ZONE_SHARE in cell for cell in rows["extras"]], bool)]
    found: dict[str, list[str]] = {}
    for (method, metric), group in rows.groupby(["method", "metric"], sort=False):
        share, empty, full = (_extra(group["extras"], name) for name in (ZONE_SHARE, EMPTY_ZONE, FULL_ZONE))
        told = (
            f"{method}: zones cover {np.nanmean(share):.1%} of the image in the mean; of {len(share)} zones "
            f"{np.nanmean(empty):.1%} are empty and {np.nanmean(full):.1%} full"
        )
        found.setdefault(told, []).append(str(metric))
    methods = [told.partition(": zones")[0] for told in found]
    return [
        told if methods.count(method) == 1 else f"{told} ({', '.join(metrics)})"
        for method, (told, metrics) in zip(methods, found.items())
    ]


def _higher(metric: str) -> bool:
    return METRICS[metric].higher_is_better


def _protocol(about: Mapping[str, Any]) -> str:
    rule = about["settings"]["protocol"]
    few = f", at least {rule['at_least']} in an image" if rule["at_least"] > 1 else ""
    many = f", the best {rule['at_most']} of an image" if rule["at_most"] else ""
    many += f", {len(rule['classes'])} classes named otherwise by the detector" if rule.get("classes") else ""
    how = "each annotated class" if _classifies(about) else f"same class, IoU > {rule['iou']:g}"
    return f"protocol {rule['name']!r} ({how}, score > {rule['score']:g}{few}{many})"


def _classifies(about: Mapping[str, Any]) -> bool:
    return bool(about["settings"]["detector"].get("family") == "classifier")


def _paper_notes(about: Mapping[str, Any], paper: Paper) -> list[str]:
    """What the paper's values were made with, and what these were."""
    settings = about["settings"]
    detector, data = settings["detector"], settings["dataset"]
    notes = [
        f"paper: {paper.title}: {paper.detector} on {paper.data}; here: {detector['family'] or ''} "
        f"({detector['class'].rsplit('.', 1)[-1]}, {len(detector['names'])} classes) on "
        f"{data['class'].rsplit('.', 1)[-1]}, {about['images']} images, {about['objects']} objects: "
        "the figures are of another model and other data unless these are the same"
    ]
    if paper.protocol and settings["protocol"]["name"] != paper.protocol:
        notes.append(f"the paper selects objects as protocol {paper.protocol!r} does, here it is {_protocol(about)}")
    for name, record in settings["methods"].items():
        target = paper.target_of(record.get("method", ""))
        if "target" in record and target not in (None, record["target"]["part"]):
            notes.append(f"the paper explains the target {target!r} by {name}; here it is {record['target']['part']!r}")
    if paper.note:
        notes.append(f"of the paper: {paper.note}")
    return notes
