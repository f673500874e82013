"""Reader of PASCAL VOC: one XML file of annotations per image, and lists of images."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from detxai_nb.data.annotations import Annotations, as_annotations
from detxai_nb.data.foreign import as_flag, as_number, as_whole, read_indices, read_lines, read_xml
from detxai_nb.data.paths import path_inside
from detxai_nb.data.pictures import PictureFolder
from detxai_nb.data.sample import Sample
from detxai_nb.files import as_path
from detxai_nb.image import load_image

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

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


_MASKS = {"object": "SegmentationObject", "class": "SegmentationClass"}
"""By what masks are of, the folder that holds them."""


@dataclass(frozen=True)
class _Object:
    """One annotation; ``number`` is its position in the file, from 0: its value in the mask image is number + 1."""

    number: int
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class _Entry:
    """One annotation file: the size (height, width) if it says one, the picture that it names, and its objects."""

    size: tuple[int, int] | None
    file_name: str
    objects: tuple[_Object, ...]


@dataclass(frozen=True)
class _ObjectMasks:
    """The masks of some objects of one image, from a picture that holds each one's number (or class) plus 1."""

    path: Path
    size: tuple[int, int]
    numbers: tuple[int, ...]
    values: np.ndarray | None = None

    def __call__(self) -> np.ndarray:
        return self.rows(range(len(self.numbers)))

    def rows(self, rows: Sequence[int]) -> np.ndarray:
        values = self._read()
        wanted = np.array([self.numbers[row] + 1 for row in rows], np.int64).reshape(-1, 1, 1)
        masks: np.ndarray = values[None] == wanted
        return masks

    def check(self) -> None:
        self._read()

    def portable(self) -> _ObjectMasks:
        return _ObjectMasks(self.path, self.size, self.numbers, self._read())

    def _read(self) -> np.ndarray:
        if self.values is not None:
            return self.values
        if not self.path.is_file():
            raise ValueError(
                f"VOC has no masks of {self.path.stem}: there is no {self.path}; the images of the lists in "
                "ImageSets/Segmentation have them"
            )
        values = read_indices(self.path)
        if values.shape != self.size:
            raise ValueError(
                f"{self.path} is of shape {list(values.shape)}, expected one number for each of {list(self.size)} "
                "pixels"
            )
        return values


