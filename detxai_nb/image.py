"""One door for photographs: whatever a person has becomes RGB uint8 [H,W,3]."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError

from detxai_nb.arrays import plain_array
from detxai_nb.files import as_path

# Ultralytics puts a function in its place that asks the network for a package where a file is no picture.
_open_picture = Image.open
_ROUNDING = 1e-3
"""How far values may lie outside 0..1: by half precision or an interpolation, less than a grey value."""
_SIXTEEN_BIT = ("I;16", "I;16L", "I;16B", "I;16N")


class _NoPixels(ValueError):
    """The error of an array that is no picture, in words of our own."""


@dataclass(frozen=True, eq=False)
class FloatImage:
    """A changed picture that must not be rounded before a detector sees it.

    The ``detect`` of this package's detectors takes it like an image; what wants an array (``np.asarray``) gets it
    rounded, as uint8 ``[H,W,3]``.

    Attributes:
        values: float ``[3,H,W]``, RGB in 0..255, on any device.

    Raises:
        ValueError: for values of another shape or type.
    """

    values: torch.Tensor

    def __post_init__(self) -> None:
        if self.values.ndim != 3 or self.values.shape[0] != 3 or not self.values.is_floating_point():
            raise ValueError(
                f"a FloatImage holds float values [3,H,W], got {self.values.dtype} {list(self.values.shape)}"
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, 3), as an array's."""
        return (self.values.shape[1], self.values.shape[2], 3)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = self.values.detach().permute(1, 2, 0).round().clamp(0, 255)
        return values.to(torch.uint8).cpu().numpy().astype(dtype or np.uint8)


ImageSource = str | os.PathLike[str] | bytes | Image.Image | np.ndarray | torch.Tensor | FloatImage
"""What a picture can be handed in as: see ``load_image``."""


@overload
def load_image(source: FloatImage) -> FloatImage:
    """A picture that is not to be rounded stays what it is."""


@overload
def load_image(source: Any) -> np.ndarray:
    """Everything else becomes bytes."""


def load_image(source: Any) -> np.ndarray | FloatImage:
    """Return the picture as RGB uint8 ``[H,W,3]``, upright, in an array of its own; a ``FloatImage`` as it is.

    The EXIF orientation is applied; of an animation the first frame is taken; transparency is laid over white; CMYK,
    palette, grey and 16-bit pictures are converted. 16 bits become 8 by division by 257, so 65535 becomes 255.

    Args:
        source: a path (``str`` or ``Path``) or the ``bytes`` of an image file, of any format that Pillow reads; a
            ``PIL.Image.Image``; a NumPy array ``[H,W]``, ``[H,W,1]``, ``[H,W,3]`` or ``[H,W,4]``, uint8 in 0..255,
            uint16 in 0..65535, or float in 0..1; or a torch tensor ``[H,W]``, ``[1,H,W]``, ``[3,H,W]`` or ``[4,H,W]``
            (channels first, as in torchvision) of the same types.

    Returns:
        uint8 ``[H,W,3]``, RGB, which shares no memory with ``source``.

    Raises:
        FileNotFoundError: for a path that does not exist.
        ValueError: for a file that is no readable picture, or an array of another shape or range.
        TypeError: for anything else.

    Example:
        >>> import numpy as np
        >>> import detxai_nb as dx
        >>> grey = np.full((2, 3), 0.5)
        >>> dx.load_image(grey)[0, 0].tolist()
        [128, 128, 128]
        >>> dx.load_image(grey).shape
        (2, 3, 3)
    """
    if isinstance(source, FloatImage):
        return source
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, torch.Tensor):
        array = plain_array(source, "an image")
        return _from_array(array.transpose(1, 2, 0) if array.ndim == 3 else array)
    if isinstance(source, Image.Image):
        return _decoded(lambda: _from_pil(source), "the picture")
    if isinstance(source, (str, os.PathLike)):
        return _from_file(as_path(source, "an image file"))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return _open(io.BytesIO(bytes(source)), "these bytes")
    raise TypeError(
        f"an image can be a path, bytes, a PIL image, a NumPy array or a torch tensor, not {_named(source)}"
    )


def as_images(images: Any) -> list[np.ndarray | FloatImage]:
    """Return the pictures of a list, loaded.

    Args:
        images: a list or other ordered iterable of what ``load_image`` takes; or a whole batch: a torch tensor
            ``[B,C,H,W]`` or a NumPy array ``[B,H,W,C]``.

    Returns:
        What ``load_image`` returns for each.

    Raises:
        TypeError: for a single picture, whose rows or colours are no pictures, and for what has no order.
        FileNotFoundError, ValueError: as ``load_image``.

    Example:
        >>> import numpy as np
        >>> [picture.shape for picture in as_images([np.zeros((2, 3), np.uint8)])]
        [(2, 3, 3)]
    """
    single = _single_picture(images)
    if single:
        raise TypeError(f"expected a list of pictures, got one picture ({single}); put it into a list: [image]")
    if isinstance(images, _NO_LISTS) or not isinstance(images, Iterable) or hasattr(images, "columns"):
        raise TypeError(
            f"expected a list of pictures, got a {_named(images)}; hand in a list such as [image], "
            "in the order in which the answers are wanted"
        )
    return [load_image(image) for image in images]


_NO_LISTS = (Mapping, set, frozenset, io.IOBase)
"""What can be iterated over and is no list of pictures; nor are tables (their columns) and files (their lines)."""


