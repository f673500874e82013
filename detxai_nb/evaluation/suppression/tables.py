"""Tables 5, 7, 8 and 9 of the ODAM paper in its layout, with its values beside."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.evaluation.suppression.paper import (
    FAMILIES,
    OBJECTS_PRINTED,
    RECALLS_PRINTED,
    TABLE_5,
    TABLE_8,
    PrintedRow,
)
from detxai_nb.evaluation.suppression.results import SuppressionResults
from detxai_nb.pages.report import write_report

if TYPE_CHECKING:
    import pandas

RULE_TITLES = {"nms": "NMS", "soft-nms": "Soft-NMS", "feature-nms": "FeatureNMS", "odam-nms": "ODAM-NMS"}
"""The rules of table 5 by their names."""
NOT_TRAINED = "not trained"
_SETS = (("Total", "found"), ("Sparse", "sparse"), ("Crowd", "crowd"))
_FIGURES = {"AP50": "ap", "JI": "ji", "MR": "mr", "recall": "recall"}
_ARROWS = {"AP50": "AP↑", "JI": "JI↑", "MR": "MR↓", "recall": "Recall"}


@dataclass(frozen=True, eq=False)
class PaperTable:
    """A table in a paper's layout.

    Attributes:
        title: what it shows.
        table: the cells as texts, "mean ± deviation | the paper's value".
        notes: sentences on this table.
        about: sentences on what was measured, the same for all tables.
    """

    title: str
    table: pandas.DataFrame
    notes: tuple[str, ...]
    about: tuple[str, ...] = ()

    def __str__(self) -> str:
        import pandas as pd

        with pd.option_context(
            "display.width", 250, "display.max_columns", None, "display.max_rows", None, "display.max_colwidth", None
        ):
            return "\n".join([self.title, str(self.table), *(f"- {note}" for note in self.notes)])

    def save_html(self, path: str | os.PathLike[str], *, title: str | None = None, overwrite: bool = False) -> Path:
        """Write the table and notes as one HTML file.

        Args:
            path: the file, which ends in .html.
            title: of the page; by default that of the table.
            overwrite: whether an existing file is replaced.

        Returns:
            The file.

        Raises:
            FileNotFoundError: if its folder does not exist.
            FileExistsError: if the file exists and ``overwrite`` is False.
            ValueError: if the name is no HTML file's.
        """
        parts = [self.table, list(self.notes), "# What was measured", list(self.about)]
        return write_report(path, self.title if title is None else title, parts[: 4 if self.about else 2], overwrite)

    def _repr_html_(self) -> str:
        from html import escape

        notes, about = ("".join(f"<li>{escape(note)}</li>" for note in some) for some in (self.notes, self.about))
        more = f"<details><summary>what was measured</summary><ul>{about}</ul></details>" if about else ""
        return f"<p><b>{escape(self.title)}</b></p>{self.table.to_html()}<ul>{notes}</ul>{more}"


def table_5(results: SuppressionResults) -> PaperTable:
    """Return table 5: the rules for both families, here with and without ODAM-Train.

    Args:
        results: what was measured.

    Returns:
        A row for each rule and training; AP50, JI, MR and the recall of all detections in percent, and the time of an
        image as a multiple of that with NMS.
    """
    rows, names = [], []
    for rule, title in RULE_TITLES.items():
        for odam in (False, True):
            cells: dict[Any, Any] = {}
            for family, called in _families(results):
                printed = TABLE_5.get((family, rule, odam))
                cells |= {
                    (called, _ARROWS[figure]): _cell(results, family, odam, rule, figure, printed)
                    for figure in _FIGURES
                }
                cells[called, "time / NMS"] = _time(results, family, rule, odam)
            rows.append(cells)
            names.append((title, mark_of(odam)))
    notes = (
        "in percent; JI at its best score threshold; recall of all detections; after the bar the paper's value, which "
        "trains its NMS, Soft-NMS and FeatureNMS without ODAM-Train",
        "time: wall time of the whole pipeline as a multiple of that with NMS, in turns on the same scenes, of "
        "the model with ODAM-Train; after the bar the paper's seconds divided by each other",
    )
    return paper_table("Table 5: rules of suppression", rows, names, ("", "ODAM-Train"), results, notes)


def table_7(results: SuppressionResults) -> PaperTable:
    """Return table 7: what NMS (without ODAM-Train) and ODAM-NMS (with it) find in the crowd and else.

    Args:
        results: what was measured.

    Returns:
        A row for all objects, the sparse and the crowd set; recalls in percent at each one's best Jaccard index.
    """
    rows = [{("", "objects"): count} for count in _object_counts(results)]
    for family, called in _families(results):
        for row, (_, figure) in zip(rows, _SETS):
            column = {"crowd": 2, "sparse": 1, "found": 0}[figure]
            first, second = ((family, "nms", False), (family, "odam-nms", True))
            for key, title in ((first, "NMS"), (second, "ODAM-NMS")):
                printed = RECALLS_PRINTED[key][column]
                row[called, title] = _texts(_values(results, *key, figure), printed)
            gain = RECALLS_PRINTED[second][column] - RECALLS_PRINTED[first][column]
            row[called, "Δ"] = _texts(_paired(results, family, second, first, figure), gain, sign="+")
    notes = ("NMS is the model without ODAM-Train, ODAM-NMS (0.2, 0.8) the one with it, as in the paper", _RECALL_NOTE)
    title = "Table 7: recall of crowded and other objects"
    return paper_table(title, rows, [(name,) for name, _ in _SETS], ("Ground truth",), results, notes)


def table_8(results: SuppressionResults) -> PaperTable:
    """Return table 8: NMS and ODAM-NMS with and without ODAM-Train.

    Args:
        results: what was measured.

    Returns:
        A row for each rule, training and pair of thresholds; in percent.
    """
    wanted = (
        ("NMS", "nms", False, "-", "-"),
        ("NMS", "nms", True, "-", "-"),
        ("ODAM-NMS", "odam-nms", False, "0.8", "0.2"),
        ("ODAM-NMS", "odam-nms 0.1-0.9", False, "0.9", "0.1"),
        ("ODAM-NMS", "odam-nms", True, "0.8", "0.2"),
    )
    rows, names = [], []
    for title, rule, odam, high, low in wanted:
        rows.append(
            {
                (called, _ARROWS[figure]): _cell(results, family, odam, rule, figure, TABLE_8.get((family, rule, odam)))
                for family, called in _families(results)
                for figure in ("AP50", "JI", "MR")
            }
        )
        names.append((title, mark_of(odam), high, low))
    notes = (
        "in percent; after the bar the paper's value. Which of its two rows of NMS is the one with ODAM-Train cannot "
        "be told from its text: the first is taken to be without",
    )
    return paper_table(
        "Table 8: with and without ODAM-Train", rows, names, ("", "ODAM-Train", "T_high", "T_low"), results, notes
    )


def table_9(results: SuppressionResults) -> PaperTable:
    """Return table 9: recalls of NMS and ODAM-NMS, each with and without ODAM-Train.

    Args:
        results: what was measured.

    Returns:
        The score threshold of the best Jaccard index, and at it the recalls in percent of all objects, the sparse and
        the crowd set. The paper has it for FCOS only.
    """
    rows: list[dict[Any, Any]] = [{("", "", "objects"): count} for count in ("", *_object_counts(results))]
    for family, called in _families(results):
        for rule, title in (("nms", "NMS"), ("odam-nms", "ODAM-NMS")):
            for odam in (False, True):
                place = (called, title, mark_of(odam))
                confidences = list(_values(results, family, rule, odam, "confidence").values())
                rows[0][place] = ", ".join(f"{value:.2f}" for value in confidences) or NOT_TRAINED
                printed = RECALLS_PRINTED.get((family, rule, odam)) if family == "fcos" else None
                for number, (_, figure) in enumerate(_SETS):
                    paper = printed[number] if printed else None
                    rows[1 + number][place] = _texts(_values(results, family, rule, odam, figure), paper)
    names = [(name,) for name in ("Conf.", *(name for name, _ in _SETS))]
    notes = (
        "Conf.: the score threshold that gives the best JI, of each seed; ✓ with ODAM-Train, - without; the paper's "
        "confidences are not in its text",
        _RECALL_NOTE,
    )
    return paper_table("Table 9: recall with and without ODAM-Train", rows, names, ("Ground truth",), results, notes)


_RECALL_NOTE = (
    "recall in percent of the objects of each set, at the score threshold of the best JI of each seed and rule; after "
    "the bar the paper's value (of 99,481, 78,273 and 21,208 objects)"
)
Values = Mapping[int, float]


def _families(results: SuppressionResults) -> list[tuple[str, str]]:
    """The families that were measured."""
    there = {row["family"] for row in results.figure_rows}
    return [(family, called) for family, called in FAMILIES.items() if family in there]


def _values(results: SuppressionResults, family: str, rule: str, odam: bool, figure: str) -> Values:
    """A figure by seed."""
    wanted = (family, rule, odam)
    return {
        row["seed"]: row[figure]
        for row in results.figure_rows
        if (row["family"], row["rule"], row["odam_train"]) == wanted
    }


def _paired(
    results: SuppressionResults, family: str, first: tuple[str, str, bool], second: tuple[str, str, bool], figure: str
) -> Values:
    """The difference of a figure by seed."""
    one, other = (_values(results, *key, figure) for key in (first, second))
    return {seed: one[seed] - other[seed] for seed in one if seed in other}


def _cell(
    results: SuppressionResults, family: str, odam: bool, rule: str, figure: str, printed: PrintedRow | None
) -> str:
    paper = getattr(printed, _FIGURES[figure]) if printed else None
    return _texts(_values(results, family, rule, odam, figure), paper)


def _texts(values: Values, paper: float | None = None, sign: str = "") -> str:
    """Mean and deviation over seeds in percent, and the paper's value."""
    numbers = 100 * np.array(list(values.values()), float)
    if not len(numbers):
        return NOT_TRAINED
    spread = f" ± {numbers.std(ddof=1):.1f}" if len(numbers) > 1 else ""
    beside = "" if paper is None else f" | {paper:{sign}.1f}"
    return f"{numbers.mean():{sign}.1f}{spread}{beside}"


