"""Reader of CrowdHuman: one line of JSON per image, three boxes per person."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np

from detxai_nb.data.paths import path_inside
from detxai_nb.data.sample import Sample
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
        images: the folder of the image files; by default ``Images`` beside the annotation file.
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
        self.path = Path(annotations).expanduser()
        if not self.path.is_file():
            raise FileNotFoundError(f"there is no annotation file {self.path}; name one like annotation_val.odgt")
        self.folder = Path(images).expanduser() if images is not None else self.path.parent / "Images"
        if not self.folder.is_dir():
            raise FileNotFoundError(f"there is no folder of images at {self.folder}; name it with images=...")
        self.names: tuple[str, ...] = ("person",)
        self.box = box
        self.clip = clip
        lines = self.path.read_text(encoding="utf-8").splitlines()
        self._entries = [self._parse(number, line) for number, line in enumerate(lines, start=1) if line.strip()]
        names = [name for name, _, _ in self._entries]
        twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise ValueError(f"{self.path} lists the image {twice[0]!r} twice")

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
        image = load_image(path_inside(self.folder, f"{name}.jpg", self.path))
        boxes = np.array(found, np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        if self.clip:
            height, width = image.shape[:2]
            boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
            boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
        return Sample(
            image=image,
            boxes=boxes,
            labels=np.zeros(len(boxes), np.int64),
            crowd=np.array(crowd, bool),
            image_id=index + 1,
            file_name=f"{name}.jpg",
            names=self.names,
            load_masks=_no_masks,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What determines the samples, as plain values that do not depend on where the files lie."""
        return {"box": self.box, "clip": self.clip, "entries": self._entries}

    def _parse(self, number: int, line: str) -> tuple[str, list[list[float]], list[bool]]:
        """The image's id, its boxes as (x, y, width, height), and which of them are regions to ignore."""
        where = f"line {number} of {self.path}"
        try:
            entry = json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(f"{where} is no JSON text: {error}") from error
        missing = [key for key in ("ID", "gtboxes") if not isinstance(entry, dict) or key not in entry]
        if missing:
            raise ValueError(f"{where} has no {', '.join(missing)}: {line[:200]}")
        path_inside(self.folder, f"{entry['ID']}.jpg", where)
        if not isinstance(entry["gtboxes"], list):
            raise ValueError(f"{where} has gtboxes {str(entry['gtboxes'])[:80]}; expected a list")
        boxes, crowd = [], []
        for place, one in enumerate(entry["gtboxes"], start=1):
            boxes.append(_box(one, BOXES[self.box], f"box {place} in {where}"))
            crowd.append(one.get("tag") == "mask" or _ignored(one, self.box))
        return str(entry["ID"]), boxes, crowd


def _box(one: Any, key: str, where: str) -> list[float]:
    """The box (x, y, width, height) that an annotation has under ``key``."""
    box = one.get(key) if isinstance(one, dict) else None
    numbers = isinstance(box, list) and all(isinstance(v, (int, float)) and math.isfinite(v) for v in box)
    if not isinstance(box, list) or not numbers or len(box) != 4 or min(box[2:]) < 0:
        raise ValueError(f"{where} has {key} {box!r}; expected [x, y, width, height] in pixels")
    return [float(value) for value in box]


def _ignored(one: dict[str, Any], box: str) -> bool:
    """Whether an annotation is to be ignored; heads have a flag of their own."""
    about = one.get("head_attr" if box == "head" else "extra") or {}
    return bool(about.get("ignore", 0))


def _no_masks() -> np.ndarray:
    raise ValueError("CrowdHuman has no masks; take the metrics that use boxes")
