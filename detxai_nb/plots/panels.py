"""A matplotlib figure with a grid of panels of a photograph's shape, made without pyplot and its global state."""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from detxai_nb.types import Detections

_SIDE = 3.3  # inches of a panel's longer side
_NARROWEST = 1.3  # inches: a colour bar's numbers need that much
_HEADING = 4.3  # inches: so wide is every figure, for its heading
_TITLE, _BAR, _GAP = 0.3, 0.54, 0.14  # inches
_DPI = 110
PNG_LEVEL = 4
"""Of zlib, for pictures that a notebook shows: a third of the time of its default, files a twentieth larger."""


def to_png(figure: Figure, dpi: float = _DPI) -> bytes:
    """Return a figure as a PNG file.

    Args:
        figure: a matplotlib figure.
        dpi: pixels an inch.

    Returns:
        The file's bytes; the same figure gives the same bytes.
    """
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"compress_level": PNG_LEVEL})
    return out.getvalue()


@cache
def _picture_class() -> type[Figure]:
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that a notebook shows as it is, also where pyplot was never imported."""

        def _repr_png_(self) -> bytes:
            return to_png(self)

    return Picture


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure that a notebook shows by itself, without pyplot.

    Args:
        width, height: in inches.

    Returns:
        A matplotlib figure.
    """
    return _picture_class()(figsize=(width, height), dpi=_DPI)


class PanelGrid:
    """A figure with a grid of panels of the photograph's shape, laid out in inches.

    Args:
        image: the photograph ``[H,W,3]``, of which only the shape is used.
        rows, columns: of panels.
        side: the longer side of a panel in inches.
        bars: whether there is room for a colour bar below each panel.
        foot: inches left free at the bottom, for a legend.
    """

    def __init__(
        self,
        image: np.ndarray,
        rows: int,
        columns: int,
        side: float = _SIDE,
        bars: bool = True,
        foot: float = 0.0,
    ) -> None:
        height, width = image.shape[:2]
        self.columns = columns
        self.tall = side * min(1, height / width)
        self.wide = max(_NARROWEST, side * min(1, width / height))
        self.bar = _BAR if bars else 0.0
        across = max(_HEADING, _GAP + columns * (self.wide + _GAP))
        self.size = (across, _TITLE + rows * (_TITLE + self.tall + self.bar) + _GAP + foot)
        self.figure = new_figure(*self.size)

    def head(self, text: str) -> None:
        """Write a heading at the top left, never read as a formula.

        Args:
            text: the heading.
        """
        left, top = _GAP / self.size[0], 1 - 0.08 / self.size[1]
        self.figure.suptitle(text, fontsize=10, x=left, y=top, ha="left", va="top", parse_math=False)

    def panel(self, row: int, column: int) -> tuple[Axes, Axes | None]:
        """Add the axes of a panel.

        Args:
            row, column: which panel, from 0.

        Returns:
            The panel's axes and, below, those of its colour bar; None without bars.
        """
        left = _GAP + column * (self.wide + _GAP)
        top = self.size[1] - _TITLE - row * (_TITLE + self.tall + self.bar) - _TITLE
        axes = self._axes(left, top - self.tall, self.wide, self.tall)
        return axes, self._axes(left, top - self.tall - 0.17, self.wide, 0.1) if self.bar else None

    def _axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        across, up = self.size
        return self.figure.add_axes((left / across, bottom / up, width / across, height / up))


def draw_photograph(
    axes: Axes, pixels: np.ndarray, size: Sequence[int], part: tuple[int, int, int, int] | None = None
) -> None:
    """Draw a photograph, or a part of it, in the coordinates of the original image.

    Args:
        axes: where.
        pixels: uint8 ``[h,w,3]``, of any size.
        size: (height, width) of the original image in pixels.
        part: x1, y1, x2, y2 of what ``pixels`` shows; None for all.
    """
    x1, y1, x2, y2 = (0, 0, size[1], size[0]) if part is None else part
    axes.imshow(pixels, extent=(x1, x2, y2, y1), interpolation="antialiased")
    axes.set_axis_off()


def box_outlines(detections: Detections) -> list[Any]:
    """Return what ``draw_box`` draws of each detection: its oriented box if it has one, else its upright one.

    Args:
        detections: N detections.

    Returns:
        For each four numbers xyxy, or four corners (x, y), in pixels of the image.
    """
    found: list[Any] = (detections.boxes if detections.polygons is None else detections.polygons).tolist()
    return found


def draw_box(axes: Axes, box: Sequence[Any], line: float, color: str = "white", dashed: bool = False) -> None:
    """Draw a box as a line with a dark rim.

    Args:
        axes: where.
        box: xyxy, or the four corners (x, y) of an oriented box, in the axes' coordinates.
        line: width of the line in points.
        color: of the line.
        dashed: whether it has gaps, through which the rim is seen.
    """
    from matplotlib.patches import Polygon, Rectangle

    for width, edge, style in ((line + 1.6, (0, 0, 0, 0.55), "-"), (line, color, "--" if dashed else "-")):
        look: dict[str, Any] = {"fill": False, "lw": width, "ec": edge, "ls": style}
        if isinstance(box[0], (int, float)):
            x1, y1, x2, y2 = box
            axes.add_patch(Rectangle((x1, y1), x2 - x1, y2 - y1, clip_on=False, **look))
        else:
            # Corners may lie outside of the image.
            axes.add_patch(Polygon(box, closed=True, clip_on=True, **look))
