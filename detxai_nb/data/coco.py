"""Reader of datasets in COCO format: one JSON file of annotations and a folder of images."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from detxai_nb.data.annotations import Annotations, as_annotations, as_box
from detxai_nb.data.foreign import LARGEST, as_flag, as_id, as_number, as_whole, read_json, show
from detxai_nb.data.outlines import Outlines, as_polygons
from detxai_nb.data.pictures import PictureFolder
from detxai_nb.data.sample import Sample
from detxai_nb.files import as_path
from detxai_nb.image import load_image

_FIELDS = {
    "images": ("id", "file_name", "height", "width"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}
_USUAL = ("instances.json", "result.json", "_annotations.coco.json", "annotations/instances_default.json")
"""Names of the file within a folder: this package's, and those of Label Studio, Roboflow and CVAT."""
_SPARE = {"height", "width", "bbox"}
"""What an entry may lack; an annotation also its id."""


class CocoDataset(Sequence[Sample]):
    """The images of a COCO file as Samples, in the order of the file.

    An image is read when it is indexed. Labels run from 0 in the order of the category ids, so categories 1..90 with
    gaps become labels 0..79; ``category_ids[label]`` is the way back. Categories of the same name are one class. Boxes
    are xyxy in pixels of the image. The attribute ``coco`` is the content of the file, unchanged, ``path`` the JSON
    file, ``folder`` the folder of images and ``names`` the class names by label.

    Files of CVAT, Label Studio, Roboflow, COCO Annotator and VIA are read as they are: ids may be whole numbers or
    texts, numbers may be texts, and an annotation may lack its id, "iscrowd", "area" and "segmentation", or its "bbox"
    if it has polygons. File names are read as these tools mean them (see ``PictureFolder``).

    Args:
        annotations: the JSON file, or a folder that holds it as ``instances.json``, ``result.json`` (Label
            Studio), ``_annotations.coco.json`` (Roboflow) or ``annotations/instances_default.json`` (CVAT).
        images: the folder of the image files; by default the folder ``images`` beside the JSON file or beside its
            folder, or the JSON file's own folder: the first of them that holds the first image.

    Raises:
        FileNotFoundError: if the file or the folder of images is missing.
        ValueError: if the file is not a COCO dataset. Indexing raises it for a file name that leads out of the folder
            of images, and for an image whose size differs from the one in the file.

    Example:
        >>> import tempfile
        >>> from detxai_nb.data import coco, scenes
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     dataset = coco.CocoDataset(scenes.write_coco(f"{folder}/scenes", count=2))
        ...     sample = dataset[1]
        >>> len(dataset), dataset.names[:2], sample.file_name, sample.image.shape
        (2, ('apple', 'bauble'), '000001.png', (256, 320, 3))
        >>> bool((sample.labels == scenes.make(1, seed=1).labels).all())
        True
    """

    def __init__(self, annotations: str | os.PathLike[str], images: str | os.PathLike[str] | None = None) -> None:
        self.path = _annotation_file(as_path(annotations, "an annotation file"))
        self.coco = _read(self.path)
        entries = self.coco["images"]
        self.folder = as_path(images, "the folder of images") if images is not None else self._usual_folder()
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder of images at {self.folder}; name it with images=...")
        self._pictures = self._in_folder(self.folder)
        self._sizes = [self._size(entry) for entry in entries]
        self._annotations: dict[int | str, list[dict[str, Any]]] = {self._id(entry): [] for entry in entries}
        self._image_of = {str(number): number for number in self._annotations}
        if len(self._image_of) < len(entries):
            raise ValueError(f"{self.path}: two entries of 'images' have the same id, once as a number, once as a text")
        self._read_categories()
        # How the annotations of each image are called in error messages.
        self._called: dict[int | str, list[str]] = {image: [] for image in self._annotations}
        for number, annotation in enumerate(self.coco["annotations"], start=1):
            called = f"annotation {str(annotation.get('id', f'number {number}'))[:80]}"
            image = self._check_annotation(annotation, called)
            self._annotations[image].append(annotation)
            self._called[image].append(called)

    def __len__(self) -> int:
        return len(self.coco["images"])

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        entry, listed = self.coco["images"][index], self._sizes[index]
        image = load_image(self.image_path(index))
        size = (image.shape[0], image.shape[1])
        if listed is not None and size != listed:
            raise ValueError(
                f"{entry['file_name']} is {size[1]}x{size[0]} pixels upright, but {self.path} says "
                f"{listed[1]}x{listed[0]}: its boxes would be in the wrong places"
            )
        found, called = self._annotations[self._id(entry)], self._called[self._id(entry)]
        has_parts = bool(found) and all("part_segmentation" in annotation for annotation in found)
        masks, parts = (
            Outlines([annotation.get(field) for annotation in found], size, called, field)
            for field in ("segmentation", "part_segmentation")
        )
        return self.annotations_of(index).to_sample(
            image, self._id(entry), entry["file_name"], self.names, masks, parts if has_parts else None
        )

    def annotations_of(self, index: int) -> Annotations:
        """Return the annotations of an image without reading the image.

        Args:
            index: the image's position in the dataset, from 0.

        Returns:
            Boxes, labels and marks, in the order of the file.
        """
        return as_annotations((self._entry(one, called) for one, called in self._of(index)), "xywh")

    def ground_truth(self, index: int) -> list[dict[str, Any]]:
        """Return the annotations of an image as pycocotools wants them, all numbers checked.

        Args:
            index: the image's position in the dataset, from 0.

        Returns:
            For each, in the order of the file: "bbox" [x, y, width, height], "label", "iscrowd" (0 or 1), and "area" as
            the file has it, or else that of the box.

        Raises:
            ValueError: for an area that is no number.
        """
        found = []
        for one, called in self._of(index):
            entry = self._entry(one, called)
            box = as_box(entry["box"], f"{called} has the bbox", "xywh")
            given = one.get("area")
            # An area may be larger than any side.
            area = box[2] * box[3] if given is None else as_number(given, f"the area of {called}", 0.0, LARGEST**2)
            crowd = as_flag(entry["crowd"], f"iscrowd of {called}")
            found.append({"bbox": list(box), "label": entry["label"], "iscrowd": int(crowd), "area": area})
        return found

    def image_path(self, index: int) -> Path:
        """Return the path of an image file.

        Args:
            index: the image's position in the dataset, from 0.

        Returns:
            The path, inside ``folder``; the file need not exist.

        Raises:
            ValueError: if the file name leads out of the folder of images.
        """
        return self._pictures.find(self.coco["images"][index]["file_name"])

    def _of(self, index: int) -> Iterator[tuple[dict[str, Any], str]]:
        """The annotations of an image, and how they are called in error messages."""
        image = self._id(self.coco["images"][index])
        return zip(self._annotations[image], self._called[image])

    def _in_folder(self, folder: Path) -> PictureFolder:
        return PictureFolder(folder, self.path, [entry["file_name"] for entry in self.coco["images"]])

    def _usual_folder(self) -> Path:
        """The first of the usual folders that holds the first image, else ``images`` or the file's own folder."""
        own, part = self.path.parent, self.path.stem.removeprefix("instances_")
        beside = own / "images"
        usual = beside if beside.is_dir() else own
        if self.coco["images"]:
            first = self.coco["images"][0]["file_name"]
            further = (own, own.parent / "images" / part, own.parent / "images", own.parent / part, own / part)
            for folder in (usual, *further):
                try:
                    if folder.is_dir() and self._in_folder(folder).find(first).is_file():
                        return folder
                except ValueError:
                    continue
        return usual

    def _id(self, entry: dict[str, Any]) -> int | str:
        return as_id(entry["id"], f"the id of the image {show(entry['file_name'])} in {self.path}")

    def _size(self, entry: dict[str, Any]) -> tuple[int, int] | None:
        """The size (height, width) that the file says, if it says one."""
        sides = [entry.get(name) for name in ("height", "width")]
        if any(side is None or side in (0, "0", "") for side in sides):
            return None
        where = f"of the image {show(entry['file_name'])} in {self.path}"
        height, width = (as_whole(side, f"the {name} {where}", 1) for name, side in zip(("height", "width"), sides))
        return height, width

    def _read_categories(self) -> None:
        """Class names, the category id of each, and the label of each category id, as text."""
        categories = [
            (as_id(one["id"], f"the id of a category in {self.path}"), one["name"]) for one in self.coco["categories"]
        ]
        for number, name in categories:
            if not isinstance(name, str) or not name:
                raise ValueError(f"the category {number!r} in {self.path} has the name {show(name)}; expected a text")
        if len({str(number) for number, _ in categories}) < len(categories):
            raise ValueError(f"{self.path}: two entries of 'categories' have the same id")
        categories.sort(key=lambda one: _order(one[0]))
        used = {str(one["category_id"]) for one in self.coco["annotations"]}
        # Of categories of one name, which are one class, the first that is used gives the id.
        by_name: dict[str, list[int | str]] = {}
        for number, name in categories:
            by_name.setdefault(name, []).append(number)
        chosen = {n: next((one for one in ids if str(one) in used), ids[0]) for n, ids in by_name.items()}
        self.names: tuple[str, ...] = tuple(sorted(chosen, key=lambda name: _order(chosen[name])))
        self.category_ids: tuple[int | str, ...] = tuple(chosen[name] for name in self.names)
        self._label = {str(number): self.names.index(name) for number, name in categories}

    def _check_annotation(self, annotation: dict[str, Any], called: str) -> int | str:
        """The image of an annotation, after checking the annotation."""
        where = f"{called} in {self.path}"
        image = self._image_of.get(str(as_id(annotation["image_id"], f"the image_id of {where}")))
        if image is None:
            raise ValueError(f"{where} belongs to image {annotation['image_id']!r}, which the file does not list")
        as_annotations([self._entry(annotation, called)], "xywh")
        return image

    def _entry(self, annotation: dict[str, Any], called: str) -> dict[str, Any]:
        """What ``as_annotations`` takes."""
        where = f"{called} in {self.path}"
        label = self._label.get(str(as_id(annotation["category_id"], f"the category_id of {where}")))
        if label is None:
            raise ValueError(f"{where} has category {annotation['category_id']!r}, which the file does not list")
        box = annotation.get("bbox")
        if box is None and isinstance(annotation.get("segmentation"), list):
            box = _box_of(annotation["segmentation"], where)
        return {"where": where, "field": "bbox", "box": box, "label": label, "crowd": annotation.get("iscrowd")}


