"""Which picture of a folder a file name means, as other tools write file names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import parse_qs, unquote, urlsplit

from detxai_nb.data.paths import path_inside

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif")
"""Endings of picture files, in the order in which they are looked for, in lower or upper case."""

_HASH = re.compile(r"^[0-9a-fA-F]{8}-(?=.)")
_URL = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")


class PictureFolder:
    """A folder of pictures, and the names under which an annotation file knows them.

    A name is first taken as it stands. Where there is no such file it is read as other tools mean it: with the folder's
    own name in front (``images/a.png`` in the folder ``images``), with backslashes, as the path or the address that the
    picture had on another machine (``C:\\\\photos\\\\a.png``, ``/data/upload/1/a.png``, ``https://.../a.png``), with
    ``%20`` for a space, with the eight digits and the hyphen that Label Studio puts in front, or in capitals. A name
    is only shortened if no other picture of the file ends alike. No name leads out of the folder.

    Args:
        folder: the folder.
        source: the annotation file, for error messages.
        names: all names of the annotation file.
    """

    def __init__(self, folder: Path, source: object, names: Sequence[object] = ()) -> None:
        self.folder = folder
        self.source = source
        self._names = names

    def find(self, name: object) -> Path:
        """Return the path of the picture that a name means.

        Args:
            name: the name as the annotation file gives it.

        Returns:
            A path inside the folder; where nothing is found, the one that the name says as it stands.

        Raises:
            ValueError: if the name is not a text that can be a file name, or leads out of the folder.
        """
        if not isinstance(name, str) or not name.strip():
            return path_inside(self.folder, name, self.source)
        for candidate in self._candidates(name):
            try:
                path = path_inside(self.folder, candidate, self.source)
            except ValueError:
                continue
            if path.is_file():
                return path
            other = self._in_other_case(path)
            if other is not None:
                return other
        return path_inside(self.folder, name, self.source)

    def find_by_stem(self, stem: str, names: Sequence[object] = ()) -> Path:
        """Return the path of the picture with a name whose ending is not known.

        Args:
            stem: the name without its ending.
            names: names that are looked for first.

        Returns:
            A path inside the folder; where nothing is found, ``stem`` with the first of ``ENDINGS``.

        Raises:
            ValueError: if the name leads out of the folder, or several pictures have it.
        """
        usual = path_inside(self.folder, f"{stem}{ENDINGS[0]}", self.source)
        if usual.is_file():
            return usual
        for name in names:
            if isinstance(name, str) and name.strip():
                try:
                    path = self.find(name.strip())
                except ValueError:
                    continue
                if path.is_file():
                    return path
        there = self._listed(usual.parent)[1].get(Path(stem).name, [])
        if len(there) > 1:
            raise ValueError(
                f"{self.folder} holds {', '.join(path.name for path in there)}, and {self.source} does not say which "
                "of them it means; keep one"
            )
        return self._checked(there[0]) if there else usual

    def _candidates(self, name: str) -> Iterator[str]:
        """Readings of a name, the most literal one first."""
        yield name
        texts = list(dict.fromkeys(self._texts(name)))
        for text in texts:
            parts, foreign = _parts(text)
            own = self.folder.resolve().name.casefold()
            for first in range(len(parts)):
                shortened = first > 0 and not all(part.casefold() == own for part in parts[:first])
                if shortened and not (foreign and self._only_one_ends(parts[first:])):
                    continue
                yield "/".join(parts[first:])
                last = _HASH.sub("", parts[-1])
                if last != parts[-1] and self._only_one_ends([last]):
                    yield "/".join([*parts[first:-1], last])

    def _texts(self, name: str) -> Iterator[str]:
        yield name
        if _URL.match(name) or "?" in name:
            try:
                address = urlsplit(name)
                query = parse_qs(address.query)
            except ValueError:
                return
            yield from query.get("d", ())
            yield address.path
            yield unquote(address.path)
        yield unquote(name)

    def _only_one_ends(self, parts: Sequence[str]) -> bool:
        """Whether at most one picture of the annotation file ends with this name."""
        return self._last_parts[_HASH.sub("", parts[-1]).casefold()] <= 1

    @cached_property
    def _last_parts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for name in self._names:
            if isinstance(name, str):
                parts = _parts(unquote(name))[0] or [""]
                found[_HASH.sub("", parts[-1]).casefold()] += 1
        return found

    def _in_other_case(self, path: Path) -> Path | None:
        """The one file beside ``path`` whose name differs from its name in capitals only."""
        there = self._listed(path.parent)[0].get(path.name.casefold(), [])
        return self._checked(there[0]) if len(there) == 1 else None

    def _checked(self, path: Path) -> Path:
        return path_inside(self.folder, str(path.relative_to(self.folder)), self.source)

    def _listed(self, folder: Path) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
        """The files of a folder by name and by stem, listed anew when the folder has changed."""
        try:
            changed = folder.stat().st_mtime_ns
            known = self._listings.get(folder)
            if known is None or known[0] != changed:
                files = [path for path in sorted(folder.iterdir()) if path.is_file()]
                by_name: dict[str, list[Path]] = {}
                by_stem: dict[str, list[Path]] = {}
                for path in files:
                    by_name.setdefault(path.name.casefold(), []).append(path)
                    if path.suffix.lower() in ENDINGS:
                        by_stem.setdefault(path.stem, []).append(path)
                known = self._listings[folder] = (changed, by_name, by_stem)
        except OSError:
            return {}, {}
        return known[1], known[2]

    @cached_property
    def _listings(self) -> dict[Path, tuple[int, dict[str, list[Path]], dict[str, list[Path]]]]:
        return {}


def _parts(text: str) -> tuple[list[str], bool]:
    """The parts of a path of any system, and whether it is a path of another machine or out of the folder."""
    windows, address = PureWindowsPath(text), bool(_URL.match(text))
    parts = [part for part in PurePosixPath(text.replace("\\", "/")).parts if part != "/"]
    if windows.drive and parts:
        parts = [part for part in windows.parts if part != windows.anchor]
    foreign = bool(address or windows.drive or windows.root or ".." in parts or "?" in text)
    if ".." in parts:
        parts = parts[len(parts) - parts[::-1].index("..") :]
    return [part for part in parts if part != "."], foreign
