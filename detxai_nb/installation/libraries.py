"""Checks of what is installed: this package, its libraries, JupyterLab's kernel and the widgets' front ends."""

from __future__ import annotations

import base64
import hashlib
import json
import platform
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb._version import __version__
from detxai_nb.installation.finding import Finding, without_places

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PACKAGE = "detxai-nb"
EXTRA = "lab"
"""The extra that the notebooks need."""
INSTALL = f'python -m pip install "{PACKAGE}[{EXTRA}]"'
FRONT_ENDS = {"anywidget": "anywidget", "@jupyter-widgets/jupyterlab-manager": "jupyterlab_widgets"}
"""JupyterLab's extensions for widgets, and the library that brings each."""


def check_package() -> Finding:
    """Check that this package is installed, in the version that is imported.

    Returns:
        What was found.
    """
    try:
        installed = metadata.version(PACKAGE)
    except metadata.PackageNotFoundError:
        said = f"{PACKAGE} {__version__} is imported but not installed"
        return Finding("package", "missing", said, f"{INSTALL}, or in a clone: python -m pip install -e '.[{EXTRA}]'")
    if installed != __version__:
        said = f"{PACKAGE} {__version__} is imported, {installed} is installed"
        return Finding("package", "missing", said, f"uninstall it, then: {INSTALL}")
    return Finding("package", "ok", f"{PACKAGE} {__version__}, Python {platform.python_version()}")


def check_libraries() -> list[Finding]:
    """Check that every library of this package and of the extra for notebooks is there, new enough.

    Returns:
        What is wrong, one each, or that nothing is.
    """
    try:
        needed = list(required(PACKAGE, {EXTRA}))
    except ImportError:
        return [Finding("packaging", "missing", "packaging is not installed", INSTALL)]
    except metadata.PackageNotFoundError:  # said by check_package
        return []
    found = []
    for one in needed:
        remedy = f'python -m pip install "{one.name}{one.specifier}"'
        try:
            version = metadata.version(one.name)
        except metadata.PackageNotFoundError:
            found.append(Finding(one.name, "missing", "not installed", remedy))
            continue
        if not one.specifier.contains(version, prereleases=True):
            found.append(Finding(one.name, "missing", f"{version} does not fit {one.specifier}", remedy))
    return found or [Finding("libraries", "ok", f"{len(needed)} libraries")]


def required(name: str, extras: set[str]) -> Iterator[Requirement]:
    """Yield what a distribution requires here, extras of its own included.

    Args:
        name: an installed distribution.
        extras: of its extras those that are wanted.

    Yields:
        Its requirements for this system and Python, each once.

    Raises:
        PackageNotFoundError: if it is not installed.
        ImportError: without the library packaging, which JupyterLab and matplotlib bring.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    stated = [Requirement(text) for text in metadata.requires(name) or ()]
    waiting, known, seen = ["", *sorted(extras)], {"", *extras}, set()
    while waiting:
        extra = waiting.pop(0)
        for one in stated:
            if one.marker is not None and not one.marker.evaluate({"extra": extra}):
                continue
            if canonicalize_name(one.name) == canonicalize_name(name):  # an extra that names others
                waiting += sorted(one.extras - known)
                known |= one.extras
            elif one.name not in seen:
                seen.add(one.name)
                yield one


def check_kernel() -> Finding:
    """Check that JupyterLab starts notebooks with this Python.

    Returns:
        What was found.
    """
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return Finding("kernel", "missing", "JupyterLab's client is not installed", INSTALL)
    try:
        program = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except (NoSuchKernel, OSError, ValueError, IndexError) as error:
        said = f"there is no kernel for Python ({without_places(str(error))})"
        return Finding("kernel", "missing", said, "python -m pip install --force-reinstall ipykernel")
    path = Path(program)
    if path.is_absolute() and not path.exists():
        said = "the kernel names a Python that is not there any more"
        return Finding("kernel", "missing", said, "python -m ipykernel install --sys-prefix")
    if path.is_absolute() and path.resolve() != Path(sys.executable).resolve():
        said = "notebooks start with another Python than this one"
        return Finding("kernel", "missing", said, "python -m ipykernel install --sys-prefix")
    return Finding("kernel", "ok", "the kernel python3")


def check_front_ends() -> list[Finding]:
    """Check that JupyterLab has the extensions that show widgets, each of the version of its library.

    Returns:
        What is wrong, one each, or that nothing is.
    """
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return [Finding("widgets", "missing", "JupyterLab is not installed", INSTALL)]
    folders = [Path(one) for one in jupyter_path("labextensions")]
    found = []
    for name, library in FRONT_ENDS.items():
        remedy = f"python -m pip install --force-reinstall --no-deps {library}"
        first = next((one / name for one in folders if (one / name / "package.json").is_file()), None)
        if first is None:
            found.append(Finding("widgets", "missing", f"JupyterLab has no extension {name}", remedy))
            continue
        here, brought = _version(first / "package.json"), _brought(library, name)
        if here is None or (brought is not None and here != brought):
            said = f"JupyterLab's extension {name} is {here or 'damaged'}, {library} brings {brought}"
            found.append(Finding("widgets", "missing", said, remedy))
    return found or [Finding("widgets", "ok", "JupyterLab shows widgets")]


def _version(package: Path) -> str | None:
    """The version that a package.json states, if it is readable."""
    try:
        stated: Any = json.loads(package.read_text(encoding="utf-8"))
        return str(stated["version"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _brought(library: str, name: str) -> str | None:
    """The version of the extension that an installed library has installed with itself, where it can be told."""
    try:
        files = metadata.files(library) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if str(file).replace("\\", "/").endswith(f"labextensions/{name}/package.json"):
            return _version(Path(str(file.locate())))
    return None


def check_package_files() -> Finding:
    """Check that the files that came with this package, such as weights, bundles and notebooks, are as they came.

    Returns:
        What was found. Of an editable installation only that there are some.
    """
    home = Path(__file__).resolve().parents[1]
    try:
        listed = [one for one in metadata.files(PACKAGE) or () if one.parts[0] == "detxai_nb" and one.hash is not None]
    except metadata.PackageNotFoundError:
        listed = []
    wrong = []
    for file in listed:
        path = Path(str(file.locate()))
        if path.suffix == ".pyc" or not path.resolve().is_relative_to(home):
            continue
        wanted = file.hash.value if file.hash and file.hash.mode == "sha256" else None
        if not path.is_file() or (wanted is not None and _digest(path) != wanted):
            wrong.append(path.name)
    if not wrong and not any((home / "widgets" / "static").glob("*.js")):
        wrong = ["widgets/static"]
    if wrong:
        said = f"{len(wrong)} files of {PACKAGE} are missing or changed: {', '.join(wrong[:3])}"
        return Finding("files", "missing", said, f'python -m pip install --force-reinstall --no-deps "{PACKAGE}"')
    return Finding("files", "ok", "the package's files")


def _digest(path: Path) -> str:
    """The SHA-256 of a file as installers record it."""
    with path.open("rb") as file:
        return base64.urlsafe_b64encode(hashlib.file_digest(file, "sha256").digest()).rstrip(b"=").decode()
