"""Subsets of a dataset by what an image holds: one object, objects of two classes, or several of one class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from detxai_nb.data.sample import Sample

SUBSETS = ("single", "dual", "several")
"""The names of the subsets; scenes of the modes of these names are such images."""


class Subset(Sequence[Sample]):
    """The images of a dataset that hold one object, objects of two classes, or several objects of one class.

    "single" images have one annotation; "dual" ones annotations of exactly two classes, one or several of each; and
    "several" ones at least two annotations, all of one class. Annotations that are marked as crowd are seen too, but
    each class has at least one that is not. Together the three are not all images: those of three and more classes, and
    those without annotations, are in none.

    The annotations are looked at when the subset is made. Readers that have ``annotations_of`` (COCO, VOC) are asked
    for those, so that no picture is read; other datasets are read through once.

    Args:
        dataset: a sequence of Samples.
        name: one of ``SUBSETS``.

    Raises:
        ValueError: for an unknown name, or if the dataset has no such image.

    Attributes:
        dataset: the whole dataset.
        name: which subset it is.
        indices: the positions of its images in the dataset.

    Example:
        >>> import detxai_nb as dx
        >>> scenes = dx.data.scenes.Scenes(12, width=96, height=96)
        >>> dual = dx.data.subsets.Subset(scenes, "dual")
        >>> all(len(set(sample.labels.tolist())) == 2 for sample in dual)
        True
    """

    def __init__(self, dataset: Sequence[Sample], name: str) -> None:
        if name not in SUBSETS:
            raise ValueError(f"a subset is one of {', '.join(SUBSETS)}; got {name!r}")
        self.dataset, self.name = dataset, name
        self.indices: tuple[int, ...] = tuple(n for n in range(len(dataset)) if self._holds(n))
        if not self.indices:
            raise ValueError(f"none of the {len(dataset)} images of the dataset is of the subset {name!r}")

    def __len__(self) -> int:
        return len(self.indices)

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        """Return the sample at ``index``, or a list of samples for a slice."""
        if isinstance(index, slice):
            return [self.dataset[number] for number in self.indices[index]]
        return self.dataset[self.indices[index]]

    @property
    def names(self) -> tuple[str, ...]:
        """The class names of the dataset, by label."""
        known = getattr(self.dataset, "names", None)
        return tuple(self[0].names if known is None else known)

    @property
    def has_masks(self) -> bool:
        """Whether the dataset has masks, as it says itself."""
        return bool(getattr(self.dataset, "has_masks", True))

    @property
    def has_boxes(self) -> bool:
        """Whether the dataset says where its objects are."""
        return bool(getattr(self.dataset, "has_boxes", True))

    def _holds(self, index: int) -> bool:
        found: Any = getattr(self.dataset, "annotations_of", None)
        about = self.dataset[index] if found is None else found(index)
        kind = kind_of(np.asarray(about.labels), np.asarray(about.crowd))
        return kind == self.name


def kind_of(labels: np.ndarray, crowd: np.ndarray) -> str:
    """Return which subset an image is of.

    Args:
        labels: whole numbers ``[M]``, the classes of its annotations.
        crowd: bool ``[M]``.

    Returns:
        One of ``SUBSETS``, or "" for an image of none.
    """
    classes = set(labels.tolist())
    if classes != set(labels[~crowd].tolist()):
        return ""
    if len(classes) == 1:
        return "single" if len(labels) == 1 else "several"
    return "dual" if len(classes) == 2 else ""
