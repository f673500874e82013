"""How a picture becomes the input of a network that nothing is known of but what is said here."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detectors.ultralytics.detector import centred_letterbox
from detxai_nb.geometry import Placement
from detxai_nb.names import nearest_names
from detxai_nb.scaling import scale_as_opencv, scale_as_pillow

FITS = ("letterbox", "corner", "stretch")
RESAMPLINGS = {"opencv": scale_as_opencv, "pillow": scale_as_pillow}
ORDERS = ("rgb", "bgr")


@dataclass(frozen=True)
class InputPreparation:
    """What is done to a picture before a network sees it.

    Attributes:
        input_size: the side of a square in pixels, or (height, width); None for the model's own.
        fit: "letterbox" scales by one factor to fit and centres the picture, "corner" puts it at the top left,
            "stretch" scales each axis by itself.
        multiple: None pads to the whole input size; a number pads only to the next multiple of so many pixels, which
            needs a model of any height and width.
        resampling: "opencv" (bilinear) or "pillow" (bilinear with antialiasing); both keep whole numbers.
        order: of the channels, "rgb" or "bgr".
        scale: the largest value of a pixel: 1 divides 0..255 by 255, 255 leaves it.
        mean, std: of R, G and B, whatever the order: what is subtracted, and what is then divided by, in the unit of
            ``scale``.
        pad: the grey around the picture, 0..255.

    Raises:
        TypeError: if a field is of another kind.
        ValueError: if a field has another value.
    """

    input_size: int | tuple[int, int] | None = None
    fit: str = "letterbox"
    multiple: int | None = None
    resampling: str = "opencv"
    order: str = "rgb"
    scale: float = 1.0
    mean: Sequence[float] = (0.0, 0.0, 0.0)
    std: Sequence[float] = (1.0, 1.0, 1.0)
    pad: float = 114.0

    def __post_init__(self) -> None:
        for name, known in (("fit", FITS), ("resampling", tuple(RESAMPLINGS)), ("order", ORDERS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is one of {', '.join(known)}; got {getattr(self, name)!r}")
        for name in ("mean", "std"):
            object.__setattr__(self, name, _three(name, getattr(self, name)))
        if min(self.std) <= 0:
            raise ValueError(f"std holds a value above 0 for each of R, G and B, got {list(self.std)}")
        for name in ("scale", "pad"):
            value = getattr(self, name)
            if not _is_number(value) or (name == "scale" and value <= 0):
                raise ValueError(f"{name} is a number{' above 0' if name == 'scale' else ''}, got {value!r}")
        object.__setattr__(self, "input_size", _as_size(self.input_size))
        if self.multiple is not None and not _is_side(self.multiple):
            raise ValueError(f"multiple is a whole number of at least 1, or None, got {self.multiple!r}")

    def changed(self, **settings: Any) -> InputPreparation:
        """Return this preparation with other values of some fields.

        Args:
            **settings: by the names of fields.

        Returns:
            The new preparation.

        Raises:
            TypeError: for a name that is no field, or a value of another kind; the message names the nearest.
            ValueError: for another value.
        """
        known = [field.name for field in fields(self)]
        for name in settings:
            if name not in known:
                near = nearest_names(name, known)
                asked = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
                raise TypeError(f"there is no setting {name!r} of a picture's preparation: {', '.join(known)}{asked}")
        return InputPreparation(**{**vars(self), **settings})

    def place(self, image_size: tuple[int, int]) -> Placement:
        """Return where a picture lies in the input.

        Args:
            image_size: (height, width) in pixels.

        Returns:
            The placement.

        Raises:
            ValueError: if no input size is set.
        """
        if not isinstance(self.input_size, tuple):
            raise ValueError("the size of the network's input is not known; hand in input_size=(height, width)")
        if self.fit == "stretch":
            return Placement(image_size, self.input_size, self.input_size)
        if self.fit == "letterbox":
            return centred_letterbox(image_size, self.input_size, self.multiple)
        found = Placement.letterbox(image_size, self.input_size)
        step = self.multiple
        if step is None:
            return found
        height, width = (step * math.ceil(side / step) for side in found.resized)
        return Placement(image_size, found.resized, (height, width))

    def prepare(self, pixels: np.ndarray) -> tuple[Tensor, Placement]:
        """Return a picture as the network's input.

        Args:
            pixels: uint8 RGB ``[H,W,3]``.

        Returns:
            float32 ``[3,h,w]``, and where the picture lies in it.
        """
        placement = self.place((pixels.shape[0], pixels.shape[1]))
        image = RESAMPLINGS[self.resampling](pixels, placement.resized, torch.device("cpu"))
        canvas = image.new_full((3, *placement.input_size), self.pad)
        (top, left), (height, width) = placement.offset, placement.resized
        canvas[:, top : top + height, left : left + width] = image
        if self.scale != 255:
            canvas = canvas / 255 * self.scale
        mean, std = (canvas.new_tensor(value)[:, None, None] for value in (self.mean, self.std))
        canvas = (canvas - mean) / std
        return canvas.flip(0) if self.order == "bgr" else canvas, placement


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_side(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _three(name: str, value: Any) -> tuple[float, ...]:
    found = tuple(value) if isinstance(value, (list, tuple, np.ndarray)) else (value,) * 3
    if len(found) != 3 or not all(map(_is_number, found)):
        raise ValueError(f"{name} is a number, or one for each of R, G and B, got {value!r}")
    return tuple(map(float, found))


def _as_size(value: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    found = tuple(value) if isinstance(value, (list, tuple)) else (value, value)
    if len(found) != 2 or not all(map(_is_side, found)):
        raise ValueError(f"input_size is a side in pixels or (height, width), got {value!r}")
    return found[0], found[1]
