"""The SanityCheck in JupyterLab, in a real browser."""

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
from detxai_nb.data import scenes
torch.set_num_threads(1)
detector, image = dx.load_detector("tiny-fcos", device="cpu"), scenes.make(2, 11).image
widget = dx.widgets.SanityCheck(detector, image, methods=["odam", "grad-cam"], seeds=[0])
widget""",
    """
found = len(widget._result.maps) // 3 if widget._result else 0
print(f"{widget.mode} {widget.selected_method}#{widget.step} seeds={widget.seeds} steps={found}.")
""",
]
WHOLE = "odam,grad-cam#0#cascading#papers#0"


@pytest.fixture(scope="module")
def widget(open_notebook: Callable[..., NotebookPage]) -> Shown:
    notebook = open_notebook("sanity.ipynb", CELLS)
    notebook.run_cell(SHOW)
    shown = Shown(notebook, "sanity-check")
    shown.expect("ready", "true")
    return shown


def run(widget: Shown) -> None:
    widget.root.get_by_role("button", name="Run the check").click()


def test_it_runs_and_says_what_came_out(widget: Shown) -> None:
    run(widget)
    widget.until(lambda: widget.root.get_attribute("data-shown") == WHOLE, "the check has ended")
    assert widget.root.get_by_role("gridcell").count() == 3 * 6
    heads = widget.root.locator(".dx-method").all_inner_texts()
    assert ["passes" in heads[0], "passes" in heads[1], "fails" in heads[2]] == [True] * 3
    assert "|Spearman|" in heads[0]
    assert widget.root.locator("svg.dx-curve polyline").count() == 3


def test_arrow_keys_move_along_the_fall(widget: Shown) -> None:
    before = widget.notebook.cells()
    widget.root.get_by_role("gridcell").first.focus()
    widget.page.keyboard.press("ArrowRight")
    widget.page.keyboard.press("ArrowRight")
    widget.expect("selected", "odam#2")
    widget.page.keyboard.press("b")
    assert widget.notebook.cells() == before
    assert "ODAM, head, Spearman" in widget.root.get_by_role("status").first.inner_text()
    widget.notebook.run_until(STATE, "odam#2 ")


def test_another_measure_is_shown_without_a_run(widget: Shown) -> None:
    widget.choose("Measure", "ssim")
    cell = widget.root.get_by_role("gridcell").nth(1)
    widget.until(lambda: "SSIM" in cell.inner_text(), "the figures are of the other measure")
    widget.choose("Measure", "spearman")


def test_cancelled_halfway_it_keeps_what_it_had_and_runs_again(widget: Shown) -> None:
    widget.choose("Seeds", "[0,1,2,3,4]")
    run(widget)
    progress = widget.root.get_by_role("progressbar")
    progress.wait_for(state="visible")
    widget.until(lambda: int(progress.get_attribute("aria-valuenow") or 0) >= 12, "some steps are over")
    widget.root.get_by_role("button", name="Cancel").click()
    widget.until(lambda: (widget.root.get_attribute("data-shown") or "").endswith("#0,1,2,3,4"), "a part is shown")
    widget.root.get_by_text("Stopped by hand").first.wait_for()
    widget.choose("Seeds", "[0]")
    run(widget)
    widget.until(lambda: widget.root.get_attribute("data-shown") == WHOLE, "it has run again")


def test_the_png_holds_the_grid(widget: Shown) -> None:
    with widget.page.expect_download() as waiting:
        widget.root.get_by_role("button", name="PNG").click()
    assert waiting.value.suggested_filename == "sanity-cascading-odam-grad-cam-control-edges.png"
    assert Image.open(io.BytesIO(waiting.value.path().read_bytes())).width > 500


def test_it_is_accessible(widget: Shown) -> None:
    widget.assert_accessible()


def test_nothing_left_the_machine_and_nothing_broke(widget: Shown) -> None:
    assert widget.notebook.outside == []
    assert widget.notebook.errors == []
