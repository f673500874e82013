"""Detections in changed versions of an image: the detector is queried once with each different picture."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.passes import FastPasses
from detxai_nb.polygons import detection_overlaps
from detxai_nb.types import Detections, Detector

SCORE_THRESHOLD = 0.05
"""The least score of detections in changed pictures."""
MIN_IOU = 0.5
"""An object is found again by an IoU above this one."""
FOLLOWING = ("score", "iou")
"""Which of several detections an object is found again in: that with the highest score, or with the highest IoU."""
_BEFORE_A_COPY = 8
"""Fewer queries do not pay for a fast copy of the network."""
_BATCH = 8
"""On an accelerator: as many pictures as the detectors put through their network at once."""


@dataclass(frozen=True, eq=False)
class CachedDetections:
    """The detections in one picture, on the CPU, by falling score.

    Attributes:
        boxes: ``[D,4]`` xyxy in pixels of the picture.
        scores: ``[D]`` in 0..1.
        labels: int64 ``[D]``.
        polygons: ``[D,4,2]``, the corners of oriented boxes, or None.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    polygons: Tensor | None = None

    def follow(self, targets: Detections, min_iou: float = MIN_IOU, by: str = "score") -> tuple[Tensor, Tensor]:
        """Return the score and the IoU with which each target is found again in this picture.

        A target is found again, never by its index, in one of the detections of its class whose box has an IoU above
        ``min_iou`` with the target's box.

        Args:
            targets: T detections of the unchanged image.
            min_iou: the least IoU, 0..1, exclusive.
            by: which of several it is: "score", that with the highest score, as in the protocols of ODAM and of the
                difference maps; or "iou", that with the highest IoU (of equal ones the higher score), as in the
                whole-image protocol and the confidence drop.

        Returns:
            Scores and IoUs, float64 ``[T]`` each on the CPU in 0..1; both are 0 for a target that is not found again.

        Raises:
            ValueError: if ``by`` is unknown.
        """
        rows, overlaps = self.find(targets, min_iou, by)
        found = rows >= 0
        scores = torch.zeros(len(rows), dtype=torch.float64, device="cpu")
        scores[found] = self.scores.double()[rows[found]]
        return scores, overlaps

    def find(self, targets: Detections, min_iou: float = MIN_IOU, by: str = "score") -> tuple[Tensor, Tensor]:
        """Return in which detection each target is found again, as ``follow`` has it.

        Args:
            targets, min_iou, by: as in ``follow``.

        Returns:
            Numbers of detections, int64 ``[T]``, -1 for a target that is not found again, and IoUs, float64 ``[T]``.

        Raises:
            ValueError: if ``by`` is unknown.
        """
        if by not in FOLLOWING:
            raise ValueError(f"by is one of {', '.join(FOLLOWING)}; got {by!r}")
        count = len(targets)
        if not len(self.scores) or not count:
            return torch.full((count,), -1, dtype=torch.int64, device="cpu"), torch.zeros(
                count, dtype=torch.float64, device="cpu"
            )
        overlaps = detection_overlaps(targets.to("cpu"), self)
        candidates = (targets.labels.cpu()[:, None] == self.labels) & (overlaps > min_iou)
        first, second = self.scores.double().expand_as(overlaps), overlaps
        if by == "iou":
            first, second = second, first
        # Of equal ones that which is higher by the other.
        best = torch.where(candidates, first, -1).amax(dim=1, keepdim=True)
        rows = torch.where(candidates & (first == best), second, -1).argmax(dim=1)
        found = candidates.any(dim=1)
        ious = overlaps.gather(1, rows[:, None])[:, 0]
        return torch.where(found, rows, -1), torch.where(found, ious, 0)


