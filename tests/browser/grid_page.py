"""The widgets beside the Explorer on a notebook's page: where their parts are, and what all of them have to keep to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from lab import PATIENCE, STUB, NotebookPage

sys.path.insert(0, str(STUB))
import stub

__all__ = ["CONTRAST", "Shown", "stub"]

CONTRAST = """root => {
  const light = ([r, g, b]) => [0.2126 * r, 0.7152 * g, 0.0722 * b].reduce((a, v) => a + v, 0);
  const linear = c => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const parse = text => { const c = text.match(/[\\d.]+/g).map(Number); return [c.slice(0, 3), c[3] ?? 1]; };
  const over = ([top, alpha], below) => top.map((v, i) => v * alpha + below[i] * (1 - alpha));
  const of = (e, name) => parse(getComputedStyle(e)[name]);
  const behind = e => e ? over(of(e, 'backgroundColor'), behind(e.parentElement)) : [255, 255, 255];
  const own = e => [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const seen = e => own(e) && e.checkVisibility() && !e.closest('svg, .dx-hint');
  return [...root.querySelectorAll('*')].filter(seen).map(e => {
    const below = behind(e), a = light(linear(over(of(e, 'color'), below))), b = light(linear(below));
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className, e.textContent];
  }).filter(([ratio]) => ratio < 4.5); }"""
"""Texts of a widget that are hard to read: those with a contrast below 4.5, WCAG's AA."""

_UNMARKED = """root => [...root.querySelectorAll('button, select, input, a[href], [tabindex]')]
    .filter(e => e.dataset.lmSuppressShortcuts !== 'true').map(e => e.outerHTML)"""


class Shown:
    """One widget on the page, found by its class."""

    def __init__(self, notebook: NotebookPage, kind: str) -> None:
        self.notebook, self.page, self.kind = notebook, notebook.page, kind
        self.root = self.page.locator(f".dx-{kind}")

    def expect(self, attribute: str, value: str) -> None:
        """Wait until the root says so."""
        self.page.locator(f'.dx-{self.kind}[data-{attribute}="{value}"]').wait_for(state="attached")

    def until(self, holds: Callable[[], Any], what: str, seconds: float = PATIENCE) -> None:
        """Wait until it holds; ``AssertionError`` with ``what`` where it does not within that time."""
        end = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(what)
            self.page.wait_for_timeout(30)

    def at(self, canvas: Any, x: float, y: float) -> tuple[float, float]:
        """Where a point of the photograph is on the page, while it is not zoomed."""
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        height, width = stub.SIZE
        return box["x"] + x * box["width"] / width, box["y"] + y * box["height"] / height

    def pixel(self, canvas: Any, x: float, y: float) -> np.ndarray:
        """The canvas's RGB at a point of the photograph."""
        script = """(canvas, [u, v]) => [...canvas.getContext("2d")
            .getImageData(Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data]"""
        return np.array(canvas.evaluate(script, [x / stub.SIZE[1], y / stub.SIZE[0]])[:3])

    def choose(self, label: str, value: str) -> None:
        self.root.get_by_label(label, exact=True).select_option(value)

    def assert_accessible(self) -> None:
        """Everything that takes the keyboard keeps it from the notebook; in both themes all words can be read."""
        unmarked = self.root.evaluate(_UNMARKED)
        assert not unmarked, unmarked
        for name, theme in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
            change = "theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })"
            self.page.evaluate(change, name)
            self.expect("theme", theme)
            # JupyterLab covers a change of theme, and stumbles where the next one begins before that is over.
            self.page.locator("#jupyterlab-splash").wait_for(state="detached")
            hard = self.root.evaluate(CONTRAST)
            assert not hard, hard
