"""TinyObjects in JupyterLab, in a real browser: run, cancel halfway, run again, click a dot."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from grid_page import Shown
from lab import NotebookPage
from PIL import Image

pytestmark = pytest.mark.browser

SHOW, STATE = range(2)
CELLS = [
    """
import torch
import detxai_nb as dx
torch.set_num_threads(1)
detector = dx.load_detector("tiny-fcos", device="cpu")
widget = dx.widgets.TinyObjects(detector, dx.data.scenes.Scenes(30, mode="tiny"))
widget""",
    """
found = widget._found
print(f"{widget.selected} {widget.selected_pair} {widget.measure} objects={len(found.things)} of {found.total}.")
""",
]
STICKING_OUT = """root => { const edge = root.getBoundingClientRect().right + 1;
  return [...root.querySelectorAll('*')]
    .filter(e => e.checkVisibility() && e.getBoundingClientRect().right > edge)
    .map(e => e.outerHTML.slice(0, 200)); }"""


@pytest.fixture(scope="module")
def widget(open_notebook: Callable[..., NotebookPage]) -> Shown:
    notebook = open_notebook("tiny.ipynb", CELLS)
    notebook.run_cell(SHOW)
    shown = Shown(notebook, "tiny-objects")
    shown.expect("ready", "true")
    return shown


def data(widget: Shown, name: str) -> str:
    return widget.root.get_attribute(f"data-{name}") or ""


def run(widget: Shown) -> None:
    widget.root.get_by_role("button", name="Run what is chosen").click()
    widget.expect("running", "true")


def forget(widget: Shown) -> None:
    """Select nothing, and bring no dot into focus."""
    widget.root.locator("canvas.dx-scatter").focus()
    widget.page.keyboard.press("Escape")
    widget.expect("chosen", "")
    widget.root.locator("canvas.dx-scatter").blur()
    widget.page.mouse.move(2, 2)


def test_cancelled_halfway_it_keeps_its_dots(widget: Shown) -> None:
    assert widget.root.get_by_text("Nothing was measured yet").is_visible()
    run(widget)
    widget.until(lambda: int(data(widget, "objects")) >= 5, "dots appear while it runs")
    assert data(widget, "running") == "true"
    progress = widget.root.get_by_role("progressbar").first
    assert 0 < int(progress.get_attribute("aria-valuenow") or 0) < 100
    widget.root.get_by_role("button", name="Cancel").first.click()
    widget.expect("running", "false")
    widget.root.get_by_text("Stopped before its end").wait_for()
    assert 0 < int(data(widget, "done")) < 30
    assert int(data(widget, "objects")) >= 5
    kept = data(widget, "objects")
    widget.notebook.run_until(STATE, f"objects={kept} of 30.")


def test_it_runs_again_to_the_end(widget: Shown) -> None:
    widget.choose("Images", "5")
    run(widget)
    widget.expect("shown", "odam,grad-cam#5")
    widget.until(lambda: data(widget, "running") == "false", "it has run again")
    assert data(widget, "done") == "5"
    assert widget.root.get_by_text("Stopped before its end").count() == 0
    assert widget.root.locator(".dx-summary").count() >= 1


def test_keys_go_along_the_dots_and_enter_opens(widget: Shown) -> None:
    before = widget.notebook.cells()
    canvas = widget.root.locator("canvas.dx-scatter")
    canvas.focus()
    widget.page.keyboard.press("Home")
    widget.page.keyboard.press("ArrowRight")
    widget.page.keyboard.press("ArrowDown")
    assert "Grad-CAM" in widget.root.locator(".dx-tip-own").inner_text()
    widget.page.keyboard.press("b")
    assert widget.notebook.cells() == before
    widget.page.keyboard.press("Enter")
    widget.until(lambda: data(widget, "seen") != "", "the picture of the dot is there")
    assert widget.root.get_by_role("gridcell").count() == 3
    assert "Energy in box" in widget.root.get_by_role("gridcell").nth(1).inner_text()
    widget.notebook.run_until(STATE, f"{data(widget, 'seen')} None energy")
    forget(widget)
    assert not widget.root.locator(".dx-detail").is_visible()


def test_a_click_on_a_dot_opens_the_picture(widget: Shown) -> None:
    canvas = widget.root.locator("canvas.dx-scatter")
    canvas.scroll_into_view_if_needed()
    canvas.focus()
    widget.page.keyboard.press("End")
    ring = widget.root.locator(".dx-ring").bounding_box()
    x, y = ring["x"] + ring["width"] / 2, ring["y"] + ring["height"] / 2
    forget(widget)
    assert not widget.root.locator(".dx-ring").is_visible()
    widget.page.mouse.move(x, y)
    widget.root.locator(".dx-tip").wait_for()
    widget.page.mouse.click(x, y)
    widget.until(lambda: data(widget, "seen") != "", "the picture of the dot is there")
    chosen = data(widget, "chosen")
    widget.notebook.run_until(STATE, f"{chosen} None energy")
    inks = "c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size"
    canvases = widget.root.locator(".dx-cell canvas")
    assert all(canvases.nth(i).evaluate(inks) > 50 for i in range(canvases.count())), "photograph and maps are painted"
    assert widget.root.locator(".dx-overview canvas").evaluate(inks) > 50


def test_a_click_on_a_pair_opens_both(widget: Shown) -> None:
    widget.root.locator(".dx-option").first.click()
    widget.until(lambda: len(data(widget, "seen").split()) == 2, "both are there")
    assert widget.root.get_by_role("gridcell").count() == 6
    assert "Cosine" in widget.root.get_by_role("gridcell").nth(4).inner_text()
    widget.notebook.run_until(STATE, "None ")
    widget.choose("Measure", "reach")
    widget.expect("measure", "reach")
    widget.notebook.run_until(STATE, "reach objects")


def test_nothing_sticks_out_of_any_width(widget: Shown) -> None:
    for width in (1200, 700, 420, 252):
        widget.root.evaluate("(e, width) => { e.parentElement.style.width = `${width}px`; }", width)
        widget.until(lambda: not widget.root.evaluate(STICKING_OUT), f"nothing sticks out at {width}")
    widget.root.evaluate("e => { e.parentElement.style.width = ''; }")


def test_the_png_holds_scatter_and_crops(widget: Shown) -> None:
    with widget.page.expect_download() as waiting:
        widget.root.get_by_role("button", name="PNG").click()
    assert waiting.value.suggested_filename.startswith("tiny-objects-reach-")
    picture = Image.open(io.BytesIO(waiting.value.path().read_bytes()))
    assert picture.height > 400


def test_it_is_accessible(widget: Shown) -> None:
    widget.assert_accessible()


def test_nothing_left_the_machine_and_nothing_broke(widget: Shown) -> None:
    assert widget.notebook.outside == []
    assert widget.notebook.errors == []
