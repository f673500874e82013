"""The start notebook in JupyterLab, as a person meets it: all cells run, and its first Explorer is alive."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lab import PATIENCE, LabServer, NotebookPage

pytestmark = pytest.mark.browser

NAME = "00_start_here.ipynb"
ASK = """
import ipywidgets
explorers = [w for w in ipywidgets.widgets.widget._instances.values() if type(w).__name__ == "Explorer"]
print(f"selected={explorers[0].selected} of {len(explorers[0].objects)}")
"""


@pytest.fixture(scope="module")
def started(open_notebook: Callable[..., NotebookPage], server: LabServer, repository: Path) -> NotebookPage:
    """A copy of the notebook, without its saved outputs and with one more cell, after all its cells have run."""
    import nbformat

    source = repository / "notebooks" / NAME
    if not source.is_file():
        pytest.skip(f"there is no {source}")
    notebook = nbformat.read(source, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    notebook.cells.append(nbformat.v4.new_code_cell(ASK))
    nbformat.write(notebook, server.folder / NAME)
    page = open_notebook(NAME)
    page.run_all(3 * PATIENCE)
    return page


def outputs(page: NotebookPage) -> list[dict[str, Any]]:
    return page.page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.content.widgets
           .flatMap(cell => cell.outputArea ? cell.outputArea.model.toJSON() : [])"""
    )


def test_every_cell_runs(started: NotebookPage) -> None:
    errors = [f"{out['ename']}: {out['evalue']}" for out in outputs(started) if out["output_type"] == "error"]
    assert errors == []


def test_a_click_in_its_first_widget_selects_in_python(started: NotebookPage) -> None:
    page = started.page
    widget = page.locator(".dx-explorer").first
    widget.scroll_into_view_if_needed()
    page.locator('.dx-explorer[data-ready="true"]').first.wait_for(state="attached")
    assert "#0" in (widget.get_attribute("data-shown") or "")
    last = started.cells()[0] - 1
    count = int(started.run_cell(last).split(" of ")[1])
    assert count > 1, "a start notebook needs two objects to choose from"
    widget.scroll_into_view_if_needed()
    before = widget.locator("canvas.dx-canvas").evaluate("canvas => canvas.toDataURL()")
    widget.locator("li[role=option]").nth(1).click()
    page.wait_for_function("widget => widget.dataset.shown.endsWith('#1')", arg=widget.element_handle())
    assert widget.locator("canvas.dx-canvas").evaluate("canvas => canvas.toDataURL()") != before
    started.run_until(last, "selected=1 ")


def test_no_request_left_the_machine(started: NotebookPage) -> None:
    assert started.outside == []
    assert started.errors == []
