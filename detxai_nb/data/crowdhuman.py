"""Reader of CrowdHuman: one line of JSON per image, three boxes per person."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from detxai_nb.data.annotations import as_annotations, as_box
from detxai_nb.data.foreign import as_flag, as_id, parse_json, read_lines, show
from detxai_nb.data.paths import path_inside
from detxai_nb.data.pictures import PictureFolder
from detxai_nb.data.sample import Sample
from detxai_nb.files import as_path
from detxai_nb.image import load_image

BOXES = {"full": "fbox", "visible": "vbox", "head": "hbox"}
"""The kinds of box, and their keys in the annotation file."""


class CrowdHuman(Sequence[Sample]):
    """The images of a CrowdHuman annotation file as Samples, in the order of the file.

    An image is read when it is indexed. The only class is "person". Boxes are xyxy in pixels of the image. Regions
    that the dataset says to ignore (tag "mask", or "ignore": 1) are marked as crowd. ``image_id`` is the image's
    position in the file, from 1, because CrowdHuman's own ids are strings; those are the file names. The dataset has
    no masks: ``has_masks`` is False, and reading ``masks`` of a sample raises ValueError.

    Args:
        annotations: the annotation file, such as ``annotation_val.odgt``.
        images: the folder of the image files, of any format; by default ``Images`` beside the annotation file.
        box: "full" (the whole body, including what is hidden or beyond the border), "visible" or "head".
        clip: whether boxes are clipped to the image, as CrowdHuman's evaluation does with boxes and detections.

    Raises:
        FileNotFoundError: if the file or the folder of images is missing.
        ValueError: if ``box`` is unknown, or if a line is not JSON, has no image id or no boxes, has a box of negative
            size, or repeats an image.

    References:
        Shao et al., "CrowdHuman: A Benchmark for Detecting Human in a Crowd" (2018).
    """

    has_masks = False

    def __init__(
        self,
        annotations: str | os.PathLike[str],
        images: str | os.PathLike[str] | None = None,
        *,
        box: str = "full",
        clip: bool = True,
    ) -> None:
        if box not in BOXES:
            raise ValueError(f"box is one of {', '.join(BOXES)}; got {box!r}")
        self.path = as_path(annotations, "an annotation file")
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no annotation file {self.path}; name one like annotation_val.odgt")
        self.folder = as_path(images, "the folder of images") if images is not None else self.path.parent / "Images"
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder of images at {self.folder}; name it with images=...")
        self.names: tuple[str, ...] = ("person",)
        self.box = box
        self.clip = clip
        lines = read_lines(self.path)
        self._entries = [self._parse(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
        count = Counter(name for name, _, _ in self._entries)
        twice = sorted(name for name, times in count.items() if times > 1)
        if twice:
            raise ValueError(f"{self.path} lists the image {twice[0]!r} twice")
        self._pictures = PictureFolder(self.folder, self.path, list(count))

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
        if isinstance(index, slice):
            return [self[i] for i in range(len(self))[index]]
        index = range(len(self))[index]
        name, found, crowd = self._entries[index]
        path = self._pictures.find_by_stem(name)
        image = load_image(path)
        rows = (
            {"where": f"box {place} of {name}", "field": BOXES[self.box], "box": box, "label": 0, "crowd": mark}
            for place, (box, mark) in enumerate(zip(found, crowd), start=1)
        )
        checked = as_annotations(rows, "xywh")
        checked = checked.clipped(*image.shape[:2]) if self.clip else checked
        return checked.to_sample(image, index + 1, path.name, self.names, _no_masks)

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the samples, as plain values that do not depend on where the files lie."""
        return {"box": self.box, "clip": self.clip, "entries": self._entries}

    def _parse(self, number: int, line: str) -> tuple[str, list[list[float]], list[bool]]:
        """The image's id, its boxes as (x, y, width, height), and which of them are regions to ignore."""
        where = f"line {number} of {self.path}"
        entry = parse_json(line, where)
        missing = [key for key in ("ID", "gtboxes") if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise ValueError(f"{where} has no {', '.join(missing)}: {line[:200]}")
        name = str(as_id(entry["ID"], f"the ID in {where}"))
        path_inside(self.folder, f"{name}.jpg", where)
        if not isinstance(entry["gtboxes"], list):
            raise ValueError(f"{where} has gtboxes {show(entry['gtboxes'])}; expected a list")
        boxes, crowd = [], []
        for place, one in enumerate(entry["gtboxes"], start=1):
            box = one.get(BOXES[self.box]) if isinstance(one, dict) else None
            called = f"box {place} in {where} has {BOXES[self.box]}"
            # One tool writes this format, and it writes numbers as numbers.
            if isinstance(box, list) and any(isinstance(side, str) for side in box):
                raise ValueError(f"{called} {show(box)}; expected [x, y, width, height] in pixels")
            boxes.append(list(as_box(box, called, "xywh")))
            crowd.append(one.get("tag") == "mask" or _ignored(one, self.box, f"box {place} in {where}"))
        return name, boxes, crowd


def _ignored(one: dict[str, Any], box: str, where: str) -> bool:
    """Whether an annotation is to be ignored; heads have a flag of their own."""
    about = one.get("head_attr" if box == "head" else "extra") or {}
    if not isinstance(about, dict):
        raise ValueError(f"{where} has the attributes {show(about)}; expected an object of names and values")
    return as_flag(about.get("ignore", 0), f"ignore of {where}")


def _no_masks() -> np.ndarray:
    raise ValueError("CrowdHuman has no masks; take the metrics that use boxes")
