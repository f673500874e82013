"""Deletion and insertion of ODAM's protocol when an object is followed by the highest score, and by the highest IoU.

    python tests/bench/measure_following.py [--scenes 8] [--weights FILE --coco FOLDER --photographs 8]

Both from the same answers of the detector, for ODAM's maps of the objects that ODAM's protocol selects (same class, IoU
above 0.9). Printed are both means, the largest difference of a single object, and how many objects differ at all.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample
from detxai_nb.metrics import DetectionCache, MetricInput, PerturbationSchedule, box_areas, match, perturbation_curves
from detxai_nb.metrics.visual_accuracy import area_below


def areas(detector: Any, samples: Sequence[Sample], mode: str) -> dict[str, torch.Tensor]:
    """In percent, by the rule of following: the area of each object."""
    found: dict[str, list[torch.Tensor]] = {"score": [], "iou": []}
    for sample in samples:
        detections = detector.detect([sample.image], 0.05)[0]
        numbers = match(detections, sample, 0.9)
        detections, numbers = detections[numbers >= 0], numbers[numbers >= 0]
        if not len(detections):
            continue
        maps = dx.explain(detector, sample.image, detections)
        cache = DetectionCache(detector)
        case = MetricInput(maps.values, detections, numbers, sample, detector, answers=cache)
        for by, values in found.items():
            curves = perturbation_curves(case, PerturbationSchedule(mode), box_areas(case), by=by)
            values.append(area_below(curves.relative()) * 100)
    return {by: torch.cat(values) for by, values in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--weights", type=Path, help="of a YOLOX-nano whose file states its input")
    parser.add_argument("--coco", type=Path, help="a folder of photographs, as for detxai-nb evaluate")
    parser.add_argument("--photographs", type=int, default=8)
    options = parser.parse_args()
    runs: list[tuple[str, Any, Any]] = [
        ("scenes, tiny-fcos", dx.load_detector("tiny-fcos", device="cpu"), dx.data.scenes.Scenes(options.scenes))
    ]
    if options.coco is not None:
        nano = dx.load_detector("yolox-nano", weights=options.weights, device="cpu", input_size=416)
        dataset = CocoDataset(options.coco)
        runs.append(("photographs, yolox-nano", nano, [dataset[i] for i in range(options.photographs)]))
    for title, detector, samples in runs:
        for mode in ("deletion", "insertion"):
            found = areas(detector, samples, mode)
            moved = (found["score"] - found["iou"]).abs()
            print(
                f"{title}, {mode}: {len(moved)} objects, by score {found['score'].mean():.2f}, by IoU "
                f"{found['iou'].mean():.2f}; largest difference {moved.max():.2f}, {int((moved > 0.005).sum())} differ"
            )


if __name__ == "__main__":
    main()
