"""Discrimination, Perturbation and WhatIf in JupyterLab, in a real browser, one after the other in one notebook."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from grid_page import Shown, stub
from lab import STUB, NotebookPage

import detxai_nb as dx
from detxai_nb.metrics.neighbours import neighbour_contrast
from detxai_nb.widgets.discrimination import paint_takers

pytestmark = pytest.mark.browser

WALK, APART, WALKED, SET_APART, ASK, ASKED = range(6)
CELLS = [
    f"""
import sys
sys.path.insert(0, {str(STUB)!r})
import stub, torch
import detxai_nb as dx
torch.set_num_threads(1)
walk = dx.widgets.Perturbation(stub.Dimming(), stub.photograph())
walk""",
    """
apart = dx.widgets.Discrimination(stub.StubDetector(), stub.photograph())
apart""",
    "print(f'walk={walk.selected} {walk.mode} {walk.step}.')",
    "print(f'apart={apart.selected} {apart.view}.')",
    """
asked = dx.widgets.WhatIf(stub.Dimming(), stub.photograph(), controls=1, fill="mean", radius=8.0)
asked""",
    """
asked.wait()
now = asked.step is not None and asked.intervention.after.scores[0].item()
print(f'step={asked.step} of {len(asked.steps)} controls={bool(asked.elsewhere)} now={now:.4f}.')""",
]


@pytest.fixture(scope="module")
def notebook(open_notebook: Callable[..., NotebookPage]) -> NotebookPage:
    return open_notebook("contrasts.ipynb", CELLS)


@pytest.fixture(scope="module")
def walk(notebook: NotebookPage) -> Shown:
    notebook.run_cell(WALK)
    widget = Shown(notebook, "perturbation")
    widget.expect("shown", "odam|class||#0#deletion#box#@0")
    return widget


@pytest.fixture(scope="module")
def apart(notebook: NotebookPage, walk: Shown) -> Shown:
    notebook.run_cell(APART)
    widget = Shown(notebook, "discrimination")
    widget.expect("shown", "odam|class||#0")
    return widget


def test_scrubbing_changes_the_picture_without_a_message(walk: Shown) -> None:
    canvas = walk.root.locator("canvas.dx-canvas")
    photo = stub.photograph().astype(int)
    middle = (55, 57)
    assert np.abs(walk.pixel(canvas, middle[0] + 0.5, middle[1] + 0.5) - photo[57, 55]).max() <= 12
    slider = walk.root.get_by_label("Picture", exact=True)
    sent = walk.notebook.comm_messages
    slider.evaluate("e => { e.value = 10; e.dispatchEvent(new Event('input', { bubbles: true })); }")
    walk.expect("shown", "odam|class||#0#deletion#box#@10")
    assert walk.notebook.comm_messages == sent
    points = [(x + 0.5, y + 0.5) for x in range(35, 80, 9) for y in range(35, 85, 9)]
    far = [np.abs(walk.pixel(canvas, x, y) - photo[int(y), int(x)]).max() for x, y in points]
    assert np.mean(np.array(far) > 12) > 0.8, "around the middle of the object its pixels are noise"
    assert np.abs(walk.pixel(canvas, 195.5, 5.5) - photo[5, 195]).max() <= 12


def test_the_slider_takes_keys_and_tells_python(walk: Shown) -> None:
    slider = walk.root.get_by_label("Picture", exact=True)
    slider.focus()
    walk.page.keyboard.press("Home")
    walk.page.keyboard.press("ArrowRight")
    walk.expect("shown", "odam|class||#0#deletion#box#@1")
    assert "pixels deleted" in (slider.get_attribute("aria-valuetext") or "")
    walk.notebook.run_until(WALKED, "walk=0 deletion 1.")
    box = walk.root.locator("svg.dx-curve").bounding_box()
    walk.page.mouse.click(box["x"] + 0.98 * box["width"], box["y"] + box["height"] / 2)
    walk.notebook.run_until(WALKED, "walk=0 deletion 10.")


def test_another_mode_and_object_are_computed(walk: Shown) -> None:
    walk.root.get_by_role("radio", name="Insertion").check(force=True)
    walk.expect("shown", "odam|class||#0#insertion#box#@10")
    walk.root.locator("li[role=option]").nth(2).click()
    walk.expect("shown", "odam|class||#2#insertion#box#@10")
    walk.notebook.run_until(WALKED, "walk=2 insertion ")


def test_the_neighbours_are_tinted_as_python_tints_them(apart: Shown) -> None:
    apart.root.get_by_role("radio", name="Neighbours").check(force=True)
    apart.expect("view", "neighbours")
    detector, image = stub.StubDetector(), stub.photograph()
    maps = dx.explain(detector, image, detector.detect([image])[0])
    picture = paint_takers(image, neighbour_contrast(maps, 0), 0.75).astype(int)
    canvas = apart.root.locator("canvas.dx-canvas")
    for x, y in ((75, 60), (45, 45), (150, 75), (100, 110)):
        assert np.abs(apart.pixel(canvas, x + 0.5, y + 0.5) - picture[y, x]).max() <= 12
    apart.notebook.run_until(SET_APART, "apart=0 neighbours.")


def test_a_neighbour_in_the_legend_is_selected_by_a_click(apart: Shown) -> None:
    legend = apart.root.locator(".dx-takers")
    assert legend.inner_text().count("%") >= 3
    legend.get_by_role("button").first.click()
    apart.expect("shown", "odam|class||#1")
    apart.notebook.run_until(SET_APART, "apart=1 ")
    apart.root.get_by_role("radio", name="Difference").check(force=True)
    low, middle, high = apart.root.locator(".dx-bar-ticks span").all_inner_texts()
    assert (low, middle) == (f"\u2212{high}", "0")


def test_hovering_says_whose_pixel_it_is(apart: Shown) -> None:
    canvas = apart.root.locator("canvas.dx-canvas")
    apart.page.mouse.move(*apart.at(canvas, 150.5, 75.5))
    apart.root.get_by_text("most for #2 <b>tin</b>").wait_for()


@pytest.fixture(scope="module")
def asked(notebook: NotebookPage, apart: Shown) -> Shown:
    notebook.run_cell(ASK)
    widget = Shown(notebook, "what-if")
    widget.expect("shown", "odam|class||positive#0")
    return widget


def test_a_stroke_is_answered_taken_back_and_done_again(asked: Shown) -> None:
    canvas = asked.root.locator("canvas.dx-canvas")
    before = asked.notebook.cells()
    asked.page.mouse.move(*asked.at(canvas, 35, 50))
    asked.page.mouse.down()
    asked.page.mouse.move(*asked.at(canvas, 60, 60), steps=4)
    asked.page.mouse.up()
    for attribute, value in (("step", "0"), ("ready", "true"), ("elsewhere", "known")):
        asked.expect(attribute, value)
    said = asked.notebook.run_until(ASKED, "step=0 of 1 controls=True ")
    now = float(said.rpartition("now=")[2].strip(".\n"))
    assert 0 < now < stub.SCORES[0] - 0.01, "the score falls with the pixels"
    line = asked.root.locator(".dx-answers [role=option]").first.get_attribute("aria-label")
    assert line.startswith(f"#0 cup, score 0.91, now {now:.2f}")
    asked.page.mouse.move(1, 1)
    mean = stub.photograph().reshape(-1, 3).mean(axis=0)
    asked.until(lambda: np.abs(asked.pixel(canvas, 50, 56) - mean).max() < 3, "the fill is seen")
    canvas.focus()
    asked.page.keyboard.press("Control+z")
    asked.expect("answer", "")
    asked.notebook.run_until(ASKED, "step=None of 1 ")
    canvas.focus()
    asked.page.keyboard.press("Control+Shift+Z")
    asked.expect("answer", "1")
    asked.notebook.run_until(ASKED, f"step=0 of 1 controls=True now={now:.4f}")
    # Keys that draw, move and choose do not reach the notebook.
    canvas.focus()
    for key in ("b", "h", "v", "x", "d", "d", "a", "ArrowDown"):
        asked.page.keyboard.press(key)
    assert asked.notebook.cells() == before


def test_all_are_accessible(walk: Shown, apart: Shown, asked: Shown) -> None:
    walk.assert_accessible()
    apart.assert_accessible()
    asked.assert_accessible()


def test_nothing_left_the_machine_and_nothing_broke(notebook: NotebookPage) -> None:
    assert notebook.outside == []
    assert notebook.errors == []
