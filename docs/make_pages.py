"""Make the living widgets of the documentation: a page and a still picture of each, with bundled detectors.

python docs/make_pages.py FOLDER [NAME ...]

Sphinx runs it while it builds the site; each page is a file that needs nothing else, as ``save_html`` writes it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import detxai_nb as dx

Made = tuple[Any, dict[str, Any] | None]
"""A widget, and what its page computes beforehand."""


@cache
def detector(name: str = "tiny-fcos") -> Any:
    """A bundled detector, on the CPU, so that each machine makes the same pages."""
    return dx.load_detector(name, device="cpu")


def scene() -> Any:
    """Four toys on a table, the picture of the first page."""
    return dx.data.scenes.Scenes(4, seed=1)[3]


def explorer() -> Made:
    """Two methods, the class and one side."""
    widget = dx.widgets.Explorer(detector(), scene().image, selected=0)
    return widget, {"method": ["odam", "grad-cam"], "target": ["class", "x1"]}


def comparison() -> Made:
    """Three methods by rows, with the values that annotations give."""
    sample = scene()
    widget = dx.widgets.Comparison(detector(), sample.image, methods=["odam", "grad-cam", "grad-cam++"], sample=sample)
    widget.wait()
    return widget, None


def discrimination() -> Made:
    """A crowd, where neighbours share pixels."""
    crowd = dx.data.scenes.Scenes(6, seed=3, mode="crowd")[0]
    found = detector().detect([crowd.image], score_threshold=0.3)[0]
    return dx.widgets.Discrimination(detector(), crowd.image, found[:6]), None


def perturbation() -> Made:
    """One object, deletion and insertion."""
    widget = dx.widgets.Perturbation(detector(), scene().image, selected=0)
    return widget, {"mode": ["deletion", "insertion"]}


def what_if() -> Made:
    """Two questions about the same object: its hottest pixels, and a box beside it."""
    image = scene().image
    found = detector().detect([image], score_threshold=0.3)[0]
    widget = dx.widgets.WhatIf(detector(), image, found)
    maps = dx.explain(detector(), image, found)
    widget.ask(dx.interventions.Region.hottest(maps, 0, 0.05), "blur", note="the hottest 5 % of the first object")
    x1, y1, x2, y2 = found.boxes[0].round().tolist()
    widget.ask(dx.interventions.Region.box(image, (x1, y1, x2, (y1 + y2) / 2)), "mean", note="its upper half")
    return widget, None


def sanity_check() -> Made:
    """ODAM and Grad-CAM of one object under random weights."""
    widget = dx.widgets.SanityCheck(detector(), scene().image, methods=["odam", "grad-cam"], seeds=(0,))
    widget.run()
    return widget, None


def tiny_objects() -> Made:
    """Some scenes of tiny objects, a dot each."""
    widget = dx.widgets.TinyObjects(detector(), dx.data.scenes.Scenes(6, seed=1, mode="tiny"), methods=["odam"])
    widget.run()
    widget.wait()
    return widget, None


def score_threshold() -> Made:
    """All boxes above a score of 0.05, so that there is something to drag away."""
    crowd = dx.data.scenes.Scenes(6, seed=3, mode="crowd")[0]
    return dx.widgets.ScoreThreshold(detector(), crowd.image), None


def nms_explorer() -> Made:
    """A crowd of one class before suppression."""
    crowd = dx.data.scenes.Scenes(1, mode="one-class-crowd")[0]
    widget = dx.widgets.NmsExplorer(detector("tiny-faster-rcnn"), crowd.image, sample=crowd, most=120)
    widget.wait()
    return widget, None


def predict() -> Made:
    """A question that was answered by the middle of the box, and whose truth is the highest pixel of a map."""
    image = scene().image
    found = detector().detect([image], score_threshold=0.3)[0]
    maps = dx.explain(detector(), image, found[:1])
    peak = divmod(int(maps.values[0].argmax()), maps.values.shape[2])
    widget = dx.widgets.Predict(
        f"Where is ODAM's map of the {found.label_names()[0]} highest?", kind="point", image=image
    )
    x1, y1, x2, y2 = found.boxes[0].tolist()
    widget.lock(((x1 + x2) / 2, (y1 + y2) / 2))
    widget.reveal((peak[1], peak[0]))
    return widget, None


PAGES: dict[str, Callable[[], Made]] = {
    made.__name__: made
    for made in (
        explorer,
        comparison,
        discrimination,
        perturbation,
        what_if,
        sanity_check,
        tiny_objects,
        score_threshold,
        nms_explorer,
        predict,
    )
}
"""By the names of their files."""


def make_pages(folder: Path, names: Iterable[str] = PAGES) -> Iterator[tuple[str, float]]:
    """Write pages and stills, those that are not there yet, and tell the seconds of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        page, still = folder / f"{name}.html", folder / f"{name}.png"
        if page.is_file() and still.is_file():
            continue
        began = time.perf_counter()
        widget, include = PAGES[name]()
        widget.save_png(still)
        widget.save_html(page, include=include, overwrite=True)
        widget.close()
        yield name, time.perf_counter() - began


def main() -> None:
    """Make them, and print bytes and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=list(PAGES), metavar="NAME", help=", ".join(PAGES))
    options = parser.parse_args()
    for name, seconds in make_pages(options.folder, options.names):
        print(f"{(options.folder / f'{name}.html').stat().st_size:>10,} bytes {seconds:6.1f} s  {name}")


if __name__ == "__main__":
    main()
