"""One JupyterLab and one Chromium for all browser tests; where there is no browser they are skipped, in words."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from lab import PATIENCE, LabServer, NotebookPage

NO_BROWSER = (
    "no Chromium was found: install one (on Debian or Ubuntu `apt-get install chromium`), "
    "or run `python -m playwright install chromium`"
)
ARGUMENTS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture(scope="session")
def playwright() -> Iterator[Any]:
    """playwright's door, without a browser yet."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -e '.[test]'")
    with api.sync_playwright() as door:
        yield door


@pytest.fixture(scope="session")
def chromium(playwright: Any) -> str:
    """Path of the browser: Chromium on the PATH, else playwright's own."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    own = playwright.chromium.executable_path
    if not os.path.exists(own):
        pytest.skip(NO_BROWSER)
    return own


@pytest.fixture(scope="session")
def browser(playwright: Any, chromium: str) -> Iterator[Any]:
    """One browser for all tests."""
    started = playwright.chromium.launch(executable_path=chromium, headless=True, args=ARGUMENTS)
    yield started
    started.close()


@pytest.fixture(scope="session")
def server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    """One JupyterLab over an empty folder."""
    with LabServer(tmp_path_factory.mktemp("notebooks")) as started:
        yield started


@pytest.fixture(scope="session")
def lab_page(browser: Any) -> Iterator[Any]:
    """One page for all notebooks, so that the browser fetches, compiles and starts JupyterLab once."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(1000 * PATIENCE)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def open_notebook(lab_page: Any, server: LabServer) -> Iterator[Callable[..., NotebookPage]]:
    """``open_notebook(name, cells)`` writes a notebook of code cells (or takes one that is there) and opens it."""
    opened = []

    def open_(name: str, cells: list[str] | None = None) -> NotebookPage:
        if cells is not None:
            import nbformat

            made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
            made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
            nbformat.write(made, server.folder / name)
        opened.append(NotebookPage(lab_page, server, name))
        return opened[-1]

    yield open_
    for notebook in opened:
        notebook.close()
