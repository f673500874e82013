"""The types that everything shares: detections, targets, gradients, and the protocols of detectors and traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb import exchange
from detxai_nb.detection_rows import ROWS, check_rows
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource
from detxai_nb.names import any_class_number, as_names
from detxai_nb.targets import COMBINED as COMBINED
from detxai_nb.targets import PARTS as PARTS
from detxai_nb.targets import SCORES as SCORES
from detxai_nb.targets import SIDES as SIDES
from detxai_nb.targets import Target as Target
from detxai_nb.windows import GradientChunk

StagePatterns = tuple[tuple[str, str], ...]
"""(name, regular expression on the paths of submodules) of the stages above the backbone, from the output down. The
first pattern that fits counts; what none fits is the backbone."""

Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)`` between chunks of work; what it raises ends the work cleanly."""


class Cancelled(Exception):
    """The exception that a progress callback raises to stop the work."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The detections of one image, sorted by falling score.

    ``len``, iteration and indexing (int, slice, list, mask or tensor) go by rows, and each index gives ``Detections``.

    Attributes:
        boxes: float ``[N,4]``, xyxy in pixels of the original image, clipped to it.
        scores: ``[N]`` in 0..1.
        labels: int64 ``[N]``, indices into ``names``.
        names: the name of each class; what ``names.as_names`` takes becomes a tuple.
        class_scores: ``[N,C]``, the probability of every class, or None.
        objectness: ``[N]`` in 0..1, or None.
        origins: int64 ``[N,K]``, where each detection came from inside the model (pyramid level and location, proposal,
            or query), or None.
        origin_fields: the name of each column of ``origins``.
        highest_score: the highest score that the detector gave in this image, even if it is below the threshold.
        score_threshold: the threshold that the detections passed, or None if unknown.
        image_size: (height, width) of the image, or None if unknown.
        canvas_size: (height, width) of the network's whole input including its padding, in pixels of the image, or None
            if unknown.
        iou: ``[N]`` in 0..1, the IoU of each with the box for which ``detections.from_boxes`` found it, or None.
        numbers: int64 ``[N]``, the row of each among all that the detector found in the image, whichever are picked;
            None if unknown.
        found_boxes: ``[N,4]``, ``boxes`` as the detector gave them, or None if unknown: boxes that were changed since
            are noticed by it.
        polygons: ``[N,4,2]``, the corners (x, y) of oriented boxes in pixels of the image, in order around each and not
            clipped to the image; ``boxes`` are then the upright boxes around them. None for upright boxes.

    Raises:
        TypeError: if a field that holds a row for each detection is no tensor, or one of another kind of numbers.
        ValueError: if the tensors differ in their number of rows or columns, or a label has no name.
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    names: tuple[str, ...]
    class_scores: Tensor | None = None
    objectness: Tensor | None = None
    origins: Tensor | None = None
    origin_fields: tuple[str, ...] = ()
    highest_score: float | None = None
    score_threshold: float | None = None
    image_size: tuple[int, int] | None = None
    canvas_size: tuple[float, float] | None = None
    iou: Tensor | None = None
    found_boxes: Tensor | None = None
    numbers: Tensor | None = None
    polygons: Tensor | None = None

    from_supervision = classmethod(exchange.from_supervision)
    from_torchvision = classmethod(exchange.from_torchvision)
    from_ultralytics = classmethod(exchange.from_ultralytics)
    to_supervision = exchange.to_supervision
    to_coco = exchange.to_coco

    def __post_init__(self) -> None:
        if not isinstance(self.names, tuple):
            object.__setattr__(self, "names", as_names(self.names, owner="Detections"))
        check_rows({name: getattr(self, name) for name in ROWS}, self.origin_fields, len(self.names))

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Any) -> Detections:
        """The rows that ``index`` picks, as Detections; an int gives one row."""
        if isinstance(index, (int, np.integer)):
            if not -len(self) <= index < len(self):
                raise IndexError(f"there are {len(self)} detections, so no number {index}")
            index = slice(int(index), int(index) + 1) if index != -1 else slice(-1, None)
        if isinstance(index, (list, tuple, np.ndarray)):
            index = torch.as_tensor(np.asarray(index), device=self.scores.device)
            index = index if index.dtype == torch.bool else index.long()
        rows: dict[str, Any] = {
            f.name: value[index] for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **rows)

    def __iter__(self) -> Iterator[Detections]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {score:.2f}" for name, score in zip(self.label_names()[:5], self.scores.tolist()))
        return f"Detections({len(self)}: {shown}{', ...' if len(self) > 5 else ''})"

    def _repr_html_(self) -> str:
        from detxai_nb.detection_table import detections_html

        return detections_html(self)

    def scores_of(self, name: str | int) -> Tensor:
        """Return the probability that each detection gives a class.

        Detectors number their classes differently: Faster R-CNN and SSD report the background first. Its name means the
        same class in all of them.

        Args:
            name: the class, by its name or its number in ``names``.

        Returns:
            ``[N]``, a column of ``class_scores``.

        Raises:
            TypeError: if it is neither a name nor a number.
            ValueError: if there is no such class, or the detections carry no class scores.
        """
        number = any_class_number(name, self.names)
        if self.class_scores is None:
            raise ValueError(
                "these detections carry no class_scores [N,C], only the score of their own class; let the detector "
                "report the probability of every class"
            )
        return self.class_scores[:, number]

    def label_names(self) -> list[str]:
        """Return the class name of each detection.

        Returns:
            N names.
        """
        return [self.names[label] for label in self.labels.tolist()]

    def to(self, device: torch.device | str) -> Detections:
        """Return the same detections with every tensor on ``device``.

        Args:
            device: a torch device or its name.

        Returns:
            New Detections.
        """
        moved: dict[str, Any] = {
            f.name: value.to(device) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)

    def require_image(self, height: int, width: int) -> None:
        """Raise an error if these are the detections of an image of another size.

        Args:
            height, width: of the image, in pixels.

        Raises:
            ValueError: if the size differs; the message says both.
        """
        if self.image_size is not None and tuple(self.image_size) != (height, width):
            raise ValueError(
                f"the detections belong to an image of {self.image_size[1]}x{self.image_size[0]} pixels, "
                f"this one has {width}x{height}; detect in this image first"
            )

    def require_nonempty(self) -> None:
        """Raise an error if there is nothing to explain.

        Raises:
            ValueError: if there is no detection; the message says the highest score of the image.
        """
        if len(self):
            return
        if self.highest_score is None:
            raise ValueError("there is no detection to explain; detect with a lower score_threshold first")
        if self.highest_score != self.highest_score:
            raise ValueError(
                "there is no detection to explain: the scores that the network gives here are no numbers (NaN); its "
                "weights hold NaN, or its activations overflow in half precision"
            )
        if self.highest_score >= (self.score_threshold or 0.0) and self.score_threshold is not None:
            raise ValueError(
                "there is no detection to explain: none is left of those that were found in this image, the highest "
                f"with the score {self.highest_score:.3f}; pick at least one of them"
            )
        above = "" if self.score_threshold is None else f" above the threshold of {self.score_threshold:g}"
        raise ValueError(
            f"there is no detection{above} to explain: the highest score in this image was {self.highest_score:.3f}; "
            f"detect with a score_threshold below that"
        )


@dataclass(frozen=True, eq=False)
class Level:
    """One grid of explained features.

    Attributes:
        name: the layer's name and, for a layer of several grids, which one this is.
        features: the activation ``[C,h,w]``, without a graph.
        stride: (y, x), the size of one cell in input pixels.
        corner: (y, x) in input pixels where the grid begins, if it covers only a part of the input (a pooled region);
            None for a grid over the whole input.
        shift: (y, x) in input pixels where a grid over the whole input begins, as what reads it has it: 0 for a grid
            that convolutions read, half a cell before the input (``geometry.sampler_shift``) for one whose cells a
            sampler reads at multiples of the stride.
    """

    name: str
    features: Tensor
    stride: tuple[float, float]
    corner: tuple[float, float] | None = None
    shift: tuple[float, float] = (0.0, 0.0)


@runtime_checkable
class Detector(Protocol):
    """A black box: enough for every perturbation method."""

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each class."""

    @property
    def device(self) -> torch.device:
        """Where it keeps its results."""

    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Return the detections of each image.

        Args:
            images: what ``load_image`` takes, of any sizes.
            score_threshold: the lowest score to report, 0..1.

        Returns:
            One ``Detections`` for each image.
        """


@runtime_checkable
class Trace(Protocol):
    """One forward pass of one image, kept open.

    Everything before the explained layer ran without a graph; the features of the layer are leaves of the graph of what
    comes after it.

    A trace may also have ``products(detections, targets)``, which yields the number of a target and, like ``chunks``,
    what ``GradientChunk.products`` returns, where that costs less than gradients of all channels. Methods that need no
    more than these sums are then handed them.
    """

    @property
    def placement(self) -> Placement:
        """Where the image lies in the network's input."""

    @property
    def levels(self) -> Sequence[Level]:
        """The explained grids."""

    @property
    def layer(self) -> str:
        """The name of the explained layer."""

    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalar of each detection.

        Args:
            detections: of this image, with the origins that the detector gave them.
            target: which scalar.

        Returns:
            ``[N]``, without a graph.
        """

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Compute the exact gradients of all detections, in chunks that fit a memory budget.

        Args:
            detections: of this image, with the origins that the detector gave them.
            target: which scalar.

        Yields:
            Gradients of a few detections on one level; only windows where the head is local.
        """

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Compute the same gradients on whole levels.

        Args:
            detections: of this image, with the origins that the detector gave them.
            target: which scalar.

        Yields:
            (level, rows ``[n]``, gradient ``[n,C,h,w]``).
        """


@runtime_checkable
class TraceableDetector(Detector, Protocol):
    """A white box: a detector with layers and a trace, enough for every method.

    A class of your own needs no more than this. What else it says about itself (see ``Capabilities``) is optional.
    """

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be explained; the first is the default."""

    def trace(self, image: ImageSource, layer: str | None = None) -> Trace:
        """Run the detector on one image and keep the pass open at a layer.

        Args:
            image: what ``load_image`` takes.
            layer: one of ``layers``; None for the first.

        Returns:
            The trace.
        """


@runtime_checkable
class OpenDetector(TraceableDetector, Protocol):
    """A white box that says all about itself: what ``load_detector`` and ``wrap`` return."""

    @property
    def module(self) -> nn.Module:
        """The network."""

    @property
    def family(self) -> str:
        """The name of its family, one of ``dx.detectors()``'s column "family"."""

    @property
    def offers(self) -> tuple[str, ...]:
        """What its traces give besides gradients, such as "regions" or "attention"."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The parts of a ``Target`` that it has (a classifier has no box sides)."""

    @property
    def precision(self) -> str:
        """The precision of ``detect``: "fp32", "bf16" or "fp16"."""

    @property
    def identity(self) -> Any:
        """Plain values that identify it in a store of results; None: read them off its attributes and weights."""

    @property
    def stage_patterns(self) -> StagePatterns:
        """Stages of its module for sanity checks; empty: those of its family."""

    def holding(self, image: ImageSource, detections: Detections) -> AbstractContextManager[None]:
        """Keep what depends on the weights and is not explained, such as proposals, as it is now.

        Args:
            image: what ``load_image`` takes.
            detections: of this image.

        Returns:
            A context manager: inside, traces of this image keep it while the weights change.
        """
