"""A saved page, opened from the disk in a browser whose network is off; a request or a broken rule fails the test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from lab import PATIENCE

_WATCH = """
document.addEventListener("securitypolicyviolation",
  e => console.error(`policy: ${e.violatedDirective} ${e.blockedURI}`));
"""


class DiskPage:
    """One saved page.

    Args:
        browser: playwright's.
        path: of the page.
        **options: further ones of ``browser.new_context``.
    """

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(
            viewport={"width": 1100, "height": 900}, accept_downloads=True, offline=True, **options
        )
        self.context.set_default_timeout(1000 * PATIENCE)
        self.context.add_init_script(_WATCH)
        self.page = self.context.new_page()
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(f"{error}\n{error.stack}"))
        self.page.on("console", lambda said: said.type == "error" and self.problems.append(said.text))
        self.page.on("dialog", lambda dialog: self.problems.append(f"a dialog: {dialog.message}"))
        self.page.on("request", self._requested)
        self._own = path.resolve().as_uri()
        self.page.goto(self._own)
        self.root = self.page.locator(".dx-root").first
        self.page.locator('.dx-root[data-ready="true"]').first.wait_for(state="attached")

    def _requested(self, request: Any) -> None:
        if request.url != self._own and not request.url.startswith(("blob:", "data:")):
            self.problems.append(f"a request: {request.url}")

    def close(self) -> None:
        self.context.close()

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait until it holds; ``AssertionError`` with ``what`` where it does not."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"{what}; {self.problems}")
            self.page.wait_for_timeout(30)

    def expect(self, attribute: str, value: str) -> None:
        """Wait until the first widget's root says so."""
        self.until(
            lambda: self.root.get_attribute(f"data-{attribute}") == value,
            f"{attribute} is {value!r}, got {self.root.get_attribute(f'data-{attribute}')!r}",
        )

    def options(self, label: str) -> list[str]:
        """What a menu offers."""
        offered: list[str] = (
            self.root.get_by_label(label, exact=True)
            .locator("option")
            .evaluate_all("options => options.map(o => o.value)")
        )
        return offered

    def choose(self, label: str, value: str) -> None:
        self.root.get_by_label(label, exact=True).select_option(value)

    def press(self, choice: str) -> None:
        """Take one of a few choices side by side."""
        self.root.locator(".dx-segment", has_text=choice).first.click()

    def slide(self, label: str, value: float) -> None:
        """Move a slider and let it go."""
        slider = self.root.get_by_label(label, exact=True)
        slider.evaluate(
            """(input, value) => { input.value = value; input.dispatchEvent(new Event("input"));
                                   input.dispatchEvent(new Event("change")); }""",
            value,
        )

    def pixel(self, canvas: Any, u: float, v: float) -> np.ndarray:
        """The canvas's RGBA at a share of its width and height."""
        script = """(canvas, [u, v]) => [...canvas.getContext("2d")
            .getImageData(Math.floor(u * canvas.width), Math.floor(v * canvas.height), 1, 1).data]"""
        return np.array(canvas.evaluate(script, [u, v]))

    def download(self, name: str) -> tuple[str, bytes]:
        """Click a button that writes a file; its name and content."""
        with self.page.expect_download() as waiting:
            self.root.get_by_role("button", name=name).first.click()
        return waiting.value.suggested_filename, waiting.value.path().read_bytes()


@contextmanager
def opened_page(browser: Any, path: Path, **options: Any) -> Iterator[DiskPage]:
    """The page; at its end nothing may have gone wrong."""
    page = DiskPage(browser, path, **options)
    try:
        yield page
        assert page.problems == []
    finally:
        page.close()
