"""Copying the notebook series without ever losing a person's work, and a JupyterLab that asks the network nothing."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from detxai_nb import lab
from detxai_nb.lab import RECORD, START, copy_notebooks, lab_arguments, notebook_folder, run_lab


@pytest.fixture
def series(tmp_path: Path) -> Path:
    """A folder with a series of two notebooks and something else."""
    folder = tmp_path / "series"
    folder.mkdir()
    (folder / START).write_text('{"cells": [1]}')
    (folder / "01_next.ipynb").write_text('{"cells": [2]}')
    (folder / "notes.txt").write_text("not a notebook")
    return folder


def states(folder: Path, series: Path) -> dict[str, str]:
    return {copy.path.name: copy.state for copy in copy_notebooks(folder, series)}


def test_the_whole_series_is_copied_into_a_new_folder(series: Path, tmp_path: Path) -> None:
    work = tmp_path / "a" / "work"
    assert states(work, series) == {START: "copied", "01_next.ipynb": "copied"}
    assert (work / START).read_text() == '{"cells": [1]}'
    assert sorted(path.name for path in work.iterdir()) == sorted([RECORD, START, "01_next.ipynb"])


def test_a_second_call_changes_nothing(series: Path, tmp_path: Path) -> None:
    copy_notebooks(tmp_path, series)
    before = (tmp_path / START).stat().st_mtime_ns
    assert set(states(tmp_path, series).values()) == {"unchanged"}
    assert (tmp_path / START).stat().st_mtime_ns == before


def test_a_changed_copy_is_kept_and_said_so(series: Path, tmp_path: Path) -> None:
    copy_notebooks(tmp_path, series)
    (tmp_path / START).write_text("mine")
    (series / START).write_text('{"cells": [1, 1]}')
    copies = {copy.path.name: copy for copy in copy_notebooks(tmp_path, series)}
    assert copies[START].state == "kept"
    assert "move it away" in str(copies[START])
    assert (tmp_path / START).read_text() == "mine"
    assert states(tmp_path, series)[START] == "kept", "also at the next call"


def test_an_untouched_copy_follows_the_package(series: Path, tmp_path: Path) -> None:
    copy_notebooks(tmp_path, series)
    (series / START).write_text('{"cells": [1, 1]}')
    assert states(tmp_path, series) == {START: "updated", "01_next.ipynb": "unchanged"}
    assert (tmp_path / START).read_text() == '{"cells": [1, 1]}'


def test_a_notebook_that_was_there_before_is_kept(series: Path, tmp_path: Path) -> None:
    (tmp_path / START).write_text("mine")
    assert states(tmp_path, series)[START] == "kept"
    assert (tmp_path / START).read_text() == "mine"


def test_a_folder_of_that_name_is_kept(series: Path, tmp_path: Path) -> None:
    (tmp_path / START).mkdir()
    assert states(tmp_path, series)[START] == "kept"


@pytest.mark.parametrize("content", ["", "[1, 2]", "{not json", '{"x": 1}'])
def test_a_broken_record_means_that_everything_found_is_kept(series: Path, tmp_path: Path, content: str) -> None:
    copy_notebooks(tmp_path, series)
    (tmp_path / RECORD).write_text(content)
    (series / START).write_text('{"cells": [1, 1]}')
    assert states(tmp_path, series)[START] == "kept"
    assert (tmp_path / START).read_text() == '{"cells": [1]}'


def test_a_folder_that_cannot_be_written_is_named_with_a_remedy_and_used_if_nothing_has_to_be_written(
    series: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy_notebooks(tmp_path / "there", series)

    def read_only(*_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(lab, "write_atomically", read_only)
    assert {one.state for one in copy_notebooks(tmp_path / "there", series)} == {"unchanged"}
    with pytest.raises(
        OSError, match=r"cannot be copied into .*new \(Read-only file system\); name a folder that you can"
    ):
        copy_notebooks(tmp_path / "new", series)


def test_working_in_the_series_itself_copies_nothing(series: Path) -> None:
    assert set(states(series, series).values()) == {"unchanged"}
    assert not (series / RECORD).exists()


def test_a_file_is_no_folder_to_work_in(series: Path) -> None:
    with pytest.raises(ValueError, match="is not a folder"):
        copy_notebooks(series / "notes.txt", series)


def test_this_installation_has_the_series() -> None:
    assert (notebook_folder() / START).is_file()


def test_an_installation_without_notebooks_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lab, "_PACKAGE", tmp_path / "detxai_nb")
    with pytest.raises(FileNotFoundError, match="install detxai-nb again"):
        notebook_folder()


def test_arguments_say_what_was_asked_for(tmp_path: Path) -> None:
    plain = lab_arguments(tmp_path)
    assert f"--LabApp.default_url=/lab/tree/{START}" in plain
    assert not any(word.startswith(("--no-browser", "--ServerApp.port", "--IdentityProvider")) for word in plain)
    asked = lab_arguments(tmp_path, browser=False, port=9876, ip="0.0.0.0")
    assert {"--no-browser", "--ServerApp.port=9876", "--ServerApp.port_retries=0", "--ServerApp.ip=0.0.0.0"} <= set(
        asked
    )


def test_a_missing_jupyterlab_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RuntimeError, match=r'python -m pip install "detxai-nb\[lab\]"'):
        run_lab([])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, str, Path]]:
    """`detxai-nb lab --no-browser` as a person starts it: address, token and working folder."""
    pytest.importorskip("jupyterlab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    work, log = tmp_path / "work", tmp_path / "log"
    clean = {k: v for k, v in os.environ.items() if not k.startswith("JUPYTER")}
    environment = {**clean, "HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path / "ipython")}
    command = [sys.executable, "-m", "detxai_nb", "lab", str(work), "--no-browser", "--port", str(port)]
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, stdout=file, stderr=file, cwd=lab._PACKAGE.parent)
        try:
            token = _token(process, log)
            _await_answer(port)
            yield f"http://127.0.0.1:{port}", token, work
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            finally:
                process.kill()
                process.wait()


def _token(process: subprocess.Popen, log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        found = re.search(rf"/lab/tree/{START}\?token=(\w+)", log.read_text())
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise AssertionError(f"JupyterLab did not start:\n{log.read_text()}")


def _await_answer(port: int) -> None:
    """The address is printed a moment before the server listens there; on a busy machine that shows."""
    end = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
            return
        except ConnectionRefusedError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def _get(server: tuple[str, str, Path], path: str) -> Any:
    address, token, _ = server
    request = urllib.request.Request(address + path, headers={"Authorization": f"token {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_lab_serves_the_series_behind_a_token_and_asks_for_no_news(server: tuple[str, str, Path]) -> None:
    assert len(server[1]) >= 32, "the token is JupyterLab's own"
    assert (server[2] / START).read_bytes() == (notebook_folder() / START).read_bytes()
    assert START in [entry["name"] for entry in _get(server, "/api/contents")["content"]]
    news = _get(server, "/lab/api/settings/@jupyterlab/apputils-extension:notification")["schema"]["properties"]
    assert news["fetchNews"]["default"] == "false"
    assert news["checkForUpdates"]["default"] is False
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(server[0] + "/api/contents", timeout=30)
    widgets = _get(server, "/lab/api/settings/@jupyter-widgets/jupyterlab-manager:plugin")["schema"]["properties"]
    assert widgets["saveState"]["default"] is True, "a notebook that is opened again has its widgets"
