"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import IO, Any


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
