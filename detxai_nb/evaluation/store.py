"""The store of an evaluation: a folder of Parquet files, one for each image, which are merged as their number grows.

The folder can be read by anything that reads Parquet datasets. Each file is written under another name, flushed to the
disk and then moved into place, so it is complete or absent; its footer names the images that it holds, also those
without rows, and the evaluation that they belong to, and has a digest of the file. A process may end at any moment:
leftovers are cleaned up when the store is opened again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.evaluation.parquet import (
    columns_of,
    concatenated,
    identity_of,
    inventory,
    level_of,
    read_table,
    to_bytes,
    to_table,
)
from detxai_nb.evaluation.rows import ImageRows, Record, join
from detxai_nb.files import as_path, write_whole
from detxai_nb.locks import claim

if TYPE_CHECKING:
    import pyarrow

SETTINGS = "_settings.json"
FORMAT = "detxai-nb evaluation 3"
MERGE = 64
"""This many files of one level are merged into one file of the next level."""

_LOCK = "_lock"
_PART = ".part"
_TRIES = 5


class MemoryStore:
    """A store in memory, for as long as it lives."""

    def __init__(self) -> None:
        self.records: dict[int, Record] = {}
        self._parts: dict[int, ImageRows] = {}

    def add(self, part: ImageRows) -> None:
        """Keep the rows of one image.

        Args:
            part: the record and the rows.
        """
        self.records[part.record.image] = part.record
        self._parts[part.record.image] = part

    def columns(self, images: Sequence[int]) -> dict[str, Any]:
        """Return the rows of some images.

        Args:
            images: numbers of images, in the wanted order.

        Returns:
            The rows, by column.
        """
        return join(self._parts[image] for image in images)

    def close(self) -> None:
        """Do nothing; there is nothing to close."""


class FolderStore:
    """A store in a folder of Parquet files, opened by ``open_store`` for one process at a time.

    Args:
        folder: the store.
        unlock: gives up the claim of this process.
        identity: that of the settings of the evaluation.

    Attributes:
        records: the outcome of each image that is in the store, by number.
    """

    def __init__(self, folder: Path, unlock: Callable[[], None], identity: str) -> None:
        self.folder = folder
        self._identity = identity
        self._unlock = unlock
        self._files, merged = inventory(folder, identity)
        for left in folder.glob(f".*{_PART}"):
            left.unlink()
        for path in merged:
            path.unlink()
        self.records: dict[int, Record] = {r.image: r for records in self._files.values() for r in records}

    def add(self, part: ImageRows) -> None:
        """Write the rows of one image; when this returns they are on the disk.

        Args:
            part: the record and the rows.

        Raises:
            OSError: if they cannot be written; the store is unchanged.
        """
        self._write(self._path(0, part.record.image), to_table(part.columns), (part.record,))
        self.records[part.record.image] = part.record
        self._merge(0)

    def columns(self, images: Sequence[int]) -> dict[str, Any]:
        """Return the rows of some images.

        Args:
            images: numbers of images, in the wanted order.

        Returns:
            The rows, by column.
        """
        return columns_of(self._files, images, self._identity)

    def close(self) -> None:
        """Give up the claim, so that other processes can open the store."""
        self._unlock()

    def _path(self, level: int, first: int) -> Path:
        return self.folder / f"images-{level}-{first:09d}.parquet"

    def _write(self, path: Path, table: pyarrow.Table, records: tuple[Record, ...]) -> None:
        try:
            write_whole(path, to_bytes(table, records, self._identity))
        except OSError as error:
            raise OSError(
                error.errno,
                f"{path} could not be written ({error.strerror or error}). Nothing that was kept is lost: "
                f"{len(self.records)} images are in {self.folder}. Make room and run the same evaluation again; "
                "it goes on from there",
            ) from error
        self._files[path] = records

    def _merge(self, level: int) -> None:
        """Merge the files of a level if there are ``MERGE``. Those of unreadable images stay, to be replaced."""
        import pyarrow as pa

        files = sorted(p for p, records in self._files.items() if level_of(p) == level and not records[0].error)
        if len(files) < MERGE:
            return
        records = tuple(sorted((r for path in files for r in self._files[path]), key=lambda record: record.image))
        table = concatenated([read_table(path, self._identity) for path in files])
        order = np.argsort(table.column("image").to_numpy(), kind="stable")
        self._write(self._path(level + 1, records[0].image), table.take(pa.array(order)), records)
        for path in files:
            path.unlink()
            del self._files[path]
        self._merge(level + 1)


def open_store(path: str | os.PathLike[str], settings: Mapping[str, Any]) -> FolderStore:
    """Open the store of an evaluation with these settings, a new one or one to resume.

    Args:
        path: a folder, which need not exist.
        settings: everything that decides the rows, as ``describe`` returns it.

    Returns:
        The store, claimed for this process.

    Raises:
        ValueError: if the folder holds something else, or an evaluation with other settings (naming what differs).
        RuntimeError: if another process writes to it.
        OSError: if the folder cannot be written.
        ImportError: if pyarrow is missing.
    """
    require_pyarrow()
    folder = as_path(path, "the store of an evaluation")
    known = folder / SETTINGS
    if folder.is_file() or (folder.is_dir() and not known.is_file() and any(not _ours(p) for p in folder.iterdir())):
        raise ValueError(f"{folder} is not the store of an evaluation; name a new folder for it")
    folder.mkdir(parents=True, exist_ok=True)
    unlock = _lock(folder)
    try:
        wanted = {"format": FORMAT, **settings}
        if known.is_file():
            _refuse_changes(folder, read_settings(folder), json.loads(json.dumps(wanted)))
        else:
            write_whole(known, json.dumps(wanted, indent=1).encode())
        return FolderStore(folder, unlock, identity_of(wanted))
    except BaseException:
        unlock()
        raise


def read_store(path: str | os.PathLike[str]) -> tuple[dict[str, Any], list[Record], dict[str, Any]]:
    """Read an evaluation, finished or still running, without changing anything.

    Args:
        path: the folder of the store.

    Returns:
        Settings, records by image number, and the rows by column.

    Raises:
        FileNotFoundError: if there is no evaluation.
        ValueError: if a file is damaged, of another format or of another evaluation.
        RuntimeError: if files change faster than they can be read.
        ImportError: if pyarrow is missing.
    """
    require_pyarrow()
    folder = as_path(path, "the store of an evaluation")
    settings = read_settings(folder)
    identity = identity_of(settings)
    settings.pop("format")
    for _ in range(_TRIES):
        try:
            files, _merged = inventory(folder, identity)
            records = sorted((r for found in files.values() for r in found), key=lambda record: record.image)
            return settings, records, columns_of(files, [record.image for record in records], identity)
        except FileNotFoundError:
            # The writing process has merged some files since they were listed.
            continue
    raise RuntimeError(f"the files of {folder} change faster than they can be read; wait for the evaluation to end")


def read_settings(folder: Path) -> dict[str, Any]:
    """Read the settings of an evaluation.

    Args:
        folder: the store.

    Returns:
        The settings, with the "format" of the store.

    Raises:
        FileNotFoundError: if there is no evaluation.
        ValueError: if the file is damaged or of another format.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise FileNotFoundError(f"there is no evaluation at {folder}: it has no {SETTINGS}")
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); start again in a new folder") from error
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise ValueError(f"{path} is not of the format {FORMAT!r} that this version reads; start again in a new folder")
    return settings


