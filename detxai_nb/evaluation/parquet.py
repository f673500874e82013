"""Parquet files of rows, which are complete or absent and say in their footers whose rows they hold.

A footer holds the records of the images, the number of rows, the identity of the settings of the evaluation, and a
SHA-256 over the whole file, so that a file is read as it was written or not at all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.evaluation.rows import COLUMNS, Record, has_texts, join

if TYPE_CHECKING:
    import pyarrow

_KEY = b"detxai-nb"
_DIGEST_KEY = b"detxai-nb digest"
_MARK = b"detxai-nb sha256 "
_BLANK = b"0" * 64
_NAME = re.compile(r"images-(\d+)-\d+\.parquet")


def level_of(path: Path) -> int:
    """Return how often the rows of a file were merged with others.

    Args:
        path: a file of a store.

    Returns:
        0 for the file of one image.

    Raises:
        ValueError: if its name is not one that a store gives.
    """
    found = _NAME.fullmatch(path.name)
    if found is None:
        raise ValueError(f"{path} is no file of an evaluation; move it to another folder")
    return int(found[1])


def identity_of(settings: Mapping[str, Any]) -> str:
    """Return what tells the settings of one evaluation from those of another.

    Args:
        settings: plain values.

    Returns:
        A SHA-256.
    """
    return hashlib.sha256(json.dumps(json.loads(json.dumps(settings))).encode()).hexdigest()


def to_bytes(table: pyarrow.Table, records: Sequence[Record], identity: str, **more: Any) -> bytes:
    """Return the file of some images.

    Args:
        table: their rows.
        records: their outcomes.
        identity: that of the settings.
        more: further plain values for the footer, by name.

    Returns:
        The content of a Parquet file, with the digest of all of its bytes in its footer.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    about = {"records": [asdict(record) for record in records], "rows": table.num_rows, "settings": identity, **more}
    table = table.replace_schema_metadata({_KEY: json.dumps(about).encode(), _DIGEST_KEY: _MARK + _BLANK})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, write_page_checksum=True, compression="zstd")
    content: bytes = buffer.getvalue().to_pybytes()
    return content.replace(_MARK + _BLANK, _MARK + hashlib.sha256(content).hexdigest().encode())


