"""The still picture of a grid of maps: a row for each method, a column for each object, figures below each cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from detxai_nb.widgets.snapshots.picture import Snapshot, draw_view, font, still_png, wrapped

_HEAD, _SIDE, _GAP, _LINE = 26, 150, 8, 16
_WIDEST, _WIDE, _NARROW = 1100, 260, 130
_TEXT, _MUTED = (28, 31, 36), (91, 98, 112)


@dataclass(frozen=True)
class Cell:
    """One map over the photograph.

    Attributes:
        scene: what is drawn.
        said: figures below it, a line each.
    """

    scene: Snapshot
    said: Sequence[str]


@dataclass(frozen=True)
class Line:
    """One row of the grid.

    Attributes:
        title: in the first column.
        about: remarks below it.
        cells: from left to right.
    """

    title: str
    about: Sequence[str]
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Grid:
    """A grid of maps.

    Attributes:
        heads: the title of each column.
        lines: the rows.
        image: the photograph, uint8 ``[H,W,3]``.
        notice: what to say if there is no row or column.
    """

    heads: Sequence[str]
    lines: Sequence[Line]
    image: np.ndarray
    notice: str = ""


def said(row: Mapping[str, Any], index: int, titles: Mapping[str, str]) -> list[str]:
    """Return the figures of one cell of a Comparison.

    Args:
        row: one method, from ``comparison_row``.
        index: the object.
        titles: of the metrics to show, by name.

    Returns:
        A text for each metric, then for each figure of the method's own.
    """
    figures = {title: row["metrics"][name] for name, title in titles.items() if name in row["metrics"]}
    figures |= row["figures"]
    return [f"{title}  {'–' if values[index] is None else f'{values[index]:.3g}'}" for title, values in figures.items()]


def draw_grid(grid: Grid) -> Image.Image:
    """Draw the grid on white; each photograph is 130 to 260 pixels wide, depending on the number of columns.

    Args:
        grid: what is drawn.

    Returns:
        An RGB image.
    """
    columns = max(1, len(grid.heads))
    width = int(min(_WIDE, max(_NARROW, (_WIDEST - _SIDE) / columns - _GAP)))
    factor = width / grid.image.shape[1]
    tall = max(1, round(grid.image.shape[0] * factor))
    below = [max((len(cell.said) for cell in line.cells), default=0) * _LINE for line in grid.lines]
    heights = [max(tall + figures, _about_height(line)) + 2 * _GAP for line, figures in zip(grid.lines, below)]
    height = _HEAD + sum(heights)
    page = Image.new("RGB", (_SIDE + columns * (width + _GAP), max(height, 2 * _HEAD)), "white")
    draw = ImageDraw.Draw(page)
    if not grid.heads or not grid.lines:
        for number, text in enumerate(wrapped(grid.notice or "Nothing is chosen.", page.width - 8, 13)):
            draw.text((4, 4 + _LINE * number), text, fill=_TEXT, font=font(13))
    for column, head in enumerate(grid.heads):
        draw.text((_SIDE + column * (width + _GAP), 4), _cut(head, width, 13), fill=_TEXT, font=font(13))
    top = _HEAD
    for line, line_height in zip(grid.lines, heights):
        _draw_about(draw, line, top)
        for column, cell in enumerate(line.cells):
            left = _SIDE + column * (width + _GAP)
            page.paste(draw_view(cell.scene, factor, name=False), (left, top))
            for number, words in enumerate(cell.said):
                at = (left, top + tall + 2 + number * _LINE)
                draw.text(at, _cut(words, width, 11), fill=_MUTED, font=font(11))
        top += line_height
    return page


def grid_png(grid: Grid) -> bytes:
    """Draw the grid as the still picture of a widget.

    Args:
        grid: what is drawn.

    Returns:
        A PNG file.
    """
    return still_png(draw_grid(grid))


def _about(line: Line) -> list[str]:
    return [part for text in line.about for part in wrapped(text, _SIDE - 2 * _GAP, 11)]


def _about_height(line: Line) -> int:
    return 20 + _LINE * len(_about(line))


def _draw_about(draw: ImageDraw.ImageDraw, line: Line, top: int) -> None:
    draw.text((4, top), _cut(line.title, _SIDE - _GAP, 13), fill=_TEXT, font=font(13))
    for number, words in enumerate(_about(line)):
        draw.text((4, top + 20 + number * _LINE), words, fill=_MUTED, font=font(11))


def _cut(text: str, width: float, size: int) -> str:
    """The text, shortened to that many pixels."""
    if font(size).getlength(text) <= width:
        return text
    while text and font(size).getlength(text + "…") > width:
        text = text[:-1]
    return text + "…"
