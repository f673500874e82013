"""Evaluations that come with the package, a Parquet file each: what the notebooks show beside a few objects of today.

A kept file holds all rows of an evaluation, its settings, the outcome of every image and the command that made it, so
everything that takes an evaluation takes it: ``report``, ``paired``. To be small it holds numbers as float32, and
curves only where they are asked for.
"""

from __future__ import annotations

import base64
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.evaluation.parquet import identity_of, read_parquet, to_bytes, to_columns, to_table
from detxai_nb.evaluation.reports import Report
from detxai_nb.evaluation.rows import COLUMNS, Record, summarize, to_frame
from detxai_nb.evaluation.runner import ATTRIBUTE
from detxai_nb.evaluation.store import read_store, require_pyarrow
from detxai_nb.files import as_path, write_whole
from detxai_nb.names import nearest_names

if TYPE_CHECKING:
    import pandas
    import pyarrow

KEPT = Path(__file__).parent / "kept"
"""The folder of the files that come with the package."""
ENDING = ".parquet"

_PACKED = "packed"


def kept_names() -> tuple[str, ...]:
    """Return the names of the evaluations that come with the package.

    Returns:
        What ``kept_evaluation`` takes.
    """
    return tuple(sorted(path.stem for path in KEPT.glob(f"*{ENDING}")))


def kept_evaluation(name: str | os.PathLike[str]) -> pandas.DataFrame:
    """Read an evaluation that was computed beforehand.

    Args:
        name: one of ``kept_names``, or a file that ``keep_evaluation`` wrote.

    Returns:
        The table as ``evaluate`` returned it; ``attrs["evaluation"]`` has the command besides, which ``report`` names
        among its notes.

    Raises:
        ValueError: for an unknown name, with the nearest ones, and if the file is damaged.
        FileNotFoundError: if there is no such file.
        ImportError: if pyarrow is missing.

    Example:
        >>> import detxai_nb as dx
        >>> rows = dx.evaluation.kept_evaluation("odam")
        >>> rows.attrs["evaluation"]["command"].split()[:4]
        ['python', '-m', 'detxai_nb.evaluation.keeping', 'odam']
    """
    require_pyarrow()
    path = as_path(name, "a kept evaluation")
    if path.suffix != ENDING:
        if str(name) not in kept_names():
            near = ", ".join(nearest_names(str(name), kept_names()))
            raise ValueError(
                f"there is no kept evaluation {str(name)!r}"
                + (f"; the nearest: {near}" if near else "")
                + f". Known: {', '.join(kept_names())}; or name a {ENDING} file"
            )
        path = KEPT / f"{name}{ENDING}"
    about, table = read_parquet(path)
    if _PACKED not in about:
        raise ValueError(f"{path} is part of a store, not a kept evaluation; read_evaluation takes the store's folder")
    told = json.loads(zlib.decompress(base64.b64decode(about[_PACKED])))
    records = [Record(**{**one, "unknown": tuple(one["unknown"])}) for one in told["records"]]
    frame = to_frame(to_columns(table, records))
    frame.attrs[ATTRIBUTE] = {**summarize(told["settings"], records), "command": about["command"]}
    return frame


def keep_evaluation(
    store: str | os.PathLike[str],
    file: str | os.PathLike[str],
    command: str,
    *,
    limit: int | None = None,
    curves: bool = False,
) -> Path:
    """Write an evaluation into one small file that says how it was made.

    Args:
        store: the folder of the evaluation, which is left as it is.
        file: where to; ends in ".parquet".
        command: what a person types to make the same again.
        limit: only the first so many images of the dataset; by default all that were measured.
        curves: whether the curves of the metrics are kept too, which are most of a file.

    Returns:
        The file.

    Raises:
        ValueError: for another ending, an empty command, a damaged store, or one that has fewer images than ``limit``.
        FileNotFoundError: if there is no evaluation.
        ImportError: if pyarrow is missing.
    """
    path = as_path(file, "a kept evaluation")
    if path.suffix != ENDING:
        raise ValueError(f"a kept evaluation is a {ENDING} file; got {path.name!r}")
    if not command.strip():
        raise ValueError("a kept evaluation says by which command it was made; got an empty one")
    settings, records, columns = read_store(store)
    if limit is not None and {record.image for record in records} < set(range(limit)):
        raise ValueError(f"{store} has {len(records)} images, and {limit} are to be kept; measure them first")
    records = [record for record in records if limit is None or record.image < limit]
    table = _small(to_table(columns), {record.image for record in records}, curves)
    told = json.dumps({"settings": settings, "records": [asdict(record) for record in records]})
    packed = base64.b64encode(zlib.compress(told.encode(), 9)).decode()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, to_bytes(table, (), identity_of(settings), command=command, **{_PACKED: packed}))
    return path


def _small(table: pyarrow.Table, images: set[int], curves: bool) -> pyarrow.Table:
    """The rows of some images, in numbers of half the size."""
    import pyarrow as pa

    table = table.filter(pa.array([image in images for image in table.column("image").to_pylist()], pa.bool_()))
    halved: dict[str, Any] = {
        "number": pa.float32(),
        "curve": pa.list_(pa.float32()),
        "figures": pa.map_(pa.string(), pa.float32()),
    }
    for place, (name, kind) in enumerate(COLUMNS.items()):
        if kind == "curve" and not curves:
            table = table.set_column(place, name, pa.nulls(len(table), halved[kind]))
        elif kind in halved:
            table = table.set_column(place, name, table.column(name).cast(halved[kind]))
    return table


def beside(reports: Mapping[str, Report]) -> pandas.DataFrame:
    """Return several reports on the same metrics beside each other, and a paper's values last.

    Args:
        reports: by title, such as "here" and "kept".

    Returns:
        A row for each metric and method that one of them has, in the order of the longest report; a column for each
        report, headed by its title and the greatest number of objects behind a row, with cells "mean (low to high)",
        "undefined" where no object has the metric; and the column "paper" if one of them was made with a paper.

    Raises:
        ValueError: if there is no report.
    """
    import pandas as pd

    if not reports:
        raise ValueError("there is nothing to set beside each other; hand in reports by title")
    tables = {title: one.table for title, one in reports.items()}
    longest_first = sorted(tables.values(), key=len, reverse=True)
    order = list(dict.fromkeys(key for table in longest_first for key in table.index))
    found = {
        f"{title}, {_objects(int(table['count'].max()))}": pd.Series(
            [_cell(*row) for row in zip(table["mean"], table["low"], table["high"], table["count"])], table.index
        )
        for title, table in tables.items()
    }
    printed = [table["paper"] for table in tables.values() if "paper" in table]
    if printed:
        found["paper"] = pd.concat(printed).groupby(level=[0, 1]).first().map(lambda v: "" if pd.isna(v) else f"{v:g}")
    return pd.DataFrame(found).reindex(order).fillna("")


def _cell(mean: float, low: float, high: float, count: int) -> str:
    """A mean with its interval, if there is one."""
    if not count:
        return "undefined"
    return f"{mean:.3g}" if count == 1 else f"{mean:.3g} ({low:.3g} to {high:.3g})"


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"