def to_table(columns: Mapping[str, Sequence[Any]]) -> pyarrow.Table:
    """Return the rows of some images as an Arrow table.

    Args:
        columns: the rows, by column.

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
    found = {name: list(columns[name]) for name in COLUMNS}
    types = {name: kinds[kind] for name, kind in COLUMNS.items()}
    for name in (name for name, kind in COLUMNS.items() if kind == "whole" and has_texts(found[name])):
        found[name], types[name] = [str(cell) for cell in found[name]], kinds["text"]
    return pa.table(found, schema=pa.schema(list(types.items())))


def inventory(folder: Path, identity: str) -> tuple[dict[Path, tuple[Record, ...]], list[Path]]:
    """List the files of a store.

    Args:
        folder: the store.
        identity: that of the settings of its evaluation.

    Returns:
        The files with the records of their images, and the files whose images are in a merged file already.

    Raises:
        ValueError: if a file is damaged or of another evaluation, or two files hold the same image.
        FileNotFoundError: if a file disappears meanwhile.
    """
    files: dict[Path, tuple[Record, ...]] = {}
    merged: list[Path] = []
    seen: set[int] = set()
    # A merged file is moved into place before the files that it replaces are removed, so it comes first here.
    for path in sorted(folder.glob("images-*.parquet"), key=lambda path: (-level_of(path), path.name)):
        about, _ = _read(path)
        _refuse_others(path, about, identity)
        records = about["records"]
        known = {record.image for record in records} & seen
        if len(known) == len(records):
            merged.append(path)
            continue
        if known:
            raise ValueError(f"{path} holds images that another file of {folder} holds too; remove it")
        seen |= {record.image for record in records}
        files[path] = records
    return files, merged


def columns_of(files: Mapping[Path, Sequence[Record]], images: Sequence[int], identity: str) -> dict[str, Any]:
    """Return the rows of some images.

    Args:
        files: files of a store with the records of their images.
        images: numbers of images, in the wanted order.
        identity: that of the settings of its evaluation.

    Returns:
        The rows, by column.

    Raises:
        ValueError: if a file is damaged or of another evaluation.
        FileNotFoundError: if a file disappears meanwhile.
    """
    import pyarrow as pa

    place = {image: number for number, image in enumerate(images)}
    wanted = [path for path, records in files.items() if any(record.image in place for record in records)]
    if not wanted:
        return join([])
    table = concatenated([read_table(path, identity) for path in wanted])
    places = np.array([place.get(image, -1) for image in table.column("image").to_pylist()], np.int64)
    # A stable sort keeps the order of the rows within an image.
    order = np.argsort(places, kind="stable")
    table = table.take(pa.array(order[places[order] >= 0]))
    return to_columns(table, [record for path in wanted for record in files[path]])


def to_columns(table: pyarrow.Table, records: Sequence[Record]) -> dict[str, Any]:
    """Return rows as columns, the inverse of ``to_table``.

    Args:
        table: the rows.
        records: the outcomes of their images.

    Returns:
        The rows, by column.
    """
    import pyarrow as pa

    numeric = {name for name, kind in COLUMNS.items() if kind in ("whole", "number")}
    found = {
        name: table.column(name).to_numpy()
        if name in numeric and not pa.types.is_string(table.schema.field(name).type)
        else table.column(name).to_pylist()
        for name in COLUMNS
    }
    if not has_texts(list(found["image_id"])):
        return found
    # The ids as the dataset has them: a file holds whole numbers as texts beside other texts.
    ids = {record.image: record.image_id for record in records}
    own = (ids[image] for image in found["image"].tolist())
    return {**found, "image_id": [one if str(one) == text else text for one, text in zip(own, found["image_id"])]}


def concatenated(tables: Sequence[pyarrow.Table]) -> pyarrow.Table:
    """Return the rows of several files, one after the other.

    Args:
        tables: the rows of each; ids of images may be whole numbers in one and texts in another.

    Returns:
        One table.
    """
    import pyarrow as pa

    place = tables[0].schema.get_field_index("image_id")
    if len({table.schema.field(place).type for table in tables}) > 1:
        texts = pa.field("image_id", pa.string())
        tables = [t.set_column(place, texts, t.column(place).cast(texts.type)) for t in tables]
    return pa.concat_tables(tables)


def read_table(path: Path, identity: str) -> pyarrow.Table:
    """Return the rows of a file.

    Args:
        path: a file of a store.
        identity: that of the settings of its evaluation.

    Returns:
        An Arrow table without metadata.

    Raises:
        ValueError: if the file is damaged or of another evaluation.
        FileNotFoundError: if there is no such file.
    """
    about, table = read_parquet(path)
    _refuse_others(path, about, identity)
    return table


def read_parquet(path: Path) -> tuple[dict[str, Any], pyarrow.Table]:
    """Return what the footer of a file says, and its rows.

    Args:
        path: a file that ``to_bytes`` made.

    Returns:
        The footer's values by name, with the ``Record`` objects under "records", and an Arrow table without metadata.

    Raises:
        ValueError: if the file is damaged.
        FileNotFoundError: if there is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    about, content = _read(path)
    try:
        # As bytes, since a file that is mapped into memory cannot be removed on every system.
        table = pq.read_table(pa.BufferReader(content), page_checksum_verification=True).replace_schema_metadata(None)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(_damaged(path, error)) from error
    if table.num_rows != about["rows"]:
        raise ValueError(_damaged(path, f"it has {table.num_rows} rows, and its footer says {about['rows']}"))
    return about, table


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    """What the footer of a file says, and its whole content, all checked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = path.read_bytes()
        if not _is_whole(content):
            raise ValueError("its content is not what was written")
        about: dict[str, Any] = json.loads(pq.read_schema(pa.BufferReader(content)).metadata[_KEY])
        records = tuple(Record(**{**one, "unknown": tuple(one["unknown"])}) for one in about["records"])
        return {**about, "records": records, "rows": int(about["rows"]), "settings": about["settings"]}, content
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(_damaged(path, error)) from error


def _refuse_others(path: Path, about: Mapping[str, Any], identity: str) -> None:
    """Raise ``ValueError`` if the rows of a file are of another evaluation."""
    if about["settings"] != identity:
        raise ValueError(
            f"{path} holds rows of an evaluation with other settings than {path.parent}'s; remove that file, and its "
            "images are measured again"
        )


def _is_whole(content: bytes) -> bool:
    """Whether the digest in the footer is that of the file, with zeros in the digest's place."""
    at = content.rfind(_MARK) + len(_MARK)
    digest = content[at : at + len(_BLANK)]
    blanked = content[:at] + _BLANK + content[at + len(_BLANK) :]
    return at >= len(_MARK) and hashlib.sha256(blanked).hexdigest().encode() == digest


def _damaged(path: Path, error: object) -> str:
    return f"{path} is damaged ({error}); remove that file, and its images are measured again"
