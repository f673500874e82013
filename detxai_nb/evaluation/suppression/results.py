"""What was measured of suppression in crowds, as tables that can be kept beside a notebook."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from detxai_nb.files import as_path, write_whole

if TYPE_CHECKING:
    import pandas

FORMAT = "detxai-nb suppression in crowds 1"
_TABLES = ("figures", "plane", "correlations", "differences", "times")


@dataclass(frozen=True, eq=False)
class SuppressionResults:
    """All figures behind tables 5, 7, 8 and 9 and figures 4 and 9 of the ODAM paper.

    Attributes:
        settings: how they were made: scenes, limits, weights.
        notes: the same in sentences, and what is missing.
        figure_rows: a row for each training and rule, see ``figures``.
        plane_rows: see ``plane``.
        correlation_rows: see ``correlations``.
        difference_rows: see ``differences``.
        time_rows: see ``times``.
    """

    settings: dict[str, Any]
    notes: tuple[str, ...]
    figure_rows: list[dict[str, Any]] = field(repr=False)
    plane_rows: list[dict[str, Any]] = field(repr=False)
    correlation_rows: list[dict[str, Any]] = field(repr=False)
    difference_rows: list[dict[str, Any]] = field(repr=False)
    time_rows: list[dict[str, Any]] = field(repr=False)

    @property
    def models(self) -> list[str]:
        """The names of the models."""
        return list(dict.fromkeys(row["name"] for row in self.figure_rows))

    @property
    def families(self) -> list[str]:
        """The families of the models."""
        return list(dict.fromkeys(row["family"] for row in self.figure_rows))

    @property
    def figures(self) -> pandas.DataFrame:
        """A row for each training and rule.

        name, family, odam_train, seed, rule; AP50, JI, MR and recall (of all detections), 0..1; confidence, the score
        threshold of the best JI, and with it crowd_found and sparse_found of crowd_objects and sparse_objects, and the
        recalls crowd, sparse and found; kept, detections a scene.
        """
        return _frame(self.figure_rows)

    @property
    def plane(self) -> pandas.DataFrame:
        """A row for each training and pair of thresholds.

        name, family, odam_train, seed; t_low, t_high; AP50, JI and MR, 0..1.
        """
        return _frame(self.plane_rows)

    @property
    def correlations(self) -> pandas.DataFrame:
        """A row for each training, kind of pair and bin of IoU.

        name, family, odam_train, seed; kind, "same object" or "different objects"; iou, the lower edge of the bin, 0.1
        wide; pairs; mean, of the correlation; histogram, pairs in 50 bins of the correlation from 0 to 1.
        """
        return _frame(self.correlation_rows)

    @property
    def differences(self) -> pandas.DataFrame:
        """A row for each contrast, family and figure.

        kind ("claim" or "part"), title, family, figure, seeds, differences (one for each seed), mean, sd (over seeds),
        low and high (95% interval over scenes of the mean), verdict.
        """
        return _frame(self.difference_rows)

    @property
    def times(self) -> pandas.DataFrame:
        """A row for each family and rule, of the whole pipeline.

        name, of the model; family, rule, scenes; seconds of an image, ratio and cpu_ratio (of processor time) to NMS.
        """
        return _frame(self.time_rows)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything into a file, which ``read_results`` reads.

        Args:
            path: the file, ``.json``; an old one is replaced by a whole new one.

        Raises:
            FileNotFoundError: if its folder does not exist.
        """
        tables = {name: _columns(getattr(self, f"{name[:-1] if name != 'plane' else name}_rows")) for name in _TABLES}
        about = {"format": FORMAT, "settings": self.settings, "notes": list(self.notes), **tables}
        content = json.dumps(_plain(about), allow_nan=False, separators=(",", ":")) + "\n"
        write_whole(as_path(path, "the file of the results"), content.encode())


def read_results(path: str | os.PathLike[str]) -> SuppressionResults:
    """Read what ``SuppressionResults.save`` wrote.

    Args:
        path: the file.

    Returns:
        The same results.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds something else.
    """
    file = as_path(path, "the file of the results")
    try:
        about = json.loads(file.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, expected {FORMAT!r}")
        tables = [_rows(about[name]) for name in _TABLES]
        return SuppressionResults(about["settings"], tuple(about["notes"]), *tables)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        told = f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{file} holds no results of `detxai-nb evaluate odam-nms` ({told}); that command writes results.json"
        ) from error


def _frame(rows: list[dict[str, Any]]) -> pandas.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows)


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows column by column, in which names are written once."""
    return {name: [row[name] for row in rows] for name in (rows[0] if rows else ())}


def _rows(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    found = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    return [{name: math.nan if value is None else value for name, value in row.items()} for row in found]


def _plain(value: Any) -> Any:
    """Plain values, NaN as null, and numbers with six digits."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(f"{value:.6g}")
    return value
