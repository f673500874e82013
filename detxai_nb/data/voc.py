"""Reader of PASCAL VOC: one XML file of annotations per image, and lists of images."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, overload
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from detxai_nb.data.paths import path_inside
from detxai_nb.data.sample import Sample
from detxai_nb.image import load_image

NAMES: tuple[str, ...] = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""The twenty classes, as VOC's files write them."""

AS_COCO: Mapping[str, str] = {
    "aeroplane": "airplane",
    "diningtable": "dining table",
    "motorbike": "motorcycle",
    "pottedplant": "potted plant",
    "sofa": "couch",
    "tvmonitor": "tv",
}
"""The classes of VOC that have another name in COCO, for detectors trained on COCO."""


@dataclass(frozen=True)
class _Object:
    """One annotation; ``number`` is its position in the file, from 0: its value in the mask image is number + 1."""

    number: int
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


class VocDataset(Sequence[Sample]):
    """The images of one image list of a PASCAL VOC folder as Samples, in the order of the list.

    An image is read when it is indexed. Boxes are xyxy in pixels of the image: VOC counts pixels from 1 and includes
    the last one, so a box is (xmin - 1, ymin - 1, xmax, ymax). ``image_id`` is the image's position in the list, from
    1. Masks come from ``SegmentationObject`` if all images of the list have them (``has_masks``); the value 255, the
    border between objects, belongs to no object.

    Args:
        folder: the folder that holds ``JPEGImages`` and ``Annotations``, such as ``VOCdevkit/VOC2012``.
        images: a list in ``ImageSets/Main`` ("val", "trainval", "test"), or another list with its folder, such as
            "Segmentation/val".
        rename: new names for VOC's classes, by VOC's own name; by default no class is renamed. ``AS_COCO`` renames
            the classes as COCO does.
        names: the classes as the files write them, by default VOC's twenty.
        difficult: False marks the objects that VOC calls difficult as crowd, so that they are left out as in VOC's own
            evaluation; True treats them like all others.

    Raises:
        FileNotFoundError: if the folder, the list or an annotation file is missing.
        ValueError: if an annotation file is damaged or names a class that is not in ``names``, or if ``rename`` has an
            unknown class. Indexing raises it if an image's size differs from the one in its annotation file.

    References:
        Everingham et al., "The PASCAL Visual Object Classes (VOC) Challenge" (IJCV 2010).
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        images: str = "val",
        *,
        rename: Mapping[str, str] | None = None,
        names: Sequence[str] = NAMES,
        difficult: bool = False,
    ) -> None:
        self.folder = Path(folder).expanduser()
        self.rename = dict(rename or {})
        self.difficult = difficult
        self._own_names = tuple(names)
        unknown = sorted(set(self.rename) - set(names))
        if unknown:
            raise ValueError(f"rename has {', '.join(unknown)}, which are no classes here; known: {', '.join(names)}")
        self.names: tuple[str, ...] = tuple(self.rename.get(name, name) for name in names)
        listed = images if "/" in images else f"Main/{images}"
        self.path = path_inside(self.folder / "ImageSets", f"{listed}.txt", "images=...")
        for needed in (self.path, self.folder / "JPEGImages", self.folder / "Annotations"):
            if not needed.exists():
                raise FileNotFoundError(
                    f"there is no {needed}: folder is one like VOCdevkit/VOC2012, with JPEGImages, Annotations and "
                    "ImageSets, and images the name of a list in ImageSets/Main"
                )
        # A list of one class has a second column: 1, 0 or -1.
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self.ids: tuple[str, ...] = tuple(line.split()[0] for line in lines if line.strip())
        self._objects = [self._parse(name) for name in self.ids]

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        size, found = self._objects[index]
        image = load_image(self._file("JPEGImages", self.ids[index], "jpg"))
        if image.shape[:2] != size:
            raise ValueError(
                f"{self.ids[index]}.jpg is {image.shape[1]}x{image.shape[0]} pixels, but its annotation file says "
                f"{size[1]}x{size[0]}: its boxes would be in the wrong places"
            )
        return Sample(
            image=image,
            boxes=np.array([one.box for one in found], np.float32).reshape(-1, 4),
            labels=np.array([self._own_names.index(one.name) for one in found], np.int64),
            crowd=np.array([one.difficult and not self.difficult for one in found], bool),
            image_id=index + 1,
            file_name=f"{self.ids[index]}.jpg",
            names=self.names,
            load_masks=partial(self._masks, self.ids[index], size, tuple(one.number for one in found)),
        )

    @property
    def has_masks(self) -> bool:
        """Whether every image of the list has a mask image."""
        return all(self._file("SegmentationObject", name, "png").is_file() for name in self.ids)

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the samples, as plain values that do not depend on where the folder lies."""
        pairs = zip(self.ids, self._objects)
        objects = [[name, list(size), [[o.name, *o.box, o.difficult] for o in found]] for name, (size, found) in pairs]
        return {"names": list(self.names), "difficult": self.difficult, "objects": objects}

    def _file(self, kind: str, name: str, ending: str) -> Path:
        return path_inside(self.folder / kind, f"{name}.{ending}", self.path)

    def _parse(self, name: str) -> tuple[tuple[int, int], tuple[_Object, ...]]:
        """The size (height, width) and the objects of one image."""
        path = self._file("Annotations", name, "xml")
        if not path.is_file():
            raise FileNotFoundError(f"there is no annotation file {path} for the image {name} of {self.path}")
        try:
            root = ElementTree.parse(path).getroot()
        except ElementTree.ParseError as error:
            raise ValueError(f"{path} is no XML: {error}") from error
        size = (_number(root, "size/height", path), _number(root, "size/width", path))
        found = tuple(self._object(number, node, path) for number, node in enumerate(root.findall("object")))
        return (int(size[0]), int(size[1])), found

    def _object(self, number: int, node: ElementTree.Element, path: Path) -> _Object:
        name = (node.findtext("name") or "").strip()
        where = f"object {number + 1} in {path}"
        if name not in self._own_names:
            raise ValueError(f"{where} is of the class {name!r}; known: {', '.join(self._own_names)}")
        x1, y1, x2, y2 = (_number(node, f"bndbox/{side}", path) for side in ("xmin", "ymin", "xmax", "ymax"))
        if not (x1 <= x2 and y1 <= y2):
            raise ValueError(
                f"{where} has the box ({x1:g}, {y1:g}) to ({x2:g}, {y2:g}); expected xmin <= xmax, ymin <= ymax"
            )
        return _Object(number, name, (x1 - 1, y1 - 1, x2, y2), (node.findtext("difficult") or "0").strip() == "1")

    def _masks(self, name: str, size: tuple[int, int], numbers: tuple[int, ...]) -> np.ndarray:
        """The masks, bool ``[M,H,W]``, of the objects with these numbers."""
        path = self._file("SegmentationObject", name, "png")
        if not path.is_file():
            raise ValueError(f"VOC has no masks of {name}: there is no {path}; the lists in ImageSets/Segmentation do")
        with Image.open(path) as picture:
            values = np.array(picture)
        if values.shape != size:
            raise ValueError(
                f"{path} is of shape {list(values.shape)}, expected one number for each of {list(size)} pixels"
            )
        masks: np.ndarray = values[None] == np.array(numbers, np.uint8).reshape(-1, 1, 1) + 1
        return masks


def _number(node: ElementTree.Element, where: str, path: Path) -> float:
    """The number at ``where``; some of VOC's boxes have fractional sides."""
    text = node.findtext(where)
    try:
        value = float(text or "")
    except ValueError:
        value = float("nan")
    if not np.isfinite(value):
        raise ValueError(f"{path} has {text!r} at {where} of its {node.tag}; expected a number")
    return value