def _time(results: SuppressionResults, family: str, rule: str, odam: bool) -> str:
    found = [row for row in results.time_rows if (row["family"], row["rule"]) == (family, rule)]
    if not found or found[0]["name"].endswith("-odam") != odam:
        return ""
    printed = {key[1]: row.seconds for key, row in TABLE_5.items() if key[0] == family}
    return f"{found[0]['ratio']:.2f} ({found[0]['seconds']:.2f} s) | {printed[rule] / printed['nms']:.2f}"  # type: ignore[operator]


def _object_counts(results: SuppressionResults) -> list[str]:
    row = results.figure_rows[0]
    counts = (row["crowd_objects"] + row["sparse_objects"], row["sparse_objects"], row["crowd_objects"])
    return [f"{count:,} | {printed:,}" for count, printed in zip(counts, OBJECTS_PRINTED)]


def mark_of(odam: bool) -> str:
    """Return the mark of a model.

    Args:
        odam: whether it was trained with ODAM-Train.

    Returns:
        "✓" or "-".
    """
    return "✓" if odam else "-"


def paper_table(
    title: str,
    rows: Sequence[Mapping[Any, Any]],
    names: Sequence[tuple[str, ...]],
    levels: tuple[str, ...],
    results: SuppressionResults,
    notes: Sequence[str],
) -> PaperTable:
    """Put a table together.

    Args:
        title: what it shows.
        rows: the cells, by column; a column is named by one text for each line of the heading.
        names: of the rows.
        levels: what the parts of these names are.
        results: what was measured.
        notes: on this table.

    Returns:
        The table.
    """
    import pandas as pd

    index = pd.MultiIndex.from_tuples(names, names=levels) if len(levels) > 1 else pd.Index([n[0] for n in names])
    columns = list(rows[0]) if rows else []
    table = pd.DataFrame([[row.get(column, "") for column in columns] for row in rows], index=index)
    if columns:
        width = len(columns[0])
        table.columns = pd.MultiIndex.from_tuples(columns) if width > 1 else [column[0] for column in columns]
    return PaperTable(title, table, tuple(notes), results.notes)
