"""Draw what every bundled detector finds on scenes that it was never trained on, and one heat map on each.

python docs/make_zoo_picture.py FOLDER [--only tiny-yolox ...] [--index 3] [--seed 9] [--method odam]

Writes FOLDER/NAME.png for each: a plain, a tiny and a crowd scene in one row, each with its detections (score at least
0.3) and beside it the heat map of the surest one. A classifier gets three scenes of one object instead. The titles say
how many of the annotated objects were found (same class, IoU > 0.5, one to one) and how many detections are wrong.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.data.sample import Sample
from detxai_nb.metrics import match
from detxai_nb.plots.heatmaps import overlay, to_png
from detxai_nb.plots.panels import PanelGrid, draw_box, draw_photograph

THRESHOLD = 0.3
MODES = ("plain", "tiny", "crowd")
ALONE = ("single", "single", "single")


def bundled() -> list[str]:
    """The names of the detectors whose weights come with the package."""
    table = dx.detectors()
    return list(table.index[table["weights"] == "bundled"])


def draw_detections(axes: Any, sample: Sample, found: dx.Detections, mode: str) -> None:
    """The scene with the box, class and score of every detection, and in the title how many are right."""
    size = sample.image.shape[:2]
    draw_photograph(axes, sample.image, size)
    for box, label, score in zip(found.boxes.tolist(), found.label_names(), found.scores.tolist()):
        draw_box(axes, box, 1.0)
        axes.text(box[0], max(box[1], 9), f"{label} {score:.2f}", fontsize=5, color="white", va="bottom")
    right = int((match(found, sample) >= 0).sum())
    wrong = len(found) - right
    axes.set_title(f"{mode}: {right} of {len(sample.labels)} found, {wrong} wrong", fontsize=8, loc="left", pad=3)


def draw_class(axes: Any, sample: Sample, found: dx.Detections) -> None:
    """The scene, and in the title its class and what a classifier says."""
    draw_photograph(axes, sample.image, sample.image.shape[:2])
    said = f"{found.label_names()[0]} {float(found.scores[0]):.2f}" if len(found) else "nothing above the threshold"
    axes.set_title(f"{sample.names[sample.labels[0]]}: {said}", fontsize=8, loc="left", pad=3)


def draw_map(axes: Any, detector: Any, sample: Sample, found: dx.Detections, method: str) -> None:
    """The heat map of the surest detection."""
    size = sample.image.shape[:2]
    if not len(found):
        draw_photograph(axes, sample.image, size)
        axes.set_title("nothing to explain", fontsize=8, loc="left", pad=3)
        return
    maps = dx.explain(detector, sample.image, found[:1], method=method)
    draw_photograph(axes, overlay(sample.image, maps.values[0].cpu().numpy()), size)
    draw_box(axes, found.boxes[0].tolist(), 1.2)
    axes.set_title(f"{method} of {found.label_names()[0]}, {maps.layer}", fontsize=8, loc="left", pad=3)


def draw(name: str, index: int, seed: int, method: str) -> bytes:
    """The picture of one bundled detector as a PNG file."""
    detector = dx.load_detector(name, device="cpu")
    alone = detector.family == "classifier"
    modes = ALONE if alone else MODES
    samples = [scenes.Scenes(index + 3, seed=seed, mode=mode)[index + i * alone] for i, mode in enumerate(modes)]
    sheet = PanelGrid(samples[0].image, rows=1, columns=2 * len(samples), side=3.0, bars=False)
    for number, (mode, sample) in enumerate(zip(modes, samples)):
        found = detector.detect([sample.image], THRESHOLD)[0]
        left, _ = sheet.panel(0, 2 * number)
        right, _ = sheet.panel(0, 2 * number + 1)
        if alone:
            draw_class(left, sample, found)
        else:
            draw_detections(left, sample, found, mode)
        draw_map(right, detector, sample, found, method)
    sheet.head(f"{name} ({detector.family}), score at least {THRESHOLD}, scene {index} of seed {seed}")
    return to_png(sheet.figure, dpi=150)


def main() -> None:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", nargs="+", choices=bundled(), default=bundled(), metavar="NAME")
    parser.add_argument("--index", type=int, default=3, help="number of the scene")
    parser.add_argument("--seed", type=int, default=9, help="of the scenes; below 1000000 none was trained on")
    parser.add_argument("--method", default="odam")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        started = time.perf_counter()
        path = options.folder / f"{name}.png"
        path.write_bytes(draw(name, options.index, options.seed, options.method))
        print(f"{path} ({time.perf_counter() - started:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
