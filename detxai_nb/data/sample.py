"""One annotated photograph: what every dataset of this package gives out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

Masks = Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class Sample:
    """One photograph with its M annotations.

    ``image`` uint8 [H,W,3], RGB; ``boxes`` float32 [M,4], xyxy in pixels of the image; ``labels`` int64 [M], indices
    into ``names``; ``crowd`` bool [M], True for an annotation that stands for a group; ``image_id``, ``file_name``: as
    in the dataset; ``names``: all class names of the dataset. ``load_masks`` and ``load_parts`` (None where the dataset
    has no parts) make ``masks`` and ``parts`` on first use, so that listing a dataset decodes nothing.
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
        """Instance masks, bool [M,H,W]."""
        return self.load_masks()

    @cached_property
    def parts(self) -> np.ndarray | None:
        """Masks of the part that tells the class, bool [M,H,W]; None where the dataset has no parts."""
        return None if self.load_parts is None else self.load_parts()
