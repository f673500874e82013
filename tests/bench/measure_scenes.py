"""The bundled tiny-fcos and the scenes it was trained on: the figures that README and cards quote besides AP.

    python tests/bench/measure_scenes.py [--count 100] [--seed 78]

Scenes drawn per second of one core, by mode. Precision and recall at a score of 0.3, on scenes that neither training
nor the choice of that threshold has seen. The share of a heat map's energy on the class-defining part, beside the
part's share of the annotated box, for matched detections (same class, IoU > 0.5). How far gradients with fixed
GroupNorm statistics lie from the exact ones, by pyramid level.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from typing import Any

import numpy as np
import torch

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.metrics import box_masks, energy_pointing_game, match


def drawing(count: int) -> None:
    """Scenes per second of processor time."""
    for mode in scenes.MODES:
        start = time.process_time()
        for index in range(count):
            scenes.make(index, seed=5, mode=mode)
        print(f"drawing {mode:<9} {count / (time.process_time() - start):6.0f} scenes/s")


def threshold(detector: Any, count: int, seed: int) -> None:
    """Precision and recall at 0.3."""
    for mode in ("plain", "tiny"):
        dataset = scenes.Scenes(count, seed=seed, mode=mode)
        hits = found = there = 0
        for sample in dataset:
            detections = detector.detect([sample.image], 0.3)[0]
            hits += int((match(detections, sample) >= 0).sum())
            found, there = found + len(detections), there + len(sample)
        print(f"score 0.3 {mode:<7} precision {hits / found:.3f}, recall {hits / there:.3f} ({there} objects)")


def on_parts(detector: Any, count: int, seed: int) -> None:
    """Energy on the class-defining part, on each layer."""
    shares: dict[str, list[float]] = defaultdict(list)
    for sample in scenes.Scenes(count, seed=seed):
        detections = detector.detect([sample.image], 0.3)[0]
        pairs = match(detections, sample)
        detections, pairs = detections[pairs >= 0], pairs[pairs >= 0]
        if not len(detections) or sample.parts is None:
            continue
        parts = torch.from_numpy(sample.parts)[pairs]
        boxes = box_masks(torch.from_numpy(sample.boxes)[pairs], *sample.image.shape[:2])
        shares["area of the part"] += ((parts & boxes).sum((1, 2)) / boxes.sum((1, 2))).tolist()
        for layer in detector.layers:
            maps = dx.explain(detector, sample.image, detections, layer=layer)
            shares[f"odam on {layer}"] += energy_pointing_game(maps.values, parts).tolist()
    for name, values in shares.items():
        print(f"part {name:<26} {np.mean(values):.3f} ({len(values)} objects)")


def fixed_statistics(exact: Any, count: int, seed: int) -> None:
    """Relative error of the gradient, by level."""
    fixed = FcosDetector(exact.module, exact.names, norm_statistics="fixed")
    errors: dict[int, list[float]] = defaultdict(list)
    for sample in scenes.Scenes(count, seed=seed):
        detections = exact.detect([sample.image], 0.3)[0]
        if not len(detections):
            continue
        true, near = ({}, {})
        for detector, gradients in ((exact, true), (fixed, near)):
            for level, rows, found in detector.trace(sample.image).gradients(detections, dx.Target()):
                gradients.update({row: (level, one) for row, one in zip(rows.tolist(), found)})
        for row, (level, gradient) in true.items():
            errors[level].append(float((near[row][1] - gradient).norm() / gradient.norm()))
    for level, values in sorted(errors.items()):
        low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
        print(f"fixed statistics, level {level}: {middle:.3f} ({low:.3f} to {high:.3f}, {len(values)} gradients)")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100, help="scenes of each kind")
    parser.add_argument("--seed", type=int, default=78)
    options = parser.parse_args()
    detector = dx.load_detector("tiny-fcos", device="cpu")
    drawing(options.count)
    threshold(detector, options.count, options.seed)
    on_parts(detector, options.count, options.seed)
    fixed_statistics(detector, options.count, options.seed)


if __name__ == "__main__":
    main()
