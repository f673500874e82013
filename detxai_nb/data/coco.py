"""Reader of datasets in COCO format: one JSON file of annotations and a folder of images."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, overload

import numpy as np
from pycocotools import mask as rle

from detxai_nb.data.paths import path_inside
from detxai_nb.data.sample import Sample
from detxai_nb.image import load_image

_FIELDS = {
    "images": ("id", "file_name", "height", "width"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}


class CocoDataset(Sequence[Sample]):
    """The images of a COCO file as Samples, in the order of the file.

    An image is read when it is indexed. Labels run from 0 in the order of the category ids, so categories 1..90 with
    gaps become labels 0..79; ``category_ids[label]`` is the way back. Boxes are xyxy in pixels of the image. The
    attribute ``coco`` is the content of the file, unchanged, ``path`` the JSON file, ``folder`` the folder of images
    and ``names`` the class names by label.

    Args:
        annotations: the JSON file, or a folder that holds it as ``instances.json``.
        images: the folder of the image files; by default the folder ``images`` beside the JSON file if there is one,
            otherwise the JSON file's own folder.

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
        self.path = _annotation_file(Path(annotations).expanduser())
        self.coco = _read(self.path)
        beside = self.path.parent / "images"
        self.folder = Path(images).expanduser() if images is not None else beside if beside.is_dir() else beside.parent
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder of images at {self.folder}; name it with images=...")
        categories = sorted(self.coco["categories"], key=lambda category: category["id"])
        self.category_ids: tuple[int, ...] = tuple(category["id"] for category in categories)
        self.names: tuple[str, ...] = tuple(category["name"] for category in categories)
        self._label = {number: label for label, number in enumerate(self.category_ids)}
        self._annotations: dict[int, list[dict[str, Any]]] = {image["id"]: [] for image in self.coco["images"]}
        for annotation in self.coco["annotations"]:
            self._check_annotation(annotation)
            self._annotations[annotation["image_id"]].append(annotation)

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
        entry = self.coco["images"][index]
        image = load_image(self.image_path(index))
        size = (entry["height"], entry["width"])
        if image.shape[:2] != size:
            raise ValueError(
                f"{entry['file_name']} is {image.shape[1]}x{image.shape[0]} pixels upright, but {self.path} says "
                f"{size[1]}x{size[0]}: its boxes would be in the wrong places"
            )
        found = self._annotations[entry["id"]]
        boxes = np.array([annotation["bbox"] for annotation in found], np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        has_parts = bool(found) and all("part_segmentation" in annotation for annotation in found)
        return Sample(
            image=image,
            boxes=boxes,
            labels=np.array([self._label[annotation["category_id"]] for annotation in found], np.int64),
            crowd=np.array([bool(annotation.get("iscrowd", 0)) for annotation in found], bool),
            image_id=entry["id"],
            file_name=entry["file_name"],
            names=self.names,
            load_masks=partial(_decode, found, "segmentation", size),
            load_parts=partial(_decode, found, "part_segmentation", size) if has_parts else None,
        )

    def image_path(self, index: int) -> Path:
        """Return the path of an image file.

        Args:
            index: the image's position in the dataset, from 0.

        Returns:
            The path, inside ``folder``; the file need not exist.

        Raises:
            ValueError: if the file name leads out of the folder of images.
        """
        return path_inside(self.folder, self.coco["images"][index]["file_name"], self.path)

    def _check_annotation(self, annotation: dict[str, Any]) -> None:
        where = f"annotation {annotation['id']} in {self.path}"
        if annotation["image_id"] not in self._annotations:
            raise ValueError(f"{where} belongs to image {annotation['image_id']!r}, which the file does not list")
        if annotation["category_id"] not in self._label:
            raise ValueError(f"{where} has category {annotation['category_id']!r}, which the file does not list")
        box = annotation["bbox"]
        numbers = isinstance(box, list) and all(isinstance(side, (int, float)) for side in box)
        if not numbers or len(box) != 4 or not np.isfinite(box).all() or min(box[2:]) < 0:
            raise ValueError(f"{where} has the bbox {box!r}; expected [x, y, width, height] in pixels")


def _annotation_file(path: Path) -> Path:
    if path.is_dir():
        path = path / "instances.json"
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no annotation file {path}: name the JSON file, or a folder that holds instances.json"
        )
    return path


def _read(path: Path) -> dict[str, Any]:
    """The content of a COCO file, checked."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is no JSON text: {error}") from error
    for table, wanted in _FIELDS.items():
        rows = content.get(table) if isinstance(content, dict) else None
        if not isinstance(rows, list):
            raise ValueError(
                f"{path} is no COCO dataset: it has no list {table!r} (a COCO file has {', '.join(_FIELDS)})"
            )
        seen = set()
        for row in rows:
            missing = [name for name in wanted if name not in row] if isinstance(row, dict) else list(wanted)
            if missing:
                raise ValueError(f"{path}: an entry of {table!r} has no {', '.join(missing)}: {str(row)[:200]}")
            if row["id"] in seen:
                raise ValueError(f"{path}: two entries of {table!r} have the id {row['id']!r}")
            seen.add(row["id"])
    return content


def _decode(annotations: list[dict[str, Any]], field: str, size: tuple[int, int]) -> np.ndarray:
    """Masks, bool ``[M,H,W]``, from polygons or from run lengths, plain or compressed."""
    masks = np.zeros((len(annotations), *size), bool)
    for mask, annotation in zip(masks, annotations):
        shape = annotation.get(field)
        if isinstance(shape, list) and shape:
            shape = rle.merge(rle.frPyObjects(shape, *size))
        elif isinstance(shape, dict) and list(shape.get("size", ())) == list(size):
            shape = rle.frPyObjects(shape, *size) if isinstance(shape["counts"], list) else shape
        else:
            raise ValueError(
                f"annotation {annotation['id']} has no mask for an image of {size[1]}x{size[0]} pixels: {field} is "
                f"{str(shape)[:80]}; expected polygons or run lengths of size [{size[0]}, {size[1]}]"
            )
        with warnings.catch_warnings():
            # The arrays of pycocotools do not yet accept the keyword that NumPy 2 passes.
            warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
            mask[:] = rle.decode(shape).astype(bool)
    return masks
