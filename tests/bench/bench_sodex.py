"""What SODEx costs beyond the detector's own forward passes, and beside explaining one object at a time.

    python tests/bench/bench_sodex.py [--shared ../shared] [--samples 100] [--objects 10] [--input 640] [--threads 1]

YOLOX-nano on one of the COCO photographs beside the checkout, explaining its detections of the highest scores.

"asking / plain passes": the time for asking about changed images (hiding superpixels, detecting, comparing with the
objects) over the time of `detect` on the same images made beforehand; in turns of ten, one image at a time, the median.
"parts" do not ask the detector: superpixels, regression and maps for the default number of samples. The last line of
these adds them up: the cost of an image over that of the plain passes, and in seconds.

"one at a time / all together": the usual way, LIME for each object with passes of its own, over all objects at once,
both by `explain` with --samples. The loop explains --alone of the objects and is taken to go on like that for the
others; with --alone at the number of objects nothing is estimated. "fits" are those of --fits samples.
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
from bench_d_rise import picture
from clocks import seconds

import detxai_nb as dx
from detxai_nb.image import FloatImage
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.methods.sodex import FIT, LEFT_OUT, Hiding, SodexSettings, ask_all, superpixels
from detxai_nb.methods.sodex.surrogate import draw_shown, fit, nearness


def asking(detector: Any, image: np.ndarray, found: dx.Detections, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Asking over plain passes, and seconds of a plain pass: each wall and processor."""
    labels, count = superpixels(image, SodexSettings.segments, SodexSettings.compactness, SodexSettings.sigma)
    asker = BatchedDetector(detector, image, score_threshold=SodexSettings.score_threshold, fast=False)
    hiding, shown = Hiding(asker.pixels, labels, SodexSettings.hidden), draw_shown(samples, count, SodexSettings.seed)
    ratios, plain = [], []
    for rows in shown.split(10):
        images = [FloatImage(one) for one in hiding.images(rows)]

        def ask(rows: torch.Tensor = rows) -> None:
            ask_all(asker, hiding, rows, found, lambda done, total: None)

        def detect(images: list[FloatImage] = images) -> None:
            for one in images:
                detector.detect([one], SodexSettings.score_threshold)

        before, asked, after = seconds(detect), seconds(ask), seconds(detect)
        ratios.append(2 * asked / (before + after))
        plain.append((before + after) / 2 / len(images))
    return np.median(ratios, axis=0), np.median(plain, axis=0)


def parts(image: np.ndarray, found: dx.Detections) -> np.ndarray:
    """Seconds of what does not ask the detector, wall and processor: medians of three."""
    labels, count = superpixels(image, SodexSettings.segments, SodexSettings.compactness, SodexSettings.sigma)
    shown = draw_shown(SodexSettings.samples, count, SodexSettings.seed)
    scores = torch.rand(len(shown), len(found), generator=torch.Generator().manual_seed(0))
    coefficients = torch.rand(len(found), count)
    work: dict[str, Callable[[], object]] = {
        "superpixels": lambda: superpixels(
            image, SodexSettings.segments, SodexSettings.compactness, SodexSettings.sigma
        ),
        "regression": lambda: fit(shown, scores, nearness(shown, SodexSettings.kernel_width), SodexSettings.alpha),
        "maps": lambda: coefficients[:, labels],
    }
    took = {name: np.median([seconds(call) for _ in range(3)], axis=0) for name, call in work.items()}
    said = ", ".join(f"{name} {processor * 1e3:.1f}" for name, (_, processor) in took.items())
    print(f"parts, processor ms: {said} ({count} superpixels, {len(found)} objects)")
    return np.sum(list(took.values()), axis=0)


def one_at_a_time(detector: Any, image: np.ndarray, found: dx.Detections, samples: int, alone: int) -> None:
    """The loop over objects against all of them together."""

    def explain(objects: dx.Detections) -> None:
        dx.explain(detector, image, objects, method="sodex", samples=samples)

    together = seconds(lambda: explain(found))
    loop = np.sum([seconds(lambda index=index: explain(found[index])) for index in range(alone)], axis=0)
    again = seconds(lambda: explain(found))
    wall, processor = loop / alone * len(found) / ((together + again) / 2)
    print(f"one at a time / all together {wall:7.2f} wall {processor:7.2f} processor ({len(found)} objects)")


def fits(detector: Any, image: np.ndarray, found: dx.Detections, samples: int) -> None:
    """How well the linear models describe the detector, for coarser and finer superpixels."""
    for segments in (50, 100, 200):
        started = time.perf_counter()
        maps = dx.explain(detector, image, found, method="sodex", samples=samples, segments=segments)
        said = ", ".join(
            f"{name} {statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})"
            for name, each in ((name, maps.diagnostics[name]) for name in (FIT, LEFT_OUT))
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
    ratio, plain = asking(detector, image, found, options.samples)
    print(f"plain pass            {plain[0] * 1e3:7.1f} ms wall  {plain[1] * 1e3:7.1f} ms processor")
    print(f"asking / plain passes {ratio[0]:7.3f} wall     {ratio[1]:7.3f} processor")
    whole = parts(image, found) + ratio * plain * SodexSettings.samples
    wall, processor = whole / (plain * SodexSettings.samples)
    print(f"all / plain passes for {SodexSettings.samples} samples: {wall:.3f} wall, {processor:.3f} processor")
    print(f"seconds an image for {SodexSettings.samples} samples: {whole[0]:.0f} wall, {whole[1]:.0f} processor")
    one_at_a_time(detector, image, found, options.samples, options.alone)
    if options.fits:
        fits(detector, image, found, options.fits)


if __name__ == "__main__":
    main()
