"""The folder of a workshop: each file is there whole or not at all, and what a person changed is not overwritten."""

from __future__ import annotations

import hashlib
import re
import shutil
from pathlib import Path

from detxai_nb.files import write_whole

SUMS = "SHA256SUMS"
TEACHER = "teacher"
"""The folder that is not handed out; it has a list of checksums of its own."""
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class Kit:
    """A folder with lists of checksums, in the format of ``sha256sum``, that grow with each file that is written.

    Args:
        folder: is made if it is missing.

    Raises:
        ValueError: if ``folder`` is a file, or a list of checksums is damaged or names a file outside of it.
    """

    def __init__(self, folder: Path) -> None:
        if folder.exists() and not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; name the folder to prepare")
        self.folder = folder
        self.digests = read_sums(folder)

    def put(self, name: str, content: bytes, *, force: bool = False) -> str:
        """Write a file, unless a person has changed the one that is there.

        Args:
            name: of the file in the folder, with slashes.
            content: its bytes.
            force: whether to overwrite a changed one too.

        Returns:
            "written", "unchanged", "replaced" (it was as an earlier call had written it, or ``force``) or "kept".
        """
        path, digest = self.folder / name, hashlib.sha256(content).hexdigest()
        state = self._state(name, digest, force)
        if state in ("written", "replaced"):
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, content)
        if state != "kept":
            self._record(name, digest)
        return state

    def move_in(self, source: Path, name: str, *, force: bool = False) -> str:
        """Move a whole file of the same disk to its place, by the rules of ``put``.

        Args:
            source: is gone afterwards, whatever came of it.
            name: of the file in the folder, with slashes.
            force: whether to overwrite a changed one too.

        Returns:
            As ``put``.
        """
        path, digest = self.folder / name, file_digest(source)
        state = self._state(name, digest, force)
        if state in ("written", "replaced"):
            path.parent.mkdir(parents=True, exist_ok=True)
            source.replace(path)
        else:
            source.unlink()
        if state != "kept":
            self._record(name, digest)
        return state

    def intact(self, name: str) -> bool:
        """Return whether a file is there as it was written.

        Args:
            name: of the file in the folder, with slashes.

        Returns:
            False also for one that was never written.
        """
        path = self.folder / name
        return name in self.digests and path.is_file() and file_digest(path) == self.digests[name]

    def _state(self, name: str, digest: str, force: bool) -> str:
        path = self.folder / name
        if path.is_dir():
            return "kept"
        if not path.exists():
            return "written"
        found = file_digest(path)
        if found == digest:
            return "unchanged"
        return "replaced" if force or found == self.digests.get(name) else "kept"

    def _record(self, name: str, digest: str) -> None:
        if self.digests.get(name) == digest:
            return
        self.digests[name] = digest
        self._write_sums(name.startswith(f"{TEACHER}/"))

    def forget(self, name: str) -> None:
        """Take a file out of the lists.

        Args:
            name: of the file in the folder, with slashes.
        """
        if self.digests.pop(name, None) is not None:
            self._write_sums(name.startswith(f"{TEACHER}/"))

    def _write_sums(self, teacher: bool) -> None:
        front = f"{TEACHER}/"
        names = sorted(name for name in self.digests if name.startswith(front) == teacher)
        lines = [f"{self.digests[name]}  {name.removeprefix(front) if teacher else name}\n" for name in names]
        path = self.folder / TEACHER / SUMS if teacher else self.folder / SUMS
        write_whole(path, "".join(lines).encode())


def read_sums(folder: Path) -> dict[str, str]:
    """Read the lists of checksums of a folder.

    Args:
        folder: of a workshop.

    Returns:
        The SHA-256 of each file by its name in the folder; empty where there is no list.

    Raises:
        ValueError: if a list is damaged or names a file outside of the folder.
    """
    found = {}
    for front in ("", f"{TEACHER}/"):
        path = folder / front / SUMS
        if not path.is_file():
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no list of checksums; move it away and prepare again") from error
        for number, line in enumerate(lines, 1):
            parts = _LINE.fullmatch(line)
            if parts is None:
                raise ValueError(f"line {number} of {path} is no checksum with a name; move it away and prepare again")
            _inside(folder / front, parts[2], path)
            found[front + parts[2]] = parts[1]
    return found


def _inside(folder: Path, name: str, source: Path) -> None:
    from detxai_nb.data.paths import path_inside

    path_inside(folder, name, source)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file.

    Args:
        path: the file.

    Returns:
        In hexadecimal digits.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def clear(folder: Path) -> None:
    """Remove a folder of half-done work, if it is there.

    Args:
        folder: with all that it holds.
    """
    if folder.is_dir():
        shutil.rmtree(folder)
