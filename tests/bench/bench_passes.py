"""What fast copies of networks bring to plain forward passes, beside the network asked for one picture after another.

    python tests/bench/bench_passes.py [NAME ...] [--shared ../shared] [--pictures 24] [--repeats 3] [--threads N]

Names: tiny-fcos and the other bundled detectors, which see scenes; yolox-nano with the weights beside the checkout, at
640 on photographs; fcos_resnet50_fpn and others of torchvision with random weights, on 640x480 noise. By default the
first three kinds, one of each. The pictures are masked as D-RISE masks them.

A ratio is the time a picture of the network asked one by one over that of the copy, in batches of the size that
perturbation methods take (`Capabilities.batch_on_cpu`); "batch" is that of the network in the same batches. In one run,
in turns, medians. "prepare" is the time until the first answer of the copy, in plain passes: made anew, and with the
weights unchanged. "scores" is the largest difference of a score in all pictures, "found" in how many pictures both find
the same objects.
"""

from __future__ import annotations

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clocks import seconds
from measure_coco_mini import yolox_nano

import detxai_nb as dx
from detxai_nb.capabilities import Capabilities
from detxai_nb.data.coco import CocoDataset
from detxai_nb.methods.d_rise import DRiseSettings, MaskedDetections
from detxai_nb.passes import FastPasses

THRESHOLD = DRiseSettings.score_threshold
FAMILIES = {"fcos": "fcos", "fasterrcnn": "faster-rcnn", "retinanet": "retinanet", "ssd300": "ssd"}


def open_one(name: str, shared: Path) -> tuple[Any, np.ndarray]:
    """A detector and a picture."""
    if name.startswith("tiny"):
        return dx.load_detector(name, device="cpu"), dx.data.scenes.make(1).image
    if name == "yolox-nano":
        sample = CocoDataset(shared / "data" / "coco-mini" / "instances.json")[0]
        return yolox_nano(shared), sample.image
    import torchvision

    torch.manual_seed(0)
    module = getattr(torchvision.models.detection, name)(weights=None, weights_backbone=None).eval()
    family = FAMILIES[name.partition("_")[0]]
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    return dx.wrap(module, family=family, names=[str(number) for number in range(91)]), noise


def masked(detector: Any, image: np.ndarray, count: int) -> list[np.ndarray]:
    """Pictures as D-RISE masks them, rounded."""
    found = detector.detect([image], 0.0)[0][:1]
    answers = MaskedDetections(detector, image, found, DRiseSettings(masks=count, fast=False))
    changed = answers.grid.masks(answers.drawn)[:, None] * answers.asker.pixels
    return list(changed.round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy())


def compare(name: str, options: argparse.Namespace) -> None:
    """Print the line of one detector."""
    detector, image = open_one(name, options.shared)
    pictures = masked(detector, image, options.pictures)
    batch = Capabilities(detector).batch_on_cpu(image.shape[0] * image.shape[1])
    took = {who: [] for who in ("one by one", "batch", "copy")}
    prepared = [seconds(lambda: FastPasses(detector, image, THRESHOLD)) for _ in range(2)]
    passes = FastPasses(detector, image, THRESHOLD)
    asked = {"one by one": (detector, 1), "batch": (detector, batch), "copy": (passes, batch)}
    answers: dict[str, list[dx.Detections]] = {}
    for _ in range(options.repeats):
        for who, (asks, size) in asked.items():
            answers[who] = []

            def ask(who: str = who, asks: Any = asks, size: int = size) -> None:
                for first in range(0, len(pictures), size):
                    answers[who] += asks.detect(pictures[first : first + size], THRESHOLD)

            took[who].append(seconds(ask) / len(pictures))
    times = {who: np.median(all_of, axis=0) for who, all_of in took.items()}
    same, far = 0, 0.0
    for one, other in zip(answers["one by one"], answers["copy"], strict=True):
        if len(one) == len(other) and torch.equal(one.labels, other.labels):
            same += 1
            far = max([far, *(one.scores - other.scores).abs().tolist()])
    plain, copy, batches = times["one by one"], times["copy"], times["batch"]
    print(
        f"{name:<24} {passes.kind:<6} plain {plain[0] * 1e3:7.1f} ms wall {plain[1] * 1e3:7.1f} processor | "
        f"copy {plain[0] / copy[0]:.2f} wall {plain[1] / copy[1]:.2f} processor (batch of {batch}) | "
        f"batch {plain[0] / batches[0]:.2f} {plain[1] / batches[1]:.2f} | "
        f"prepare {prepared[0][1] / plain[1]:.1f}, {prepared[1][1] / plain[1]:.1f} passes | "
        f"scores {far:.1e}, found {same} of {len(pictures)} {passes.reason}",
        flush=True,
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["tiny-fcos", "yolox-nano", "fcos_resnet50_fpn"])
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2].parent / "shared")
    parser.add_argument("--pictures", type=int, default=24)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    # Masked scenes look like no scene.
    warnings.simplefilter("ignore")
    print(f"torch {torch.__version__}, {options.threads} threads, {options.pictures} pictures")
    for name in options.names:
        compare(name, options)


if __name__ == "__main__":
    main()
