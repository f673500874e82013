"""The rows of one image, and how rows become a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas

COLUMNS: Mapping[str, str] = {
    "image": "whole",
    "image_id": "whole",
    "file_name": "text",
    "annotation": "whole",
    "label": "text",
    "score": "number",
    "iou": "number",
    "x1": "number",
    "y1": "number",
    "x2": "number",
    "y2": "number",
    "method": "text",
    "map": "text",
    "map_figures": "figures",
    "metric": "text",
    "value": "number",
    "ties": "number",
    "curve": "curve",
    "extras": "figures",
}
"""The columns of the table and the kind of each: "whole", "number" (NaN for none), "text", "curve", "figures" (a dict).

A column of whole numbers is one of texts if one of its values is a text, as ids of images may be.

A cell of the last two kinds is None where there is none. An undefined figure is None, so that equal cells are equal.
"""

_TYPES = {"whole": np.int64, "number": np.float64}
_CELLS: Mapping[str, Callable[[Any], Any]] = {"curve": lambda cell: np.asarray(cell, np.float64), "figures": dict}


@dataclass(frozen=True)
class Record:
    """The outcome of one image: how many objects were measured, and what was left out.

    Attributes:
        image: number of the image in the dataset.
        image_id: the dataset's own id; None if the image could not be read.
        file_name: None if the image could not be read.
        annotations: number of annotations.
        objects: number of measured objects.
        left_out: number of annotations that were left out, by reason.
        unknown: annotated classes that the detector does not know.
        error: why the image could not be read; None if it could.
    """

    image: int
    image_id: int | str | None = None
    file_name: str | None = None
    annotations: int = 0
    objects: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    error: str | None = None


@dataclass(frozen=True, eq=False)
class ImageRows:
    """The record and the rows of one image.

    Attributes:
        record: the outcome of the image.
        columns: the rows, by column (``COLUMNS``).
    """

    record: Record
    columns: Mapping[str, Sequence[Any]] = field(default_factory=lambda: {name: [] for name in COLUMNS})

    def __len__(self) -> int:
        return len(self.columns["image"])


def to_frame(columns: Mapping[str, Sequence[Any]]) -> pandas.DataFrame:
    """Return the table of these columns; the same values give the same table, wherever they come from.

    Args:
        columns: the rows, by column (``COLUMNS``).

    Returns:
        A DataFrame with the types of ``COLUMNS``.
    """
    import pandas as pd

    found: dict[str, Any] = {}
    for name, kind in COLUMNS.items():
        if kind in _TYPES and not has_texts(columns[name]):
            found[name] = np.asarray(columns[name], dtype=_TYPES[kind])
        elif kind in _TYPES:
            found[name] = pd.Series([str(cell) for cell in columns[name]], dtype=str)
        elif kind == "text":
            found[name] = pd.Series(list(columns[name]), dtype=str)
        else:
            cells = np.empty(len(columns[name]), dtype=object)
            for row, cell in enumerate(columns[name]):
                cells[row] = None if cell is None else _CELLS[kind](cell)
            found[name] = pd.Series(cells, dtype=object)
    return pd.DataFrame(found)


def has_texts(cells: Sequence[Any]) -> bool:
    """Return whether cells of a column of whole numbers are texts after all.

    Args:
        cells: the column.

    Returns:
        True if one of them is a text.
    """
    return not isinstance(cells, np.ndarray) and any(isinstance(cell, str) for cell in cells)


def join(parts: Iterable[ImageRows]) -> dict[str, list[Any]]:
    """Return the columns of several parts, one after the other.

    Args:
        parts: rows of images.

    Returns:
        All rows, by column.
    """
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for part in parts:
        for name, values in columns.items():
            values.extend(part.columns[name])
    return columns


def summarize(settings: Mapping[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    """Return what ``DataFrame.attrs["evaluation"]`` holds: the settings, and what was left out and why.

    Args:
        settings: everything that decides the rows, as ``describe`` returns it.
        records: the outcomes of all images.

    Returns:
        Plain values, by name: "settings", "images" (that could be read), "images_with_objects", "annotations",
        "objects", "left_out" (annotations by reason), "unknown_classes" and "unreadable".
    """
    read = [record for record in records if record.error is None]
    left_out: dict[str, int] = {}
    for record in read:
        for reason, count in record.left_out.items():
            left_out[reason] = left_out.get(reason, 0) + count
    return {
        "settings": dict(settings),
        "images": len(read),
        "images_with_objects": sum(record.objects > 0 for record in read),
        "annotations": sum(record.annotations for record in read),
        "objects": sum(record.objects for record in read),
        "left_out": left_out,
        "unknown_classes": sorted({name for record in read for name in record.unknown}),
        "unreadable": [
            {"image": record.image, "file_name": record.file_name, "error": record.error}
            for record in records
            if record.error is not None
        ],
    }
