"""JupyterLab on the notebook series: copies the notebooks into a folder and starts the server there."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from detxai_nb.files import write_atomically

START = "00_start_here.ipynb"
RECORD = ".detxai-nb-notebooks.json"
"""In the working folder: which notebooks were put there, with the SHA-256 of what was written."""

_PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Copy:
    """What became of one notebook: ``state`` is "copied", "unchanged", "updated" or "kept" (it is the user's now)."""

    path: Path
    state: str

    def __str__(self) -> str:
        reason = (
            " as it is, because it was changed; move it away to get the packaged one" if self.state == "kept" else ""
        )
        return f"{self.path.name}: {self.state}{reason}"


def notebook_folder() -> Path:
    """Where the notebooks of this installation lie: in the package, or in the clone of an editable installation.

    Raises ``FileNotFoundError`` where neither has the start notebook.
    """
    places = (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks")
    for place in places:
        if (place / START).is_file():
            return place
    raise FileNotFoundError(f"there is no {START} in {places[0]} or {places[1]}; install detxai-nb again")


def copy_notebooks(folder: str | os.PathLike[str], source: Path | None = None) -> list[Copy]:
    """Copy the notebook series into ``folder`` (made where it is missing) and say what became of each.

    A notebook that is not there is copied. One that is still, byte for byte, what an earlier call wrote is brought up
    to date. Any other is the user's (it was edited, or run and saved) and is kept as it is.
    """
    folder, source = Path(folder).expanduser(), source or notebook_folder()
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; name the folder to work in")
    folder.mkdir(parents=True, exist_ok=True)
    if folder.resolve() == source.resolve():
        return [Copy(path, "unchanged") for path in sorted(source.glob("*.ipynb"))]
    known = _read_record(folder / RECORD)
    copies = [_copy(path, folder / path.name, known) for path in sorted(source.glob("*.ipynb"))]
    record = json.dumps(known, indent=1, sort_keys=True).encode()
    write_atomically(folder / RECORD, lambda file: file.write(record))
    return copies


def _copy(source: Path, target: Path, known: dict[str, str]) -> Copy:
    content = source.read_bytes()
    state = "copied"
    if target.exists():
        found = target.read_bytes() if target.is_file() else b""
        if found == content:
            state = "unchanged"
        elif _digest(found) == known.get(target.name):
            state = "updated"
        else:
            return Copy(target, "kept")
    if state != "unchanged":
        write_atomically(target, lambda file: file.write(content))
    known[target.name] = _digest(content)
    return Copy(target, state)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_record(path: Path) -> dict[str, str]:
    """What was written here before; a record that cannot be read counts as none, so everything found is kept."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return {str(name): str(digest) for name, digest in record.items()} if isinstance(record, dict) else {}


def lab_arguments(folder: Path, *, browser: bool = True, port: int | None = None, ip: str | None = None) -> list[str]:
    """JupyterLab's command line: the start notebook of ``folder``, and nothing asked of the network.

    The token stays as JupyterLab makes it. A port that was asked for is that one or an error.
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
    """Run JupyterLab in this process until it is stopped. ``RuntimeError`` where it is not installed."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise RuntimeError('JupyterLab is not installed; install it with: python -m pip install "detxai-nb[lab]"')
    # Defaults only, and no question about news at the first start: the user's own settings go before them.
    paths = [os.environ.get("JUPYTER_CONFIG_PATH"), str(_PACKAGE / "_jupyter")]
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(path for path in paths if path)

    from jupyterlab.labapp import LabApp

    LabApp.launch_instance(argv=list(arguments))
