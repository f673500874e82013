"""The ScoreThreshold in JupyterLab, in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from grid_page import Shown
from lab import STUB, NotebookPage

pytestmark = pytest.mark.browser

SHOW, READ = range(2)
CELLS = [
    f"""
import sys
sys.path.insert(0, {str(STUB)!r})
import stub
import detxai_nb as dx
found = dx.widgets.ScoreThreshold(stub.StubDetector(), stub.photograph())
found""",
    "print(f'threshold={found.score_threshold:.2f} count={len(found.detections)}.')",
]


@pytest.fixture(scope="module")
def found(open_notebook: Callable[..., NotebookPage]) -> Shown:
    notebook = open_notebook("score_threshold.ipynb", CELLS)
    notebook.run_cell(SHOW)
    widget = Shown(notebook, "score-threshold")
    widget.expect("shown", "3")
    return widget


def test_boxes_vanish_without_a_message(found: Shown) -> None:
    slider = found.root.get_by_label("Min. score", exact=True)
    sent = found.notebook.comm_messages
    slider.evaluate("e => { e.value = 0.6; e.dispatchEvent(new Event('input', { bubbles: true })); }")
    found.expect("shown", "2")
    assert found.notebook.comm_messages == sent
    slider.evaluate("e => e.dispatchEvent(new Event('change', { bubbles: true }))")
    found.notebook.run_until(READ, "threshold=0.60 count=2.")


def test_keys_move_the_threshold(found: Shown) -> None:
    found.root.locator("canvas.dx-canvas").focus()
    for _ in range(5):
        found.page.keyboard.press("]")
    found.expect("shown", "1")
    found.notebook.run_until(READ, "threshold=0.85 count=1.")


def test_it_is_accessible_and_nothing_broke(found: Shown) -> None:
    found.assert_accessible()
    assert found.notebook.outside == []
    assert found.notebook.errors == []
