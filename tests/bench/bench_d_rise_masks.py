"""How many masks D-RISE needs: for each setting the split-half correlation that it reaches on real photographs.

    python tests/bench/bench_d_rise_masks.py [--shared ../shared] [--objects 20] [--masks 400] [--goal 0.8]
                                             [--cells 8 16] [--probabilities 0.25 0.5 0.75] [--threads 1]

YOLOX-nano at 640 on the COCO photographs beside the checkout: objects are its detections with score >= 0.5 in
photographs that have 3 to 8 of them, until there are enough. Every setting is asked about the same photographs, with
masks of its own; weights of both kinds are computed from the same answers.

For each setting: the median over the objects of the split-half correlation with a quarter, half and all of the masks;
the median number of masks for the goal, forecast by the rule of Spearman and Brown (`d_rise_pilot.masks_needed`;
"never" where more than half of the objects show nothing yet), and for how many objects it is at most the default
budget; how many objects reached the goal in these masks; and in how many maps the highest point lies in the object's
box.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measure_coco_mini import yolox_nano

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.methods.d_rise import DRiseSettings, MaskedDetections
from detxai_nb.methods.d_rise.estimate import SplitHalves
from detxai_nb.methods.d_rise.pilot import masks_needed

WEIGHTS = ("plain", "centred")


def photographs(detector: Any, shared: Path, objects: int) -> list[tuple[np.ndarray, dx.Detections]]:
    """Photographs with their detections, ``objects`` in all."""
    chosen: list[tuple[np.ndarray, dx.Detections]] = []
    for sample in CocoDataset(shared / "data" / "coco-mini" / "instances.json"):
        missing = objects - sum(len(found) for _, found in chosen)
        if missing <= 0:
            return chosen
        found = detector.detect([sample.image], 0.5)[0]
        if 3 <= len(found) <= 8:
            chosen.append((sample.image, found[:missing]))
    raise ValueError(f"the photographs hold {sum(len(f) for _, f in chosen)} such objects, asked for {objects}")


def agreement(answers: MaskedDetections, count: int) -> list[float]:
    """The split-half correlation of each object from the first ``count`` masks."""
    of = answers.settings
    halves = SplitHalves(answers.grid, answers.weights.shape[1], of.probability, of.weights)
    halves.add(answers.drawn[:count], 0, answers.weights[:count])
    return halves.agreement().tolist()


def hits(answers: MaskedDetections) -> list[float]:
    """1 for each map whose highest point lies in its object's box."""
    maps = answers.maps(answers.done)
    found = []
    for values, (x1, y1, x2, y2) in zip(maps, answers.targets.boxes.tolist()):
        y, x = divmod(int(values.argmax()), values.shape[1])
        found.append(float(x1 <= x + 0.5 <= x2 and y1 <= y + 0.5 <= y2))
    return found


def one(answers: MaskedDetections, goal: float) -> dict[str, dict[str, list[float]]]:
    """All figures of one photograph by kind of weights."""
    found = {}
    for kind in WEIGHTS:
        answers.settings = replace(answers.settings, weights=kind)
        found[kind] = {
            "quarter": agreement(answers, answers.done // 4),
            "half": agreement(answers, answers.done // 2),
            "all": agreement(answers, answers.done),
            "needed": masks_needed(answers, goal).tolist(),
            "hit": hits(answers),
        }
    return found


def line(name: str, found: dict[str, list[float]], goal: float) -> str:
    """One setting as text."""
    needed = float(np.median(found["needed"]))
    cells = [f"{np.median(found[part]):7.2f}" for part in ("quarter", "half", "all")]
    within = sum(n <= DRiseSettings.masks for n in found["needed"])
    measured = sum(value >= goal for value in found["all"])
    shown = f"{needed:8.0f}" if np.isfinite(needed) else "   never"
    return f"{name:<34}{''.join(cells)} {shown} {within:>7} {measured:>9} {sum(found['hit']):5.0f}/{len(found['hit'])}"


def main() -> None:
    """Measure every setting, photograph by photograph, and print the table of what is there after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2].parent / "shared")
    parser.add_argument("--objects", type=int, default=20)
    parser.add_argument("--masks", type=int, default=400)
    parser.add_argument("--goal", type=float, default=0.8)
    parser.add_argument("--cells", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--probabilities", type=float, nargs="+", default=[0.25, 0.5, 0.75])
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    detector = yolox_nano(options.shared)
    chosen = photographs(detector, options.shared, options.objects)
    grids = [(c, p, s) for c in options.cells for p in options.probabilities for s in ("plain", "balanced")]
    table: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    started = time.perf_counter()
    for number, (image, found) in enumerate(chosen, start=1):
        for cells, probability, sampling in grids:
            settings = DRiseSettings(masks=options.masks, cells=cells, probability=probability, sampling=sampling)
            answers = MaskedDetections(detector, image, found, settings)
            while answers.done < options.masks:
                answers.ask(options.masks)
            for kind, figures in one(answers, options.goal).items():
                for part, values in figures.items():
                    table[f"{cells:>2} cells, p {probability}, {sampling}, {kind}"][part] += values
        took = time.perf_counter() - started
        print(f"\n{number} of {len(chosen)} photographs, {options.masks} masks each, {took:.0f} s")
        print(f"{'setting':<34}    1/4    1/2    all    needed  within measured  hits")
        print("\n".join(line(name, figures, options.goal) for name, figures in table.items()), flush=True)


if __name__ == "__main__":
    main()
