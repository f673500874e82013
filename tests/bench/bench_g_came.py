"""What G-CAME takes for an object: here, as a loop over channels, and beside D-RISE.

    python tests/bench/bench_g_came.py [--weights FILE --coco FOLDER] [--masks 4000] [--repeats 3] [--threads 2]

For tiny-yolox and tiny-faster-rcnn on a scene, and with FILE and FOLDER for YOLOX-nano on photographs. All in one run:

"g-came": seconds an object, from the open trace to raw maps at the image's size, and with its share of the forward
pass (`metrics.running_time`: the median of the repeats).
"loop": one object after the other: a forward pass with a graph, one backward pass, and a loop over the channels in
NumPy that makes one mask after the other, as the authors' notebooks do it.
"d-rise": seconds an object of as many masks as asked for (the paper: 4000), which all objects of the image share; and
what it would take for one object alone.
"""

from __future__ import annotations

import argparse
import math
import statistics
import time
import warnings
from typing import Any

import numpy as np
import torch

import detxai_nb as dx
from detxai_nb.methods import find_method
from detxai_nb.types import Target


def channel_loop(activation: np.ndarray, gradient: np.ndarray, input_size: tuple[int, int], two: bool) -> np.ndarray:
    """The map ``[h,w]`` of one object, one channel after the other."""
    height, width = activation.shape[1:]
    scale = math.log(math.sqrt(input_size[0] * input_size[1] / (height * width)))
    factor = scale * 3 / math.floor((math.sqrt(height * width) - 1) / 2)
    rows, columns = np.mgrid[:height, :width]
    total = np.zeros((height, width))
    for a, g in zip(activation, gradient):
        parts = [(np.maximum(g, 0), 1), (np.maximum(-g, 0), -1)] if two else [(np.abs(g), np.sign(g.sum()))]
        for strength, sign in parts:
            mean = strength.mean() if two else abs(g.mean())
            if mean == 0:
                continue
            row, column = np.unravel_index(strength.argmax(), strength.shape)
            sigma = max(abs(math.log(mean) * factor), 1e-3)
            mask = np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * sigma**2))
            total += sign * mean * (mask - mask.min()) / (mask.max() - mask.min()) * a
    return np.maximum(total, 0)


def looped(detector: Any, image: np.ndarray, found: dx.Detections) -> list[np.ndarray]:
    """The maps of all objects, each from a pass of its own."""
    maps = []
    for row in range(len(found)):
        trace = detector.trace(image, find_method("g-came").layer_of(detector.layers))
        ((level, _, gradient),) = trace.gradients(found[row], Target())
        features = trace.levels[level].features.numpy()
        two = getattr(trace, "two_stage", False)
        maps.append(channel_loop(features, gradient[0].numpy(), trace.placement.input_size, two))
    return maps


def measure(title: str, detector: Any, image: np.ndarray, threshold: float, masks: int, repeats: int) -> list[str]:
    """The lines of one detector and image."""
    found = detector.detect([image], threshold)[0]
    taken = dx.metrics.running_time(detector, image, found, "g-came", repeats=repeats)
    alone = dx.metrics.running_time(detector, image, found[0], "g-came", repeats=repeats)
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        slow = looped(detector, image, found)
        times.append((time.perf_counter() - start) / len(found))
    loop = statistics.median(times)
    fast = dx.explain(detector, image, found, method="g-came")
    worst = max(float(np.abs(m.numpy() - s).max() / s.max()) for m, s in zip(fast.grids, slow) if s.any())
    shared = taken.per_object + taken.forward / len(found)
    lines = [
        f"{title}: {len(found)} objects, {torch.get_num_threads()} thread(s)",
        f"  g-came: {taken.per_object:.4f} s an object, {shared:.4f} s with its share of the forward pass of "
        f"{taken.forward:.3f} s; one object alone {alone.per_object + alone.forward:.3f} s",
        f"  loop: {loop:.4f} s an object; {loop / shared:.1f} times; maps differ by at most {worst:.1e} of the maximum",
    ]
    if masks:
        start = time.perf_counter()
        dx.explain(detector, image, found, method="d-rise", masks=masks, stop_agreement=None)
        whole = time.perf_counter() - start
        lines.append(
            f"  d-rise, {masks} masks: {whole:.1f} s for the image, {whole / len(found):.2f} s an object; "
            f"{whole / len(found) / shared:.0f} times g-came; one object alone {whole:.1f} s, "
            f"{whole / (alone.per_object + alone.forward):.0f} times"
        )
    return lines


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--weights")
    options.add_argument("--coco")
    options.add_argument("--masks", type=int, default=4000)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--threads", type=int, default=2)
    given = options.parse_args()
    torch.set_num_threads(given.threads)
    warnings.simplefilter("ignore")
    scene = dx.data.scenes.Scenes(1)[0].image
    for name in ("tiny-yolox", "tiny-faster-rcnn"):
        print(*measure(name, dx.load_detector(name, device="cpu"), scene, 0.3, given.masks, given.repeats), sep="\n")
    if given.weights and given.coco:
        detector = dx.load_detector(
            "yolox-nano", weights=given.weights, convention="rgb-imagenet", input_size=640, device="cpu"
        )
        photographs = dx.data.coco.CocoDataset(given.coco)
        counts = [len(detector.detect([photographs[i].image], 0.3)[0]) for i in range(12)]
        image = photographs[counts.index(max(counts))].image
        print(*measure("yolox-nano", detector, image, 0.3, given.masks, given.repeats), sep="\n")


if __name__ == "__main__":
    main()
