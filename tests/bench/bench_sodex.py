"""What SODEx costs beyond the detector's own forward passes, and beside explaining one object at a time.

    python tests/bench/bench_sodex.py [--shared ../shared] [--samples 100] [--objects 10] [--input 640] [--threads 1]

YOLOX-nano on one of the COCO photographs beside the checkout, explaining its detections of the highest scores.

"all / plain passes": the time of `explain` for all objects (superpixels, hiding, detecting, comparing with the objects,
regression, maps) over the time of `detect` on the same changed images made beforehand, one image at a time, before and
after it. "seconds an image" is that time spread over the default number of samples: the passes and what goes with each
grow with it, superpixels and maps do not.

"one at a time / all together": the usual way, LIME for each object with passes of its own, over all objects at once.
The loop explains --alone of the objects and is taken to go on like that for the others; with --alone at the number of
objects nothing is estimated.

"parts": superpixels, regression and maps by themselves, for the default number of samples; they do not ask the
detector.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_d_rise import picture, seconds

import detxai_nb as dx
from detxai_nb.image import FloatImage
from detxai_nb.methods.asking import Asker
from detxai_nb.methods.sodex import FIT, LEFT_OUT, Hiding, Settings, superpixels
from detxai_nb.methods.sodex_surrogate import draw_shown, fit, nearness


def changed_images(detector: Any, image: np.ndarray, samples: int) -> list[FloatImage]:
    """The images that an explanation with the default settings asks about."""
    labels, count = superpixels(image, Settings.segments, Settings.compactness, Settings.sigma)
    asker = Asker(detector, image, score_threshold=Settings.score_threshold)
    hiding = Hiding(asker.pixels, labels, Settings.hidden)
    return [FloatImage(one) for one in hiding.images(draw_shown(samples, count, Settings.seed))]


def passes(detector: Any, image: np.ndarray, found: dx.Detections, options: argparse.Namespace) -> None:
    """All objects against plain passes, and one object at a time against all."""
    images = changed_images(detector, image, options.samples)

    def plain() -> None:
        for one in images:
            detector.detect([one], Settings.score_threshold)

    def all_together() -> dx.HeatMaps:
        return dx.explain(detector, image, found, method="sodex", samples=options.samples)

    def one_at_a_time() -> None:
        for index in range(options.alone):
            dx.explain(detector, image, found[index], method="sodex", samples=options.samples)

    detector.detect(images[:1], Settings.score_threshold)
    before, together, after = seconds(plain), seconds(all_together), seconds(plain)
    alone = seconds(one_at_a_time) * len(found) / options.alone
    each = (before + after) / 2 / options.samples
    fixed = seconds(lambda: superpixels(image, Settings.segments, Settings.compactness, Settings.sigma))
    whole = (together - fixed) / options.samples * Settings.samples + fixed
    wall, processor = together / each / options.samples
    print(f"plain pass                   {each[0] * 1e3:7.1f} ms wall  {each[1] * 1e3:7.1f} ms processor")
    print(f"all / plain passes           {wall:7.3f} wall     {processor:7.3f} processor  ({options.samples} samples)")
    print(
        f"seconds an image             {whole[0]:7.1f} wall     {whole[1]:7.1f} processor  ({Settings.samples} samples)"
    )
    wall, processor = alone / together
    print(f"one at a time / all together {wall:7.2f} wall     {processor:7.2f} processor  ({len(found)} objects)")


def parts(image: np.ndarray, found: dx.Detections) -> None:
    """Milliseconds of what does not ask the detector, the median of three."""
    labels, count = superpixels(image, Settings.segments, Settings.compactness, Settings.sigma)
    shown = draw_shown(Settings.samples, count, Settings.seed)
    scores = torch.rand(len(shown), len(found), generator=torch.Generator().manual_seed(0))
    coefficients = torch.rand(len(found), count)
    work: dict[str, Callable[[], object]] = {
        "superpixels": lambda: superpixels(image, Settings.segments, Settings.compactness, Settings.sigma),
        "regression": lambda: fit(shown, scores, nearness(shown, Settings.kernel_width), Settings.alpha),
        "maps": lambda: coefficients[:, labels],
    }
    took = {name: statistics.median(float(seconds(call)[1]) for _ in range(3)) for name, call in work.items()}
    said = ", ".join(f"{name} {value * 1e3:.1f}" for name, value in took.items())
    print(f"parts, processor ms: {said} ({count} superpixels, {len(found)} objects)")


def fits(detector: Any, image: np.ndarray, found: dx.Detections, samples: int) -> None:
    """How well the linear models describe the detector, for coarser and finer superpixels."""
    for segments in (50, 100, 200):
        started = time.perf_counter()
        maps = dx.explain(detector, image, found, method="sodex", samples=samples, segments=segments)
        said = ", ".join(
            f"{name} {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"
            for name, each in ((name, maps.figures[name]) for name in (FIT, LEFT_OUT))
        )
        took = time.perf_counter() - started
        print(f"{maps.settings['superpixels']:4d} superpixels, {samples} samples: {said}, {took:.0f} s")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2].parent / "shared")
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--alone", type=int, default=2, help="how many objects the loop over objects explains")
    parser.add_argument("--input", type=int, default=640, help="side of the detector's input in pixels")
    parser.add_argument("--fits", type=int, default=0, help="also the fits of so many samples, for three sizes")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    weights = options.shared / "weights" / "yolox_nano_coco.safetensors"
    detector = dx.load_detector(
        "yolox-nano", weights=weights, convention="rgb-imagenet", input_size=options.input, device="cpu"
    )
    image, found = picture(detector, options.shared, options.objects)
    options.alone = min(options.alone, len(found))
    print(
        f"torch {torch.__version__}, {options.threads} threads, {image.shape[1]}x{image.shape[0]}, {len(found)} objects"
    )
    passes(detector, image, found, options)
    parts(image, found)
    if options.fits:
        fits(detector, image, found, options.fits)


if __name__ == "__main__":
    main()