def _named(source: Any) -> str:
    """What a value is, and what to take of it if that is plain."""
    remedy = ""
    if callable(getattr(source, "read", None)):
        remedy = " (an open file: hand in what its read() returns)"
    elif isinstance(getattr(source, "image", None), np.ndarray):
        remedy = " (hand in its .image)"
    elif isinstance(source, (list, tuple)):
        remedy = " (hand in one picture, or a NumPy array of its pixels)"
    return f"{type(source).__name__}{remedy}"


def _single_picture(images: Any) -> str:
    """What a single picture is in words, "" for anything that may be a list of them."""
    if isinstance(images, (str, os.PathLike)):
        return f"the path {os.fspath(images)!r}"
    if isinstance(images, (bytes, bytearray, memoryview, Image.Image, FloatImage)):
        return type(images).__name__
    listed = isinstance(images, np.ndarray) and images.ndim == 1 and images.dtype.kind in "OUST"
    if isinstance(images, (np.ndarray, torch.Tensor)) and images.ndim != 4 and not listed:
        kind = "a tensor" if isinstance(images, torch.Tensor) else "an array"
        return f"{kind} of shape {list(images.shape)}"
    return ""


def _from_file(path: Path) -> np.ndarray:
    if not path.exists():
        raise FileNotFoundError(f"there is no image at {path} (looked from the folder {Path.cwd()})")
    if not path.is_file():
        # A pipe would be waited for, a device read for ever.
        kind = "a folder; name one image file in it" if path.is_dir() else "no file but a device or a pipe"
        raise ValueError(f"{path} is {kind}")
    with path.open("rb") as file:
        return _open(file, str(path))


def _open(file: Any, name: str) -> np.ndarray:
    def decode() -> np.ndarray:
        with _open_picture(file) as picture:
            return _from_pil(picture)

    return _decoded(decode, name)


def _decoded(decode: Callable[[], np.ndarray], name: str) -> np.ndarray:
    """What ``decode`` returns; its exceptions become ``ValueError``."""
    try:
        return decode()
    except (UnidentifiedImageError, ImportError):
        raise ValueError(f"{name} is not a picture that Pillow can read (JPEG, PNG, WebP, TIFF, ...)") from None
    except (Image.DecompressionBombError, MemoryError) as error:
        raise ValueError(f"{name} is too large: {error}; scale it down first") from error
    except _NoPixels:
        raise
    except Exception as error:
        # Decoders meet damage with exceptions of any kind.
        raise ValueError(f"{name} is damaged and cannot be decoded ({error}); save or download it again") from error


def _from_pil(picture: Image.Image) -> np.ndarray:
    if getattr(picture, "is_animated", False) and picture.tell():
        frame = picture.tell()
        picture.seek(0)
        try:
            return _from_frame(picture.copy())
        finally:
            picture.seek(frame)
    return _from_frame(picture)


def _from_frame(picture: Image.Image) -> np.ndarray:
    picture = ImageOps.exif_transpose(picture)
    if picture.mode == "La":
        picture = picture.convert("LA")
    if picture.mode in _SIXTEEN_BIT:
        return _from_array(np.asarray(picture).astype(np.uint16))
    if picture.mode == "I":
        values = np.asarray(picture)
        if values.min() < 0 or values.max() > 65535:
            raise _NoPixels(
                f"a 32-bit grey picture with values {values.min()} to {values.max()} has no fixed range; "
                "scale it to uint8 or uint16 and hand in the array"
            )
        # Pillow opens 16-bit grey PNG files in this mode.
        return _from_array(values.astype(np.uint16))
    if picture.mode == "F":
        return _from_array(np.asarray(picture))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return _from_array(np.array(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"))


def _from_array(array: np.ndarray) -> np.ndarray:
    array = plain_array(array, "an image")
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise _NoPixels(
            f"an image array is [H,W], [H,W,1], [H,W,3] or [H,W,4] (a torch tensor has its channels first: [3,H,W]); "
            f"got shape {list(array.shape)}"
        )
    pixels = _to_uint8(array)
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] == 4:
        alpha = pixels[:, :, 3:].astype(np.uint16)
        over_white = pixels[:, :, :3] * alpha + 255 * (255 - alpha)
        return ((over_white + 127) // 255).astype(np.uint8)
    return np.array(pixels)


def _to_uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize == 2:
        if 1 < int(array.max()) <= 255:
            raise _NoPixels(
                f"the values of this 16-bit picture go only to {array.max()} of 65535, which is black: they are those "
                "of 8 bits; hand in the array as uint8"
            )
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if np.issubdtype(array.dtype, np.floating):
        low, high = float(array.min()), float(array.max())
        if not (low >= -_ROUNDING and high <= 1.0 + _ROUNDING):
            raise _NoPixels(f"a float image has values from 0 to 1, got {low:.4g} to {high:.4g}; {_scaled(low, high)}")
        values: np.ndarray = np.round(np.clip(array, 0.0, 1.0) * 255.0).astype(np.uint8)
        return values
    raise _NoPixels(f"an image array is uint8, uint16 or float in 0..1, got {array.dtype}; convert it first")


def _scaled(low: float, high: float) -> str:
    """How values of another range become those of an image."""
    if not math.isfinite(low) or not math.isfinite(high):
        return "replace what is not finite, as with numpy.nan_to_num"
    if low < 0:
        return "undo the normalisation with which it was prepared for a network"
    return "divide it by 255" if high <= 255 else "divide it by its maximum"
