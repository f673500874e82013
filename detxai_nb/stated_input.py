"""What a weights file states about the input of its network: channel order, normalisation and size, in its metadata."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import nn

from detxai_nb.files import as_path

KEYS: Mapping[str, tuple[str, ...]] = {
    "channel_order": ("channel_order", "channels", "color_order", "colour_order"),
    "normalisation": ("normalisation", "normalization"),
    "input_size": ("input_size", "image_size", "imgsz"),
}
"""By what is stated: the keys under which a file may state it, the first that is there."""

_IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_ORDERS = ("rgb", "bgr")
_NUMBER = r"[-+]?\d*\.?\d+(?:e[-+]?\d+)?"
_TRIPLE = rf"[\[(]\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*[\])]"
_SIZE = re.compile(r"\s*[\[(]?\s*(\d+)\s*(?:(?:[x×*]|,)\s*(\d+))?(?!\d*\.\d)")
_RAW = re.compile(r"(none|no|identity|raw|x|uint8|0\s*(\.\.|-|to)\s*255)\b")
_UNIT = re.compile(r"(x\s*/\s*255|/\s*255|1\s*/\s*255|divided by 255|0\s*(\.\.|-|to)\s*1\b)")


@dataclass(frozen=True)
class StatedInput:
    """What a weights file states about its network's input; None where it states nothing.

    Attributes:
        file: the file.
        order: "rgb" or "bgr".
        mean, std: of R, G and B, for values in 0..1 (``(x / 255 - mean) / std``); means of 0 and deviations of 1 for
            values that are only divided by 255, and deviations of 1 / 255 for values that are left in 0..255.
        size: (height, width) of the input in pixels.
    """

    file: Path
    order: str | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    size: tuple[int, int] | None = None

    @property
    def is_silent(self) -> bool:
        """Whether the file states nothing of its input."""
        return self.order is None and self.mean is None and self.size is None

    @property
    def scale(self) -> str | None:
        """The normalisation in a word: "255" (none), "1" (divided by 255), "imagenet", "other"; None if unstated."""
        if self.mean is None or self.std is None:
            return None
        for name, mean, std in (
            ("255", (0.0,) * 3, (1 / 255,) * 3),
            ("1", (0.0,) * 3, (1.0,) * 3),
            ("imagenet", *_IMAGENET),
        ):
            if _close(self.mean, mean) and _close(self.std, std):
                return name
        return "other"

    def require_rgb(self, whose: str) -> None:
        """Check that the file does not state another order of channels than RGB.

        Args:
            whose: the network's name, for the message.

        Raises:
            ValueError: if it states BGR.
        """
        if self.order == "bgr":
            raise ValueError(
                f"{self.file} states the channel order BGR, but {whose} takes RGB; flip the input channels of the "
                "first convolution's weights, or wrap a module that flips its input"
            )

    def require(self, mean: Sequence[float], std: Sequence[float], whose: str) -> None:
        """Check that the file states nothing else than what a network is going to see.

        Args:
            mean, std: what the network normalises RGB in 0..1 by.
            whose: the network's name, for the message.

        Raises:
            ValueError: if the file states another order of channels or another normalisation.
        """
        self.require_rgb(whose)
        if self.mean is not None and self.std is not None and not (_close(self.mean, mean) and _close(self.std, std)):
            raise ValueError(
                f"{self.file} states a normalisation by mean {_told(self.mean)} and std {_told(self.std)}, but {whose} "
                f"normalises by {_told(mean)} and {_told(std)}; wrap a module that normalises as the weights need it"
            )


def read_stated_input(path: str | os.PathLike[str], known: Sequence[str] = ()) -> StatedInput:
    """Read what the metadata of a ``.safetensors`` file states about the network's input.

    Understood are a channel order (RGB or BGR), a normalisation ("none", "x/255", "imagenet", or a mean and a standard
    deviation of three numbers each, such as "(x/255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]") and an input
    size ("640", "640x640", height first); words may follow. Other files have no metadata.

    Args:
        path: the file.
        known: names of ``KEYS`` that the caller has from elsewhere: they are not read.

    Returns:
        What is stated.

    Raises:
        ValueError: if something is stated that cannot be understood; the message says how to give it as an argument.
    """
    file = as_path(path, "a file of weights")
    found: dict[str, Any] = {}
    for what, read in (("channel_order", _order), ("normalisation", _normalisation), ("input_size", _size)):
        if what not in known:
            found.update(read(_metadata(file), file))
    return StatedInput(file, **found)


def require_stated_input(module: nn.Module, weights: str | os.PathLike[str], whose: str) -> None:
    """Check that a weights file states no other input than a module makes that scales and normalises by itself.

    Args:
        module: the network; torchvision's detectors have a ``transform``, others are not checked.
        weights: the file.
        whose: the network's name, for the messages.

    Raises:
        ValueError: if the file states another order of channels or normalisation, or something unknown.
    """
    transform: Any = getattr(module, "transform", None)
    if not hasattr(transform, "image_mean"):
        return
    stated = read_stated_input(weights)
    stated.require(transform.image_mean, transform.image_std, whose)
    least, most = max(transform.min_size), transform.max_size
    if stated.size is not None and not (min(stated.size) == least or max(stated.size) == most):
        height, width = stated.size
        warnings.warn(
            f"{weights} states an input size of {height}x{width}; {whose} scales the short side to {least} pixels, the "
            f"long one to {most} at most",
            stacklevel=2,
        )


def _metadata(file: Path) -> Mapping[str, str]:
    if file.suffix != ".safetensors":
        return {}
    try:
        with safe_open(file, "pt") as opened:
            return opened.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is not a whole safetensors file ({error}); download it again") from error


def _stated(metadata: Mapping[str, str], what: str) -> tuple[str, str] | None:
    """The key and the text of what is stated, or None."""
    by_name = {key.lower().replace("-", "_").replace(" ", "_"): key for key in metadata}
    return next(((by_name[key], metadata[by_name[key]].strip()) for key in KEYS[what] if key in by_name), None)


def _order(metadata: Mapping[str, str], file: Path) -> dict[str, Any]:
    if (found := _stated(metadata, "channel_order")) is None:
        return {}
    words = set(re.findall(r"[a-z]+", found[1].lower())) & set(_ORDERS)
    if len(words) != 1:
        raise ValueError(_refusal(file, *found, "RGB or BGR"))
    return {"order": words.pop()}


def _normalisation(metadata: Mapping[str, str], file: Path) -> dict[str, Any]:
    if (found := _stated(metadata, "normalisation")) is None:
        return {}
    text = found[1].lower()
    triples = [tuple(float(number) for number in triple) for triple in re.findall(_TRIPLE, text)]
    if len(triples) == 2 and min(triples[1]) > 0:
        mean, std = triples
        # Means above 1 are those of values in 0..255.
        return {"mean": mean, "std": std} if max(mean) <= 1 else {"mean": _part(mean), "std": _part(std)}
    if not triples and re.search(r"\bimage\W?net\b", text):
        return {"mean": _IMAGENET[0], "std": _IMAGENET[1]}
    if not triples and (_UNIT.match(text) or text in ("unit", "0..1")):
        return {"mean": (0.0,) * 3, "std": (1.0,) * 3}
    if not triples and _RAW.match(text):
        return {"mean": (0.0,) * 3, "std": (1 / 255,) * 3}
    expected = '"none", "x/255", "imagenet", or a mean and a standard deviation of three numbers each'
    raise ValueError(_refusal(file, *found, expected))


def _part(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(value / 255 for value in values)


def _size(metadata: Mapping[str, str], file: Path) -> dict[str, Any]:
    if (found := _stated(metadata, "input_size")) is None:
        return {}
    match = _SIZE.match(found[1])
    if match is None or min(size := (int(match[1]), int(match[2] or match[1]))) < 1:
        raise ValueError(_refusal(file, *found, 'a number of pixels such as "640", or height and width as "416x640"'))
    return {"size": size}


def _refusal(file: Path, key: str, text: str, expected: str) -> str:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return (
        f"the metadata of {file} state {key} = {json.dumps(shown, ensure_ascii=False)}, expected {expected}; hand in "
        "the setting as an argument, which counts more than the file's"
    )


def _close(one: Sequence[float], other: Sequence[float]) -> bool:
    return len(one) == len(other) and all(abs(a - b) <= 1e-3 * max(abs(b), 1e-2) for a, b in zip(one, other))


def _told(values: Sequence[float]) -> str:
    return "[" + ", ".join(f"{value:.4g}" for value in values) + "]"
