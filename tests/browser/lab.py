"""A JupyterLab server on loopback, and the few things a test does in its browser page."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import detxai_nb

START_SECONDS = 90
PATIENCE = 120
"""For how many seconds a test waits for what has to come: no test is about time, whatever else the machine does."""
STUB = Path(__file__).resolve().parents[1] / "widgets"
"""The folder of the stub detector, for the kernel's and the tests' `sys.path`."""


def free_port() -> int:
    """A port of loopback that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class LabServer:
    """JupyterLab over one folder, with settings and data of its own. Use it in a ``with`` statement.

    With ``defaults`` it has those of `detxai-nb lab`.
    """

    module, application, address = "jupyterlab", "LabApp", "lab/tree"

    def __init__(self, folder: Path, defaults: bool = False) -> None:
        self.folder, self.defaults = folder, defaults
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> LabServer:
        self._home = tempfile.TemporaryDirectory(prefix="lab-")
        home = Path(self._home.name)
        settings = home / "settings" / "@jupyterlab" / "apputils-extension"
        settings.mkdir(parents=True)
        quiet = {"fetchNews": "false", "checkForUpdates": False}
        (settings / "notification.jupyterlab-settings").write_text(json.dumps(quiet))
        folders = {
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
            "JUPYTERLAB_SETTINGS_DIR": "settings",
            "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
            "IPYTHONDIR": "ipython",
        }
        for name in folders.values():
            (home / name).mkdir(exist_ok=True)
        # The quick profile: the notebooks' cells download nothing.
        environment = {
            **os.environ,
            "DETXAI_NB_PROFILE": "quick",
            **{key: str(home / name) for key, name in folders.items()},
        }
        if self.defaults:
            environment["JUPYTER_CONFIG_PATH"] = str(Path(detxai_nb.__file__).parent / "_jupyter")
        self._log = (home / "server.log").open("w+")
        self._process = subprocess.Popen(
            self._command(), env=environment, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._home.cleanup()

    def _command(self) -> list[str]:
        return [
            *(sys.executable, "-m", self.module, "--no-browser", "--allow-root"),
            *("--ip=127.0.0.1", f"--port={self.port}", "--ServerApp.port_retries=0"),
            f"--ServerApp.root_dir={self.folder}",
            f"--IdentityProvider.token={self.token}",
            *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
            *("--LabApp.extension_manager=readonly", f"--{self.application}.expose_app_in_browser=True"),
        ]

    def _wait(self) -> None:
        request = urllib.request.Request(f"{self.url}/api/status", headers={"Authorization": f"token {self.token}"})
        until = time.monotonic() + START_SECONDS
        while True:
            if self._process.poll() is not None or time.monotonic() > until:
                self._log.seek(0)
                raise RuntimeError(f"{self.module} did not start:\n{self._log.read()}")
            try:
                urllib.request.urlopen(request, timeout=5).close()
                return
            except OSError:
                time.sleep(0.1)


_READY = """async () => {
  while (!window.jupyterapp?.shell.currentWidget?.context) await new Promise(resolve => setTimeout(resolve, 30));
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.context.ready; await panel.sessionContext.ready; await panel.sessionContext.session.kernel.info;
}"""
_CLOSE = """async () => {
  const panel = window.jupyterapp.shell.currentWidget;
  await panel.sessionContext.shutdown();
  panel.dispose();
}"""
_RUN_CELL = """async (index) => {
  const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
  notebook.activeCellIndex = index; notebook.deselectAll();
  await app.commands.execute('notebook:run-cell');
  return notebook.widgets[index].outputArea.model.toJSON();
}"""


class NotebookPage:
    """One notebook open in a browser page."""

    def __init__(self, page: Any, server: LabServer, name: str) -> None:
        self.page = page
        self.frames: list[str] = []
        """Text of the messages that the page sent to the kernel (binary ones decoded as far as they are text)."""
        self.outside: list[str] = []
        """Requests that would have left the machine."""
        self.errors: list[str] = []
        # Of the context, which other notebooks share one after the other: it hears a page's service workers too.
        page.context.on("request", self._request)
        page.on("websocket", self._opened)
        page.on("pageerror", self._failed)
        if page.url.startswith(f"{server.url}/lab"):
            page.evaluate("path => void window.jupyterapp.commands.execute('docmanager:open', { path })", name)
            page.wait_for_function("path => window.jupyterapp.shell.currentWidget?.context?.path === path", arg=name)
        else:
            page.goto(f"{server.url}/{server.address}/{urllib.parse.quote(name)}?reset&token={server.token}")
        page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook").wait_for(
            state="visible", timeout=1000 * PATIENCE
        )
        page.evaluate(_READY)

    def close(self) -> None:
        """End the notebook's kernel and take it off the page, which stays open for the next one."""
        self.page.context.remove_listener("request", self._request)
        self.page.remove_listener("websocket", self._opened)
        self.page.remove_listener("pageerror", self._failed)
        self.page.evaluate(_CLOSE)

    def _opened(self, socket: Any) -> None:
        socket.on("framesent", self._sent)

    def _failed(self, error: Any) -> None:
        self.errors.append(f"{error}\n{error.stack}")

    def _request(self, request: Any) -> None:
        url = urllib.parse.urlsplit(request.url)
        if url.scheme in ("http", "https", "ws", "wss") and url.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(request.url)

    def _sent(self, payload: Any) -> None:
        self.frames.append(payload if isinstance(payload, str) else payload.decode("utf-8", "replace"))

    @property
    def comm_messages(self) -> int:
        """How many widget messages the page has sent to the kernel so far."""
        return sum("comm_msg" in frame for frame in self.frames)

    def run_all(self, seconds: float) -> None:
        """Run every cell; returns when they are done, ``AssertionError`` where that takes longer."""
        done = self.page.evaluate(
            """limit => Promise.race([window.jupyterapp.commands.execute('notebook:run-all-cells').then(() => true),
               new Promise(resolve => setTimeout(() => resolve(false), limit))])""",
            1000 * seconds,
        )
        if not done:
            raise AssertionError(f"the notebook's cells did not end within {seconds:g} s")

    def run_cell(self, index: int) -> str:
        """Run one cell in place; the text that it printed. ``AssertionError`` with its traceback where it raised."""
        outputs = self.page.evaluate(_RUN_CELL, index)
        for out in outputs:
            if out["output_type"] == "error":
                raise AssertionError(f"cell {index} raised {out['ename']}: {out['evalue']}")
        return "".join("".join(out.get("text", "")) for out in outputs)

    def run_until(self, index: int, wanted: str, seconds: float = PATIENCE) -> str:
        """Run a cell again and again until its text holds ``wanted``: ipywidgets throttles what the browser sends, so
        that a cell can overtake the last change of a trait.
        """
        until = time.monotonic() + seconds
        while True:
            got = self.run_cell(index)
            if wanted in got:
                return got
            if time.monotonic() > until:
                raise AssertionError(f"cell {index}: wanted {wanted!r}, got {got!r}")
            self.page.wait_for_timeout(50)

    def cells(self) -> tuple[int, int]:
        """Number of cells, and which is active."""
        return tuple(
            self.page.evaluate(
                """() => { const n = window.jupyterapp.shell.currentWidget.content;
                   return [n.widgets.length, n.activeCellIndex]; }"""
            )
        )
