"""JupyterLab with the notebook series: copies the notebooks into a folder and starts the server there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from detxai_nb.files import as_path, write_atomically

START = "00_start_here.ipynb"
"""The notebook that JupyterLab opens."""
GLOSSARY = "glossary.md"
"""The words of the notebooks, which lies beside them."""
RECORD = ".detxai-nb-notebooks.json"
"""The file in the working folder that records the copied notebooks and the SHA-256 of what was written."""

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class NotebookCopy:
    """The result of copying one notebook, or the glossary.

    Attributes:
        path: the file in the working folder.
        state: "copied", "unchanged", "updated" or "kept" (not overwritten, because the user has changed it).
    """

    path: Path
    state: str

    def __str__(self) -> str:
        reason = (
            " as it is, because you changed it; move it away to get the packaged one" if self.state == "kept" else ""
        )
        return f"{self.path.name}: {self.state}{reason}"


def notebook_folder() -> Path:
    """Return the folder of the installed notebooks: in the package, or in the clone of an editable installation.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: if neither place has the start notebook.
    """
    places = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
    for place in places:
        if (place / START).is_file():
            return place
    raise FileNotFoundError(f"there is no {START} in {places[0]} or {places[1]}; install detxai-nb again")


def series_files(source: Path) -> list[Path]:
    """Return what belongs to the notebook series.

    Args:
        source: the folder of the notebooks.

    Returns:
        The notebooks by name, then their glossary if it is there.
    """
    glossary = source / GLOSSARY
    return sorted(source.glob("*.ipynb")) + ([glossary] if glossary.is_file() else [])


def copy_notebooks(folder: str | os.PathLike[str], source: Path | None = None) -> list[NotebookCopy]:
    """Copy the notebook series into a folder, and its glossary.

    A missing notebook is copied. One that is still, byte for byte, what an earlier call wrote is updated. Any other
    belongs to the user, who has edited it, or run and saved it: it is kept as it is.

    Args:
        folder: the working folder, which is made if it is missing.
        source: the folder of the notebooks, by default that of this installation.

    Returns:
        One result for each notebook, by name, and for the glossary.

    Raises:
        ValueError: if ``folder`` is a file.
        FileNotFoundError: if the installation has no notebooks.
        OSError: if something has to be written into ``folder`` and cannot be.
    """
    folder, source = as_path(folder, "the working folder"), source or notebook_folder()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; name the folder to work in")
    if folder.resolve() == source.resolve():
        return [NotebookCopy(path, "unchanged") for path in series_files(source)]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        known = _read_record(folder / RECORD)
        before = dict(known)
        copies = [_copy(path, folder / path.name, known) for path in series_files(source)]
        if known != before:
            record = json.dumps(known, indent=1, sort_keys=True).encode()
            write_atomically(folder / RECORD, lambda file: file.write(record))
    except OSError as error:
        raise OSError(
            error.errno,
            f"the notebooks cannot be copied into {folder} ({error.strerror or error}); name a folder that you can "
            "write, such as detxai-nb lab ~/notebooks",
        ) from error
    return copies


def _copy(source: Path, target: Path, known: dict[str, str]) -> NotebookCopy:
    content = source.read_bytes()
    state = "copied"
    if target.exists():
        found = target.read_bytes() if target.is_file() else b""
        if found == content:
            state = "unchanged"
        elif _digest(found) == known.get(target.name):
            state = "updated"
        else:
            return NotebookCopy(target, "kept")
    if state != "unchanged":
        write_atomically(target, lambda file: file.write(content))
    known[target.name] = _digest(content)
    return NotebookCopy(target, state)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    """The digests of what was written before; an unreadable record counts as empty, so that nothing is overwritten."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in record.items()} if isinstance(record, dict) else {}


def lab_arguments(folder: Path, *, browser: bool = True, port: int | None = None, ip: str | None = None) -> list[str]:
    """Return the command-line arguments with which JupyterLab opens the start notebook.

    JupyterLab then makes no network requests of its own (news, updates, extensions). Its access token stays as it
    makes it.

    Args:
        folder: the working folder.
        browser: whether to open a browser.
        port: the port; if it is not free, JupyterLab fails. By default JupyterLab chooses one.
        ip: the address to listen on, by default localhost only.

    Returns:
        The arguments. For the root user they include ``--allow-root``.
    """
    arguments = [
        f"--ServerApp.root_dir={folder.resolve()}",
        f"--LabApp.default_url=/lab/tree/{quote(START)}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
    ]
    if not browser:
        arguments.append("--no-browser")
    if port is not None:
        arguments += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0"]
    if ip is not None:
        arguments.append(f"--ServerApp.ip={ip}")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        arguments.append("--allow-root")
    return arguments


def run_lab(arguments: Sequence[str]) -> None:
    """Run JupyterLab in this process until it is stopped.

    Args:
        arguments: its command-line arguments.

    Raises:
        RuntimeError: if JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise RuntimeError('JupyterLab is not installed; install it with: python -m pip install "detxai-nb[lab]"')
    # Only defaults, such as no question about news at the first start: the user's own settings take precedence.
    paths = [os.environ.get("JUPYTER_CONFIG_PATH"), str(_PACKAGE / "_jupyter")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(path for path in paths if path)

    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(argv=list(arguments))
