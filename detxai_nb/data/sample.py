"""One annotated photograph: the item type of every dataset of this package."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

Masks = Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class Sample:
    """One photograph with its M annotations.

    ``masks`` and ``parts`` are decoded on first use, so iterating over a dataset decodes no masks.

    Attributes:
        image: uint8 ``[H,W,3]``, RGB.
        boxes: float32 ``[M,4]``, xyxy in pixels of the image.
        labels: int64 ``[M]``, indices into ``names``.
        crowd: bool ``[M]``, True for an annotation that stands for a group of objects or a region to ignore.
        image_id, file_name: the image's id and file name in the dataset.
        names: all class names of the dataset, by label.
        load_masks: returns the instance masks, bool ``[M,H,W]``.
        load_parts: returns the masks of the parts, bool ``[M,H,W]``; None if the dataset has no parts.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    image_id: int
    file_name: str
    names: tuple[str, ...]
    load_masks: Masks = field(repr=False)
    load_parts: Masks | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def masks(self) -> np.ndarray:
        """The instance masks, bool ``[M,H,W]``."""
        return self.load_masks()

    @cached_property
    def parts(self) -> np.ndarray | None:
        """The masks of the part that identifies the class, bool ``[M,H,W]``; None if the dataset has no parts."""
        return None if self.load_parts is None else self.load_parts()
