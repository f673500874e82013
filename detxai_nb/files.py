"""One door for the names of files that a caller gives, and files that are there whole or not at all."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import IO, Any

_LONGEST = 255
"""Bytes in the longest name of a file or folder that systems have."""
_ADDRESS = re.compile(r"^(https?|ftp|s3|gs|file|data):", re.IGNORECASE)


def as_path(value: Any, what: str) -> Path:
    """Return the path that a caller names, with ``~`` for the home folder.

    Args:
        value: a text, or an object with ``__fspath__`` such as a ``Path``.
        what: what it names, for the error message, such as "an image file".

    Returns:
        The path; there need be nothing at it.

    Raises:
        TypeError: for anything else.
        ValueError: for a text that no system could have as a path.
        FileNotFoundError: for an address of the network, or the home folder of a user that there is not.

    Example:
        >>> as_path("photos/../a.png", "an image file").name
        'a.png'
    """
    if not isinstance(value, (str, os.PathLike)):
        raise TypeError(f"{what} is named by a path (a text or a pathlib.Path), got {type(value).__name__}")
    text = os.fsdecode(value)
    shown = repr(text) if len(text) <= 100 else f"{text[:60]!r}... ({len(text)} characters)"
    if _ADDRESS.match(text):
        raise FileNotFoundError(
            f"{what} is named by a path, got the address {shown}; nothing is fetched: save it as a file first"
        )
    try:
        longest = max(map(len, os.fsencode(text).replace(b"\\", b"/").split(b"/")))
    except UnicodeEncodeError:
        longest = _LONGEST + 1
    if "\0" in text or longest > _LONGEST or len(text) > 16 * _LONGEST:
        raise ValueError(f"{what} is named by a path, and no file could be called {shown}")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise FileNotFoundError(f"{what} is named by {shown}, and that user has no home folder here") from error


def write_atomically(path: Path, write: Any) -> None:
    """Write a file so that it is there whole or not at all: an existing one is replaced only by a complete one.

    The content goes to a new file in the same folder, which is then moved. The file has the permissions that ``open``
    would give it. It is not forced onto the disk; see ``write_whole``.

    Args:
        path: the file.
        write: called with the new file, open for bytes.

    Raises:
        FileNotFoundError: if the folder does not exist; what ``write`` raises goes on to the caller and leaves nothing
            behind.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            write(file)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, also if the machine goes down.

    Args:
        path: the file.
        content: its bytes.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """

    def write(file: IO[bytes]) -> None:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())

    write_atomically(path, write)
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
