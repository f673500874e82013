"""The types that everything shares: detections, targets, gradients, and the protocols of detectors and traces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from detxai_nb.windows import GradientChunk

SIDES = ("x1", "y1", "x2", "y2")
PARTS = ("class", *SIDES, "combined")
SCORES = ("prob", "logit")

Progress = Callable[[int, int], None]
"""Called as ``progress(done, total)`` between chunks of work; what it raises ends the work cleanly."""


class Cancelled(Exception):
    """Raised by a progress callback to stop the work."""


@dataclass(frozen=True)
class Target:
    """Which scalar of a prediction is explained.

    ``part``: "class" (the score of ``label``), one of the box sides "x1", "y1", "x2", "y2" (in the detector's own
    regression space, signed so that a positive value grows the box), or "combined" (all five; only for methods that
    know how to join maps). ``score``: "prob", the score as the detector reports it, or "logit", the class output before
    its activation. ``label``: the class index; by default each prediction's own class.
    """

    part: str = "class"
    score: str = "prob"
    label: int | None = None

    def __post_init__(self) -> None:
        if self.part not in PARTS:
            raise ValueError(f"unknown target {self.part!r}; known: {', '.join(PARTS)}")
        if self.score not in SCORES:
            raise ValueError(f"unknown score {self.score!r}; known: {', '.join(SCORES)}")
        if self.label is not None and (isinstance(self.label, bool) or not isinstance(self.label, int)):
            raise TypeError(f"label is a class index (int) or None, got {self.label!r}")

    @classmethod
    def of(cls, value: Target | str) -> Target:
        """``value`` itself, or the target with that part."""
        if isinstance(value, Target):
            return value
        if isinstance(value, str):
            return cls(part=value)
        raise TypeError(f"a target is one of {', '.join(PARTS)} or a Target, got {value!r}")


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector found in one image, sorted by falling score.

    ``boxes`` float ``[N,4]``, xyxy in pixels of the original image, clipped to it; ``scores`` ``[N]`` in 0..1;
    ``labels`` int64 ``[N]``, indices into ``names``; ``class_scores`` ``[N,C]`` the full vector of class probabilities,
    or None; ``objectness`` ``[N]`` or None; ``origins`` int64 ``[N,K]``: where each came from inside the model, one
    column for each name in ``origin_fields`` (pyramid level and location, proposal, or query), or None;
    ``highest_score``: the highest score the detector gave in this image, also where it is below the threshold;
    ``image_size``: (height, width); ``canvas_size``: (height, width) of the network's whole input, its padding too, in
    pixels of the image, or None where nobody knows it.
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

    def __post_init__(self) -> None:
        count = len(self.scores)
        if self.boxes.shape != (count, 4):
            raise ValueError(f"boxes are [N,4] with N = {count} scores, got shape {list(self.boxes.shape)}")
        for name in ("labels", "class_scores", "objectness", "origins"):
            value = getattr(self, name)
            if value is not None and len(value) != count:
                raise ValueError(f"{name} has {len(value)} rows for {count} scores")
        if count and not 0 <= int(self.labels.min()) <= int(self.labels.max()) < len(self.names):
            raise ValueError(f"labels run from 0 to {len(self.names) - 1}, got {sorted(set(self.labels.tolist()))}")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index: Any) -> Detections:
        """The rows that ``index`` picks, as Detections: an int gives one row."""
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

    def label_names(self) -> list[str]:
        """The class name of each detection."""
        return [self.names[label] for label in self.labels.tolist()]

    def to(self, device: torch.device | str) -> Detections:
        """The same detections with every tensor on ``device``."""
        moved: dict[str, Any] = {
            f.name: value.to(device) for f in fields(self) if isinstance(value := getattr(self, f.name), Tensor)
        }
        return replace(self, **moved)

    def require_image(self, height: int, width: int) -> None:
        """Raise ``ValueError`` where these are the detections of an image of another size."""
        if self.image_size is not None and tuple(self.image_size) != (height, width):
            raise ValueError(
                f"the detections belong to an image of {self.image_size[1]}x{self.image_size[0]} pixels, "
                f"this one has {width}x{height}; detect in this image first"
            )

    def require_nonempty(self) -> None:
        """Raise ``ValueError`` where there is nothing to explain, naming the highest score there was."""
        if len(self):
            return
        if self.highest_score is None:
            raise ValueError("there is no detection to explain; detect with a lower score_threshold first")
        above = "" if self.score_threshold is None else f" above the threshold of {self.score_threshold:g}"
        raise ValueError(
            f"there is no detection{above} to explain: the highest score in this image was {self.highest_score:.3f}; "
            f"detect with a score_threshold below that"
        )


@dataclass(frozen=True, eq=False)
class Level:
    """One grid of explained features: ``features`` ``[C,h,w]`` (no graph), ``stride`` (y, x) in input pixels.

    ``corner``: where the grid begins, (y, x) in input pixels, if it covers a part of the input only (a pooled region);
    None for a grid over the whole input.
    """

    name: str
    features: Tensor
    stride: tuple[float, float]
    corner: tuple[float, float] | None = None


@runtime_checkable
class Detector(Protocol):
    """Enough for every black-box method."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def device(self) -> torch.device: ...

    def detect(self, images: Sequence[Any], score_threshold: float = 0.3) -> list[Detections]: ...


@runtime_checkable
class Trace(Protocol):
    """One forward pass of one image kept open.

    The backbone and neck ran once without a graph; the explained features are leaves of what comes after them.
    """

    @property
    def placement(self) -> Any: ...

    @property
    def levels(self) -> Sequence[Level]: ...

    @property
    def layer(self) -> str: ...

    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """The explained scalar of each detection, ``[N]``, as the trace computes it."""

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Exact gradients of all detections, in chunks that fit a memory budget; windows where the head is local."""

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """The same as (level, rows, gradient ``[n,C,h,w]``)."""


@runtime_checkable
class OpenDetector(Detector, Protocol):
    """A detector whose inside can be seen: enough for every method."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be explained; the first is the default."""

    def trace(self, image: Any, layer: str | None = None) -> Trace: ...
