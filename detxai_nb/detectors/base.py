"""What every adapter needs: evaluation mode, image batches, and detections in the image's own pixels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.geometry import Placement
from detxai_nb.image import FloatImage
from detxai_nb.types import Detections

_Item = TypeVar("_Item")


class _End:
    """Stands after the last step."""


_END = _End()


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode inside; afterwards every submodule's training flag is as it was."""
    training = [part for part in module.modules() if part.training]
    try:
        for part in training:
            part.training = False
        yield
    finally:
        for part in training:
            part.training = True


def outside_inference_mode(steps: Iterator[_Item]) -> Iterator[_Item]:
    """What ``steps`` yields; ``torch.inference_mode`` is left for the time of each step, never for the caller's."""
    while True:
        with torch.inference_mode(False):
            step = next(steps, _END)
        if isinstance(step, _End):
            return
        yield step


def to_tensor(pixels: np.ndarray | FloatImage, device: torch.device, dtype: torch.dtype = torch.float32) -> Tensor:
    """uint8 ``[H,W,3]`` as ``[3,H,W]``, values 0..255, on the device; the values of a ``FloatImage`` as they are."""
    if isinstance(pixels, FloatImage):
        return pixels.values.to(device, dtype)
    return torch.from_numpy(pixels).to(device).permute(2, 0, 1).to(dtype)


def batches_of_one_shape(shapes: Sequence[Any], most: int = 8) -> Iterator[list[int]]:
    """Numbers of images that can share a batch without padding one for another, at most ``most`` together."""
    groups: dict[Any, list[int]] = {}
    for row, shape in enumerate(shapes):
        groups.setdefault(tuple(shape), []).append(row)
    for rows in groups.values():
        for start in range(0, len(rows), most):
            yield rows[start : start + most]


def gather_detections(
    placement: Placement, boxes: Tensor, scores: Tensor, labels: Tensor, names: tuple[str, ...], **about: Any
) -> Detections:
    """Detections from boxes in input pixels, sorted by falling score, in pixels of the image and clipped to it."""
    order = scores.argsort(descending=True, stable=True)
    rows: dict[str, Any] = {k: v[order] if isinstance(v, Tensor) else v for k, v in about.items()}
    return Detections(
        boxes=placement.boxes_to_image(boxes, clip=True)[order],
        scores=scores[order],
        labels=labels[order],
        names=names,
        image_size=placement.image_size,
        canvas_size=placement.canvas_size,
        **rows,
    )


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """``device``, or for "auto" the first there is of CUDA, MPS and CPU.

    Raises ``ValueError`` for a name that PyTorch does not know, and for a device that is not there.
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
