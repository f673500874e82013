"""What TensorFloat-32, PyTorch's default for convolutions on an NVIDIA GPU, does to heat maps.

    python tests/bench/measure_tf32.py [--device cuda]

Five bundled detectors on a scene, their four best detections: the largest difference of a map from the CPU's as a share
of the map's maximum, over the four, with TensorFloat-32 and in the whole float32 in which `compare` makes maps; and the
largest difference of the four scores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest import mock

import torch

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.explaining import explain
from detxai_nb.float32 import in_full_float32

DETECTORS = ("tiny-fcos", "tiny-yolox", "tiny-faster-rcnn", "tiny-pvt", "tiny-detr")
METHODS = ("odam", "grad-cam")


def apart(one: dx.HeatMaps, two: dx.HeatMaps) -> float:
    """The largest difference of two maps, as a share of the first one's maximum."""
    return max(float((a - b.cpu()).abs().max() / a.abs().max()) for a, b in zip(one.grids, two.grids))


def as_it_is(_: torch.device, run: Callable[[], Any]) -> Any:
    """Run with PyTorch's settings."""
    return run()


def main() -> None:
    """Print a line for each detector and kind of number."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    device = torch.device(parser.parse_args().device)
    image = scenes.make(3, 11).image
    for name in DETECTORS:
        cpu, other = (dx.load_detector(name, device=where) for where in ("cpu", device))
        found = cpu.detect([image], 0.3)[0][:4]
        expected = dx.compare(cpu, image, found, methods=METHODS)
        for what, kept in (("TensorFloat-32", as_it_is), ("float32", in_full_float32)):
            with mock.patch.object(explain, "in_full_float32", kept):
                maps = dx.compare(other, image, found.to(device), methods=METHODS)
            scores = kept(device, partial(other.detect, [image], 0.3))[0].scores.cpu()[: len(found)]
            shown = ", ".join(f"{method} {apart(expected[method], maps[method]):.1e}" for method in METHODS)
            print(f"{name:<18} {what:<15} {shown}, scores {float((scores - found.scores).abs().max()):.1e}")


if __name__ == "__main__":
    main()
