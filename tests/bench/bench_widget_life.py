"""What stays of widgets that were made, shown and closed: the memory of the process, and how many are left.

python tests/bench/bench_widget_life.py [--widgets 200] [--megapixels 3]
"""

from __future__ import annotations

import argparse
import gc
import resource
import weakref
from pathlib import Path
from typing import Any

import numpy as np

import detxai_nb as dx

KINDS = (
    "Comparison",
    "Discrimination",
    "Explorer",
    "NmsExplorer",
    "Perturbation",
    "Predict",
    "SanityCheck",
    "ScoreThreshold",
    "Survey",
    "TinyObjects",
    "WhatIf",
)
PAGE = resource.getpagesize()


def resident() -> float:
    """MiB that the process has in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 2**20


def shown(kind: str, image: np.ndarray) -> tuple[Any, Any]:
    """A widget with its own detector, as a notebook shows it."""
    detector = dx.load_detector("tiny-fcos", device="cpu")
    if kind == "TinyObjects":
        widget: Any = dx.widgets.TinyObjects(detector, image)
    elif kind == "Predict":
        widget = dx.widgets.Predict("Where?", kind="point", image=image)
    elif kind == "Survey":
        widget = dx.widgets.Survey(dx.survey.rehearsal_study(seats=1, objects=1))
    else:
        widget = getattr(dx.widgets, kind)(detector, image, detector.detect([image], 0.0)[0][:1])
    getattr(widget, "wait", lambda: None)()
    widget._repr_mimebundle_()
    return widget, detector.module


def main() -> None:
    """Make, show and close them, and print what is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widgets", type=int, default=200)
    parser.add_argument("--megapixels", type=float, default=0.05)
    arguments = parser.parse_args()
    side = round((1e6 * arguments.megapixels) ** 0.5)
    image = np.random.default_rng(0).integers(0, 255, (side, side, 3), dtype=np.uint8)
    left: list[weakref.ref[Any]] = []
    for number in range(arguments.widgets):
        for thing in (made := shown(KINDS[number % len(KINDS)], image)):
            left.append(weakref.ref(thing))
        made[0].close()
        del made, thing
        if (number + 1) % (len(KINDS) * 4) == 0 or number + 1 == arguments.widgets:
            gc.collect()
            alive = sum(ref() is not None for ref in left)
            print(f"{number + 1} widgets: {alive} of {len(left)} widgets and networks left, {resident():.0f} MiB")


if __name__ == "__main__":
    main()
