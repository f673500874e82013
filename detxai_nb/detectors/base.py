"""What every adapter needs: base class, its family's record, batches, detections in image pixels."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from inspect import isfunction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.detectors.trace.running import as_score_threshold as as_score_threshold
from detxai_nb.detectors.trace.running import detecting as detecting
from detxai_nb.detectors.trace.running import evaluating as evaluating
from detxai_nb.detectors.trace.running import outside_inference_mode as outside_inference_mode
from detxai_nb.detectors.trace.running import tracing as tracing
from detxai_nb.doubts import warn_of_doubts
from detxai_nb.downloads import Download
from detxai_nb.geometry import Placement
from detxai_nb.image import FloatImage, ImageSource
from detxai_nb.module_use import ALONE, exclusive
from detxai_nb.types import PARTS, Detections, OpenDetector, StagePatterns

IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


Weights = str | os.PathLike[str] | None
"""A file (or for a library's models a folder or name) of weights, or None for those that an entry names."""

GROUPS = ("bundled", "bundled control", "torchvision", "official file", "library", "architecture", "other")
"""Where the weights of an entry come from: the table of detectors is sorted by it, then by family."""


@dataclass(frozen=True)
class Entry:
    """A detector that ``load_detector`` opens by name.

    Attributes:
        name: the name, a row of the table ``dx.detectors()``.
        family: the name of its family.
        weights: where the weights come from, in words, for the table.
        about: what it is, in words, for the table.
        build: ``build(weights, names, settings)`` makes the detector on the CPU. ``weights`` and ``names`` are those
            that the caller gave ``load_detector``, or None; ``settings`` are keyword arguments of the adapter.
        group: one of ``GROUPS``.
        download: returns the file that is downloaded on first use, for ``fetch``; None if there is none.
        settings: those with which it is built where they differ from its family's defaults, for the table.
    """

    name: str
    family: str
    weights: str
    about: str
    build: Callable[[Weights, Sequence[str] | None, dict[str, Any]], OpenDetector]
    group: str = "other"
    download: Callable[[], Download] | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Family:
    """All that the package knows of one family of detectors.

    Attributes:
        name: what ``dx.wrap(module, family=...)`` calls it.
        adapter: ``adapter(module, names, **settings)`` makes a detector of a module, or raises ``TypeError`` or
            ``ValueError`` saying what it expected; without ``names`` too if ``knows_names``.
        entries: the detectors of the family that ``load_detector`` opens by name.
        stage_patterns: the stages above the backbone for sanity checks (see ``types.StagePatterns``); empty: the
            network is cut into five parts of about as many layers.
        needs: the libraries that the family needs besides the package's own, by the name they are imported by: what
            ``pip install`` has to be given.
        knows_names: whether its modules know the names of their classes.
        find: the entry of a name that is not worth a row of its own (such as each of torchvision's classifiers), or
            None; without it the family has only its ``entries``.
    """

    name: str
    adapter: Callable[..., OpenDetector]
    entries: tuple[Entry, ...] = ()
    stage_patterns: StagePatterns = ()
    needs: Mapping[str, str] = field(default_factory=dict)
    knows_names: bool = False
    find: Callable[[str], Entry | None] | None = None

    def require(self) -> None:
        """Raise an error if a library that the family needs is missing.

        Raises:
            ImportError: naming the library and the command that installs it.
        """
        for library, requirement in self.needs.items():
            if find_spec(library) is None:
                raise ImportError(f'family {self.name!r} needs {library}: pip install "{requirement}"')


class Adapter:
    """The base class of the detectors that adapters make: what an open detector says unless it says otherwise.

    A subclass sets ``family``, ``module`` and ``names`` and brings ``layers``, ``detect`` and ``trace``. These two then
    run ``alone`` with the module, in evaluation mode: one thread at a time, and with everything put back afterwards.
    """

    family: str = "own"
    """The name of the family."""

    module: Any
    names: tuple[str, ...]

    _doubts: Callable[[np.ndarray], str] | None = None

    def __init_subclass__(cls, **arguments: Any) -> None:
        """Let every adapter run its module alone, and its ``detect`` warn of the pictures that it doubts."""
        super().__init_subclass__(**arguments)
        for name in ("detect", "trace"):
            if isfunction(own := vars(cls).get(name)) and not hasattr(own, ALONE):
                setattr(cls, name, exclusive("module")(own))
        if "detect" in vars(cls):
            cls.detect = _with_doubts(vars(cls)["detect"])  # type: ignore[attr-defined]

    @property
    def doubts(self) -> Callable[[np.ndarray], str] | None:
        """A function from a picture to the reason why the answer means nothing there, or ""; by default None."""
        return self._doubts

    @property
    def device(self) -> torch.device:
        """The device of the module's weights."""
        weight: Tensor = next(self.module.parameters())
        return weight.device

    @property
    def offers(self) -> tuple[str, ...]:
        """What its traces give besides gradients: nothing."""
        return ()

    @property
    def targets(self) -> tuple[str, ...]:
        """The parts of a ``Target`` that it has: all."""
        return PARTS

    @property
    def precision(self) -> str:
        """The precision of ``detect``: "fp32"."""
        return "fp32"

    @property
    def identity(self) -> Any:
        """None: a store of results reads it off the detector's attributes and weights."""
        return None

    @property
    def stage_patterns(self) -> StagePatterns:
        """Empty: the stages for sanity checks are those of its family."""
        return ()

    def holding(self, image: ImageSource, detections: Detections) -> AbstractContextManager[None]:
        """Keep what depends on the weights and is not explained: nothing here.

        Args:
            image: what ``load_image`` takes.
            detections: of this image.

        Returns:
            A context manager that does nothing.
        """
        return nullcontext()


def _with_doubts(detect: Callable[..., list[Detections]]) -> Callable[..., list[Detections]]:
    """A method ``detect(images, ...)`` that afterwards warns of the pictures that its detector doubts."""

    @functools.wraps(detect)
    def detecting(self: Adapter, images: Any, *arguments: Any, **options: Any) -> list[Detections]:
        found = detect(self, images, *arguments, **options)
        if self.doubts is not None and isinstance(images, (list, tuple)):
            warn_of_doubts(self, images)
        return found

    return detecting


def to_tensor(pixels: np.ndarray | FloatImage, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return an image as a tensor on the device.

    Args:
        pixels: uint8 RGB ``[H,W,3]``, or a ``FloatImage``, whose values are taken as they are.
        device: where to put it.
        dtype: a floating type.

    Returns:
        ``[3,H,W]``, RGB in 0..255.
    """
    if isinstance(pixels, FloatImage):
        return pixels.values.to(device, dtype)
    return torch.from_numpy(pixels).to(device).permute(2, 0, 1).to(dtype)


def resize_image(
    image: Tensor, size: tuple[int, int], mean: Sequence[float], std: Sequence[float]
) -> tuple[Tensor, Placement]:
    """Resize a whole image to a network's input and normalize it.

    Args:
        image: ``[3,H,W]``, RGB in 0..255.
        size: (height, width) of the input; each axis has its own factor. Bilinear, with antialiasing.
        mean, std: of R, G and B in 0..1.

    Returns:
        The batch ``[1,3,h,w]`` and where the image lies in it.
    """
    batch = image[None]
    if tuple(image.shape[1:]) != tuple(size):
        batch = F.interpolate(batch, size=size, mode="bilinear", align_corners=False, antialias=True)
    shift, scale = (image.new_tensor(value)[:, None, None] for value in (mean, std))
    return (batch / 255 - shift) / scale, Placement((image.shape[1], image.shape[2]), size, size)


def batches_of_one_shape(shapes: Sequence[Any], most: int = 8) -> Iterator[list[int]]:
    """Group images that can share a batch without padding one for another.

    Args:
        shapes: the shape of each image.
        most: the size of the largest batch.

    Yields:
        Row numbers of images of one shape, at most ``most``.
    """
    groups: dict[Any, list[int]] = {}
    for row, shape in enumerate(shapes):
        groups.setdefault(tuple(shape), []).append(row)
    for rows in groups.values():
        for start in range(0, len(rows), most):
            yield rows[start : start + most]


def gather_detections(
    placement: Placement, boxes: Tensor, scores: Tensor, labels: Tensor, names: tuple[str, ...], **about: Any
) -> Detections:
    """Make the Detections of one image from boxes in pixels of the network's input.

    Args:
        placement: where the image lies in the input.
        boxes: ``[N,4]``, xyxy in input pixels.
        scores: ``[N]`` in 0..1.
        labels: int64 ``[N]``.
        names: the name of each class.
        **about: further fields of ``Detections``; tensors have N rows, and polygons are in input pixels too.

    Returns:
        Detections sorted by falling score, with boxes in pixels of the image, clipped to it, and polygons as they are.
    """
    order = scores.argsort(descending=True, stable=True)
    if (polygons := about.get("polygons")) is not None:
        about["polygons"] = placement.boxes_to_image(polygons.reshape(-1, 4)).reshape(polygons.shape)
    rows: dict[str, Any] = {k: v[order] if isinstance(v, Tensor) else v for k, v in about.items()}
    boxes = placement.boxes_to_image(boxes, clip=True)[order]
    return Detections(
        boxes=boxes,
        scores=scores[order],
        labels=labels[order],
        names=names,
        image_size=placement.image_size,
        canvas_size=placement.canvas_size,
        found_boxes=boxes.clone(),
        numbers=torch.arange(len(boxes), device=boxes.device),
        **rows,
    )


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """Return a device that this machine has.

    Args:
        device: a torch device or its name; "auto" is the first of CUDA, MPS and CPU that exists.

    Returns:
        The device.

    Raises:
        ValueError: for a name that PyTorch does not know, or a device that this machine does not have; the message
            lists those that it has.
    """
    there = _devices()
    if device == "auto":
        return torch.device(there[0])
    try:
        asked = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {device!r}; here: auto, {', '.join(there)}") from error
    missing = asked.type in ("cuda", "mps") and asked.type not in there
    if asked.type == "cuda" and not missing and asked.index is not None:
        missing = asked.index >= torch.cuda.device_count()
    if missing:
        raise ValueError(
            f"device {str(asked)!r} was asked for, but PyTorch finds none on this machine; "
            f"here: auto, {', '.join(there)}"
        )
    return asked


def _devices() -> list[str]:
    """The kinds of device there are, the fastest first."""
    there = ["cuda"] if torch.cuda.is_available() else []
    if torch.backends.mps.is_available():
        there.append("mps")
    return [*there, "cpu"]
