"""The Explorer in JupyterLab, in a real browser: what a person clicks, drags and types."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from explorer_page import Widget, assert_painted, expected, stub
from lab import STUB, NotebookPage
from PIL import Image

import detxai_nb as dx

pytestmark = pytest.mark.browser

SHOW, STATE, SET, RESET = range(4)
CELLS = [
    f"""
import sys
sys.path.insert(0, {str(STUB)!r})
import stub, torch
import detxai_nb as dx
torch.set_num_threads(1)
detector = stub.StubDetector(pause={{"y2": 0.7}}, fails={{"x2": "the head\\nwas <i>not</i> found"}})
widget = dx.widgets.Explorer(detector, stub.photograph())
widget""",
    "print(f'selected={widget.selected} target={widget.target} opacity={widget.opacity} traces={detector.traces}.')",
    "widget.selected = 2; widget.opacity = 0.25; widget.colormap = 'magma'; widget.target = 'y1'",
    """
widget.method, widget.target, widget.direction, widget.selected = "odam", "class", "positive", 0
widget.opacity, widget.hide_below, widget.colormap, widget.scale = 0.75, 0.0, "viridis", "object"
widget.boxes = "all"
""",
]
FIRST = "odam|class||positive#0"
INSIDE = ((45.5, 45.5), (75.5, 60.5), (150.5, 75.5))
"""A point in both of the overlapping boxes, one in the larger of them only, one in the third box."""


@pytest.fixture(scope="module")
def opened(open_notebook: Callable[..., NotebookPage]) -> Widget:
    notebook = open_notebook("explorer.ipynb", CELLS)
    notebook.run_cell(SHOW)
    widget = Widget(notebook)
    widget.expect("ready", "true")
    return widget


@pytest.fixture
def widget(opened: Widget) -> Iterator[Widget]:
    """The same widget for every test, as it was in the beginning."""
    opened.page.mouse.move(1, 1)
    opened.notebook.run_cell(RESET)
    opened.expect("shown", FIRST)
    opened.expect("opacity", "0.75")
    opened.canvas.scroll_into_view_if_needed()
    yield opened
    if opened.root.evaluate("root => root.querySelector('.dx-zoomed') !== null"):
        opened.root.get_by_role("button", name="Show the whole photograph").click()


def test_a_click_selects_in_python_and_paints_the_map(widget: Widget) -> None:
    assert_painted(widget, 0, expected(0))
    before = widget.notebook.run_cell(STATE)
    widget.click(*INSIDE[2])
    widget.expect("shown", "odam|class||positive#2")
    assert_painted(widget, 2, expected(2))
    after = widget.notebook.run_until(STATE, "selected=2 ")
    assert after.split("traces")[1] == before.split("traces")[1], "selecting computes nothing"
    assert "tin</b>, score 0.55" in widget.root.get_by_role("status").first.inner_text()


def test_repeated_clicks_go_round_overlapping_boxes(widget: Widget) -> None:
    for wanted in (1, 0, 1):
        widget.click(*INSIDE[0])
        widget.expect("shown", f"odam|class||positive#{wanted}")
    widget.click(*INSIDE[1])
    widget.expect("shown", FIRST)


def test_hovering_names_the_box_and_reads_the_raw_value(widget: Widget) -> None:
    x, y = 70, 58
    widget.page.mouse.move(*widget.at(x + 0.5, y + 0.5))
    detector = stub.StubDetector()
    maps = dx.explain(detector, stub.photograph(), detector.detect([stub.photograph()])[0])
    value = float(maps.values[0, y, x])
    widget.root.get_by_text(f"{value:.3g} at x {x}, y {y}", exact=True).wait_for()
    plain = widget.pixel(110.8, 36.5)
    widget.page.mouse.move(*widget.at(*INSIDE[2]))
    widget.until(lambda: widget.apart(110.8, 36.5, plain) > 30, "the name appears above the box")


def test_arrow_keys_select_and_leave_the_notebook_alone(widget: Widget) -> None:
    widget.canvas.focus()
    before = widget.notebook.cells()
    for key, wanted in [
        ("ArrowRight", 1),
        ("ArrowDown", 2),
        ("ArrowRight", 0),
        ("ArrowLeft", 2),
        ("Home", 0),
        ("End", 2),
    ]:
        widget.page.keyboard.press(key)
        widget.expect("shown", f"odam|class||positive#{wanted}")
    widget.page.keyboard.press("Escape")
    widget.expect("shown", "")
    widget.root.get_by_role("listbox").focus()
    widget.page.keyboard.press("ArrowDown")
    widget.expect("shown", FIRST)
    assert widget.notebook.cells() == before
    widget.notebook.run_until(STATE, "selected=0 ")


def test_letter_keys_do_not_reach_the_notebook(widget: Widget) -> None:
    widget.canvas.focus()
    before = widget.notebook.cells()
    for place in (widget.canvas, widget.root.get_by_role("listbox"), widget.root.get_by_label("Opacity")):
        place.focus()
        for key in ("a", "b", "d", "d", "x", "m", "y", "z", "c", "v", "l", "j", "k"):
            widget.page.keyboard.press(key)
    widget.root.get_by_role("button", name="Zoom in").focus()
    for key in ("b", "x", "Space"):
        widget.page.keyboard.press(key)
    assert widget.notebook.cells() == before
    assert widget.root.evaluate("root => root.querySelector('.dx-zoomed') !== null"), "Space pressed the button"


def test_everything_that_takes_the_keyboard_is_marked(widget: Widget) -> None:
    script = """root => [...root.querySelectorAll('button, select, input, a[href], [tabindex]')]
        .filter(e => e.dataset.lmSuppressShortcuts !== 'true').map(e => e.outerHTML)"""
    assert widget.root.evaluate(script) == []


def test_the_opacity_slider_repaints_without_a_message(widget: Widget) -> None:
    slider = widget.root.get_by_label("Opacity")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    picture = widget.pixel(*INSIDE[1])
    sent = widget.notebook.comm_messages
    widget.page.mouse.move(box["x"] + 0.75 * box["width"], y)
    widget.page.mouse.down()
    for share in (0.5, 0.4, 0.3, 0.2, 0.1):
        widget.page.mouse.move(box["x"] + share * box["width"], y)
        widget.page.wait_for_timeout(40)
    widget.until(lambda: float(widget.root.get_attribute("data-opacity") or "nan") < 0.2, "the slider repaints")
    opacity = float(widget.root.get_attribute("data-opacity") or "nan")
    assert widget.apart(*INSIDE[1], picture) > 10
    assert widget.notebook.comm_messages == sent
    widget.page.mouse.up()
    widget.notebook.run_until(STATE, f"opacity={opacity} ")
    assert widget.notebook.comm_messages == sent + 1


def test_another_target_is_computed_once(widget: Widget) -> None:
    widget.choose("Explain", "x1")
    widget.expect("shown", "odam|x1||positive#0")
    assert_painted(widget, 0, expected(0, "x1"))
    assert np.abs(widget.pixel(20, 58.5) - [255, 176, 0]).max() <= 3, "the explained side is marked"
    count = widget.notebook.run_until(STATE, "target=x1 ").split("traces=")[1]
    widget.choose("Explain", "class")
    widget.expect("shown", FIRST)
    widget.choose("Explain", "x1")
    widget.expect("shown", "odam|x1||positive#0")
    assert widget.notebook.run_until(STATE, "target=x1 ").split("traces=")[1] == count


def test_signed_evidence_gets_a_diverging_colour_map(widget: Widget) -> None:
    colours = widget.root.get_by_label("Colours", exact=True)
    assert colours.input_value() == "viridis"
    widget.choose("Evidence", "signed")
    widget.expect("shown", "odam|class||signed#0")
    assert colours.input_value() == "RdBu_r"
    low, middle, high = widget.root.locator(".dx-bar-ticks span").all_inner_texts()
    assert (low, middle) == (f"\u2212{high}", "0")


def test_long_work_shows_progress_and_can_be_cancelled(widget: Widget) -> None:
    widget.choose("Explain", "y2")
    cancel = widget.root.get_by_role("button", name="Cancel")
    cancel.wait_for(state="visible")
    assert "bottom side" in widget.root.locator(".dx-progress-text").inner_text()
    cancel.click()
    cancel.wait_for(state="hidden")
    widget.notebook.run_until(STATE, "target=class ")
    assert widget.root.get_by_label("Explain", exact=True).input_value() == "class"
    widget.expect("shown", FIRST)


def test_an_exception_is_shown_as_text_and_the_widget_lives_on(widget: Widget) -> None:
    widget.choose("Explain", "x2")
    alert = widget.root.get_by_role("alert")
    alert.wait_for(state="visible")
    assert "could not be computed: the head\nwas <i>not</i> found" in alert.inner_text()
    assert alert.locator("i").count() == 0
    widget.choose("Explain", "class")
    alert.wait_for(state="hidden")
    widget.expect("shown", FIRST)


def test_what_python_sets_is_shown(widget: Widget) -> None:
    widget.notebook.run_cell(SET)
    widget.expect("shown", "odam|y1||positive#2")
    widget.expect("opacity", "0.25")
    assert widget.root.get_by_label("Explain", exact=True).input_value() == "y1"
    assert widget.root.get_by_label("Colours", exact=True).input_value() == "magma"
    assert widget.root.locator("li[aria-selected=true]").get_attribute("aria-label") == "#2 <b>tin</b>, score 0.55"


def test_the_other_boxes_can_be_left_out(widget: Widget) -> None:
    drawn = widget.pixel(110, 75.5)
    widget.root.get_by_role("radio", name="Selected").click()
    widget.until(lambda: widget.apart(110, 75.5, drawn) > 30, "the other boxes are gone")
    widget.page.mouse.move(*widget.at(*INSIDE[2]))
    widget.until(lambda: widget.apart(110, 75.5, [47, 208, 140]) < 60, "the one under the pointer is shown")


def test_zoom_and_pan(widget: Widget) -> None:
    def zoomed() -> Any:
        return widget.canvas.evaluate("canvas => canvas.classList.contains('dx-zoomed')")

    corner = widget.pixel(199.5, 0.5)
    widget.page.mouse.move(*widget.at(100.5, 60.5))
    widget.page.mouse.wheel(0, -200)
    widget.root.locator(".dx-hint.dx-shown").wait_for(state="attached")
    widget.canvas.focus()
    widget.page.mouse.wheel(0, -200)
    assert not zoomed(), "the wheel alone scrolls the notebook, whatever has the focus"
    widget.page.mouse.move(*widget.at(100.5, 60.5))
    widget.page.keyboard.down("Control")
    widget.page.mouse.wheel(0, -200)
    widget.page.keyboard.up("Control")
    widget.until(zoomed, "with Ctrl the wheel zooms")
    widget.until(lambda: widget.apart(199.5, 0.5, corner) > 5, "another part is in the corner")
    widget.page.mouse.down()
    widget.page.mouse.move(*widget.at(20.5, 110.5), steps=4)
    widget.page.mouse.up()
    widget.until(lambda: widget.apart(199.5, 0.5, corner) <= 6, "dragged to the upper right corner")
    widget.expect("shown", FIRST)
    widget.page.keyboard.press("0")
    widget.until(lambda: not zoomed(), "0 shows the whole photograph")
    widget.page.keyboard.press("+")
    widget.until(zoomed, "+ zooms in")
    widget.page.keyboard.press("-")
    widget.until(lambda: not zoomed(), "- zooms out")


def test_the_png_has_the_photographs_resolution_and_a_caption(widget: Widget) -> None:
    with widget.page.expect_download() as waiting:
        widget.root.get_by_role("button", name="PNG").click()
    file = waiting.value.path()
    assert waiting.value.suggested_filename == "odam-class-positive-cup-0.png"
    picture = np.asarray(Image.open(io.BytesIO(file.read_bytes())).convert("RGB")).astype(int)
    assert picture.shape[0] > stub.SIZE[0]
    wanted = expected(0)
    assert np.abs(picture[50:80, 65:85] - wanted[50:80, 65:85]).max() <= 8


def test_the_code_can_be_copied(widget: Widget) -> None:
    widget.root.get_by_role("button", name="Copy the Python").click()
    widget.root.get_by_text("Copied", exact=True).wait_for()
    copied = widget.page.evaluate("() => navigator.clipboard.readText()")
    detector, image = stub.StubDetector(), stub.photograph()
    names = {"detector": detector, "image": image}
    exec(copied, names)
    assert names["heat_map"].shape == stub.SIZE
    assert "method='odam', target='class'" in copied


def test_motion_is_left_out_where_the_person_wants_none(widget: Widget) -> None:
    fill = widget.root.locator(".dx-progress-fill")
    assert fill.evaluate("e => getComputedStyle(e).transitionDuration") == "0.15s"
    widget.page.emulate_media(reduced_motion="reduce")
    assert fill.evaluate("e => getComputedStyle(e).transitionDuration") == "0s"
    widget.page.emulate_media(reduced_motion="no-preference")


def test_both_themes_are_readable(widget: Widget) -> None:
    contrast = """root => {
      const light = ([r, g, b]) => [0.2126 * r, 0.7152 * g, 0.0722 * b].reduce((a, v) => a + v, 0);
      const linear = c => c.map(v => v / 255).map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      const parse = text => { const c = text.match(/[\\d.]+/g).map(Number); return [c.slice(0, 3), c[3] ?? 1]; };
      const over = ([top, alpha], below) => top.map((v, i) => v * alpha + below[i] * (1 - alpha));
      const of = (e, name) => parse(getComputedStyle(e)[name]);
      const behind = e => e ? over(of(e, 'backgroundColor'), behind(e.parentElement)) : [255, 255, 255];
      const texts = '.dx-words, .dx-label, .dx-head, .dx-option, .dx-select, .dx-button, .dx-number, .dx-bar-ticks';
      return [...root.querySelectorAll(texts)].map(e => {
        const below = behind(e), a = light(linear(over(of(e, 'color'), below))), b = light(linear(below));
        return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.className];
      }).filter(([ratio]) => ratio < 4.5); }"""
    for name, theme in (("JupyterLab Dark", "dark"), ("JupyterLab Light", "light")):
        widget.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", name)
        widget.expect("theme", theme)
        assert widget.root.evaluate(contrast) == []


def test_nothing_left_the_machine_and_nothing_broke(opened: Widget) -> None:
    assert opened.notebook.outside == []
    assert opened.notebook.errors == []
    assert not any("bytes lost" in frame for frame in opened.notebook.frames)
