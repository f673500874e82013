"""YOLOX-nano on the COCO photographs beside the checkout: its AP, and where the heat maps of its detections lie.

    python tests/bench/measure_coco_mini.py [--shared ../shared] [--picture overlays.png]

Detections with score >= 0.3 that match an annotation (same class, IoU > 0.5, one to one) are explained on the neck's
features. "inside box" is the mean share of a map's energy inside the annotated box; beside it a map that is the same
everywhere (the box's share of the picture).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample
from detxai_nb.metrics import average_precision, box_masks, energy_pointing_game, match

METHODS = ("odam", "grad-cam", "grad-cam++")


def yolox_nano(shared: Path, **settings: Any) -> Any:
    """The detector as its weights were trained, which their file states."""
    weights = shared / "weights" / "yolox_nano_coco.safetensors"
    return dx.load_detector("yolox-nano", weights=weights, **{"device": "cpu", **settings})


def precision(detector: Any, dataset: Sequence[Sample]) -> dict[str, Any]:
    """COCO's average precision: score >= 0.001, NMS 0.65, 100 detections an image."""
    results = []
    for start in range(0, len(dataset), 8):
        results += detector.detect([sample.image for sample in dataset[start : start + 8]], 0.001)
    return average_precision(dataset, results)


def energies(detector: Any, dataset: Sequence[Sample]) -> dict[str, np.ndarray]:
    """For each method the energy inside the annotated box of every matched detection; the box's share of the area."""
    found: dict[str, list[float]] = {name: [] for name in (*METHODS, "uniform")}
    for sample in dataset:
        detections = detector.detect([sample.image], 0.3)[0]
        pairs = match(detections, sample)
        detections = detections[pairs >= 0]
        if not len(detections):
            continue
        boxes = torch.from_numpy(sample.boxes)[pairs[pairs >= 0]]
        masks = box_masks(boxes, *sample.image.shape[:2])
        found["uniform"] += masks.float().mean(dim=(1, 2)).tolist()
        for name, maps in dx.compare(detector, sample.image, detections, methods=METHODS).items():
            found[name] += energy_pointing_game(maps.values, masks).tolist()
    return {name: np.array(values) for name, values in found.items()}


def picture(detector: Any, dataset: CocoDataset, path: Path, count: int = 6) -> None:
    """Six photographs with at least two objects of one class: ODAM beside Grad-CAM for the best detection."""
    from detxai_nb.plots.heatmaps import plot_comparison, to_png

    pages = []
    for sample in dataset:
        detections = detector.detect([sample.image], 0.5)[0]
        labels = detections.labels.tolist()
        if len(detections) < 2 or labels.count(labels[0]) < 2:
            continue
        maps = dx.compare(detector, sample.image, detections[:1], methods=("odam", "grad-cam"))
        pages.append(to_png(plot_comparison(maps)))
        if len(pages) == count:
            break
    _tile(pages, path)


def _tile(pages: list[bytes], path: Path) -> None:
    """The pictures below each other in two columns."""
    import io

    from PIL import Image

    images = [Image.open(io.BytesIO(page)).convert("RGB") for page in pages]
    width, height = max(i.width for i in images), max(i.height for i in images)
    sheet = Image.new("RGB", (2 * width, -(-len(images) // 2) * height), "white")
    for number, image in enumerate(images):
        sheet.paste(image, (number % 2 * width, number // 2 * height))
    sheet.save(path)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[3] / "shared")
    parser.add_argument("--picture", type=Path, help="write six overlays to this PNG file")
    options = parser.parse_args()
    detector, dataset = yolox_nano(options.shared), CocoDataset(options.shared / "data" / "coco-mini")
    if options.picture:
        picture(detector, dataset, options.picture)
    result = precision(detector, dataset)
    print(f"AP {result['AP']:.4f}, AP50 {result['AP50']:.4f} on {result['images']} images, {result['objects']} objects")
    random = np.random.default_rng(0)
    for name, values in energies(detector, dataset).items():
        means = random.choice(values, (2000, len(values))).mean(1)
        low, high = np.quantile(means, [0.025, 0.975])
        print(f"{name:<11} inside box {values.mean():.3f} (95% {low:.3f} to {high:.3f}, {len(values)} objects)")


if __name__ == "__main__":
    main()
