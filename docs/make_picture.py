"""Make docs/explorer.png: the Explorer in JupyterLab, in a real browser, on a scene and with the bundled detector.

python docs/make_picture.py [--scene INDEX] [--select NUMBER]
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import sync_playwright

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "browser"))

from lab import LabServer, NotebookPage  # noqa: E402

SOURCE = """import detxai_nb as dx

detector = dx.load_detector("tiny-fcos", device="cpu")
image = dx.data.scenes.make({scene}, seed=1).image
dx.widgets.Explorer(detector, image, selected={select})"""


def main() -> None:
    """Open the notebook, run it, and photograph the widget."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scene", type=int, default=3)
    parser.add_argument("--select", type=int, default=0)
    options = parser.parse_args()
    cell = nbformat.v4.new_code_cell(SOURCE.format(scene=options.scene, select=options.select))
    notebook = nbformat.v4.new_notebook(cells=[cell])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    with tempfile.TemporaryDirectory() as folder, LabServer(Path(folder)) as server, sync_playwright() as door:
        nbformat.write(notebook, Path(folder) / "picture.ipynb")
        browser = door.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1300, "height": 1000}, device_scale_factor=1)
        NotebookPage(page, server, "picture.ipynb").run_all(120)
        widget = page.locator('.dx-explorer[data-ready="true"]')
        widget.wait_for(state="visible", timeout=60_000)
        widget.screenshot(path=HERE / "explorer.png")
        browser.close()


if __name__ == "__main__":
    main()
