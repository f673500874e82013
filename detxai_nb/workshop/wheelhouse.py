"""A folder of wheels from which laptops without a network install this package, with PyTorch's builds for the CPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from detxai_nb._version import __version__
from detxai_nb.workshop.kit import Kit, clear

FOLDER = "wheelhouse"
STAGING = ".wheelhouse-part"
"""Where wheels lie while they are downloaded; what is in there is half-done and may be removed."""
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of builds for the CPU, a tenth of the size of those for GPUs."""
NAME = f"detxai-nb[lab,survey]=={__version__}"

PLATFORMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "linux": (*(f"manylinux_2_{minor}_x86_64" for minor in (28, 27, 26, 24, 17, 12, 5)), "linux_x86_64"),
        "windows": ("win_amd64",),
        "mac": tuple(f"macosx_{number}_0_{kind}" for number in (14, 13, 12, 11) for kind in ("arm64", "universal2")),
    }
)
"""The tags of wheels that fit laptops of each kind: Linux and Windows on x86-64, macOS 14 or later on Apple's chips."""


@dataclass(frozen=True)
class WheelOptions:
    """Which wheels are downloaded, and from where.

    Attributes:
        platforms: names of ``PLATFORMS``; none for machines like this one.
        wheel: the wheel of this package; None builds it from the clone, or downloads it.
        torch_index: the index that has PyTorch's builds for the CPU; None takes them from where all others come from.
    """

    platforms: Sequence[str] = ()
    wheel: Path | None = None
    torch_index: str | None = TORCH_INDEX


def fill_wheelhouse(kit: Kit, options: WheelOptions | None = None, *, force: bool = False) -> list[str]:
    """Download all wheels that an installation without a network needs.

    This package's own wheel is built from the clone that it runs from, or downloaded. Wheels that are there already are
    not downloaded again. They are for the version of Python that runs this.

    Args:
        kit: the folder of the workshop.
        options: which wheels, and from where.
        force: whether to overwrite files that were changed.

    Returns:
        The names of all wheels that are needed, sorted.

    Raises:
        ValueError: for an unknown platform, or a ``wheel`` that is none of this package.
        RuntimeError: if pip is missing or could not do it; what was downloaded until then stays.
    """
    asked = WheelOptions() if options is None else options
    tags = [_tags(name) for name in asked.platforms] or [[]]
    staging = kit.folder / STAGING
    clear(staging)
    kit.folder.mkdir(parents=True, exist_ok=True)
    staging.mkdir()
    try:
        names = set(_take(kit, _own_wheel(staging, asked.wheel), force))
        for one in tags:
            where = ["--dest", str(staging), "--find-links", str(kit.folder / FOLDER), "--only-binary", ":all:", *one]
            limits: list[str] = []
            if asked.torch_index is not None:
                _pip("download", "--no-deps", *where, "--index-url", asked.torch_index, "torch", "torchvision")
                found = _take(kit, staging.glob("*.whl"), force)
                names |= set(found)
                limits = [f"{distribution}=={version}" for distribution, version in map(_parts, found)]
            _pip("download", *where, *limits, NAME)
            names |= set(_take(kit, staging.glob("*.whl"), force))
    finally:
        clear(staging)
    return sorted(names)


def _tags(platform: str) -> list[str]:
    if platform not in PLATFORMS:
        raise ValueError(f"unknown platform {platform!r:.60}; known: {', '.join(PLATFORMS)}")
    found = ["--implementation", "cp", "--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}"]
    for tag in PLATFORMS[platform]:
        found += ["--platform", tag]
    return found


def _own_wheel(staging: Path, wheel: Path | None) -> Iterable[Path]:
    """This package's wheel, in the staging folder."""
    if wheel is not None:
        if not wheel.is_file() or not wheel.name.startswith(f"detxai_nb-{__version__}-") or wheel.suffix != ".whl":
            raise ValueError(f"{wheel} is no wheel of detxai-nb {__version__}")
        (staging / wheel.name).write_bytes(wheel.read_bytes())
        return staging.glob("*.whl")
    clone = Path(__file__).resolve().parents[2]
    if (clone / "pyproject.toml").is_file():
        _pip("wheel", "--no-deps", "--wheel-dir", str(staging), str(clone))
    else:
        _pip("download", "--no-deps", "--dest", str(staging), f"detxai-nb=={__version__}")
    return staging.glob("*.whl")


def _take(kit: Kit, wheels: Iterable[Path], force: bool) -> list[str]:
    """Move wheels to their place; their names."""
    names = []
    for path in sorted(wheels):
        names.append(path.name)
        kit.move_in(path, f"{FOLDER}/{path.name}", force=force)
    return names


def _parts(name: str) -> tuple[str, str]:
    """The distribution and the version of a wheel."""
    distribution, version = name.split("-")[:2]
    return distribution, version


def _pip(*words: str) -> None:
    """Run pip, which asks and prints nothing."""
    line = [sys.executable, "-m", "pip", *words, "--disable-pip-version-check", "--no-input", "--quiet"]
    done = subprocess.run(
        line, capture_output=True, text=True, encoding="utf-8", errors="replace", stdin=subprocess.DEVNULL
    )
    if done.returncode == 0:
        return
    if "No module named pip" in done.stderr:
        raise RuntimeError("pip is not installed; python -m ensurepip brings it")
    told = [text for text in done.stderr.splitlines() if text.startswith("ERROR:")] or done.stderr.splitlines()
    said = told[-1].removeprefix("ERROR: ")[:300] if told else f"status {done.returncode}"
    raise RuntimeError(f"pip {words[0]} did not end well: {said}")
