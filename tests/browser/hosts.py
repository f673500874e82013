"""Notebook 7 and marimo, each showing three widgets: what their tests need of them, alike."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import PATIENCE, START_SECONDS, STUB, LabServer, NotebookPage, free_port

BEGIN = f"""
import sys
sys.path.insert(0, {str(STUB)!r})
import ipywidgets, stub, torch
import detxai_nb as dx
torch.set_num_threads(1)
def alive(kind):
    return sum(isinstance(one, kind) for one in ipywidgets.widgets.widget._instances.values())"""
WIDGETS = {
    "explorer": "dx.widgets.Explorer(stub.StubDetector(), stub.photograph())",
    "comparison": "dx.widgets.Comparison(stub.StubDetector(), stub.photograph(), methods=['odam', 'layer-cam'])",
    "perturbation": "dx.widgets.Perturbation(stub.StubDetector(), stub.photograph())",
}
SEEN = {
    "explorer": "f'selected={explorer.selected}, target={explorer.target}, opacity={explorer.opacity}, '"
    "f'alive={alive(dx.widgets.Explorer)}, of explorer'",
    "comparison": "f'selected={comparison.selected}, opacity={comparison.opacity}, of comparison'",
    "perturbation": "f'step={perturbation.step}, of perturbation'",
}
"""By widget the text in which Python says what it sees of it."""


class NotebookServer(LabServer):
    """Notebook 7 over one folder."""

    module, application, address = "notebook", "JupyterNotebookApp", "notebooks"


class InNotebook:
    """The widgets in Notebook 7."""

    def __init__(self, page: Any, server: NotebookServer) -> None:
        import nbformat

        # A cell more, so that none is added below the last one.
        cells = [
            BEGIN,
            *(f"{name} = {source}\n{name}" for name, source in WIDGETS.items()),
            *map(_printed, SEEN.values()),
        ]
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in [*cells, "0"]])
        made.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, server.folder / "hosts.ipynb")
        self.page = page
        self.notebook = NotebookPage(page, server, "hosts.ipynb")
        self.outside = self.notebook.outside
        for cell in range(1 + len(WIDGETS)):
            self.notebook.run_cell(cell)

    @property
    def errors(self) -> list[str]:
        """Those of the widgets, which come from a blob; Notebook 7.6 has one of its own whenever it starts."""
        return [error for error in self.notebook.errors if "blob:" in error]

    @property
    def said(self) -> list[str]:
        """What the page sent to the kernel."""
        return self.notebook.frames

    def cells(self) -> int:
        """How many cells the notebook has."""
        return self.notebook.cells()[0]

    def again(self, kind: str) -> None:
        """Run the cell again that makes and shows a widget."""
        self.notebook.run_cell(1 + list(WIDGETS).index(kind))

    def sees(self, kind: str, text: str) -> None:
        """Wait until Python says so of a widget."""
        self.notebook.run_until(1 + len(WIDGETS) + list(SEEN).index(kind), text)

    def theme(self, name: str) -> None:
        """Change to "light" or "dark"."""
        theme = f"JupyterLab {name.capitalize()}"
        self.page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)


def _printed(text: str) -> str:
    return f"print({text})"


class MarimoServer:
    """marimo's editor over one notebook, with settings of its own. Use it in a ``with`` statement."""

    SETTINGS = '[tool.marimo.runtime]\nauto_instantiate = true\n[tool.marimo.display]\ntheme = "system"\n'

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> MarimoServer:
        (self.folder / "hosts.py").write_text(_marimo_notebook(), encoding="utf-8")
        (self.folder / "pyproject.toml").write_text(self.SETTINGS, encoding="utf-8")
        self._home = tempfile.TemporaryDirectory(prefix="marimo-")
        homes = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"), self._home.name)
        command = [sys.executable, "-m", "marimo", "-y", "edit", "hosts.py", "--headless", "--no-token"]
        self._log = (Path(self._home.name) / "server.log").open("w+")
        self._process = subprocess.Popen(
            [*command, "--skip-update-check", f"--port={self.port}", "--host=127.0.0.1"],
            cwd=self.folder,
            env={**os.environ, **homes},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        # Its kernels are processes of the same group.
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()
        self._home.cleanup()

    def _wait(self) -> None:
        until = time.monotonic() + START_SECONDS
        while True:
            if self._process.poll() is not None or time.monotonic() > until:
                self._log.seek(0)
                raise RuntimeError(f"marimo did not start:\n{self._log.read()}")
            try:
                urllib.request.urlopen(f"{self.url}/health", timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)


def _marimo_notebook() -> str:
    """The same cells for marimo, whose notebooks are Python; what Python sees is shown anew whenever it changes."""
    lines = ["import marimo", "app = marimo.App()", "@app.cell", "def _():"]
    lines += [
        f"    {line}" for line in [*BEGIN.strip().splitlines(), "import marimo as mo", "return alive, dx, mo, stub"]
    ]
    for name, source in WIDGETS.items():
        lines += ["@app.cell", "def _(dx, mo, stub):", f"    {name} = mo.ui.anywidget({source})", f"    {name}"]
        lines += [
            f"    return ({name},)",
            "@app.cell",
            f"def _(alive, dx, mo, {name}):",
            f"    mo.plain_text({SEEN[name]})",
            "    return",
        ]
    return "\n".join(lines) + "\n"


class InMarimo:
    """The widgets in marimo's editor."""

    def __init__(self, page: Any, server: MarimoServer) -> None:
        self.page = page
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.said: list[str] = []
        """What the page sent to the kernel."""
        page.on("pageerror", lambda error: self.errors.append(f"{error}\n{error.stack}"))
        page.on("request", self._requested)
        page.goto(server.url)

    def _requested(self, request: Any) -> None:
        self.said.append(request.post_data or "")
        if not request.url.startswith(("http://127.0.0.1", "http://localhost", "ws://127.0.0.1", "blob:", "data:")):
            self.outside.append(request.url)

    def cells(self) -> int:
        """How many cells the notebook has."""
        found: int = self.page.locator(".marimo-cell").count()
        return found

    def again(self, kind: str) -> None:
        """Run the cell again that makes and shows a widget."""
        cell = self.page.locator(".marimo-cell").nth(1 + 2 * list(WIDGETS).index(kind))
        cell.hover()
        cell.locator("[data-testid=run-button]").first.click()

    def sees(self, kind: str, text: str) -> None:
        """Wait until Python says so of a widget."""
        said = re.compile(f"(?<![\\w.]){re.escape(text)}.* of {kind}")
        self.page.get_by_text(said).first.wait_for(state="attached", timeout=1000 * PATIENCE)

    def theme(self, name: str) -> None:
        """Change to "light" or "dark"."""
        self.page.emulate_media(color_scheme=name)


class Shown:
    """One widget of a host."""

    def __init__(self, host: Any, kind: str) -> None:
        self.host, self.page, self.kind = host, host.page, kind
        self.root = self.page.locator(f".dx-{kind}")
        self.expect("ready", "true")

    def expect(self, attribute: str, value: str) -> None:
        """Wait until the root says so."""
        self.page.locator(f'.dx-{self.kind}[data-{attribute}="{value}"]').wait_for(state="attached")

    def click(self, canvas: Any, x: float, y: float, size: tuple[int, int]) -> None:
        """Click on a point of the photograph, of a size (height, width)."""
        canvas.scroll_into_view_if_needed()
        box = canvas.bounding_box()
        self.page.mouse.click(box["x"] + x * box["width"] / size[1], box["y"] + y * box["height"] / size[0])
        self.page.mouse.move(1, 1)

    def pixels(self, canvas: Any) -> list[int]:
        """All that a canvas shows, in few numbers."""
        found: list[int] = canvas.evaluate(
            """canvas => { const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                 const sums = [0, 0, 0]; data.forEach((v, i) => i % 4 < 3 && (sums[i % 4] += v)); return sums; }"""
        )
        return found

    def until(self, holds: Callable[[], Any], what: str) -> None:
        """Wait until it holds; ``AssertionError`` with ``what`` where it does not."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"{what}; {self.host.errors}")
            self.page.wait_for_timeout(30)
