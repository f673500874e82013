"""Use an installed wheel as a person would, from a folder that has nothing of the checkout: offline, no browser.

python .ci/check_installed_wheel.py, with the interpreter of the environment that the wheel is installed in.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import detxai_nb as dx
from detxai_nb.cli import main as command_line
from detxai_nb.lab import START, copy_notebooks


def main() -> int:
    """List the methods, explain one scene with the bundled detector, open the widget, copy the notebooks."""
    place = Path(dx.__file__).resolve()
    if Path(sys.prefix).resolve() not in place.parents:
        print(f"detxai_nb came from {place}, not from the environment {sys.prefix}")
        return 1
    if version("detxai-nb") != dx.__version__:
        print(f"the package says {dx.__version__}, its metadata {version('detxai-nb')}")
        return 1
    if command_line(["methods"]) != 0:
        return 1
    image = dx.data.scenes.make(3, seed=1).image
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([image])[0]
    maps = dx.explain(detector, image, found)
    picture = maps._repr_png_()
    widget = dx.widgets.Explorer(detector, image)
    with tempfile.TemporaryDirectory() as folder:
        copied = [copy.path.name for copy in copy_notebooks(folder)]
    exercises = dx.check.all_exercises()
    print(f"{maps!r}, a picture of {len(picture):,} bytes, {type(widget).__name__}, notebooks {', '.join(copied)}")
    print(f"{len(exercises)} exercises")
    return 0 if START in copied and exercises else 1


if __name__ == "__main__":
    sys.exit(main())
