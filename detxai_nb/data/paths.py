"""Keep the file names of annotation files inside the folder that they belong to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath


def path_inside(folder: Path, name: object, source: object) -> Path:
    """Return ``folder / name`` after checking that the name stays inside the folder.

    The names come from annotation files that others wrote. Absolute paths of POSIX or Windows, drive letters, ``..``
    and symbolic links that leave the folder are refused on every platform.

    Args:
        folder: the folder that the name is relative to; it need not exist.
        name: the file name as the annotation file gives it.
        source: where the name comes from, for the error message.

    Returns:
        The path; the file itself need not exist.

    Raises:
        ValueError: if the name is not a non-empty string, or leads out of the folder.
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise ValueError(f"{name!r} in {source} is no file name; file names are relative paths inside {folder}")
    windows = PureWindowsPath(name)
    outside = windows.is_absolute() or windows.drive or windows.root or PurePosixPath(name).is_absolute()
    path = folder / name
    if outside or ".." in windows.parts or not path.resolve().is_relative_to(folder.resolve()):
        raise ValueError(
            f"the file name {name!r} in {source} leads out of the folder {folder}; "
            "file names are relative paths inside that folder"
        )
    return path