def _order(number: int | str) -> tuple[bool, float, str]:
    """The order of ids: numbers, also those that are texts, by value, then the other texts."""
    text = str(number)
    return (False, float(text), text) if text.isascii() and text.isdigit() and len(text) < 20 else (True, 0.0, text)


def _box_of(shape: list[Any], where: str) -> list[float]:
    """The box [x, y, width, height] around polygons."""
    try:
        points = np.concatenate(as_polygons(shape))
    except ValueError as error:
        raise ValueError(f"{where} has no bbox, and its segmentation does not give one: {error}") from error
    (x1, y1), (x2, y2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return [x1, y1, x2 - x1, y2 - y1]


def _annotation_file(path: Path) -> Path:
    if path.is_dir():
        usual = [path / name for name in _USUAL]
        path = next((one for one in usual if one.is_file()), usual[0])
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no annotation file {path}: name the JSON file, or a folder that holds instances.json"
        )
    return path


def _read(path: Path) -> dict[str, Any]:
    """The content of a COCO file, checked."""
    content: dict[str, Any] = read_json(path)
    for table, wanted in _FIELDS.items():
        rows = content.get(table) if isinstance(content, dict) else None
        if not isinstance(rows, list):
            raise ValueError(
                f"{path} is no COCO dataset: it has no list {table!r} (a COCO file has {', '.join(_FIELDS)})"
            )
        seen = set()
        for row in rows:
            missing = [name for name in wanted if name not in row] if isinstance(row, dict) else list(wanted)
            spare = _SPARE | {"id"} if table == "annotations" else _SPARE
            if set(missing) - spare:
                raise ValueError(f"{path}: an entry of {table!r} has no {', '.join(missing)}: {show(row)}")
            if table == "annotations" and row.get("id") is None:
                continue
            number = as_id(row["id"], f"the id of an entry of {table!r} in {path}")
            if number in seen:
                raise ValueError(f"{path}: two entries of {table!r} have the id {row['id']!r}")
            seen.add(number)
    return content
