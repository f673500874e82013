"""What an analysis of misses found: rows of misses and of false alarms, and their shares by class and size."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.misses.causes import CAUSES
from detxai_nb.misses.false_alarms import FALSE_ALARMS
from detxai_nb.pages.report import write_report
from detxai_nb.statistics import share_interval
from detxai_nb.types import Detections

if TYPE_CHECKING:
    import pandas

GROUPS = (None, "label", "size")
KINDS: Mapping[str, Mapping[str, str]] = {"misses": CAUSES, "false alarms": FALSE_ALARMS}
"""What can be counted, and the parts that each is divided into."""
SIZES = {"small": 32**2, "medium": 96**2, "large": float("inf")}
"""COCO's sizes of objects: the area in pixels of the image that each stays below."""

_ABOUT = ("image", "image_id", "file_name")
_BOX = ("x1", "y1", "x2", "y2")
MISS_COLUMNS = (
    *(*_ABOUT, "annotation", "label", *_BOX, "size", "cause", "score", "predicted", "predicted_score", "iou", "own"),
    *("candidate_x1", "candidate_y1", "candidate_x2", "candidate_y2", "origin", "neighbour", "neighbour_iou"),
)
FALSE_ALARM_COLUMNS = (*_ABOUT, "detection", "label", "score", *_BOX, "size", "kind", "annotation", "iou")


