"""The Comparison in JupyterLab, in a real browser."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from grid_page import Shown, stub
from lab import STUB, NotebookPage
from PIL import Image

import detxai_nb as dx
from detxai_nb.widgets.snapshots.picture import Look, overlay_pixels

pytestmark = pytest.mark.browser

SHOW, STATE, RESET = range(3)
CELLS = [
    f"""
import sys
sys.path.insert(0, {str(STUB)!r})
import stub, torch
import detxai_nb as dx
torch.set_num_threads(1)
detector = stub.StubDetector(fails={{"x2": "the head was <i>not</i> found"}})
methods = ["grad-cam", "odam", "layer-cam"]
widget = dx.widgets.Comparison(detector, stub.photograph(), methods=methods, masks=4000, cells=4)
widget""",
    """
states = " ".join(f"{name}:{row['state']}" for name, row in widget.rows.items())
print(f"{widget.selected_method}#{widget.selected} shown={widget.shown} sort={widget.sort} {states}.")
""",
    """
widget.methods, widget.shown, widget.target, widget.sort = methods, [0, 1, 2], "class", ""
widget.selected_method, widget.selected = "odam", 0
widget.wait(20)
""",
]

STICKING_OUT = """root => {
  const right = root.getBoundingClientRect().right + 1;
  const own = e => !e.closest('.dx-grid') && e.checkVisibility() && e.getBoundingClientRect().right > right;
  return [...root.querySelectorAll('*')].filter(own).map(e => e.className); }"""
"""The classes of what reaches beyond the widget's right side; what is in the grid scrolls with it."""


@pytest.fixture(scope="module")
def opened(open_notebook: Callable[..., NotebookPage]) -> Shown:
    notebook = open_notebook("comparison.ipynb", CELLS)
    notebook.run_cell(SHOW)
    widget = Shown(notebook, "comparison")
    widget.expect("ready", "true")
    return widget


@pytest.fixture
def widget(opened: Shown) -> Shown:
    """The same widget for every test, as it was in the beginning."""
    opened.page.mouse.move(1, 1)
    opened.notebook.run_cell(RESET)
    opened.expect("shown", "grad-cam odam layer-cam")
    opened.expect("selected", "odam#0")
    return opened


def cell(widget: Shown, method: str, index: int) -> Any:
    line = widget.root.locator(".dx-line", has=widget.page.locator(f'[data-method="{method}"]'))
    return line.get_by_role("gridcell").nth(index)


def maps_of(method: str) -> dx.HeatMaps:
    detector, image = stub.StubDetector(), stub.photograph()
    return dx.explain(detector, image, detector.detect([image])[0], method=method)


def test_every_cell_shows_its_own_map(widget: Shown) -> None:
    maps = maps_of("odam")
    for index, (x1, y1, x2, y2) in enumerate(stub.BOXES):
        picture = overlay_pixels(stub.photograph(), maps, index, Look(0.75, 0.0, "viridis", shared=False)).astype(int)
        x, y = int(x1 + 0.4 * (x2 - x1)), int(y1 + 0.4 * (y2 - y1))
        canvas = cell(widget, "odam", index).locator("canvas")
        assert np.abs(widget.pixel(canvas, x + 0.5, y + 0.5) - picture[y, x]).max() <= 12


def test_hovering_one_cell_reads_all_of_them_at_that_point(widget: Shown) -> None:
    x, y = 70, 58
    canvas = cell(widget, "grad-cam", 2).locator("canvas")
    widget.page.mouse.move(*widget.at(canvas, x + 0.5, y + 0.5))
    for method in ("odam", "layer-cam"):
        values = maps_of(method).values
        for index in range(3):
            shown = cell(widget, method, index).locator(".dx-value").inner_text()
            read = float(shown.replace("\u2212", "-"))
            assert read == pytest.approx(float(values[index, y, x]), rel=0.15, abs=2e-3)
    widget.page.mouse.move(1, 1)
    widget.until(lambda: cell(widget, "odam", 0).locator(".dx-value").inner_text().strip() == "", "the point is gone")


def test_a_click_and_arrow_keys_select_a_cell_in_python(widget: Shown) -> None:
    canvas = cell(widget, "layer-cam", 2).locator("canvas")
    widget.page.mouse.click(*widget.at(canvas, 150, 75))
    widget.expect("selected", "layer-cam#2")
    before = widget.notebook.cells()
    status = widget.root.get_by_role("status").first
    widget.page.keyboard.press("ArrowUp")
    widget.page.keyboard.press("ArrowLeft")
    widget.expect("selected", "odam#1")
    widget.until(lambda: "ODAM of the class score" in status.inner_text(), "the cell is said")
    for key in ("b", "x", "m", "y", "d"):
        widget.page.keyboard.press(key)
    widget.until(lambda: "lid 0.80, at " in status.inner_text(), "d moves the point and says its values")
    assert widget.notebook.cells() == before
    widget.notebook.run_until(STATE, "odam#1 ")


