"""How near integrated gradients come to the difference of scores that they divide, by steps and by rule.

    python tests/bench/measure_completeness.py [NETWORK ...] [--steps 8 32 128] [--rules midpoint gauss-legendre]
        [--side 64] [--tolerance 1e-4 --most 32768]

Networks in float64, the logit that changes most on the way from a black picture to a part of a scene: "tiny-resnet" and
"tiny-vgg" are the bundled ones, any other name is torchvision's network of that name at its published size, with random
weights, biases and statistics of batch normalisation. Printed are, as shares,

"sum": the completeness error of the score difference;
"map": how far the map is from that of the most steps by the midpoint rule, both as vectors;
"layer": the completeness error of ``integrated-grad-cam`` with as many steps, at the layer that it explains.

With ``--tolerance`` instead how many inputs the midpoint rule takes until the map adds up that well.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision

import detxai_nb as dx

sys.path.append(str(Path(__file__).parents[1] / "methods"))
from small_networks import NAMES, classifier, enliven

NETWORKS = ("tiny-resnet", "tiny-vgg", "resnet18", "resnet50", "vgg11", "vgg16", "efficientnet_b0")
LOGIT = dx.Target(score="logit")


def opened(name: str, side: int) -> Any:
    """The network as a detector, in float64."""
    if name.startswith("tiny"):
        bundled: Any = dx.load_detector(name, device="cpu")
        return dx.wrap(bundled.module.double(), names=bundled.names, family="classifier", input_size=side)
    return classifier(enliven(getattr(torchvision.models, name)(num_classes=len(NAMES))), side)


def most_changed(detector: Any, image: Any) -> dx.Detections:
    """The class whose logit differs most from that of a black picture."""
    found = detector.detect([image], 0.0)[0]
    trace = detector.trace(image)
    with torch.no_grad():
        ends = trace.scalars_of_inputs(torch.cat([trace.input, trace.black]), found, LOGIT)
    row = int((ends[0] - ends[1]).abs().argmax())
    one: dx.Detections = found[row : row + 1]
    return one


def share(maps: dx.HeatMaps) -> float:
    """The completeness error as a share of the score difference."""
    return float(maps.diagnostics["completeness error"][0] / abs(maps.diagnostics["score difference"][0]))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", default=NETWORKS)
    parser.add_argument("--steps", type=int, nargs="+", default=[8, 32, 128])
    parser.add_argument("--rules", nargs="+", default=["midpoint", "gauss-legendre"])
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--tolerance", type=float)
    parser.add_argument("--most", type=int, default=32768)
    options = parser.parse_args()
    torch.set_num_threads(1)
    side = options.side
    image = dx.data.scenes.Scenes(1)[0].image[40 : 40 + side, 60 : 60 + side].copy()
    for name in options.networks:
        detector = opened(name, side)
        found = most_changed(detector, image)
        explained = partial(dx.explain, detector, image, found, target=LOGIT)
        path = partial(explained, method="integrated-gradients")
        if options.tolerance:
            maps = path(rule="midpoint", steps=options.steps[0], tolerance=options.tolerance, most=options.most)
            inputs = maps.diagnostics["inputs"][0]
            print(f"{name}: off by {share(maps):.1e} of the difference with {inputs:.0f} inputs", flush=True)
            continue
        by_steps = {steps: path(rule="midpoint", steps=steps) for steps in options.steps}
        finest = by_steps[max(by_steps)].grids[0]
        difference = by_steps[max(by_steps)].diagnostics["score difference"][0]
        print(f"{name}, {side} pixels, score difference {difference:.3g}")
        for steps in options.steps:
            cells = []
            for rule in options.rules:
                maps = by_steps[steps] if rule == "midpoint" else path(rule=rule, steps=steps)
                off = float((maps.grids[0] - finest).norm() / finest.norm())
                cells.append(f"{rule}: sum {share(maps):.1e}, map {off:.1e}")
            layer = explained(method="integrated-grad-cam", steps=steps)
            print(f"  {steps:6} steps  {'  '.join(cells)}  layer {share(layer):.1e}", flush=True)


if __name__ == "__main__":
    main()
