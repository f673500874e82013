"""Tables as wide as the terminal."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

GAP = "  "


def format_table(columns: Sequence[str], rows: Sequence[Sequence[object]], width: int | None = None) -> str:
    """Return a table as text: the first column whole, the others wrapped within their cells.

    Args:
        columns: the names of the columns.
        rows: a cell for each column; anything that ``str`` makes text of.
        width: the most characters in a line, by default those of the terminal, or 80 where there is none. It is
            exceeded only by a word that is longer than its column could be.

    Returns:
        Lines without trailing spaces; only the first line of a row begins in the first column.
    """
    width = shutil.get_terminal_size().columns if width is None else width
    cells = [[str(name) for name in columns], *([str(cell) for cell in row] for row in rows)]
    widths = _widths(cells, width)
    lines = []
    for row in cells:
        wrapped = [textwrap.wrap(cell, size, break_on_hyphens=False) or [""] for cell, size in zip(row, widths)]
        for number in range(max(len(cell) for cell in wrapped)):
            parts = [cell[number] if number < len(cell) else "" for cell in wrapped]
            lines.append(GAP.join(part.ljust(size) for part, size in zip(parts, widths)).rstrip())
    return "\n".join(lines)


def _widths(cells: Sequence[Sequence[str]], width: int) -> list[int]:
    """The widths of the columns: the widest one but the first gives way until all fit or none can be narrower."""
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    least = [max(min(size, 10), len(name)) for size, name in zip(widths, cells[0])]
    while sum(widths) + len(GAP) * (len(widths) - 1) > width:
        spare = [size - small for size, small in zip(widths[1:], least[1:])]
        if not spare or max(spare) <= 0:
            break
        widths[1 + max(range(len(spare)), key=lambda column: (spare[column] > 0, widths[1 + column]))] -= 1
    return widths
