"""Reader of image folders as ImageNet has them: one folder of pictures for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from detxai_nb.data.annotations import as_annotations
from detxai_nb.data.foreign import read_json, read_lines, show
from detxai_nb.data.paths import path_inside
from detxai_nb.data.pictures import ENDINGS
from detxai_nb.data.sample import Sample
from detxai_nb.image import load_image
from detxai_nb.names import as_names, nearest_names

SYNSET_FILES = ("LOC_synset_mapping.txt", "synset_words.txt", "imagenet_class_index.json")
"""Names of the files that say what ImageNet's classes are called, looked for in the folder and in those above it."""
_ABOVE = 3


class ImageFolder(Sequence[Sample]):
    """The pictures of a folder with one folder for each class, such as ImageNet's ``train`` or a sorted ``val``.

    A picture is read when it is indexed. It has one annotation: its class, over the whole picture. Where the object is
    nobody says, so ``has_boxes`` and ``has_masks`` are False, and metrics that compare a map with the object are
    refused.

    Args:
        folder: the folder whose folders are the classes.
        names: what the classes are called: a file of ImageNet's synsets (lines ``n01440764 tench, Tinca tinca``, of
            whose names the first counts, or the JSON file ``{"0": ["n01440764", "tench"], ...}``), or a dict from the
            folders' names to those of the classes. Its order is that of the labels, also of classes without a folder,
            so that the numbers are the classifier's. None takes the first of ``SYNSET_FILES`` that is in the folder or
            up to three folders above it; if there is none, the classes are called like their folders, in the order of
            the alphabet, those without pictures too, so that no number depends on what is missing. Hidden folders are
            no classes.

    Raises:
        FileNotFoundError: if the folder or the file of names is missing.
        ValueError: if there are no folders of classes, or a folder has no name in ``names``, or a name leads out of the
            folder. Indexing raises it for a picture that cannot be read.

    Attributes:
        folder: the folder.
        names: the class names, by label.
        files: each picture's path relative to the folder, by class and name.

    Example:
        >>> import tempfile, pathlib
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     for name in ("cat", "dog"):
        ...         pathlib.Path(parent, name).mkdir()
        ...         Image.new("RGB", (4, 3)).save(pathlib.Path(parent, name, "a.png"))
        ...     dataset = ImageFolder(parent)
        ...     dataset.names, dataset.files[1], int(dataset[1].labels[0])
        (('cat', 'dog'), 'dog/a.png', 1)
    """

    has_boxes = False
    has_masks = False

    def __init__(
        self, folder: str | os.PathLike[str], names: str | os.PathLike[str] | Mapping[str, str] | None = None
    ) -> None:
        self.folder = Path(folder).expanduser()
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder {self.folder}; expected one with a folder for each class")
        folders = self._classes()
        classes = {name: files for name, files in folders.items() if files}
        called = {name: name for name in folders} if (found := self._named(names)) is None else found
        if unknown := [name for name in classes if name not in called]:
            near = nearest_names(unknown[0], list(called))
            told = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ValueError(
                f"the folder {unknown[0]!r} in {self.folder} is no class of the names, which are of "
                f"{', '.join(map(repr, list(called)[:3]))}, ...{told}"
            )
        self.names: tuple[str, ...] = as_names(list(called.values()), owner=str(self.folder))
        numbers = {name: label for label, name in enumerate(called)}
        listed = [(f"{name}/{file}", numbers[name]) for name, files in classes.items() for file in files]
        self.files: tuple[str, ...] = tuple(file for file, _ in listed)
        self._labels = tuple(label for _, label in listed)

    def __len__(self) -> int:
        return len(self.files)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        image = load_image(path_inside(self.folder, self.files[index], self.folder))
        height, width = image.shape[:2]
        whole = {
            "where": self.files[index],
            "field": "whole picture",
            "box": (0, 0, width, height),
            "label": self._labels[index],
        }
        return as_annotations([whole], "xyxy").to_sample(
            image, self.files[index], self.files[index], self.names, _no_masks
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the samples, as plain values that do not depend on where the folder lies."""
        return {"names": list(self.names), "files": list(self.files), "labels": list(self._labels)}

    def _classes(self) -> dict[str, list[str]]:
        """The names of the pictures in each folder, of which one at least has any."""
        entries = [entry for entry in sorted(self.folder.iterdir()) if not entry.name.startswith(".")]
        found = {entry.name: list(self._pictures(entry)) for entry in entries if entry.is_dir()}
        if not any(found.values()):
            alone = sum(entry.suffix.lower() in ENDINGS for entry in entries)
            told = f"; it holds {alone} pictures itself, which are of no class" if alone else ""
            told += f"; no picture is in its folders {', '.join(map(repr, list(found)[:3]))}" if found else ""
            raise ValueError(
                f"{self.folder} has no classes{told}: expected a folder for each class with its pictures, such as "
                f"{self.folder.name}/n01440764/picture.JPEG; sort the pictures into such folders"
            )
        return found

    def _pictures(self, folder: Path) -> Iterator[str]:
        path_inside(self.folder, folder.name, self.folder)
        with os.scandir(folder) as there:
            files = sorted((file for file in there if file.name.lower().endswith(ENDINGS)), key=lambda file: file.name)
        for file in files:
            # A link that leads out of the folder is refused here, not when it is read; only links can.
            if file.is_symlink():
                path_inside(self.folder, f"{folder.name}/{file.name}", self.folder)
            if file.is_file():
                yield file.name

    def _named(self, names: str | os.PathLike[str] | Mapping[str, str] | None) -> dict[str, str] | None:
        """By each class's folder what it is called; None for the folders' own names."""
        if isinstance(names, Mapping):
            return {str(name): called for name, called in names.items()}
        if names is None:
            above = [self.folder.resolve(), *self.folder.resolve().parents[:_ABOVE]]
            path = next((at / name for at in above for name in SYNSET_FILES if (at / name).is_file()), None)
            return None if path is None else read_synsets(path)
        path = Path(names).expanduser()
        if not path.is_file():
            raise FileNotFoundError(f"there is no file of class names at {path}")
        return read_synsets(path)


def read_synsets(path: Path) -> dict[str, str]:
    """Return what a file of ImageNet's synsets calls each class.

    Args:
        path: a text file with lines ``n01440764 tench, Tinca tinca``, or a JSON file
            ``{"0": ["n01440764", "tench"], ...}``.

    Returns:
        The first name of each synset, by the synset's id and in the order of the file (of the JSON file: of its
        numbers).

    Raises:
        ValueError: if it is no such file, or has a synset twice.
    """
    rows = _json_rows(path) if path.suffix.lower() == ".json" else _text_rows(path)
    found: dict[str, str] = {}
    for synset, name in rows:
        if synset in found:
            raise ValueError(f"{path} has the synset {synset!r} twice")
        found[synset] = name
    if not found:
        raise ValueError(f"{path} names no class; expected lines such as 'n01440764 tench, Tinca tinca'")
    return found


def _text_rows(path: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        synset, _, rest = line.strip().partition(" ")
        name = rest.split(",")[0].strip()
        if not name:
            raise ValueError(
                f"line {number} of {path} is {show(line)}; expected the name of a folder and that of its class, such "
                "as 'n01440764 tench, Tinca tinca'"
            )
        yield synset, name


def _json_rows(path: Path) -> Iterator[tuple[str, str]]:
    content = read_json(path)
    names = content if isinstance(content, dict) else {}
    rows = [(key, value) for key, value in names.items() if isinstance(key, str) and key.isascii() and key.isdigit()]
    if not rows or len(rows) < len(names):
        raise ValueError(f'{path} is no list of classes; expected {{"0": ["n01440764", "tench"], ...}}')
    for key, value in sorted(rows, key=lambda row: int(row[0])):
        if not (isinstance(value, list) and len(value) == 2 and all(isinstance(one, str) and one for one in value)):
            raise ValueError(f'{path} has {show(value)} as class {key}; expected ["n01440764", "tench"]')
        yield value[0], value[1].replace("_", " ")


def _no_masks() -> np.ndarray:
    raise ValueError("a folder of classes has no masks: it says only what a picture shows")
