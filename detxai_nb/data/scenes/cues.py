"""Context cues of the "shortcut" scenes: something in the background that gives a class away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import CLASSES

CUES = ("present", "absent", "wrong")
CUE_KINDS = ("watermark", "floor")
FLOOR_TINT = (0.16, 0.62, 0.58)

_NAMES = tuple(kind.name for kind in CLASSES)
# The mark: the letters P H O T O, five columns of seven dots each.
_LETTERS = (
    ("11110", "10001", "10001", "11110", "10000", "10000", "10000"),
    ("10001", "10001", "10001", "11111", "10001", "10001", "10001"),
    ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
    ("11111", "00100", "00100", "00100", "00100", "00100", "00100"),
    ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
)


class CueOptions(TypedDict, total=False):
    """The options of "shortcut" scenes, all of them optional; the fields of ``Cue``.

    Attributes:
        cue_class, cue_kind, cue, telling: as in ``Cue``.
    """

    cue_class: str
    cue_kind: str
    cue: str
    telling: bool


@dataclass(frozen=True)
class Cue:
    """The context cue of a "shortcut" scene; the fields are the options of ``scenes.make``.

    Attributes:
        cue_class: the name of the class that the cue goes with.
        cue_kind: "watermark" (a mark in a corner) or "floor" (the colour of the floor).
        cue: "present" (on every scene with the class and on no other), "absent" (on no scene) or "wrong" (on the
            scenes with the other class of the pair).
        telling: whether the objects of the pair have the part that tells the two classes apart.
    """

    cue_class: str = "apple"
    cue_kind: str = "watermark"
    cue: str = "present"
    telling: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.telling, bool):
            raise ValueError(f"telling is True or False, got {self.telling!r}")
        for field, known in (("cue_class", _NAMES), ("cue_kind", CUE_KINDS), ("cue", CUES)):
            if getattr(self, field) not in known:
                raise ValueError(f"unknown {field} {getattr(self, field)!r}; known: {', '.join(known)}")

    @property
    def label(self) -> int:
        """The label of the class that the cue goes with."""
        return _NAMES.index(self.cue_class)

    @property
    def pair(self) -> tuple[int, int]:
        """The labels of the class and of the other class of its pair."""
        return self.label, self.label ^ 1

    def is_shown(self, holds_class: bool) -> bool:
        """Return whether a scene carries the cue.

        Args:
            holds_class: whether the scene holds the class; otherwise it holds the other class of the pair.

        Returns:
            True if the cue is drawn.
        """
        return {"present": holds_class, "absent": False, "wrong": not holds_class}[self.cue]

    def labels(self, rng: SeededRng, holds_class: bool) -> list[int]:
        """Draw the labels of one scene, which holds one class of the pair but not the other.

        Args:
            rng: the random stream.
            holds_class: whether the scene holds the class; otherwise it holds the other class of the pair.

        Returns:
            Six labels; the first is the pair's class of this scene.
        """
        keep, drop = self.pair if holds_class else self.pair[::-1]
        return [keep, *(rng.pick([label for label in range(len(CLASSES)) if label != drop]) for _ in range(5))]


def tint_floor(canvas: np.ndarray) -> None:
    """Give the empty floor the colour of the cue, in place, and keep its texture.

    Args:
        canvas: float32 ``[3,H,W]``, colours in 0..1.
    """
    grey = canvas.mean(0)
    canvas[:] = np.array(FLOOR_TINT, np.float32)[:, None, None] * (0.5 + grey)


def stamp_watermark(rng: SeededRng, canvas: np.ndarray) -> np.ndarray:
    """Print a half-transparent mark into a random corner of the finished image, in place.

    Args:
        rng: the random stream.
        canvas: float32 ``[3,H,W]``, colours in 0..1.

    Returns:
        The pixels of the mark, bool ``[H,W]``.
    """
    _, height, width = canvas.shape
    dot = max(1, round(min(height, width) / 128))
    rows = [" ".join(letter[row] for letter in _LETTERS).replace(" ", "0") for row in range(7)]
    mark = np.array([[character == "1" for character in row] for row in rows]).repeat(dot, 0).repeat(dot, 1)
    margin = 3 * dot
    top = margin if rng.chance(0.5) else height - margin - mark.shape[0]
    left = margin if rng.chance(0.5) else width - margin - mark.shape[1]
    mask = np.zeros((height, width), bool)
    mask[top : top + mark.shape[0], left : left + mark.shape[1]] = mark
    canvas[:, mask] += np.float32(0.75) * (1 - canvas[:, mask])
    return mask
