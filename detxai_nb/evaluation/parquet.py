"""Parquet files of rows, which are complete or absent and name their images in their footers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.evaluation.rows import COLUMNS, Record, join

if TYPE_CHECKING:
    import pyarrow

_KEY = b"detxai-nb"


def level_of(path: Path) -> int:
    """Return how often the rows of a file were merged with others.

    Args:
        path: a file of a store.

    Returns:
        0 for the file of one image.
    """
    return int(path.name.split("-")[1])


def metadata_of(records: Sequence[Record]) -> dict[bytes, bytes]:
    """Return the footer of a file of some images.

    Args:
        records: the outcomes of the images.

    Returns:
        Metadata of the Parquet schema.
    """
    return {_KEY: json.dumps([asdict(record) for record in records]).encode()}


def to_table(columns: Mapping[str, Sequence[Any]], records: Sequence[Record]) -> pyarrow.Table:
    """Return the rows of some images as an Arrow table, with their records in its metadata.

    Args:
        columns: the rows, by column.
        records: the outcomes of the images.

    Returns:
        The table.
    """
    import pyarrow as pa

    kinds = {
        "whole": pa.int64(),
        "number": pa.float64(),
        "text": pa.string(),
        "curve": pa.list_(pa.float64()),
        "figures": pa.map_(pa.string(), pa.float64()),
    }
    schema = pa.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()], metadata=metadata_of(records))
    return pa.table({name: list(columns[name]) for name in COLUMNS}, schema=schema)


def inventory(folder: Path) -> tuple[dict[Path, tuple[Record, ...]], list[Path]]:
    """List the files of a store.

    Args:
        folder: the store.

    Returns:
        The files with the records of their images, and the files whose images are in a merged file already.

    Raises:
        ValueError: if a file is damaged or two files hold the same image.
        FileNotFoundError: if a file disappears meanwhile.
    """
    files: dict[Path, tuple[Record, ...]] = {}
    merged: list[Path] = []
    seen: set[int] = set()
    # A merged file is moved into place before the files that it replaces are removed, so it comes first here.
    for path in sorted(folder.glob("images-*.parquet"), key=lambda path: (-level_of(path), path.name)):
        records = read_records(path)
        known = {record.image for record in records} & seen
        if len(known) == len(records):
            merged.append(path)
            continue
        if known:
            raise ValueError(f"{path} holds images that another file of {folder} holds too; remove it")
        seen |= {record.image for record in records}
        files[path] = records
    return files, merged


def columns_of(files: Mapping[Path, Sequence[Record]], images: Sequence[int]) -> dict[str, Any]:
    """Return the rows of some images.

    Args:
        files: files of a store with the records of their images.
        images: numbers of images, in the wanted order.

    Returns:
        The rows, by column.

    Raises:
        ValueError: if a file is damaged.
        FileNotFoundError: if a file disappears meanwhile.
    """
    import pyarrow as pa

    place = {image: number for number, image in enumerate(images)}
    tables = [read_table(path) for path, records in files.items() if any(record.image in place for record in records)]
    if not tables:
        return join([])
    table = pa.concat_tables(tables)
    places = np.array([place.get(image, -1) for image in table.column("image").to_pylist()], np.int64)
    # A stable sort keeps the order of the rows within an image.
    order = np.argsort(places, kind="stable")
    table = table.take(pa.array(order[places[order] >= 0]))
    numeric = {name for name, kind in COLUMNS.items() if kind in ("whole", "number")}
    return {
        name: table.column(name).to_numpy() if name in numeric else table.column(name).to_pylist() for name in COLUMNS
    }


def read_table(path: Path) -> pyarrow.Table:
    """Return the rows of a file.

    Args:
        path: a file of a store.

    Returns:
        An Arrow table without metadata.

    Raises:
        ValueError: if the file is damaged.
        FileNotFoundError: if there is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # As bytes, since a file that is mapped into memory cannot be removed on every system.
        return pq.read_table(pa.BufferReader(path.read_bytes())).replace_schema_metadata(None)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError) as error:
        raise ValueError(_damaged(path, error)) from error


def read_records(path: Path) -> tuple[Record, ...]:
    """Return the records in a file's footer.

    Args:
        path: a file of a store.

    Returns:
        The outcomes of the images in the file.

    Raises:
        ValueError: if the file is damaged.
        FileNotFoundError: if there is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            found = json.loads(pq.read_schema(file).metadata[_KEY])
        return tuple(Record(**{**one, "unknown": tuple(one["unknown"])}) for one in found)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(_damaged(path, error)) from error


def _damaged(path: Path, error: Exception) -> str:
    return f"{path} is damaged ({error}); remove that file, and its images are measured again"
