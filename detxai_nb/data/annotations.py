"""The one door for annotations: what a reader found in a file becomes checked arrays, and with a picture a Sample."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from detxai_nb.data.foreign import as_flag, as_id, as_number, show
from detxai_nb.data.sample import Masks, Sample

_FORMS = {"xywh": "[x, y, width, height]", "xyxy": "[x1, y1, x2, y2]"}


@dataclass(frozen=True, eq=False)
class Annotations:
    """The M annotations of one image, checked.

    Attributes:
        boxes: float32 ``[M,4]``, xyxy in pixels of the image.
        labels: int64 ``[M]``, the number of each one's class.
        crowd: bool ``[M]``, True for a group of objects or a region to ignore.
        polygons: float32 ``[M,4,2]``, the corners (x, y) of oriented boxes, or None.
    """

    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    polygons: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def clipped(self, height: int, width: int) -> Annotations:
        """Return the annotations with their boxes cut to the image.

        Args:
            height, width: of the image, in pixels.

        Returns:
            New annotations.
        """
        boxes = self.boxes.copy()
        boxes[:, 0::2] = boxes[:, 0::2].clip(0, width)
        boxes[:, 1::2] = boxes[:, 1::2].clip(0, height)
        return Annotations(boxes, self.labels, self.crowd, self.polygons)

    def to_sample(
        self,
        image: np.ndarray,
        image_id: Any,
        file_name: str,
        names: tuple[str, ...],
        load_masks: Masks,
        load_parts: Masks | None = None,
    ) -> Sample:
        """Return the annotated picture.

        Args:
            image: uint8 ``[H,W,3]``, RGB.
            image_id: a whole number or a text.
            file_name: the name of the picture's file.
            names: all class names of the dataset, by label.
            load_masks: as a Sample has it.
            load_parts: as a Sample has it.

        Returns:
            The sample.

        Raises:
            ValueError: if the id is neither a whole number nor a text.
        """
        return Sample(
            image=image,
            boxes=self.boxes,
            labels=self.labels,
            crowd=self.crowd,
            image_id=as_id(image_id, f"the id of {file_name}"),
            file_name=file_name,
            names=names,
            load_masks=load_masks,
            load_parts=load_parts,
            polygons=self.polygons,
        )


def as_annotations(found: Iterable[Mapping[str, Any]], form: str) -> Annotations:
    """Return annotations as checked arrays, whatever tool wrote them.

    Every reader of this package goes through here. Numbers may be texts, and marks 0, 1, true or "1".

    Args:
        found: for each annotation "where" (what it is called in error messages), "field" (what its box is called),
            "box" (four numbers), "label" (the number of its class) and, if it has them, the mark "crowd" and, of an
            oriented box, "polygon" (eight numbers, the corners x and y in order). If all of an image's are oriented
            boxes, their polygons are kept.
        form: of the boxes, "xywh" or "xyxy".

    Returns:
        The annotations, in the same order.

    Raises:
        ValueError: for a box that is not four numbers, or of negative size; the message names the annotation.
    """
    boxes, labels, crowd = [], [], []
    polygons: list[Any] = []
    for one in found:
        boxes.append(as_box(one["box"], f"{one['where']} has the {one['field']}", form))
        labels.append(one["label"])
        crowd.append(as_flag(one.get("crowd"), f"the mark of a crowd of {one['where']}"))
        polygons.append(one.get("polygon"))
    sides = np.array(boxes, np.float32).reshape(-1, 4)
    if form == "xywh":
        sides[:, 2:] += sides[:, :2]
    turned = None
    if polygons and all(one is not None for one in polygons):
        turned = np.array(polygons, np.float32).reshape(-1, 4, 2)
    return Annotations(sides, np.array(labels, np.int64), np.array(crowd, bool), turned)


def as_box(value: Any, what: str, form: str) -> tuple[float, float, float, float]:
    """Return the four numbers of a box.

    Args:
        value: four numbers, also as texts.
        what: whose box it is, for the error message.
        form: "xywh" or "xyxy".

    Returns:
        The numbers, in the same form.

    Raises:
        ValueError: for anything else, and for a box of negative size.
    """
    wanted = f"{what} {show(value)}; expected {_FORMS[form]} in pixels"
    if not isinstance(value, (list, tuple)) or len(value) != 4:
        raise ValueError(wanted)
    try:
        x, y, third, fourth = (as_number(side, "a side") for side in value)
    except ValueError as error:
        raise ValueError(f"{wanted} ({error})") from error
    if (third < x or fourth < y) if form == "xyxy" else (third < 0 or fourth < 0):
        raise ValueError(wanted)
    return x, y, third, fourth
