"""One annotated photograph: the item type of every dataset of this package."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np

Masks = Callable[[], np.ndarray]

MASKS_BUDGET = 2 * 2**30
"""``masks`` and ``parts`` are decoded whole only if they take at most so many bytes."""


@runtime_checkable
class LazyMasks(Protocol):
    """Masks of the M objects of an image that can be decoded one by one."""

    def __call__(self) -> np.ndarray:
        """Return all masks, bool ``[M,H,W]``."""

    def rows(self, rows: Sequence[int]) -> np.ndarray:
        """Return the masks of some objects.

        Args:
            rows: numbers of objects, 0 to M - 1.

        Returns:
            bool ``[K,H,W]``.
        """

    def check(self) -> None:
        """Raise ``ValueError`` if not all of them can be decoded."""

    def portable(self) -> LazyMasks:
        """Return the same masks with everything that they need, to be sent to another machine.

        Returns:
            An object that can be pickled and reads no file.
        """


@dataclass(frozen=True, eq=False)
class Sample:
    """One photograph with its M annotations.

    ``masks`` and ``parts`` are decoded on first use, so iterating over a dataset decodes no masks; ``masks_of`` and
    ``parts_of`` decode those of some objects only.

    Attributes:
        image: uint8 ``[H,W,3]``, RGB.
        boxes: float32 ``[M,4]``, xyxy in pixels of the image.
        labels: int64 ``[M]``, indices into ``names``.
        crowd: bool ``[M]``, True for an annotation that stands for a group of objects or a region to ignore.
        image_id: the image's id in the dataset, a whole number or a text.
        file_name: the image's file name in the dataset.
        names: all class names of the dataset, by label.
        load_masks: returns the instance masks, bool ``[M,H,W]``; ``LazyMasks`` return them one by one, too.
        load_parts: the same for the masks of the parts; None if the dataset has no parts.
        polygons: float32 ``[M,4,2]``, the corners (x, y) of oriented boxes in order, in pixels of the image; ``boxes``
            are then the upright boxes around them. None if annotations are upright boxes.
        load_without_parts: returns the same picture, uint8 ``[H,W,3]``, as it would be if the objects of these rows had
            no part; None if the dataset cannot draw its pictures again.
    """

    image: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    crowd: np.ndarray
    image_id: int | str
    file_name: str
    names: tuple[str, ...]
    load_masks: Masks = field(repr=False)
    load_parts: Masks | None = field(default=None, repr=False)
    load_without_parts: Callable[[Sequence[int]], np.ndarray] | None = field(default=None, repr=False)
    polygons: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def masks(self) -> np.ndarray:
        """The instance masks, bool ``[M,H,W]``; beyond ``MASKS_BUDGET`` a ValueError names ``masks_of``."""
        self._require_budget("masks", self.load_masks)
        return self.load_masks()

    @cached_property
    def parts(self) -> np.ndarray | None:
        """The masks of the part that defines the class in the data, as ``masks``; None if the dataset has no parts."""
        if self.load_parts is None:
            return None
        self._require_budget("parts", self.load_parts)
        return self.load_parts()

    def masks_of(self, rows: Sequence[int]) -> np.ndarray:
        """Return the masks of some objects, without decoding the others if the dataset can do that.

        Args:
            rows: numbers of annotations, 0 to M - 1.

        Returns:
            bool ``[K,H,W]``.

        Raises:
            ValueError: if the dataset has no masks, or one of them cannot be decoded.
        """
        return self.load_masks.rows(rows) if isinstance(self.load_masks, LazyMasks) else self.masks[list(rows)]

    def parts_of(self, rows: Sequence[int]) -> np.ndarray | None:
        """Return the masks of the parts of some objects, as ``masks_of``.

        Args:
            rows: numbers of annotations, 0 to M - 1.

        Returns:
            bool ``[K,H,W]``; None if the dataset has no parts.

        Raises:
            ValueError: if one of them cannot be decoded.
        """
        if isinstance(self.load_parts, LazyMasks):
            return self.load_parts.rows(rows)
        return None if self.parts is None else self.parts[list(rows)]

    def check_masks(self, masks: bool = True, parts: bool = False) -> None:
        """Raise an error if masks that will be needed cannot be decoded.

        Args:
            masks, parts: which are needed.

        Raises:
            ValueError: naming the first annotation whose mask cannot be decoded.
        """
        for name, load, needed in (("masks", self.load_masks, masks), ("parts", self.load_parts, parts)):
            if needed and isinstance(load, LazyMasks):
                load.check()
            elif needed:
                getattr(self, name)

    def _require_budget(self, name: str, load: Masks) -> None:
        size = len(self) * self.image.shape[0] * self.image.shape[1]
        if size > MASKS_BUDGET and isinstance(load, LazyMasks):
            raise ValueError(
                f"the {name} of {len(self)} objects in {self.image.shape[1]}x{self.image.shape[0]} pixels take "
                f"{size / 2**30:.1f} GiB, and at most {MASKS_BUDGET / 2**30:g} are decoded at once; take "
                f"{name}_of(rows) for some of them"
            )
