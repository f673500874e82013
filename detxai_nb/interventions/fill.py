"""What a region is filled with: blur, the mean colour, noise, inpainting, or pixels from elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from detxai_nb.image import ImageSource, load_image
from detxai_nb.interventions.region import Region

FILLS = ("blur", "mean", "noise", "biharmonic", "telea", "moved", "picture")
"""What a region can be filled with."""
_INSTALL = 'pip install "detxai-nb[interventions]"'
_TRIES = 200


@dataclass(frozen=True, eq=False)
class Fill:
    """A way to fill a region; outside of it no pixel changes.

    Attributes:
        name: "blur" (the picture out of focus), "mean" (the picture's mean colour), "noise" (normal, with the mean and
            spread that each channel has in the picture), "biharmonic" (inpainting by scikit-image), "telea" (inpainting
            by OpenCV; both go on smoothly from the rim), "moved" (pixels from elsewhere in the picture) or "picture"
            (pixels of another picture).
        sigma: of "blur", in pixels; None for half the shorter side of the box around the region, at least 3 pixels and
            at most an eighth of the picture's shorter side.
        radius: of "telea", in pixels: how far around each pixel it looks.
        shift: of "moved" and "picture": a pixel gets that which lies (dx, dy) to its right and below; None for a place
            off the region that the seed draws ("moved"), or the same place ("picture").
        picture: of "picture": what ``load_image`` takes.

    Raises:
        ValueError: for an unknown name, or a setting that is out of range or of another fill.

    Example:
        >>> import numpy as np
        >>> from detxai_nb.interventions import Fill, Region
        >>> picture = np.full((20, 30, 3), 7, np.uint8)
        >>> picture[5:9, 5:9] = 200
        >>> region = Region.box(picture, (4, 4, 10, 10))
        >>> int(Fill("moved", shift=(12, 0)).paint(picture, region).max())
        7
    """

    name: str = "blur"
    sigma: float | None = None
    radius: float = 5.0
    shift: tuple[int, int] | None = None
    picture: ImageSource | None = None

    def __post_init__(self) -> None:
        if self.name not in FILLS:
            raise ValueError(f"unknown fill {self.name!r}; known: {', '.join(FILLS)}")
        for setting, owners, empty in (
            ("sigma", ("blur",), None),
            ("radius", ("telea",), 5.0),
            ("shift", ("moved", "picture"), None),
            ("picture", ("picture",), None),
        ):
            value = getattr(self, setting)
            given = value is not empty and not (setting == "radius" and value == empty)
            if given and self.name not in owners:
                raise ValueError(f"{setting} is a setting of {' and '.join(map(repr, owners))}, not of {self.name!r}")
        for setting in ("sigma", "radius"):
            value = getattr(self, setting)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
                raise ValueError(f"{setting} is a number of pixels, got {value!r}")
            if value is not None and not 0 < value <= 1000:
                raise ValueError(f"{setting} is a number of pixels above 0, up to 1000; got {value!r}")
        if self.shift is not None:
            object.__setattr__(self, "shift", _as_shift(self.shift))
        if self.name == "picture" and self.picture is None:
            raise ValueError("the fill 'picture' needs the other picture: Fill('picture', picture=...)")

    @classmethod
    def of(cls, value: Fill | str) -> Fill:
        """Return a fill itself, or the one of that name with its defaults.

        Args:
            value: a fill or the name of one.

        Returns:
            The fill.

        Raises:
            TypeError: if it is neither.
            ValueError: for an unknown name.
        """
        if isinstance(value, Fill):
            return value
        if isinstance(value, str):
            return cls(value)
        raise TypeError(f"a fill is one of {', '.join(FILLS)} or a Fill, got {value!r}")

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings as plain values; the other picture is named by its size."""
        known: dict[str, dict[str, Any]] = {
            "blur": {"sigma": self.sigma},
            "telea": {"radius": self.radius},
            "moved": {"shift": self.shift and list(self.shift)},
            "picture": {"shift": self.shift and list(self.shift)},
        }
        return known.get(self.name, {})

    def paint(self, image: ImageSource, region: Region, seed: int = 0, avoid: np.ndarray | None = None) -> np.ndarray:
        """Return the picture with the region filled.

        Args:
            image: the picture.
            region: of this picture.
            seed: of what is random, 0 or more.
            avoid: bool ``[H,W]``: where "moved" rather takes no pixels from; None for nowhere.

        Returns:
            uint8 ``[H,W,3]``; outside the region bit for bit the picture.

        Raises:
            TypeError: if the region is none.
            ValueError: if the region is of another picture, leaves nothing to fill it from, or the other picture does
                not reach it.
            ImportError: if a library is missing; the message says how to install it.
        """
        pixels = np.asarray(load_image(image))
        if not isinstance(region, Region):
            raise TypeError(f"a region is a dx.interventions.Region, got {type(region).__name__}")
        region.require_size(*pixels.shape[:2])
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
            raise ValueError(f"seed is a whole number, 0 or more; got {seed!r}")
        found = pixels.copy()
        found[region.mask] = self._values(pixels, region, int(seed), avoid)
        return found

    def _values(self, pixels: np.ndarray, region: Region, seed: int, avoid: np.ndarray | None) -> np.ndarray:
        """The new values ``[n,3]`` of the region's pixels."""
        mask = region.mask
        if self.name == "mean":
            values: np.ndarray = np.round(pixels.reshape(-1, 3).mean(axis=0)).astype(np.uint8)
            return values
        if self.name == "noise":
            rows = pixels.reshape(-1, 3).astype(np.float64)
            # Drawn for the whole picture: what a pixel gets does not depend on the region.
            drawn = np.random.Generator(np.random.PCG64(seed)).standard_normal(pixels.shape)[mask]
            return np.asarray(np.round((rows.mean(axis=0) + drawn * rows.std(axis=0)).clip(0, 255)), np.uint8)
        if self.name == "blur":
            return _blurred(pixels, region, self.sigma_of(region))
        if self.name == "moved":
            shift = self.shift or _elsewhere(region, seed, avoid)
            return _taken(pixels, region, shift, "the picture")
        if self.name == "picture":
            other = np.asarray(load_image(self.picture))
            return _taken(other, region, self.shift or (0, 0), "the other picture")
        return _inpainted(pixels, region, self.name, self.radius)

    def sigma_of(self, region: Region) -> float:
        """Return the width of the blur for a region.

        Args:
            region: the region.

        Returns:
            The standard deviation in pixels.
        """
        if self.sigma is not None:
            return float(self.sigma)
        x1, y1, x2, y2 = region.bounds
        return float(np.clip(min(x2 - x1, y2 - y1) / 2, 3.0, max(3.0, min(region.size) / 8)))