class VocDataset(Sequence[Sample]):
    """The images of one image list of a PASCAL VOC folder as Samples, in the order of the list.

    An image is read when it is indexed. Boxes are xyxy in pixels of the image: VOC counts pixels from 1 and includes
    the last one, so a box is (xmin - 1, ymin - 1, xmax, ymax). ``image_id`` is the image's position in the list, from
    1. Masks come from ``SegmentationObject`` (or ``SegmentationClass``) if all images of the list have them
    (``has_masks``); the value 255, the border between objects, belongs to no object.

    Folders of labelImg, CVAT and Roboflow are read as they are: pictures are of any format (``a.jpg``, else the name
    that the annotation file says, else the one picture ``a.*``), a missing size or one of 0 is taken from the picture,
    and a folder without ``ImageSets`` is read whole, its annotation files in ``Annotations`` or beside the pictures.

    Args:
        folder: the folder that holds ``JPEGImages`` and ``Annotations``, such as ``VOCdevkit/VOC2012``.
        images: a list in ``ImageSets/Main`` ("val", "trainval", "test"), or another list with its folder, such as
            "Segmentation/val". Not used for a folder without ``ImageSets``.
        rename: new names for VOC's classes, by VOC's own name; by default no class is renamed. ``AS_COCO`` renames
            the classes as COCO does.
        names: the classes as the files write them, by default VOC's twenty.
        difficult: False marks the objects that VOC calls difficult as crowd, so that they are left out as in VOC's own
            evaluation; True treats them like all others.
        masks: "object" for each object's own mask from ``SegmentationObject``, or "class" for that of all objects of
            its class in the image, from ``SegmentationClass``: enough to measure an image classifier, whose object is
            the whole class.

    Raises:
        FileNotFoundError: if the folder, the list or an annotation file is missing.
        ValueError: if an annotation file is damaged or names a class that is not in ``names``, if ``rename`` has an
            unknown class or ``masks`` an unknown value. Indexing raises it if an image's size differs from the one in
            its annotation file.

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
        masks: str = "object",
    ) -> None:
        self.folder = as_path(folder, "the folder of a dataset")
        self.rename = dict(rename or {})
        self.difficult = difficult
        if masks not in _MASKS:
            raise ValueError(f"masks is one of {', '.join(map(repr, _MASKS))}; got {masks!r}")
        self.masks = masks
        self._own_names = tuple(names)
        unknown = sorted(set(self.rename) - set(names))
        if unknown:
            raise ValueError(f"rename has {', '.join(unknown)}, which are no classes here; known: {', '.join(names)}")
        self.names: tuple[str, ...] = tuple(self.rename.get(name, name) for name in names)
        if not isinstance(images, str):
            raise ValueError(f"images is the name of a list in ImageSets/Main, such as 'val'; got {images!r}")
        self._xml = _first_folder(self.folder, ("Annotations", "annotations", "."), "*.xml")
        self._jpeg = _first_folder(self.folder, ("JPEGImages", "images", "Images", "."), "*")
        lists = self.folder / "ImageSets"
        listed = f"{images if '/' in images else f'Main/{images}'}.txt"
        self.path = path_inside(lists, listed, "images=...") if lists.is_dir() else self._xml
        for needed in (self.folder, self.path, self._xml):
            if not needed.exists():
                known = ", ".join(sorted(path.stem for path in (lists / "Main").glob("*.txt"))[:20])
                raise FileNotFoundError(
                    f"there is no {needed}: folder is one like VOCdevkit/VOC2012, with JPEGImages, Annotations and "
                    "ImageSets, and images the name of a list in ImageSets/Main" + (f" ({known})" if known else "")
                )
        self.ids: tuple[str, ...] = tuple(self._listed())
        self._pictures = PictureFolder(self._jpeg, self.path, self.ids)
        self._entries = [self._parse(name) for name in self.ids]

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
        entry = self._entries[index]
        path = self._pictures.find_by_stem(self.ids[index], (entry.file_name,))
        image = load_image(path)
        size = (image.shape[0], image.shape[1])
        if entry.size is not None and size != entry.size:
            raise ValueError(
                f"{path.name} is {size[1]}x{size[0]} pixels, but its annotation file says "
                f"{entry.size[1]}x{entry.size[0]}: its boxes would be in the wrong places"
            )
        found = self.annotations_of(index)
        by_class = self.masks == "class"
        numbers = found.labels.tolist() if by_class else [one.number for one in entry.objects]
        return found.to_sample(
            image,
            index + 1,
            path.name,
            self.names,
            _ObjectMasks(self._mask_file(self.ids[index]), size, tuple(numbers)),
        )

    def annotations_of(self, index: int) -> Annotations:
        """Return the annotations of an image without reading the image.

        Args:
            index: the image's position in the list, from 0.

        Returns:
            Boxes, labels and marks, in the order of the annotation file.
        """
        return as_annotations(
            (
                {
                    "where": f"object {one.number + 1} of {self.ids[index]}",
                    "field": "box",
                    "box": one.box,
                    "label": self._own_names.index(one.name),
                    "crowd": one.difficult and not self.difficult,
                }
                for one in self._entries[index].objects
            ),
            "xyxy",
        )

    @property
    def has_masks(self) -> bool:
        """Whether every image of the list has a mask image."""
        return all(self._mask_file(name).is_file() for name in self.ids)

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the samples, as plain values that do not depend on where the folder lies."""
        pairs = zip(self.ids, self._entries)
        objects = [
            [name, list(entry.size or ()), [[o.name, *o.box, o.difficult] for o in entry.objects]]
            for name, entry in pairs
        ]
        about = {"names": list(self.names), "difficult": self.difficult, "objects": objects}
        return about if self.masks == "object" else {**about, "masks": self.masks}

    def _mask_file(self, name: str) -> Path:
        return path_inside(self.folder / _MASKS[self.masks], f"{name}.png", self.path)

    def _listed(self) -> list[str]:
        """The images of the list, or of the whole folder."""
        if not self.path.is_file():
            found = [path.stem for path in sorted(self._xml.glob("*.xml"))]
            if not found:
                raise FileNotFoundError(f"there is no annotation file *.xml in {self._xml}, and no list in ImageSets")
            return found
        found = []
        for line in read_lines(self.path):
            if not (name := line.strip()):
                continue
            # A list of one class has a second column: 1, 0 or -1. Names may have spaces, and endings.
            plain = re.sub(r"\s+(-1|0|1)$", "", name)
            readings = (name, plain, re.sub(r"\.[A-Za-z]{3,4}$", "", plain))
            there = (one for one in readings if path_inside(self._xml, f"{one}.xml", self.path).is_file())
            found.append(next(there, plain))
        return found

    def _parse(self, name: str) -> _Entry:
        """The annotation file of one image."""
        path = path_inside(self._xml, f"{name}.xml", self.path)
        if not path.is_file():
            raise FileNotFoundError(f"there is no annotation file {path} for the image {name} of {self.path}")
        root = read_xml(path)
        objects = tuple(self._object(number, node, path) for number, node in enumerate(root.findall("object")))
        return _Entry(_size(root, path), (root.findtext("filename") or "").strip(), objects)

    def _object(self, number: int, node: Element, path: Path) -> _Object:
        name = (node.findtext("name") or "").strip()
        where = f"object {number + 1} in {path}"
        if name not in self._own_names:
            raise ValueError(
                f"{where} is of the class {name!r}; known: {', '.join(self._own_names)}. Classes of your own are named "
                "with names=[...]"
            )
        x1, y1, x2, y2 = (_number(node, f"bndbox/{side}", path) for side in ("xmin", "ymin", "xmax", "ymax"))
        if not (x1 <= x2 and y1 <= y2):
            raise ValueError(
                f"{where} has the box ({x1:g}, {y1:g}) to ({x2:g}, {y2:g}); expected xmin <= xmax, ymin <= ymax"
            )
        difficult = as_flag(node.findtext("difficult"), f"difficult of {where}")
        return _Object(number, name, (x1 - 1, y1 - 1, x2, y2), difficult)


def _first_folder(folder: Path, names: Sequence[str], pattern: str) -> Path:
    """The first of these folders that holds such a file, else the first that exists, else the first."""
    there = [path for name in names if (path := folder / name).is_dir()]
    holding = (path for path in there if next(path.glob(pattern), None) is not None)
    return next(holding, there[0] if there else folder / names[0])


def _size(root: Element, path: Path) -> tuple[int, int] | None:
    """The size (height, width) that an annotation file says; labelImg writes 0 where it knows none."""
    texts = [(root.findtext(f"size/{side}") or "0").strip() for side in ("height", "width")]
    height, width = (as_whole(text or "0", f"the size in {path}") for text in texts)
    return (height, width) if height and width else None


def _number(node: Element, where: str, path: Path) -> float:
    """The number at ``where``; some of VOC's boxes have fractional sides."""
    text = node.findtext(where)
    try:
        return as_number(text, "a side")
    except ValueError as error:
        raise ValueError(f"{path} has {text!r} at {where} of its {node.tag}; expected a number ({error})") from error