def test_zoom_goes_through_all_cells(widget: Shown) -> None:
    cell(widget, "odam", 1).focus()
    widget.page.keyboard.press("+")
    widget.expect("zoom", "1.30")
    assert widget.root.locator("canvas.dx-zoomed").count() == 9
    widget.page.keyboard.press("f")
    widget.expect("zoom", "2.00")
    widget.root.get_by_role("button", name="Show the whole photograph").click()
    widget.expect("zoom", "1.00")


def test_sorting_puts_the_best_method_first(widget: Shown) -> None:
    heads = widget.root.locator(".dx-method strong")
    assert heads.first.inner_text() == "Grad-CAM"
    widget.choose("Best first by", "energy-pointing-box")
    widget.until(lambda: heads.first.inner_text() != "Grad-CAM", "a map of zeros is not the best")
    assert heads.last.inner_text() == "Grad-CAM"
    widget.choose("on", "1")
    widget.notebook.run_until(STATE, "sort=energy-pointing-box ")


def test_a_slow_method_is_added_shows_progress_and_keeps_what_it_had(widget: Shown) -> None:
    widget.root.get_by_label("D-RISE").check()
    cancel = widget.root.get_by_role("button", name="Cancel")
    cancel.wait_for(state="visible")
    # The first sign comes with the first of three objects, which takes a busy machine 10 s.
    progress = widget.root.get_by_role("progressbar")
    widget.until(lambda: progress.get_attribute("aria-valuenow"), "it tells how far it is")
    cancel.click()
    widget.notebook.run_until(STATE, "d-rise:ok")
    widget.expect("shown", "grad-cam odam layer-cam d-rise")
    assert "stopped by hand" in widget.root.locator('[data-method="d-rise"]').inner_text()
    assert "split-half correlation" in cell(widget, "d-rise", 0).inner_text()


def test_an_exception_is_shown_as_text_in_its_row(widget: Shown) -> None:
    widget.choose("Explain", "x2")
    wrong = widget.root.locator('[data-method="odam"] .dx-wrong')
    wrong.wait_for(state="visible")
    assert "was <i>not</i> found" in wrong.inner_text()
    assert widget.root.locator(".dx-wrong i").count() == 0
    widget.choose("Explain", "class")
    widget.expect("shown", "grad-cam odam layer-cam")


def test_objects_can_be_left_out(widget: Shown) -> None:
    widget.root.get_by_role("group", name="Objects shown").get_by_label("cup").uncheck()
    widget.until(lambda: widget.root.get_by_role("gridcell").count() == 6, "two columns are left")
    widget.notebook.run_until(STATE, "shown=[1, 2] ")


def test_the_png_holds_the_grid(widget: Shown) -> None:
    with widget.page.expect_download() as waiting:
        widget.root.get_by_role("button", name="PNG").click()
    assert waiting.value.suggested_filename == "comparison-class-grad-cam-odam-layer-cam.png"
    picture = Image.open(io.BytesIO(waiting.value.path().read_bytes()))
    assert picture.width > 3 * picture.height / 4


def test_it_is_accessible(widget: Shown) -> None:
    widget.assert_accessible()


def test_a_narrow_page_scrolls_the_grid_and_nothing_else(widget: Shown) -> None:
    cell(widget, "odam", 0).focus()
    widget.page.keyboard.press("d")
    readout = widget.root.locator(".dx-readout")
    widget.until(lambda: " at x " in readout.inner_text(), "the point is read beside the colour bar")
    box = widget.root.locator(".dx-grid-box")
    try:
        for width in (620, 560, 520, 500):
            widget.page.set_viewport_size({"width": width, "height": 900})
            widget.until(lambda: box.evaluate("e => e.scrollWidth > e.clientWidth"), "the grid scrolls within itself")
            widget.until(lambda: not widget.root.evaluate(STICKING_OUT), f"nothing sticks out at {width}")
    finally:
        widget.page.set_viewport_size({"width": 1280, "height": 1000})


def test_nothing_left_the_machine_and_nothing_broke(opened: Shown) -> None:
    assert opened.notebook.outside == []
    assert opened.notebook.errors == []
