"""The Explorer on a notebook's page: where its parts are, and what it should have painted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from lab import PATIENCE, STUB, NotebookPage

sys.path.insert(0, str(STUB))
import stub

import detxai_nb as dx
from detxai_nb.widgets.snapshots.picture import Look, overlay_pixels

__all__ = ["Widget", "assert_painted", "expected", "stub"]


class Widget:
    """The Explorer on the page."""

    def __init__(self, notebook: NotebookPage) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.root = self.page.locator(".dx-explorer")
        self.canvas = self.root.locator("canvas.dx-canvas")

    def expect(self, attribute: str, value: str) -> None:
        """Wait until the root says so."""
        self.page.locator(f'.dx-explorer[data-{attribute}="{value}"]').wait_for(state="attached")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Where a point of the photograph is on the page, while it is not zoomed."""
        box = self.canvas.bounding_box()
        height, width = stub.SIZE
        return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height

    def click(self, x: float, y: float) -> None:
        self.page.mouse.click(*self.at(x, y))

    def pixel(self, x: float, y: float) -> np.ndarray:
        """The canvas's RGB at a point of the photograph."""
        script = """(canvas, [u, v]) => [...canvas.getContext("2d")
            .getImageData(Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data]"""
        return np.array(self.canvas.evaluate(script, [x / stub.SIZE[1], y / stub.SIZE[0]])[:3])

    def apart(self, x: float, y: float, color: Any) -> int:
        """How far the canvas's colour at a point is from another, in the channel where it is most."""
        return int(np.abs(self.pixel(x, y) - color).max())

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Wait until it holds; ``AssertionError`` with ``what`` where it does not within that time."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(what)
            self.page.wait_for_timeout(30)

    def choose(self, label: str, value: str) -> None:
        self.root.get_by_label(label, exact=True).select_option(value)


def expected(index: int, target: str = "class", opacity: float = 0.75) -> np.ndarray:
    """The picture as Python draws it, without boxes."""
    image = stub.photograph()
    detector = stub.StubDetector()
    maps = dx.explain(detector, image, detector.detect([image])[0], target=target)
    return overlay_pixels(image, maps, index, Look(opacity, 0.0, "viridis", shared=False)).astype(int)


def assert_painted(widget: Widget, index: int, picture: np.ndarray) -> None:
    x1, y1, x2, y2 = stub.BOXES[index]
    for share in (0.35, 0.5, 0.62):
        x, y = int(x1 + share * (x2 - x1)), int(y1 + share * (y2 - y1))
        assert np.abs(widget.pixel(x + 0.5, y + 0.5) - picture[y, x]).max() <= 10
