"""The rules that keep one of several predictions of an object: greedy NMS, FeatureNMS and ODAM-NMS."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor

from detxai_nb.float32 import exact_mode, in_full_float32
from detxai_nb.nms.inputs import Compared, read_predictions, require_fraction, require_positive
from detxai_nb.nms.similarity import at_least, at_most, box_overlaps, cosines, unit_vectors

_BLOCK = 1024
"""So many predictions are compared with so many others at once: a bound on memory, not on their number."""


class Kept(NamedTuple):
    """What is left after suppression, by falling score.

    Attributes:
        rows: int64 ``[K]``, numbers of the predictions that are kept.
        scores: ``[K]``, their scores, which Soft-NMS lowers.
    """

    rows: Tensor
    scores: Tensor


class Suppression(Protocol):
    """What every rule can do: it is called with predictions and says which to keep.

    Attributes:
        vectors_of: what ``vectors`` are to this rule, in words; "" if it needs none.
    """

    vectors_of: ClassVar[str]

    def __call__(
        self,
        boxes: Tensor,
        scores: Tensor,
        labels: Tensor | None = None,
        images: Tensor | None = None,
        vectors: Tensor | None = None,
    ) -> Kept:
        """Return the predictions to keep.

        Only predictions of one image and one class are compared. All is computed on the device of ``boxes``.

        Args:
            boxes: ``[N,4]``, xyxy in any unit.
            scores: ``[N]``, finite; of equal ones the first in the list goes first.
            labels: int64 ``[N]``, the class of each; None: all are of one class.
            images: int64 ``[N]``, the number of each one's image; None: all are of one image.
            vectors: ``[N,D]``, what the rule compares besides boxes; None for rules that need nothing else.

        Returns:
            Their rows and scores, by falling score.
        """


@dataclass(frozen=True)
class PairRule:
    """A rule of the kind "dropped if any prediction that was kept before says that this one is its duplicate".

    Compared go by falling score. A subclass says for pairs which is a duplicate.
    """

    vectors_of: ClassVar[str] = ""

    @exact_mode
    @torch.no_grad()
    def __call__(
        self,
        boxes: Tensor,
        scores: Tensor,
        labels: Tensor | None = None,
        images: Tensor | None = None,
        vectors: Tensor | None = None,
    ) -> Kept:
        """Return the predictions to keep; see ``Suppression``.

        Args:
            boxes: ``[N,4]``, xyxy in any unit.
            scores: ``[N]``, finite; of equal ones the first in the list goes first.
            labels: int64 ``[N]``, the class of each; None: all are of one class.
            images: int64 ``[N]``, the number of each one's image; None: all are of one image.
            vectors: ``[N,D]``, what the rule compares besides boxes; None for rules that need nothing else.

        Returns:
            Their rows and scores, by falling score.

        Raises:
            TypeError: for what are no tensors of numbers.
            ValueError: for shapes that do not fit together, boxes or scores that are not finite, boxes whose sides are
                the wrong way round, and for vectors that are missing or that the rule has no use for.
        """
        given = read_predictions(boxes, scores, labels, images, vectors, self.vectors_of, type(self).__name__)
        given = self._prepared(given)
        rows = in_full_float32(given.boxes.device, lambda: self._keep(given))
        return Kept(rows, scores[rows])

    def _keep(self, given: Compared) -> Tensor:
        kept = [self._keep_of_image(given, rows) for rows in given.rows_of_images()]
        rows = torch.cat(kept) if kept else torch.empty(0, dtype=torch.int64, device=given.boxes.device)
        # By falling score over all images; those of equal scores in the order of the list.
        rows = rows.sort().values
        return rows[given.scores[rows].argsort(descending=True, stable=True)]

    def _keep_of_image(self, given: Compared, rows: Tensor) -> Tensor:
        """The kept ones of ``rows``, which are sorted by falling score."""
        kept = rows[:0]
        for block in torch.split(rows, _BLOCK):
            dropped = torch.zeros(len(block), dtype=torch.bool, device=block.device)
            for before in torch.split(kept, _BLOCK) if len(kept) else ():
                dropped |= self._pairs(given.of(before), given.of(block)).any(dim=0)
            block = block[~dropped]
            kept = torch.cat([kept, block[first_of_each(self._pairs(given.of(block), given.of(block)))]])
        return kept

    def _pairs(self, kept: Compared, others: Compared) -> Tensor:
        """bool ``[A,B]``: whether each of B predictions is a duplicate of each of A better ones."""
        same_class = kept.labels[:, None] == others.labels
        return same_class & self.duplicates(box_overlaps(kept.boxes, others.boxes), kept.vectors, others.vectors)

    def _prepared(self, given: Compared) -> Compared:
        """The predictions with vectors as ``duplicates`` wants them."""
        return given

    @abstractmethod
    def duplicates(self, iou: Tensor, kept: Tensor | None, others: Tensor | None) -> Tensor:
        """Say for pairs whether the second is a duplicate of the first.

        Args:
            iou: ``[A,B]`` in 0..1.
            kept: the vectors ``[A,D]`` of the first ones, or None.
            others: the vectors ``[B,D]`` of the second ones, or None.

        Returns:
            bool ``[A,B]``.
        """


@dataclass(frozen=True)
class GreedyNms(PairRule):
    """Non-maximum suppression: a prediction is dropped if its IoU with a better one that was kept is above a threshold.

    Args:
        iou_threshold: in 0..1; an IoU of just this much is no overlap, as in torchvision.

    Raises:
        TypeError: if the threshold is no number.
        ValueError: if it is not in 0..1.

    Example:
        >>> import torch
        >>> boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 0, 30, 10]])
        >>> GreedyNms(0.5)(boxes, torch.tensor([0.9, 0.8, 0.3])).rows.tolist()
        [0, 2]
    """

    iou_threshold: float = 0.5

    def __post_init__(self) -> None:
        require_fraction("iou_threshold", self.iou_threshold)

    def duplicates(self, iou: Tensor, kept: Tensor | None, others: Tensor | None) -> Tensor:
        """Say for pairs whether the second is a duplicate of the first: by their IoU alone.

        Args:
            iou: ``[A,B]`` in 0..1.
            kept, others: not used.

        Returns:
            bool ``[A,B]``.
        """
        return iou > at_most(self.iou_threshold, iou.dtype)


@dataclass(frozen=True)
class FeatureNms(PairRule):
    """FeatureNMS: where boxes overlap neither little nor much, feature vectors say whether two are of one object.

    Above ``high_iou`` a prediction is a duplicate, below ``low_iou`` it is none, and in between if the feature vectors
    are no further apart than ``distance``. A detector needs a head that was trained to give such vectors.

    Args:
        low_iou, high_iou: in 0..1, the range of IoU in which the vectors decide.
        distance: the largest Euclidean distance of the vectors of one object, above 0.

    Raises:
        TypeError: if a setting is no number.
        ValueError: if one is out of its range, or ``low_iou`` is above ``high_iou``.

    References:
        Salscheider, "FeatureNMS: Non-Maximum Suppression by Learning Feature Embeddings" (ICPR 2021); the range 0.1 to
        0.9 is his.
    """

    low_iou: float = 0.1
    high_iou: float = 0.9
    distance: float = 1.0

    vectors_of: ClassVar[str] = "feature vectors"

    def __post_init__(self) -> None:
        require_fraction("low_iou", self.low_iou)
        require_fraction("high_iou", self.high_iou)
        require_positive("distance", self.distance)
        if self.low_iou > self.high_iou:
            raise ValueError(
                f"low_iou is at most high_iou, got {self.low_iou:g} and {self.high_iou:g}: the vectors decide between "
                "the two; exchange them"
            )

    def duplicates(self, iou: Tensor, kept: Tensor | None, others: Tensor | None) -> Tensor:
        """Say for pairs whether the second is a duplicate of the first: by IoU and distance.

        Args:
            iou: ``[A,B]`` in 0..1.
            kept, others: feature vectors ``[A,D]`` and ``[B,D]``.

        Returns:
            bool ``[A,B]``.
        """
        first, second = _both(kept, others)
        # Not by a matrix product, which loses the small distances that decide.
        near = torch.cdist(first, second, compute_mode="donot_use_mm_for_euclid_dist") <= self.distance
        return (iou > at_most(self.high_iou, iou.dtype)) | ((iou >= at_least(self.low_iou, iou.dtype)) & near)


@dataclass(frozen=True)
class OdamNms(PairRule):
    """ODAM-NMS: boxes that overlap are of one object only if their heat maps are alike, and alike maps are of one.

    A prediction is dropped if for a better one that was kept the IoU is at least ``iou_threshold`` and the correlation
    of the heat maps above ``t_low``, or the IoU is below it and the correlation above ``t_high``. The correlation of
    two maps is the cosine of the angle between them as vectors: 1 for maps of one shape, 0 for maps that share no
    pixel and for a map of zeros.

    With ``t_low`` 0 no map saves a box: what overlaps is then judged as NMS does. ``OdamNms(t, t_low=0, t_high=1)`` is
    ``GreedyNms(t)``.

    Args:
        iou_threshold: in 0..1.
        t_low: in 0..1, the correlation up to which overlapping boxes are different objects.
        t_high: in 0..1 and not below ``t_low``, the correlation above which boxes that do not overlap are one object.

    Raises:
        TypeError: if a threshold is no number.
        ValueError: if one is not in 0..1, or ``t_low`` is above ``t_high``.

    References:
        Zhao & Chan, ODAM (ICLR 2023), algorithm 1 and its settings. One departure, by which the ends of the thresholds
        give NMS itself: for ``t_low`` 0 the first condition is NMS's own, IoU above the threshold. As printed it would
        keep overlapping boxes whose maps share no pixel, and drop those whose IoU is the threshold to the last digit.
    """

    iou_threshold: float = 0.5
    t_low: float = 0.2
    t_high: float = 0.8

    vectors_of: ClassVar[str] = "heat maps"

    def __post_init__(self) -> None:
        for name in ("iou_threshold", "t_low", "t_high"):
            require_fraction(name, getattr(self, name))
        if self.t_low > self.t_high:
            raise ValueError(
                f"t_low is at most t_high, got {self.t_low:g} and {self.t_high:g}: maps alike enough for boxes apart "
                "are so for boxes that overlap; exchange the two"
            )

    def duplicates(self, iou: Tensor, kept: Tensor | None, others: Tensor | None) -> Tensor:
        """Say for pairs whether the second is a duplicate of the first: by IoU and correlation.

        Args:
            iou: ``[A,B]`` in 0..1.
            kept, others: heat maps ``[A,D]`` and ``[B,D]``, each of length 1 or all zero.

        Returns:
            bool ``[A,B]``.
        """
        return self.by_correlation(iou, cosines(*_both(kept, others)))

    def by_correlation(self, iou: Tensor, alike: Tensor) -> Tensor:
        """Say for pairs whether the second is a duplicate of the first: by IoU and a correlation known already.

        Args:
            iou: ``[A,B]`` in 0..1.
            alike: ``[A,B]``, the correlation of their heat maps.

        Returns:
            bool ``[A,B]``.
        """
        apart = (iou < at_least(self.iou_threshold, iou.dtype)) & (alike > at_most(self.t_high, alike.dtype))
        if self.t_low == 0:
            return (iou > at_most(self.iou_threshold, iou.dtype)) | apart
        overlap = iou >= at_least(self.iou_threshold, iou.dtype)
        return (overlap & (alike > at_most(self.t_low, alike.dtype))) | apart

    def _prepared(self, given: Compared) -> Compared:
        return given if given.vectors is None else replace(given, vectors=unit_vectors(given.vectors))


def first_of_each(duplicates: Tensor) -> Tensor:
    """Choose greedily, from which of N predictions by falling score are duplicates of which.

    ``kept[j] = not any(kept[i] and duplicates[i, j] for i < j)`` has one solution, and iterating it settles at least
    one more of its first rows each time: a few parallel steps in place of N in turn.

    Args:
        duplicates: bool ``[N,N]``, of which the part above the diagonal is read: whether each is one of each before it.

    Returns:
        bool ``[N]``: whether each is kept.
    """
    before = duplicates.triu(diagonal=1)
    kept = torch.ones(len(before), dtype=torch.bool, device=before.device)
    while True:
        again = ~(before & kept[:, None]).any(dim=0)
        if torch.equal(again, kept):
            return kept
        kept = again


def _both(kept: Tensor | None, others: Tensor | None) -> tuple[Tensor, Tensor]:
    if kept is None or others is None:
        raise ValueError("this rule compares vectors, and there are none; hand in vectors [N,D]")
    return kept, others
