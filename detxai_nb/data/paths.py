"""Names of files that come from annotation files, kept inside the folder where they belong."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath


def inside(folder: Path, name: object, source: object) -> Path:
    """``folder / name``; ValueError if the name, which stands in ``source``, leads out of the folder."""
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
