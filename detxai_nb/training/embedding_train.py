"""The loss that trains FeatureNMS's embedding head: vectors of one object near, of different objects apart."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.nms.embedding import CELLS, DISTANCE, EmbeddingHead
from detxai_nb.training.positives import PassRecord, record_positives
from detxai_nb.training.torchvision_losses import LossFunction, Targets

MARGIN = 0.2
"""Of FeatureNMS's loss, as in the paper."""


@dataclass(frozen=True, eq=False)
class EmbeddingTerms:
    """The two parts of the embedding loss of a batch.

    Attributes:
        near: the mean of ``max(0, d - distance + margin)`` over pairs of the same object, d being their distance.
        apart: the mean of ``max(0, distance + margin - d)`` over pairs of different objects.
        same: the number of pairs of the same object.
        different: the number of pairs of different objects.
    """

    near: Tensor
    apart: Tensor
    same: int
    different: int


@dataclass(frozen=True, eq=False)
class OwnedVectors:
    """The feature vectors of n predictions of one image, and what each is of.

    Attributes:
        vectors: ``[n,D]``, of length 1.
        boxes: the predicted boxes ``[n,4]``, xyxy in input pixels.
        objects: int64 ``[n]``, the number of each one's object.
        labels: int64 ``[n]``, the class of each one's object.
    """

    vectors: Tensor
    boxes: Tensor
    objects: Tensor
    labels: Tensor


class EmbeddingLoss:
    """FeatureNMS's margin loss on the feature vectors of overlapping predictions.

    It is added to the detector's own losses of the same pass::

        head = EmbeddingHead.made_for(module)
        embedding = EmbeddingLoss()
        with record_positives(module) as positives:
            losses = module(images, targets)
        loss = sum(losses.values()) + embedding(positives, head)

    Paired are positive predictions of one image and one class whose boxes overlap as those do for which FeatureNMS asks
    the vectors. Each is of the object that the detector's own training matched it with.

    Args:
        weight: the factor of the loss, above 0.
        margin: so far from ``distance`` a pair has to be, 0 or more.
        distance: the border between one object and two, above 0; for ``FeatureNms(distance=...)``.
        low_iou, high_iou: in 0..1, the range of the IoU of two predicted boxes.

    Raises:
        ValueError: for a setting out of its range.

    References:
        Salscheider, "FeatureNMS" (ICPR 2021): margin loss with margin 0.2 and border 1.0. Here the pairs of one object
        and those of different objects are averaged apart and count alike, whatever a detector has more of.
    """

    def __init__(
        self,
        weight: float = 1.0,
        *,
        margin: float = MARGIN,
        distance: float = DISTANCE,
        low_iou: float = 0.1,
        high_iou: float = 0.9,
    ) -> None:
        if not 0 < weight < math.inf:
            raise ValueError(f"weight is a number above 0, got {weight}")
        if not 0 <= margin < math.inf:
            raise ValueError(f"margin is 0 or more, got {margin}")
        if not 0 < distance < 2:
            raise ValueError(f"distance is between 0 and 2, the most that vectors of length 1 have; got {distance}")
        if not 0 <= low_iou <= high_iou <= 1:
            raise ValueError(f"expected 0 <= low_iou <= high_iou <= 1, got {low_iou} and {high_iou}")
        self.weight, self.margin, self.distance = float(weight), float(margin), float(distance)
        self.low_iou, self.high_iou = float(low_iou), float(high_iou)

    def describe(self) -> str:
        """Return the settings in words.

        Returns:
            A line.
        """
        return (
            f"weight {self.weight:g}, margin {self.margin:g}, distance {self.distance:g}, pairs of an IoU of "
            f"{self.low_iou:g} to {self.high_iou:g}"
        )

    def __call__(self, record: PassRecord, head: EmbeddingHead) -> Tensor:
        """Compute the loss of a batch.

        Args:
            record: of one training pass, from ``record_positives``.
            head: the detector's embedding head.

        Returns:
            A scalar, ``weight * (near + apart)``; 0 with a gradient of 0 where there is no pair.

        Raises:
            ValueError: if not exactly one training pass was recorded, or the head is of another form than the features.
        """
        terms = self.terms(record, head)
        return self.weight * (terms.near + terms.apart)

    def terms(self, record: PassRecord, head: EmbeddingHead) -> EmbeddingTerms:
        """Compute the two parts of a batch apart, without the weight.

        Args:
            record: of one training pass, from ``record_positives``.
            head: the detector's embedding head.

        Returns:
            The parts.

        Raises:
            ValueError: if not exactly one training pass was recorded, or the head is of another form than the features.
        """
        record.require_one_pass()
        with torch.autocast(record.boxes[0].device.type, enabled=False):
            chosen = [record.positives(image) for image in range(len(record.boxes))]
            images = [
                OwnedVectors(vectors, record.predicted(image, rows), objects, record.targets[image]["labels"][objects])
                for image, (vectors, rows) in enumerate(zip(vectors_with_graph(record, head, chosen), chosen))
                for objects in [record.matched[image][rows]]
            ]
            return self.of_vectors(images, head)

    def of_vectors(self, images: Sequence[OwnedVectors], head: EmbeddingHead) -> EmbeddingTerms:
        """Compute the two parts from feature vectors.

        Args:
            images: those of each image.
            head: what made them; its weights have a gradient of 0 where there is no pair.

        Returns:
            The parts.
        """
        near: list[Tensor] = []
        apart: list[Tensor] = []
        for image in images:
            one, other = self._pairs(image)
            between = torch.linalg.vector_norm(image.vectors[one] - image.vectors[other], dim=1)
            same = image.objects[one] == image.objects[other]
            near.append((between[same] - self.distance + self.margin).clamp(min=0))
            apart.append((self.distance + self.margin - between[~same]).clamp(min=0))
        nothing = torch.cat([value.flatten()[:0] for value in head.parameters()]).sum()
        counts = [sum(map(len, some)) for some in (near, apart)]
        sums = [sum((values.sum() for values in some), nothing) for some in (near, apart)]
        return EmbeddingTerms(sums[0] / max(1, counts[0]), sums[1] / max(1, counts[1]), *counts)

    @torch.no_grad()
    def _pairs(self, image: OwnedVectors) -> tuple[Tensor, Tensor]:
        """The rows of each two predictions of one class whose IoU lies in the range."""
        overlap = box_iou(image.boxes, image.boxes)
        inside = (overlap >= self.low_iou) & (overlap <= self.high_iou) & (image.labels[:, None] == image.labels)
        rows = inside.triu(diagonal=1).nonzero()
        return rows[:, 0], rows[:, 1]


