"""MetricInput: one image's objects with their maps, everything that a metric may use."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.detections import are_classes
from detxai_nb.metrics.detection_cache import DetectionCache
from detxai_nb.metrics.map_energy import box_masks
from detxai_nb.metrics.matching import class_members
from detxai_nb.polygons import polygon_masks
from detxai_nb.types import Detections, Detector


@dataclass(frozen=True, eq=False)
class MetricInput:
    """One image's objects with their maps: what every metric may use.

    The predictions of a classifier are classes of the whole image (``classes``): of such a one "the object" is all
    annotated objects of its class together, so that boxes, masks and parts are their unions.

    Attributes:
        maps: ``[N,H,W]``, raw, at the size of the image, on the detector's device, without negative values unless
            ``signed``.
        detections: the N explained detections; row i belongs to map i.
        annotations: int64 ``[N]``: the index of each detection's annotation in ``sample`` (as from ``match``), -1 for
            none.
        sample: the image with all its annotations.
        detector: for metrics that query it with changed images; None if no metric does.
        seed: of the order of tied pixels and of random fills. Each object's own seed follows from it, the image's id
            and the annotation (``object_seed``), so neither the other objects nor their order matter.
        signed: whether the maps may have negative values.
        answers: the detections in changed versions of this image. Inputs of the same image (several methods) can share
            one cache, then no picture is queried twice; by default each input has its own.

    Raises:
        ValueError: if sizes, indices or values do not fit together.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> sample = dx.data.scenes.Scenes(1)[0]
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> detections = detector.detect([sample.image])[0]
        >>> maps = dx.metrics.centred_gaussians(detections.boxes, *sample.image.shape[:2])
        >>> case = dx.metrics.MetricInput(maps, detections, dx.metrics.match(detections, sample), sample)
        >>> value = dx.metrics.find_metric("energy-pointing-box").measure(case).value
        >>> value.shape == (len(detections),)
        True
    """

    maps: Tensor
    detections: Detections
    annotations: Tensor
    sample: Sample
    detector: Detector | None = None
    seed: int = 0
    signed: bool = False
    answers: DetectionCache | None = None

    def __post_init__(self) -> None:
        count, size = len(self.detections), tuple(self.sample.image.shape[:2])
        if tuple(self.maps.shape) != (count, *size):
            raise ValueError(
                f"maps are [N,H,W] = {[count, *size]} for {count} detections in an image of {size[1]}x{size[0]} "
                f"pixels, got {list(self.maps.shape)}"
            )
        if self.annotations.shape != (count,) or self.annotations.is_floating_point():
            raise ValueError(
                f"annotations are whole numbers [N], one for each of the {count} detections, "
                f"got {self.annotations.dtype} {list(self.annotations.shape)}"
            )
        known = len(self.sample)
        if count and not -1 <= int(self.annotations.min()) <= int(self.annotations.max()) < known:
            raise ValueError(
                f"annotations are numbers from 0 to {known - 1}, or -1 for none; got {self.annotations.tolist()}"
            )
        self.detections.require_image(*size)
        _check_values(self.maps, self.signed)
        if self.answers is not None and self.answers.detector is not self.detector:
            raise ValueError("the case's answers come from another detector than the case's own")

    def __len__(self) -> int:
        return len(self.detections)

    @property
    def size(self) -> tuple[int, int]:
        """The image's (height, width) in pixels."""
        return self.sample.image.shape[0], self.sample.image.shape[1]

    @cached_property
    def annotated(self) -> Tensor:
        """Whether each object has an annotation, bool ``[N]`` on the CPU."""
        return self.annotations.cpu() >= 0

    @property
    def classes(self) -> bool:
        """Whether the detections are classes of the whole image, as those of a classifier."""
        return are_classes(self.detections)

    @cached_property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """The numbers of the annotations that make each object: one or none, and of a class all that are no crowd."""
        numbers = self.annotations.cpu().tolist()
        if self.classes:
            return tuple(tuple(class_members(self.sample, number)) for number in numbers)
        return tuple((number,) if number >= 0 else () for number in numbers)

    @cached_property
    def boxes(self) -> Tensor:
        """The annotated box of each object, float32 ``[N,4]`` on the CPU, NaN for none; of a class that around all."""
        boxes = torch.from_numpy(self.sample.boxes).float()
        found = torch.full((len(self), 4), float("nan"), device="cpu")
        for row, numbers in enumerate(self.members):
            if numbers:
                these = boxes[list(numbers)]
                found[row] = torch.cat([these[:, :2].amin(dim=0), these[:, 2:].amax(dim=0)])
        return found

    @cached_property
    def polygons(self) -> Tensor | None:
        """The annotated oriented box of each object, float32 ``[N,4,2]`` on the CPU, 0 for none.

        None if the detections or the annotations have only upright boxes, or the objects are classes.
        """
        if self.classes or self.detections.polygons is None or self.sample.polygons is None:
            return None
        known = torch.from_numpy(self.sample.polygons).float()
        found = torch.zeros(len(self), 4, 2, device="cpu")
        found[self.annotated] = known[self.annotations.cpu()[self.annotated]]
        return found

    @cached_property
    def box_masks(self) -> Tensor:
        """Pixels of each object's annotated box: bool ``[N,H,W]`` on the maps' device, False where there is none.

        Of a class they are the pixels of any of its boxes, not of the box around them. Where detections and annotations
        are oriented boxes, they are the pixels of the annotated polygon.
        """
        if not self.classes:
            if self.polygons is not None:
                return (
                    polygon_masks(self.polygons.to(self.maps.device), *self.size)
                    & self.annotated.to(self.maps.device)[:, None, None]
                )
            return box_masks(self.boxes.to(self.maps.device), *self.size)
        boxes = torch.from_numpy(self.sample.boxes).float().to(self.maps.device)
        found = torch.zeros(len(self), *self.size, dtype=torch.bool, device=self.maps.device)
        for row, numbers in enumerate(self.members):
            found[row] = box_masks(boxes[list(numbers)], *self.size).any(dim=0)
        return found

    @cached_property
    def masks(self) -> Tensor:
        """Each object's annotated mask: bool ``[N,H,W]`` on the maps' device, False where there is none."""
        return self._decoded(self.sample.masks_of)

    @cached_property
    def parts(self) -> Tensor:
        """Pixels of each object's class-defining part, as ``masks``; raises ValueError if the sample has none."""
        if self.sample.load_parts is None:
            raise ValueError(f"{self.sample.file_name} has no masks of parts; the synthetic scenes have them")
        return self._decoded(self.sample.parts_of)

    def _decoded(self, masks_of: Callable[[Sequence[int]], np.ndarray | None]) -> Tensor:
        """The objects' masks, without decoding those of other annotations."""
        masks = torch.zeros(len(self), *self.size, dtype=torch.bool, device="cpu")
        numbers = sorted({number for members in self.members for number in members})
        found = masks_of(numbers)
        if found is not None:
            for row, members in enumerate(self.members):
                for number in members:
                    masks[row] |= torch.from_numpy(found[numbers.index(number)])
        return masks.to(self.maps.device)

    def ask(self) -> DetectionCache:
        """Return the cache through which the detector is queried: the shared one, or this input's own.

        Returns:
            The cache, for pictures of this image only.

        Raises:
            ValueError: if there is no detector.
        """
        if self.answers is not None:
            return self.answers
        return self._own_answers

    @cached_property
    def _own_answers(self) -> DetectionCache:
        if self.detector is None:
            raise ValueError("this case has no detector to query with changed images")
        return DetectionCache(self.detector)

    def object_seed(self, row: int, purpose: str = "") -> int:
        """Return the seed of one object's random numbers, the same whatever else is measured and on every platform.

        It follows from ``seed``, the image's id and the annotation; for a detection without an annotation from its
        label and its box in hundredths of a pixel.

        Args:
            row: the object, 0 to N - 1.
            purpose: keeps streams of random numbers apart, such as "order" and "fill".

        Returns:
            A seed of 63 bits.
        """
        annotation = int(self.annotations[row])
        about: list[object] = [self.seed, self.sample.image_id, annotation, purpose]
        if annotation < 0:
            box = self.detections.boxes[row].double().cpu()
            about += [int(self.detections.labels[row]), *(box * 100).round().long().tolist()]
        # As text: 3 and NumPy's 3 are the same.
        digest = hashlib.blake2b(" ".join(map(str, about)).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1

    def least_score(self, score_threshold: float) -> float:
        """Return the least score with which the detector is queried about these objects.

        Args:
            score_threshold: that of the metric.

        Returns:
            The same; 0 for classes of the whole image: those have a probability in every picture, however small.
        """
        return 0.0 if self.classes else score_threshold

    def positive_part(self) -> MetricInput:
        """Return the same objects with the positive part of each map, for metrics that take no signed maps.

        Returns:
            An input with maps ``relu(map)`` divided by their maximum, in 0..1, not signed.
        """
        maps = self.maps.clamp(min=0)
        high = maps.amax(dim=(1, 2), keepdim=True) if maps.numel() else maps
        return replace(self, maps=torch.where(high > 0, maps / torch.where(high > 0, high, 1), 0), signed=False)


def per_object(case: MetricInput, value: Tensor) -> Tensor:
    """Return a metric's values in the form of ``Measured``, undefined for objects without an annotation.

    Args:
        case: the N objects.
        value: their values ``[N]``, on any device.

    Returns:
        float64 ``[N]`` on the CPU, NaN for each object without an annotation.
    """
    return torch.where(case.annotated, value.detach().cpu().double(), torch.nan)


def _check_values(maps: Tensor, signed: bool) -> None:
    if not bool(torch.isfinite(maps).all()):
        raise ValueError("the maps hold NaN or infinity; a map is finite everywhere")
    if not signed and bool((maps < 0).any()):
        raise ValueError("the maps have negative values; give signed=True for difference maps and other signed ones")