def require_pyarrow() -> None:
    """Raise if pyarrow is missing.

    Raises:
        ImportError: with what to install.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'a store needs pyarrow, which is not installed: pip install "detxai-nb[evaluation]", '
            "or leave out store=... to keep the rows in memory"
        ) from error


def _ours(path: Path) -> bool:
    """Whether this file was left by an evaluation that ended before it had stored anything."""
    return path.name == _LOCK or (path.name.startswith(f".{SETTINGS}.") and path.name.endswith(_PART))


def _refuse_changes(folder: Path, kept: Any, wanted: Any) -> None:
    """Raise ``ValueError`` if the settings differ, naming each difference."""
    changed = list(_differences(kept, wanted, ""))
    if changed:
        raise ValueError(
            f"{folder} holds an evaluation with other settings: {'; '.join(changed)}. Rows of different settings are "
            "never mixed: take the same settings, or another folder"
        )


def _differences(kept: Any, wanted: Any, where: str) -> Iterator[str]:
    if isinstance(kept, dict) and isinstance(wanted, dict):
        for name in dict.fromkeys([*kept, *wanted]):
            inner = f"{where}.{name}" if where else name
            if name not in kept or name not in wanted:
                yield f"{inner} is {'new' if name not in kept else 'missing now'}"
            else:
                yield from _differences(kept[name], wanted[name], inner)
        if list(kept) != list(wanted) and set(kept) == set(wanted):
            yield f"the order of {where} was {', '.join(kept)} and is now {', '.join(wanted)}"
    elif kept != wanted:
        yield f"{where} was {_short(kept)} and is now {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lock(folder: Path) -> Callable[[], None]:
    """Claim the folder until the process ends, however it ends; the returned function gives up the claim."""
    try:
        return claim(folder / _LOCK)
    except BlockingIOError as error:
        raise RuntimeError(
            f"another process is writing to {folder}; wait for it, or name another folder ({error})"
        ) from error
    except OSError as error:
        raise OSError(
            error.errno,
            f"{folder} cannot be written ({error.strerror or error}), so nothing can be added to it; read_evaluation "
            "reads what it holds, or name another folder",
        ) from error
