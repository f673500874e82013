"""A notebook with widgets that is saved, and opened again after its kernel was shut down; and its HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from disk_page import opened_page
from lab import PATIENCE, STUB, LabServer, NotebookPage

from detxai_nb.publishing import publish_notebook

pytestmark = pytest.mark.browser

CELL = f"""
import sys; sys.path.insert(0, {str(STUB)!r})
import stub, detxai_nb as dx
dx.widgets.Explorer(stub.StubDetector(), stub.photograph())"""
COMPARISON = "dx.widgets.Comparison(stub.StubDetector(), stub.photograph(), methods=['odam', 'layer-cam'])"
SAVE = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await window.jupyterapp.commands.execute("docmanager:save");
  await panel.sessionContext.shutdown();
}"""
STILL = ".jp-RenderedImage img"
TOO_EARLY = ".jp-OutputArea-output:has-text('Error displaying widget: model not found')"


@pytest.fixture(scope="module", params=[True, False], ids=["detxai-nb lab", "any JupyterLab"])
def reopened(request: Any, chromium: str, browser: Any, tmp_path_factory: Any) -> Iterator[tuple[bool, Any, Path]]:
    """Whether widgets' state is saved, the page of the notebook opened again without a kernel, and its file."""
    import nbformat

    folder = tmp_path_factory.mktemp("saved")
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in (CELL, COMPARISON)])
    made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(made, folder / "saved.ipynb")
    with LabServer(folder, defaults=request.param) as server:
        context = browser.new_context(viewport={"width": 1280, "height": 1000})
        context.set_default_timeout(1000 * PATIENCE)
        first = NotebookPage(context.new_page(), server, "saved.ipynb")
        for cell, kind in enumerate(("explorer", "comparison")):
            first.run_cell(cell)
            first.page.locator(f'.dx-{kind}[data-ready="true"]').wait_for(state="attached")
        assert first.page.locator(STILL).count() == 2
        assert not any(image.is_visible() for image in first.page.locator(STILL).all()), "below a live widget"
        first.page.evaluate(SAVE)
        first.page.close()
        page = context.new_page()
        page.goto(f"{server.url}/lab/tree/saved.ipynb?reset&token={server.token}")
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook").wait_for(
            state="visible", timeout=1000 * PATIENCE
        )
        page.locator(STILL).nth(1).wait_for(state="attached")
        yield request.param, page, folder / "saved.ipynb"
        context.close()


def wait_for_widgets(page: Any, *kinds: str) -> None:
    """Wait for live widgets; where JupyterLab drew one too early the page is loaded again.

    Its widget manager restores from the kernel and the notebook, and once more from the kernel alone when its
    connection comes up. On a busy machine the second may end before the first: an output that is drawn in between finds
    no model, says so, and is not drawn again.
    """
    for _ in range(5):
        for kind in kinds:
            page.locator(f'.dx-{kind}[data-ready="true"], {TOO_EARLY}').first.wait_for(state="attached")
        if not page.locator(TOO_EARLY).count():
            return
        page.reload()


def test_opened_again_without_a_kernel_it_shows_widgets_or_their_pictures(reopened: tuple[bool, Any, Path]) -> None:
    kept, page, _ = reopened
    pictures = page.locator(STILL)
    if kept:
        wait_for_widgets(page, "explorer", "comparison")
        assert page.locator(".dx-comparison").get_attribute("data-shown") == "odam layer-cam"
        assert page.get_by_text("Error displaying widget").count() == 0
        assert not any(image.is_visible() for image in pictures.all())
    else:
        assert all(image.is_visible() for image in pictures.all())
        assert page.locator(".dx-root").count() == 0


def test_its_html_shows_the_pictures_without_a_network(reopened: tuple[bool, Any, Path], browser: Any) -> None:
    exporter = pytest.importorskip("nbconvert").HTMLExporter()
    text, _ = exporter.from_filename(str(reopened[2]))
    written = reopened[2].with_suffix(".html")
    written.write_text(re.sub(r"https?://[^\"']*(cdn|unpkg)[^\"']*", "http://127.0.0.1:9/none", text), encoding="utf-8")
    page = browser.new_page()
    page.goto(written.as_uri(), wait_until="domcontentloaded")
    images = page.locator(".jp-RenderedImage img")
    assert images.count() == 2
    assert all(image.is_visible() for image in images.all())
    page.close()


def test_published_it_lives_as_far_as_its_state_was_saved(
    reopened: tuple[bool, Any, Path], browser: Any, tmp_path: Path
) -> None:
    kept, _, notebook = reopened
    published = publish_notebook(notebook, tmp_path / "page.html")
    assert published.alive == (2 if kept else 0), published.left
    if not kept:
        assert all("not in the notebook" in sentence for sentence in published.left)
        return
    with opened_page(browser, published.path) as page:
        page.expect("shown", "odam|class||positive#0")
        page.page.locator('.dx-comparison[data-ready="true"]').wait_for(state="attached")
        assert page.page.locator("main img").count() == 0, "no still picture beside a living widget"
