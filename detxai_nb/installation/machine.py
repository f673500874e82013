"""Checks of the machine: memory, disk, permission to write, files that hide a library, JupyterLab's port."""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from detxai_nb.installation.finding import Finding, without_places

MEMORY = 1.0
"""Gigabytes of free memory that a kernel and a browser need."""
DISK = 0.5
"""Gigabytes of free disk for copied notebooks, studies and answers."""
PORT = 8888
GROUP = Path("/sys/fs/cgroup")
"""Where Linux states the limits of a container."""
LIBRARIES = ("torch", "torchvision", "numpy", "pandas", "matplotlib", "PIL", "detxai_nb", "ipywidgets", "anywidget")


def check_memory() -> Finding:
    """Check that enough memory is free.

    Returns:
        What was found; a remark where the system does not tell.
    """
    free = free_memory()
    if free is None:
        return Finding("memory", "remark", "the system does not say how much memory is free")
    said = f"{free / 1e9:.1f} GB of memory free"
    if free < MEMORY * 1e9:
        return Finding("memory", "missing", f"{said}, {MEMORY:g} GB are needed", "close other programs and kernels")
    return Finding("memory", "ok", said)


def free_memory() -> int | None:
    """Return how much memory is free, also where a container has less than the machine.

    Returns:
        Bytes, or None where the system does not tell.
    """
    found: list[int] = []
    try:
        import psutil

        found.append(int(psutil.virtual_memory().available))
    except ImportError:
        with suppress(AttributeError, ValueError, OSError):
            found.append(os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(OSError, ValueError, KeyError):  # no such group, or one without a limit, "max"
        limit = int((GROUP / "memory.max").read_text())
        stated = dict(line.split() for line in (GROUP / "memory.stat").read_text().splitlines())
        # Files that are only kept at hand give way.
        used = int((GROUP / "memory.current").read_text()) - int(stated["inactive_file"])
        found.append(max(0, limit - used))
    return min(found) if found else None


def check_disk(folder: Path) -> Finding:
    """Check that the disk of a folder has enough space.

    Args:
        folder: the working folder.

    Returns:
        What was found.
    """
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        said = f"the working folder cannot be read ({without_places(str(error))})"
        return Finding("disk", "missing", said, "change to a folder that is there")
    said = f"{free / 1e9:.1f} GB of disk free"
    if free < DISK * 1e9:
        return Finding("disk", "missing", f"{said}, {DISK:g} GB are needed", "make room, or work in another folder")
    return Finding("disk", "ok", said)


def check_writing(folder: Path) -> Finding:
    """Check that files can be written into a folder; nothing is left there.

    Args:
        folder: the working folder.

    Returns:
        What was found.
    """
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"detxai-nb")
    except OSError as error:
        said = f"nothing can be written into the working folder ({without_places(str(error))})"
        return Finding("writing", "missing", said, "work in a folder of your own, such as one in your home folder")
    return Finding("writing", "ok", "the working folder can be written to")


def check_hidden(folder: Path) -> Finding:
    """Check that no file in a folder has the name of a library: a notebook there would import it instead.

    Args:
        folder: the working folder.

    Returns:
        What was found.
    """
    try:
        here = {path.stem for path in folder.glob("*.py")}
        here |= {path.parent.name for path in folder.glob("*/__init__.py")}
    except OSError:
        here = set()
    # A clone's own folder is the package itself.
    own = {"detxai_nb"} if folder.resolve() == Path(__file__).resolve().parents[2] else set()
    hiding = sorted(here & ({*LIBRARIES, *sys.stdlib_module_names} - own) - {"__main__"})
    if hiding:
        said = f"in the working folder {', '.join(hiding[:5])} would be imported in place of a library of that name"
        return Finding("hidden", "missing", said, "rename these files, or work in another folder")
    return Finding("hidden", "ok", "no file hides a library")


def check_port(port: int = PORT) -> Finding:
    """Look whether JupyterLab's usual port is free.

    Args:
        port: its number.

    Returns:
        What was found, at worst a remark: JupyterLab takes the next one.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as door:
            if os.name == "posix":
                door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            door.bind(("127.0.0.1", port))
    except OSError:
        return Finding("port", "remark", f"port {port} is taken, JupyterLab will use another one")
    return Finding("port", "ok", f"port {port} is free")