def vectors_with_graph(record: PassRecord, head: EmbeddingHead, chosen: Sequence[Tensor]) -> list[Tensor]:
    """Compute the feature vectors of predictions of a training pass.

    Args:
        record: of one training pass.
        head: the detector's embedding head.
        chosen: for each image rows of ``record.boxes``, int64 ``[n]``.

    Returns:
        For each image ``[n,D]``, rows of length 1, in the type of the head.

    Raises:
        ValueError: if the head is of another form than the features of the pass.
    """
    if record.dense != (head.form.kind == CELLS):
        own = "one stage" if record.dense else "two stages"
        raise ValueError(
            f"the embedding head reads {head.form.kind}, and this {type(record.module).__name__} has {own}; make one "
            "for it: EmbeddingHead.made_for(module)"
        )
    channels = record.features[0].shape[1]
    if channels != head.form.channels:
        raise ValueError(
            f"the embedding head reads {head.form.channels} channels, and this {type(record.module).__name__} has "
            f"{channels}; make one for it: EmbeddingHead.made_for(module)"
        )
    if not record.dense:
        rows = torch.cat([record.begin(image) + some for image, some in enumerate(chosen)])
        vectors: Tensor = head(record.features[0][rows])
        return list(torch.split(vectors, [len(some) for some in chosen]))
    every = torch.cat([head(level) for level in record.features], dim=1)
    return [every[image][some] for image, some in enumerate(chosen)]


def with_embedding(losses: LossFunction, embedding: EmbeddingLoss) -> LossFunction:
    """Add the embedding loss to those of a detector that has its embedding head as submodule ``embedding``.

    Args:
        losses: the detector's own losses, of one pass.
        embedding: the loss that is added.

    Returns:
        A function of the same kind; beside the detector's losses it returns "near" and "apart", with the weight.
    """

    def run(model: Any, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
        with record_positives(model) as record:
            own = losses(model, images, targets, half)
        return {**own, **_weighted(embedding, embedding.terms(record, model.embedding))}

    return run


def keep_positives(record: PassRecord) -> list[dict[str, Tensor]]:
    """Return what an embedding head needs of a training pass, to be trained on it again and again.

    Args:
        record: of one training pass, without a graph.

    Returns:
        For each image the features (in float16: the levels of the pyramid, or the positive regions), and of each
        positive prediction "rows" of the outputs, "boxes", "objects" and "labels".

    Raises:
        ValueError: if not exactly one training pass was recorded.
    """
    record.require_one_pass()
    kept = []
    for image in range(len(record.boxes)):
        rows = record.positives(image)
        objects = record.matched[image][rows]
        labels = record.targets[image]["labels"][objects]
        own = {"rows": rows, "boxes": record.predicted(image, rows), "objects": objects, "labels": labels}
        if record.dense:
            features = {f"level {i}": level[image : image + 1] for i, level in enumerate(record.features)}
        else:
            features = {"regions": record.features[0][record.begin(image) + rows]}
        kept.append({**own, **{name: value.detach().half() for name, value in features.items()}})
    return kept


def losses_of_kept(embedding: EmbeddingLoss) -> LossFunction:
    """Return the losses of an embedding head on positives that were kept, for a ``TrainingRun`` of the head alone.

    Args:
        embedding: the loss.

    Returns:
        ``losses(head, images, kept, half)``, which has no use for images; "near" and "apart" with the weight.
    """

    def run(model: Any, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
        owned = [OwnedVectors(_vectors_of(model, kept), *(kept[n] for n in _OWN)) for kept in targets]
        return _weighted(embedding, embedding.of_vectors(owned, model))

    return run


_OWN = ("boxes", "objects", "labels")


def _vectors_of(head: EmbeddingHead, kept: Mapping[str, Tensor]) -> Tensor:
    if "regions" in kept:
        found: Tensor = head(kept["regions"])
        return found
    levels = [value for name, value in kept.items() if name.startswith("level ")]
    return torch.cat([head(level) for level in levels], dim=1)[0, kept["rows"]]


def _weighted(embedding: EmbeddingLoss, terms: EmbeddingTerms) -> dict[str, Tensor]:
    return {"near": embedding.weight * terms.near, "apart": embedding.weight * terms.apart}


def without_embedding(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Part the weights of a detector from those of its embedding head.

    Args:
        state: the state dict of a detector with its head as submodule ``embedding``.

    Returns:
        The detector's own, and the head's by their names within it.
    """
    own = {name: value for name, value in state.items() if not name.startswith("embedding.")}
    head = {name.removeprefix("embedding."): value for name, value in state.items() if name not in own}
    return own, head
