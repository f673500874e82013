"""How a picture becomes a classifier's input: scaled whole, or scaled and cropped in the middle, then normalised."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from detxai_nb.detectors.base import IMAGENET_MEAN, IMAGENET_STD
from detxai_nb.geometry import Placement
from detxai_nb.scaling import scale_as_pillow

_LARGEST = 8192
_MOST_PIXELS = 2**26
"""Of a scaled picture before it is cropped: about 800 MB."""
_CONVNEXT_WHOLE = 384
"""From this side on the processor of ConvNeXt scales the whole picture."""


@dataclass(frozen=True)
class Preprocessing:
    """How a picture becomes a network's input.

    Attributes:
        input_size: (height, width) of the input in pixels.
        mean, std: of R, G and B in 0..1.
        crop: None scales the whole picture to the input; a share scales it, with its sides in proportion, until the
            middle of ``input_size`` is that share of its shorter side, and cuts that middle out.

    Raises:
        ValueError: for a size below 1 or above 8192, wrong colours, or a share that is not above 0 and up to 1.
    """

    input_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: float | None = None

    def __post_init__(self) -> None:
        if not all(1 <= side <= _LARGEST for side in self.input_size):
            raise ValueError(
                f"input_size must be one side or (height, width), both at least 1 and at most {_LARGEST} pixels; "
                f"got {self.input_size}"
            )
        whole = len(self.mean) == len(self.std) == 3 and all(math.isfinite(value) for value in (*self.mean, *self.std))
        if not whole or min(self.std) <= 0:
            raise ValueError(
                "mean and std must hold a finite value for each of three colours, std above 0; got "
                f"{self.mean} and {self.std}"
            )
        number = isinstance(self.crop, (int, float)) and not isinstance(self.crop, bool)
        if self.crop is not None and not (number and 0 < self.crop <= 1):
            raise ValueError(
                "crop is the share of the shorter side that the network sees, above 0 and up to 1, or None for the "
                f"whole picture; got {self.crop!r}"
            )

    def placement(self, image_size: tuple[int, int], size: tuple[int, int] | None = None) -> Placement:
        """Return where a picture lies in the input.

        Args:
            image_size: (height, width) of the picture.
            size: (height, width) of an input of another size, of which the picture covers the same; None for the usual.

        Returns:
            The placement; with a crop what is cut off lies outside of the input.

        Raises:
            ValueError: if the picture is so long, or the crop so small, that it is scaled to too many pixels.
        """
        wanted = self.input_size if size is None else size
        if self.crop is None:
            return Placement(image_size, wanted, wanted)
        sides = [math.floor(side / self.crop) for side in self.input_size]
        factor = max(side / pixels for side, pixels in zip(sides, image_size))
        usual = [max(own, int(factor * pixels + 1e-6)) for own, pixels in zip(self.input_size, image_size)]
        resized = [max(new, round(n * new / own)) for n, new, own in zip(usual, wanted, self.input_size)]
        if resized[0] * resized[1] > _MOST_PIXELS:
            raise ValueError(
                f"with the crop {self.crop:g} a picture of {image_size[1]}x{image_size[0]} pixels is scaled to "
                f"{resized[1]}x{resized[0]} before its middle is cut out, which is more than {_MOST_PIXELS} pixels; "
                'cut out the part that matters first, or take the whole picture: processor={"crop": None}'
            )
        top, left = (-round((n - new) / 2) for n, new in zip(resized, wanted))
        return Placement(image_size, (resized[0], resized[1]), wanted, (top, left))

    def prepare(self, pixels: Any, like: Tensor) -> Tensor:
        """Return a picture as the network's input.

        Args:
            pixels: uint8 ``[H,W,3]`` or a ``FloatImage``.
            like: a tensor of the wanted type on the wanted device.

        Returns:
            ``[1,3,h,w]``.
        """
        place = self.placement((int(pixels.shape[0]), int(pixels.shape[1])))
        image = scale_as_pillow(pixels, place.resized, like.device)
        (top, left), (height, width) = place.offset, place.input_size
        image = image[:, -top : height - top, -left : width - left].to(like.dtype)[None] / 255
        return (image - image.new_tensor(self.mean)[:, None, None]) / image.new_tensor(self.std)[:, None, None]


def preprocessing_of(module: nn.Module, processor: Any, **given: Any) -> Preprocessing:
    """Return how a module wants its pictures, from what is given, what a processor or the module states, or the usual.

    Args:
        module: the classifier; one of timm states its settings in ``pretrained_cfg``, one of Hugging Face its size.
        processor: an image processor of Hugging Face, its settings as a dict, or None.
        **given: "input_size", "mean" and "std"; None for what is stated.

    Returns:
        The preprocessing.

    Raises:
        ValueError: for values that make no sense.
        TypeError: for a processor that states nothing.
    """
    stated = stated_by_module(module)
    if processor is not None:
        stated |= stated_by_processor(processor)
    usual: dict[str, Any] = {"input_size": 224, "mean": IMAGENET_MEAN, "std": IMAGENET_STD, "crop": None}
    found = {**usual, **stated, **{name: value for name, value in given.items() if value is not None}}
    return Preprocessing(
        _as_size(found["input_size"]),
        _as_colours("mean", found["mean"]),
        _as_colours("std", found["std"]),
        found["crop"],
    )


def _as_size(size: Any) -> tuple[int, int]:
    """(height, width) of what is given as a size; what is no whole numbers is refused in words."""
    sides = [size] * 2 if isinstance(size, (int, np.integer)) else size
    whole = isinstance(sides, (list, tuple, np.ndarray)) and len(sides) == 2
    if not whole or not all(isinstance(side, (int, np.integer)) and not isinstance(side, bool) for side in sides):
        raise ValueError(f"input_size must be one side or (height, width), in whole pixels; got {size!r}")
    return int(sides[0]), int(sides[1])


def _as_colours(name: str, values: Any) -> tuple[float, ...]:
    """The values of three colours as numbers."""
    try:
        found = tuple(float(value) for value in values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must hold a number for each of R, G and B, in 0..1; got {values!r}") from error
    return found


def stated_by_module(module: nn.Module) -> dict[str, Any]:
    """Return what a module states about its pictures.

    Args:
        module: of timm (``pretrained_cfg``: size, colours and crop), of Hugging Face (``config.image_size``), or any.

    Returns:
        Some of "input_size", "mean", "std" and "crop".
    """
    about = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None)
    if not isinstance(about, Mapping):
        about = getattr(about, "__dict__", None)
    if not isinstance(about, Mapping):
        size = getattr(getattr(module, "config", None), "image_size", None)
        sides = _pair(size)
        return {"input_size": sides} if sides else {}
    found: dict[str, Any] = {
        name: tuple(map(float, about[name])) for name in ("mean", "std") if len(about.get(name) or ()) == 3
    }
    size = about.get("input_size")
    if size and len(size) == 3:
        found["input_size"] = (int(size[1]), int(size[2]))
    share = about.get("crop_pct")
    if share and about.get("crop_mode", "center") == "center":
        found["crop"] = float(share)
    return found


def stated_by_processor(processor: Any) -> dict[str, Any]:
    """Return what an image processor of Hugging Face does with pictures.

    Args:
        processor: the processor, or its settings as a dict.

    Returns:
        Some of "input_size", "mean", "std" and "crop"; the picture is scaled bilinearly whatever it states.

    Raises:
        TypeError: if it states no size.
    """
    about: Mapping[str, Any] = processor if isinstance(processor, Mapping) else getattr(processor, "__dict__", {})
    if set(about) == {"crop"}:
        return {"crop": about["crop"]}
    size, cut = about.get("size"), _pair(about.get("crop_size"))
    edge = size if isinstance(size, int) else _entry(size, "shortest_edge")
    whole = None if isinstance(size, int) else _pair(size)
    if not edge and not whole and not cut:
        raise TypeError(
            "processor is an image processor of Hugging Face, which states a size, or its settings as a dict, or "
            f"{{'crop': share}}; got {type(processor).__name__}"
        )
    found: dict[str, Any] = {**_colours(about), "crop": None}
    if about.get("do_center_crop") and cut:
        scaled = edge or (min(whole) if whole else min(cut))
        return {**found, "input_size": cut, "crop": min(1.0, min(cut) / scaled)}
    if edge and about.get("crop_pct") and edge < _CONVNEXT_WHOLE:
        # ConvNeXt's: small inputs are cut out of a larger picture, large ones are not.
        found["crop"] = float(about["crop_pct"])
    return {**found, "input_size": whole or cut or (int(edge or 0), int(edge or 0))}


def _colours(about: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and standard deviation for values in 0..1, from a processor's rescaling and normalisation."""
    whole = 255.0 * (float(about.get("rescale_factor") or 1 / 255) if about.get("do_rescale", True) else 1.0)
    moved = 1.0 if about.get("rescale_offset") else 0.0
    normal = about.get("do_normalize", True)
    mean = tuple(about.get("image_mean") or IMAGENET_MEAN) if normal else (0.0,) * 3
    std = tuple(about.get("image_std") or IMAGENET_STD) if normal else (1.0,) * 3
    return {
        "mean": tuple((float(value) + moved) / whole for value in mean),
        "std": tuple(float(value) / whole for value in std),
    }


def _entry(size: Any, name: str) -> int | None:
    value = size.get(name) if isinstance(size, Mapping) else getattr(size, name, None)
    return None if value is None else int(value)


def _pair(size: Any) -> tuple[int, int] | None:
    """(height, width) that a size states, if it states both."""
    if isinstance(size, bool) or size is None:
        return None
    if isinstance(size, int):
        return size, size
    if isinstance(size, Sequence) and len(size) == 2 and all(isinstance(side, int) for side in size):
        return size[0], size[1]
    height, width = _entry(size, "height"), _entry(size, "width")
    return (height, width) if height and width else None


def stated_names(module: nn.Module) -> dict[Any, str] | None:
    """Return the class names that a module of Hugging Face states.

    Args:
        module: any module.

    Returns:
        Names by number; None if it states none, or only that its classes are "LABEL_0" and so on.
    """
    names = getattr(getattr(module, "config", None), "id2label", None)
    if not isinstance(names, Mapping) or not names or all(str(name).startswith("LABEL_") for name in names.values()):
        return None
    return {number: str(name) for number, name in names.items()}
