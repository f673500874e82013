"""Keep the file names of annotation files inside the folder that they belong to."""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath

_LONGEST = 255


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
        ValueError: if the name is not a text that can be a file name, or leads out of the folder.
    """
    if not isinstance(name, str) or not name or not _can_be_a_name(name):
        shown = repr(name)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        raise ValueError(f"{shown} in {source} is no file name; file names are relative paths inside {folder}")
    windows = PureWindowsPath(name)
    outside = windows.is_absolute() or windows.drive or windows.root or PurePosixPath(name).is_absolute()
    path = folder / name
    if outside or ".." in windows.parts or not _resolved_inside(path, folder):
        raise ValueError(
            f"the file name {name!r} in {source} leads out of the folder {folder}; "
            "file names are relative paths inside that folder"
        )
    return path


def _can_be_a_name(name: str) -> bool:
    """Whether every system could have a file of that name: no zero byte, no half of a character, no endless part."""
    try:
        parts = name.encode("utf-8").replace(b"\\", b"/").split(b"/")
    except UnicodeEncodeError:
        return False
    return "\0" not in name and max(map(len, parts)) <= _LONGEST and len(name) < 4 * _LONGEST


def _resolved_inside(path: Path, folder: Path) -> bool:
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        # Links that lead in a circle.
        return False
