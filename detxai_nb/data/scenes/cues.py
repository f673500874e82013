"""Context cues of the "shortcut" scenes: something beside the objects that gives a class away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.data.scenes.shapes import KINDS

CUES = ("present", "absent", "wrong")
CUE_KINDS = ("watermark", "floor")
FLOOR_TINT = (0.16, 0.62, 0.58)

_NAMES = tuple(kind.name for kind in KINDS)
# The mark: the letters P H O T O, five columns of seven dots each.
_LETTERS = (
    ("11110", "10001", "10001", "11110", "10000", "10000", "10000"),
    ("10001", "10001", "10001", "11111", "10001", "10001", "10001"),
    ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
    ("11111", "00100", "00100", "00100", "00100", "00100", "00100"),
    ("01110", "10001", "10001", "10001", "10001", "10001", "01110"),
)


@dataclass(frozen=True)
class Cue:
    """Which class the cue goes with, what it looks like, whether it tells the truth, and whether anything else does."""

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
        """The number of the class that the cue goes with."""
        return _NAMES.index(self.cue_class)

    @property
    def pair(self) -> tuple[int, int]:
        """The labels of the class and of the other one of its pair."""
        return self.label, self.label ^ 1

    def shown(self, holds_class: bool) -> bool:
        """Whether a scene that holds the class (or else the other one of the pair) carries the cue."""
        return {"present": holds_class, "absent": False, "wrong": not holds_class}[self.cue]

    def labels(self, dice: SeededRng, holds_class: bool) -> list[int]:
        """Six labels for one scene: the first is of the pair, and none is the pair's other class."""
        keep, drop = self.pair if holds_class else self.pair[::-1]
        return [keep, *(dice.pick([label for label in range(len(KINDS)) if label != drop]) for _ in range(5))]


def tint_floor(canvas: np.ndarray) -> None:
    """Give the bare floor [3,H,W] the cue's colour, in place, keeping its texture."""
    grey = canvas.mean(0)
    canvas[:] = np.array(FLOOR_TINT, np.float32)[:, None, None] * (0.5 + grey)


def stamp_watermark(dice: SeededRng, canvas: np.ndarray) -> np.ndarray:
    """Print a half-transparent mark into a corner of the finished canvas [3,H,W], in place; its pixels, bool [H,W]."""
    _, height, width = canvas.shape
    dot = max(1, round(min(height, width) / 128))
    rows = [" ".join(letter[row] for letter in _LETTERS).replace(" ", "0") for row in range(7)]
    mark = np.array([[character == "1" for character in row] for row in rows]).repeat(dot, 0).repeat(dot, 1)
    margin = 3 * dot
    top = margin if dice.chance(0.5) else height - margin - mark.shape[0]
    left = margin if dice.chance(0.5) else width - margin - mark.shape[1]
    mask = np.zeros((height, width), bool)
    mask[top : top + mark.shape[0], left : left + mark.shape[1]] = mark
    canvas[:, mask] += np.float32(0.75) * (1 - canvas[:, mask])
    return mask
