"""Make the picture of each method: its maps of three objects of the same scene, with a bundled detector.

python docs/make_method_pictures.py FOLDER [METHOD ...]

Sphinx runs it while it builds the site. A method that needs more than a one-stage detector gets one that has it: pooled
regions, attention, or the logits of an image classifier.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import detxai_nb as dx
from detxai_nb.methods import all_methods, find_method

OBJECTS = 3
NEEDS = {
    "regions": "tiny-faster-rcnn",
    "attention": "tiny-detr",
    "logits": "tiny-resnet",
    "any input size": "tiny-resnet",
}
"""The detector of a method that needs something; all others are shown with ``USUAL``."""
USUAL = "tiny-fcos"
FEWER: dict[str, dict[str, Any]] = {"d-rise": {"masks": 400}, "sodex": {"samples": 200}}
"""Settings other than the defaults, where these would take long."""


@dataclass(frozen=True)
class Example:
    """What the picture of a method shows.

    Attributes:
        method: its slug.
        detector: the name of a bundled detector.
        settings: those that are not the defaults.
    """

    method: str
    detector: str
    settings: dict[str, Any]

    @property
    def whole_picture(self) -> bool:
        """Whether it explains a class of the whole picture."""
        return self.detector == "tiny-resnet"

    @property
    def code(self) -> str:
        """The Python that draws it."""
        more = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        scene = "Scenes(1, seed=4, mode='single')[0]" if self.whole_picture else "Scenes(4, seed=1)[3]"
        return (
            f'detector = dx.load_detector("{self.detector}")\n'
            f"image = dx.data.scenes.{scene}.image\n"
            f"found = detector.detect([image], score_threshold=0.3)[0]\n"
            f'dx.explain(detector, image, found[:{OBJECTS}], method="{self.method}"{more}).plot()'
        )


def example_of(slug: str) -> Example:
    """The example of a method."""
    needs = list(find_method(slug).needs)
    detector = next((NEEDS[need] for need in needs if need in NEEDS), USUAL)
    return Example(slug, detector, FEWER.get(slug, {}))


def file_name(slug: str) -> str:
    """The name of a method's files, without an ending."""
    return slug.replace("+", "-plus")


@cache
def _explained(name: str) -> tuple[Any, Any, Any]:
    detector = dx.load_detector(name, device="cpu")
    whole = name == "tiny-resnet"
    scenes = dx.data.scenes.Scenes(1, seed=4, mode="single") if whole else dx.data.scenes.Scenes(4, seed=1)
    image = scenes[0 if whole else 3].image
    return detector, image, detector.detect([image], score_threshold=0.3)[0][:OBJECTS]


def make_pictures(folder: Path, slugs: Iterable[str] | None = None) -> Iterator[tuple[str, float]]:
    """Write the pictures, those that are not there yet, and tell the seconds of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for slug in all_methods() if slugs is None else slugs:
        path = folder / f"{file_name(slug)}.png"
        if path.is_file():
            continue
        began = time.perf_counter()
        example = example_of(slug)
        maps = dx.explain(*_explained(example.detector), method=slug, **example.settings)
        path.write_bytes(dx.plots.to_png(maps.plot(), dpi=90))
        yield slug, time.perf_counter() - began


def main() -> None:
    """Make them, and print bytes and seconds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", metavar="METHOD")
    options = parser.parse_args()
    for slug, seconds in make_pictures(options.folder, options.methods or None):
        size = (options.folder / f"{file_name(slug)}.png").stat().st_size
        print(f"{size:>10,} bytes {seconds:6.1f} s  {slug}", flush=True)


if __name__ == "__main__":
    main()