@dataclass(frozen=True, eq=False)
class MissReport:
    """Why annotated objects were not detected, and what is wrong with the detections that no annotation answers to.

    Attributes:
        misses: a table with a row for each missed annotation: ``image`` (its number), ``image_id``, ``file_name``,
            ``annotation`` (its number in the sample), ``label``, ``x1`` to ``y2`` (pixels of the image), ``size`` (one
            of ``SIZES``), ``cause`` (one of ``CAUSES``), and of the best candidate, if there is one: ``score`` (of the
            annotation's class there), ``predicted`` and ``predicted_score`` (its own class), ``iou`` with the
            annotation, ``own`` (whether it overlaps no other annotation more), ``candidate_x1`` to ``candidate_y2``,
            ``origin`` (where in the network it was made), ``neighbour`` and ``neighbour_iou`` (the number of the
            detection that removed it, or is the neighbour's, and their IoU; -1 and NaN for none).
        false_alarms: a table with a row for each: ``image``, ``image_id``, ``file_name``, ``detection`` (its number),
            ``label``, ``score``, ``x1`` to ``y2``, ``size``, ``kind`` (one of ``FALSE_ALARMS``), ``annotation`` (its
            number, -1 for none) and ``iou`` with it.
        candidates: for each miss its best candidate, one prediction of the detector that can be explained; or None.
        labels: for each miss the detector's number of its class, -1 if it has none.
        objects: by class and size (label, size) how many annotations there are, those marked as crowd left out.
        detections: by class and size how many detections there are, those in crowd regions left out.
        settings: what decided: ``score_threshold``, ``iou``, ``floor``, the ``detector``'s class and ``family``, its
            ``nms_threshold`` and ``max_detections``, and ``seen_before``: whether predictions before suppression were
            seen.
        images: how many images were looked at.
        notes: sentences on what was left out and what could not be seen.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> report = dx.misses.explain_misses(detector, dx.data.scenes.Scenes(2, mode="crowd", width=192, height=128))
        >>> len(report.misses) == int(report.table()["count"].sum())
        True
    """

    misses: pandas.DataFrame
    false_alarms: pandas.DataFrame
    candidates: tuple[Detections | None, ...]
    labels: tuple[int, ...]
    objects: Mapping[tuple[str, str], int]
    detections: Mapping[tuple[str, str], int]
    settings: Mapping[str, Any]
    images: int
    notes: tuple[str, ...] = ()

    def table(self, by: str | None = None, of: str = "misses") -> pandas.DataFrame:
        """Count the causes of misses, or the kinds of false alarms.

        Args:
            by: "label" or "size" for a table of each; None for all together.
            of: "misses" or "false alarms".

        Returns:
            A row for each group and cause or kind that occurs, with the columns ``count``; ``share`` of the group's
            misses (false alarms) with ``low`` and ``high``, Wilson's 95% interval, which takes them as independent of
            each other; and ``of``, how many annotations (detections) there are in the group.

        Raises:
            ValueError: for another grouping, or another thing to count.
        """
        import pandas as pd

        if by not in GROUPS or of not in KINDS:
            raise ValueError(
                f"by is one of {', '.join(map(repr, GROUPS))} and of one of {', '.join(map(repr, KINDS))}; "
                f"got {by!r} and {of!r}"
            )
        frame, column = (self.misses, "cause") if of == "misses" else (self.false_alarms, "kind")
        rows = []
        for group, total in self._totals(by, of).items():
            mine = frame if by is None else frame[frame[by] == group]
            counts = mine[column].value_counts()
            for name in KINDS[of]:
                if count := int(counts.get(name, 0)):
                    low, high = share_interval(count, len(mine))
                    rows.append((group, name, count, count / len(mine), low, high, total))
        columns = [by or "group", column, "count", "share", "low", "high", "of"]
        table = pd.DataFrame(rows, columns=columns)
        return table.drop(columns="group").set_index(column) if by is None else table.set_index([by, column])

    def _totals(self, by: str | None, of: str) -> dict[str, int]:
        """How many annotations or detections there are in each group, in the order of the table."""
        counted = self.objects if of == "misses" else self.detections
        if by is None:
            return {"all": sum(counted.values())}
        found: dict[str, int] = {}
        for (label, size), count in counted.items():
            name = label if by == "label" else size
            found[name] = found.get(name, 0) + count
        order = {name: place for place, name in enumerate(SIZES)}
        return dict(sorted(found.items(), key=lambda one: (order.get(one[0], 0), one[0])))

    def candidate(self, row: int) -> Detections:
        """Return the best candidate of a miss: a prediction of the detector that it did not report for this object.

        Args:
            row: of ``misses``, from 0.

        Returns:
            One prediction with its origin, which ``dx.explain`` takes.

        Raises:
            IndexError: if there is no such row.
            ValueError: if the miss has no candidate.
        """
        self.require_row(row)
        found = self.candidates[row]
        if found is None:
            cause = self.misses["cause"].iloc[row]
            raise ValueError(
                f"miss {row} ({cause}: {CAUSES[cause]}) has no candidate, so that there is no prediction to explain; "
                "rows with one have an iou in misses"
            )
        return found

    def require_row(self, row: int) -> None:
        """Raise an error unless there is a miss of this number.

        Args:
            row: of ``misses``, from 0.

        Raises:
            TypeError: if it is no whole number.
            IndexError: if there is no such row.
        """
        if isinstance(row, bool) or not hasattr(row, "__index__"):
            raise TypeError(f"row is the number of a miss, a whole number from 0; got {row!r}")
        if not 0 <= row < len(self.misses):
            raise IndexError(f"there are {len(self.misses)} misses, numbered from 0, so no number {row}")

    def __len__(self) -> int:
        return len(self.misses)

    def __str__(self) -> str:
        import pandas as pd

        said = [
            f"{len(self.misses)} of {sum(self.objects.values())} objects in {self.images} images were missed; "
            f"{len(self.false_alarms)} of {sum(self.detections.values())} detections are false alarms"
        ]
        with pd.option_context("display.width", 200, "display.max_columns", None, "display.max_rows", None):
            said += [str(self.table(of=of).round(3)) for of in KINDS if len(self.table(of=of))]
        return "\n".join([*said, *(f"- {note}" for note in self.notes)])

    def save_html(
        self, path: str | os.PathLike[str], *, title: str = "Missed objects and false alarms", overwrite: bool = False
    ) -> Path:
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
        said = str(self).split("\n", 1)[0]
        parts: list[Any] = [said]
        for of in KINDS:
            for by, words in ((None, ""), ("size", " by size"), ("label", " by class")):
                if len(table := self.table(by, of)):
                    parts += [f"# {of.capitalize()}{words}", table.round(3)]
        return write_report(path, title, [*parts, "# Notes", list(self.notes)], overwrite)

    def _repr_html_(self) -> str:
        from html import escape

        tables = "".join(self.table("size", of).round(3).to_html() for of in KINDS)
        said = str(self).split("\n", 1)[0]
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return f"<p>{escape(said)}</p>{tables}<ul>{notes}</ul>"


def size_of(box: Any) -> str:
    """Return the size of an object by COCO's areas.

    Args:
        box: xyxy in pixels of the image.

    Returns:
        A name of ``SIZES``.
    """
    x1, y1, x2, y2 = (float(side) for side in box)
    area = (x2 - x1) * (y2 - y1)
    return next(name for name, below in SIZES.items() if area < below)
