"""Reader of datasets as Ultralytics' YOLOs have them: one YAML file, folders of images, a text file for each image."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, overload

from detxai_nb.data.annotations import as_annotations
from detxai_nb.data.foreign import as_number, as_whole, read_lines, read_yaml, show
from detxai_nb.data.outlines import Outlines
from detxai_nb.data.paths import path_inside
from detxai_nb.data.pictures import ENDINGS
from detxai_nb.data.sample import Sample
from detxai_nb.files import as_path
from detxai_nb.image import load_image
from detxai_nb.names import as_names

_SLACK = 1e-3
"""How far a share of the image may lie outside 0..1: files are rounded."""


class YoloDataset(Sequence[Sample]):
    """The images of one split of an Ultralytics dataset as Samples, in the order of their names.

    A line of a label file is a class number and a box (the middle and the size, as shares of the image), or a class
    number and a polygon of at least three points, whose box is the one around it (where all of an image's have four
    points they are taken for oriented boxes too: ``polygons`` of the sample); the box of a line with key points is
    the one that it states. An image without a label file has no objects. Images and label files are read when they are
    indexed. The attribute ``names`` holds the class names by label, ``path`` the YAML file, ``folder`` the folder that
    all paths are relative to and ``split`` the split.

    Args:
        data: the YAML file, or a folder that holds it as ``data.yaml``.
        split: one of the file's splits: "train", "val" or "test".
        folder: the folder that the file's paths are relative to; by default the file's ``path`` if it is a folder
            below the file, else the file's own folder. Nothing is read from outside it.

    Raises:
        FileNotFoundError: if the file or a folder or list of images is missing.
        ValueError: if the file is no such dataset, has no such split, or names a path outside the folder, or no
            image has labels. Indexing raises it for a line that cannot be read.
        ImportError: if PyYAML is missing.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from detxai_nb.data import yolo
        >>> with tempfile.TemporaryDirectory() as made:
        ...     folder = Path(made)
        ...     (folder / "images" / "val").mkdir(parents=True), (folder / "labels" / "val").mkdir(parents=True)
        ...     Image.new("RGB", (80, 40)).save(folder / "images" / "val" / "a.png")
        ...     _ = (folder / "labels" / "val" / "a.txt").write_text("1 0.5 0.5 0.25 0.5")
        ...     _ = (folder / "data.yaml").write_text("val: images/val\\nnames: {0: cat, 1: dog}")
        ...     sample = yolo.YoloDataset(folder)[0]
        (None, None)
        >>> sample.boxes.tolist(), sample.names[sample.labels[0]]
        ([[30.0, 10.0, 50.0, 30.0]], 'dog')
    """

    def __init__(
        self, data: str | os.PathLike[str], split: str = "val", folder: str | os.PathLike[str] | None = None
    ) -> None:
        path = as_path(data, "the file of a dataset")
        self.path = path / "data.yaml" if path.is_dir() else path
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no file {self.path}: name the YAML file, or a folder with data.yaml")
        content = read_yaml(self.path)
        if not isinstance(content, dict) or "names" not in content:
            raise ValueError(f"{self.path} is no dataset of Ultralytics: it has no 'names'")
        self.names = as_names(content["names"], _count(content, self.path), owner=str(self.path))
        self.split = split
        self.folder = self._root(content.get("path")) if folder is None else as_path(folder, "the folder of a dataset")
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder {self.folder}; name the dataset's with folder=...")
        self._points = 0 if content.get("kpt_shape") is None else self._key_points(content["kpt_shape"])
        self._images = list(self._find_images(self._places(content)))
        if self._images and not any(self._label_path(name).is_file() for name in self._images):
            raise ValueError(
                f"none of the {len(self._images)} images of {self.split!r} has a label file: the first would be "
                f"{self._label_path(self._images[0])}; name the folder that holds images and labels with folder=..."
            )

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        name = self._images[index]
        image = load_image(path_inside(self.folder, name, self.path))
        size = (image.shape[0], image.shape[1])
        rows = list(self._rows(name, size))
        masks = Outlines([row["shape"] for row in rows], size, [row["where"] for row in rows], "polygon")
        found = as_annotations(rows, "xyxy").clipped(*size)
        return found.to_sample(image, name, PurePosixPath(name).name, self.names, masks)

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the samples, as plain values that do not depend on where the files lie."""
        texts = {name: self._lines(name) for name in self._images}
        return {"names": list(self.names), "split": self.split, "key_points": self._points, "labels": texts}

    def _root(self, stated: Any) -> Path:
        """The folder that paths are relative to: the one that the file states if it is not above or elsewhere."""
        own = self.path.parent
        if isinstance(stated, str) and stated.strip():
            for name in (stated, PurePosixPath(stated.replace("\\", "/")).name):
                try:
                    below = path_inside(own, name, self.path)
                except ValueError:
                    continue
                if below.is_dir():
                    return below
        return own

    def _key_points(self, shape: Any) -> int:
        """The numbers that key points add to a line."""
        if not isinstance(shape, list) or len(shape) != 2:
            raise ValueError(f"{self.path}: kpt_shape is {show(shape)}; expected [points, numbers each]")
        count, each = (as_whole(side, f"kpt_shape of {self.path}", 1) for side in shape)
        return count * each

    def _places(self, content: dict[str, Any]) -> list[str]:
        """The folders or lists of images of the split."""
        splits = [name for name in ("train", "val", "test") if content.get(name)]
        found = content.get(self.split) if self.split in splits else None
        if found is None:
            raise ValueError(f"{self.path} has no split {self.split!r}; it has {', '.join(splits) or 'none'}")
        places = found if isinstance(found, list) else [found]
        wrong = [place for place in places if not isinstance(place, str) or not place.strip()]
        if wrong:
            raise ValueError(f"{self.path}: {self.split} is {show(wrong[0])}; expected a folder, a text file or a list")
        return places

    def _find_images(self, places: Sequence[str]) -> Iterator[str]:
        """The names of the images inside the folder, sorted, each once."""
        found: dict[str, None] = {}
        for place in places:
            path = self._place(place)
            if path.is_dir():
                inside = (one for one in sorted(path.rglob("*")) if one.suffix.lower() in ENDINGS and one.is_file())
                found.update((one.relative_to(self.folder).as_posix(), None) for one in inside)
            else:
                found.update((self._listed(line.strip(), path), None) for line in read_lines(path) if line.strip())
        return iter(sorted(found))

    def _place(self, place: str) -> Path:
        """A folder or list of images; Roboflow writes "../valid/images" for what lies beside the file."""
        name = place.strip().replace("\\", "/")
        candidates = (name, name.removeprefix("../")) if name.startswith("../") else (name,)
        for one in candidates:
            try:
                path = path_inside(self.folder, one, self.path)
            except ValueError:
                if one == candidates[-1]:
                    raise
                continue
            if path.exists():
                return path
        raise FileNotFoundError(
            f"{self.path}: the {self.split} images are at {place!r}, and {self.folder} has none; name the folder that "
            "its paths are relative to with folder=..."
        )

    def _listed(self, name: str, source: Path) -> str:
        """A name from a list of images, relative to the folder; "./" means beside the list."""
        beside = source.parent.relative_to(self.folder).as_posix()
        inside = f"{beside}/{name[2:]}" if name.startswith("./") else name
        return path_inside(self.folder, inside, source).relative_to(self.folder).as_posix()

    def _label_path(self, name: str) -> Path:
        """Where the lines of an image are: in "labels" instead of the last "images" of its path."""
        parts = list(PurePosixPath(name).with_suffix(".txt").parts)
        folders = [number for number, part in enumerate(parts[:-1]) if part == "images"]
        if folders:
            parts[folders[-1]] = "labels"
        return path_inside(self.folder, "/".join(parts), self.path)

    def _lines(self, name: str) -> list[str]:
        path = self._label_path(name)
        return [line.strip() for line in read_lines(path)] if path.is_file() else []

    def _rows(self, name: str, size: tuple[int, int]) -> Iterator[dict[str, Any]]:
        """What ``as_annotations`` takes for each line, and its polygon in pixels."""
        for number, line in enumerate(self._lines(name), start=1):
            if line:
                where = f"line {number} of {self._label_path(name)}"
                yield {"where": where, "field": "box", **self._row(line.split(), where, size)}

    def _row(self, values: list[str], where: str, size: tuple[int, int]) -> dict[str, Any]:
        label = as_whole(values[0], f"the class in {where}")
        if label >= len(self.names):
            raise ValueError(f"{where} has the class {label}, and {self.path} names 0 to {len(self.names) - 1}")
        count = len(values) - 1
        boxed = count == 4 or (self._points and count == 4 + self._points)
        if not boxed and (count < 6 or count % 2 or self._points):
            more = f" (and {self._points} of key points)" if self._points else ", or a polygon of at least three points"
            raise ValueError(f"{where} has {count} numbers after its class; expected 4 of a box{more}")
        shares = [
            as_number(one, f"a number in {where}", -_SLACK, 1 + _SLACK) for one in values[1:][: 4 if boxed else None]
        ]
        height, width = size
        if boxed:
            x, y, w, h = shares
            box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
            return {"label": label, "box": box, "shape": None}
        xs, ys = [x * width for x in shares[0::2]], [y * height for y in shares[1::2]]
        polygon = [side for point in zip(xs, ys) for side in point]
        box = [min(xs), min(ys), max(xs), max(ys)]
        return {"label": label, "box": box, "shape": [polygon], "polygon": polygon if count == 8 else None}


def _count(content: dict[str, Any], path: Path) -> int | None:
    """How many classes the file says there are, if it says so."""
    return None if content.get("nc") is None else as_whole(content["nc"], f"nc of {path}", 1)