def _as_shift(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list, np.ndarray)) else ()
    if len(pair) != 2 or not all(isinstance(one, (int, np.integer)) and not isinstance(one, bool) for one in pair):
        raise ValueError(f"shift is two whole numbers of pixels (dx, dy), got {value!r}")
    return int(pair[0]), int(pair[1])


def _blurred(pixels: np.ndarray, region: Region, sigma: float) -> np.ndarray:
    """The region's pixels in the blurred picture, of which only what reaches the region is blurred."""
    x1, y1, x2, y2 = region.bounds
    height, width = region.size
    reach = math.ceil(4 * sigma) + 1
    left, top, right, bottom = max(0, x1 - reach), max(0, y1 - reach), min(width, x2 + reach), min(height, y2 + reach)
    part = Image.fromarray(np.ascontiguousarray(pixels[top:bottom, left:right]))
    blurred = np.asarray(part.filter(ImageFilter.GaussianBlur(sigma)))
    values: np.ndarray = blurred[region.mask[top:bottom, left:right]]
    return values


def _taken(source: np.ndarray, region: Region, shift: tuple[int, int], what: str) -> np.ndarray:
    """The pixels that lie a shift away from the region's in a picture."""
    x1, y1, x2, y2 = region.bounds
    (dx, dy), (height, width) = shift, source.shape[:2]
    if x1 + dx < 0 or y1 + dy < 0 or x2 + dx > width or y2 + dy > height:
        raise ValueError(
            f"{what} has {width}x{height} pixels and does not reach what lies ({dx}, {dy}) from the region's box "
            f"{region.bounds}; take another shift, or a region or picture of another size"
        )
    rows, columns = np.nonzero(region.mask)
    return source[rows + dy, columns + dx]


def _elsewhere(region: Region, seed: int, avoid: np.ndarray | None) -> tuple[int, int]:
    """A shift to pixels that are not of the region, and not of ``avoid`` if there are such."""
    x1, y1, x2, y2 = region.bounds
    height, width = region.size
    inside = region.mask[y1:y2, x1:x2]
    random = np.random.Generator(np.random.PCG64([seed, 1]))
    second = None
    for _ in range(_TRIES):
        dx = int(random.integers(-x1, width - x2, endpoint=True))
        dy = int(random.integers(-y1, height - y2, endpoint=True))
        there = (slice(y1 + dy, y2 + dy), slice(x1 + dx, x2 + dx))
        if (region.mask[there] & inside).any():
            continue
        if avoid is None or not (avoid[there] & inside).any():
            return dx, dy
        second = second or (dx, dy)
    if second is None:
        raise ValueError(
            f"the region with the box {region.bounds} finds no room elsewhere in a picture of {width}x{height} pixels "
            "to take pixels from; take a smaller one, another fill, or pixels of another picture"
        )
    return second


def _inpainted(pixels: np.ndarray, region: Region, name: str, radius: float) -> np.ndarray:
    """The region's pixels, continued from its rim by a library."""
    if region.area == region.mask.size:
        raise ValueError("the region is the whole picture: inpainting has nothing to go on from; take another fill")
    if name == "telea":
        try:
            import cv2
        except ImportError as error:
            raise ImportError(f"the fill 'telea' needs OpenCV, which is not installed: {_INSTALL}") from error
        whole: np.ndarray = cv2.inpaint(pixels, region.mask.astype(np.uint8), radius, cv2.INPAINT_TELEA)
        values: np.ndarray = whole[region.mask]
        return values
    try:
        from skimage.restoration import inpaint_biharmonic
    except ImportError as error:
        raise ImportError(f"the fill 'biharmonic' needs scikit-image, which is not installed: {_INSTALL}") from error
    # What lies further from the rim than the equation looks changes nothing.
    x1, y1, x2, y2 = region.bounds
    around = (slice(max(0, y1 - 4), y2 + 4), slice(max(0, x1 - 4), x2 + 4))
    part = pixels[around].astype(np.float64) / 255
    found = inpaint_biharmonic(part, region.mask[around], channel_axis=-1, split_into_regions=True)
    return np.asarray(np.round(found[region.mask[around]].clip(0, 1) * 255), np.uint8)
