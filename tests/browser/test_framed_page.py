"""A saved page in a frame, as the documentation shows it: as tall as it is, and light or dark as the page around it."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import crowd
import pytest
from lab import PATIENCE

import detxai_nb as dx

pytestmark = pytest.mark.browser

SITE_SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "static" / "site.js"
AROUND = """<!doctype html><html data-theme="dark"><meta charset="utf-8"><script src="site.js"></script>
<iframe class="living-frame" src="page.html" style="height:100px;width:100%"></iframe>"""
FITS = """document.documentElement.scrollHeight <= document.documentElement.clientHeight
          && document.body.getBoundingClientRect().height > 300"""


def test_it_takes_height_and_theme_from_what_is_around_it(browser: Any, tmp_path: Path) -> None:
    widget = dx.widgets.Explorer(crowd.Crowd(3), crowd.photograph(150, 200), selected=1)
    widget.save_html(tmp_path / "page.html")
    shutil.copy(SITE_SCRIPT, tmp_path / "site.js")
    (tmp_path / "index.html").write_text(AROUND, encoding="utf-8")
    context = browser.new_context(viewport={"width": 900, "height": 700}, offline=True, color_scheme="light")
    context.set_default_timeout(1000 * PATIENCE)
    try:
        page, problems = context.new_page(), []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("request", lambda one: one.url.startswith(("file:", "blob:", "data:")) or problems.append(one.url))
        page.goto((tmp_path / "index.html").as_uri())
        page.wait_for_function("parseInt(document.querySelector('iframe').style.height) > 300")
        (inner,) = (frame for frame in page.frames if frame.url.endswith("page.html"))
        inner.locator('html[theme="dark"]').wait_for(state="attached")
        assert not inner.locator(".dxp-head").is_visible()
        # Nothing of it has to be scrolled, at any width.
        for width in (900, 420):
            page.set_viewport_size({"width": width, "height": 700})
            end = time.monotonic() + PATIENCE
            while not inner.evaluate(FITS):
                assert time.monotonic() < end, f"{width} pixels wide: the frame is not as tall as its page"
                page.wait_for_timeout(50)
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        inner.locator('html[theme="light"]').wait_for(state="attached")
        assert problems == []
    finally:
        context.close()