@dataclass(eq=False)
class DetectionCache:
    """A detector that is queried in batches and whose detections are kept, while the pictures are not.

    Share one cache among the metrics and methods of one photograph: what they have in common (the unchanged image, the
    black one, maps of zeros) is then queried once. Boxes, scores and labels of each picture are kept; make a new cache
    for every photograph, so that memory does not grow.

    Attributes:
        detector: any detector, black-box ones too.
        batch_size: how many pictures it is given at once; None means 8, and on the CPU 4 where network and picture are
            small, else 1 (``Capabilities.batch_on_cpu``); ``fastest_batch`` tries it out. It is halved if an
            accelerator's memory does not suffice.
        queries: how many pictures the detector was given so far.
        fast: whether from the ninth picture on a fast copy of the network may answer, if its scores agree with the
            network's to 1e-5 (see ``passes``).

    Raises:
        ValueError: if ``batch_size`` is below 1.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> image = dx.data.scenes.make(1).image
        >>> cache = dx.metrics.DetectionCache(detector)
        >>> first, second = cache.ask([image, image])
        >>> first is second, cache.queries
        (True, 1)
    """

    detector: Detector
    batch_size: int | None = None
    queries: int = 0
    fast: bool = True
    _known: dict[tuple[float, bytes], CachedDetections] = field(default_factory=dict, repr=False)
    _passes: FastPasses | None = field(default=None, repr=False)
    _first: np.ndarray | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.batch_size is None and torch.device(self.detector.device).type != "cpu":
            self.batch_size = _BATCH
        if self.batch_size is not None and self.batch_size < 1:
            raise ValueError(f"batch_size is 1 or more, got {self.batch_size}")

    def ask(
        self, images: Iterable[np.ndarray], score_threshold: float = SCORE_THRESHOLD, batch_size: int | None = None
    ) -> Iterator[CachedDetections]:
        """Yield the detections in each image, in the order of the images.

        Images are streamed: at most ``batch_size`` new pictures are held at a time, and none that is known.

        Args:
            images: uint8 ``[H,W,3]`` each.
            score_threshold: the least score of detections, 0..1, after the detector's own NMS.
            batch_size: how many pictures the detector is given at once; None for the cache's own.

        Yields:
            The detections in each image.

        Raises:
            ValueError: if ``batch_size`` is below 1 or an image is not uint8 ``[H,W,3]``.
        """
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size is 1 or more, got {batch_size}")
        if self._passes is not None and self._passes.stale:
            self._passes = None
        order: list[tuple[float, bytes]] = []
        new: dict[tuple[float, bytes], np.ndarray] = {}
        for image in images:
            key = score_threshold, _digest(image)
            order.append(key)
            if self.batch_size is None:
                self.batch_size = Capabilities(self.detector).batch_on_cpu(image.shape[0] * image.shape[1])
            if key not in self._known:
                new.setdefault(key, image)
            if not new or len(new) >= (batch_size or self.batch_size or 1):
                self._detect(new, score_threshold)
                new = {}
                yield from (self._known[key] for key in order)
                order.clear()
        self._detect(new, score_threshold)
        yield from (self._known[key] for key in order)

    def _detect(self, new: dict[tuple[float, bytes], np.ndarray], score_threshold: float) -> None:
        """Query the detector with the new pictures and keep the detections."""
        keys, start = list(new), 0
        if self._first is None and keys:
            self._first = new[keys[0]]
        if self._passes is None and self.queries >= _BEFORE_A_COPY and keys:
            self._passes = FastPasses(self.detector, self._first, score_threshold, self.fast)
        detect = self.detector.detect if self._passes is None else self._passes.detect
        most = len(keys)
        while start < len(keys):
            rows = keys[start : start + most]
            try:
                found = detect([new[key] for key in rows], score_threshold)
            except torch.OutOfMemoryError:
                if most == 1:
                    raise
                most = max(1, most // 2)
                self.batch_size = min(self.batch_size or 1, most)
                continue
            self._known.update(zip(rows, map(_answer, found)))
            self.queries += len(rows)
            start += len(rows)


def fastest_batch(detector: Detector, image: np.ndarray, sizes: Sequence[int] = (1, 8), repeats: int = 3) -> int:
    """Return the batch size that takes the least time a picture, by trying each in turn.

    The fastest of the repeats counts, after one round that does not. Batches may differ from single pictures in the
    last digits, so for results that can be reproduced set the size that was found instead of trying again.

    Args:
        detector: the detector to time.
        image: uint8 ``[H,W,3]``, of the size that matters.
        sizes: batch sizes to try, each 1 or more.
        repeats: timed rounds, 1 or more.

    Returns:
        One of ``sizes``.

    Raises:
        ValueError: if ``sizes`` is empty, or a size or ``repeats`` is below 1.
    """
    if not sizes or min(sizes) < 1 or repeats < 1:
        raise ValueError(f"sizes are 1 or more and repeats too, got {list(sizes)} and {repeats}")
    best = dict.fromkeys(sizes, float("inf"))
    for repeat in range(repeats + 1):
        for size in best:
            start = time.perf_counter()
            # Reading the boxes waits for the device.
            for found in detector.detect([image] * size, SCORE_THRESHOLD):
                found.boxes.cpu()
            if repeat:
                best[size] = min(best[size], (time.perf_counter() - start) / size)
    return min(best, key=best.__getitem__)


def _answer(found: Detections) -> CachedDetections:
    polygons = None if found.polygons is None else found.polygons.detach().cpu()
    return CachedDetections(found.boxes.detach().cpu(), found.scores.detach().cpu(), found.labels.cpu(), polygons)


def _digest(image: np.ndarray) -> bytes:
    if image.dtype != np.uint8 or image.ndim != 3:
        raise ValueError(f"a picture is uint8 [H,W,3], got {image.dtype} {list(image.shape)}")
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=16)
    digest.update(np.ascontiguousarray(image).data)
    return digest.digest()
