"""What ODAM-NMS takes for an image, whole pipeline, against plain NMS and Soft-NMS in the same run.

    python tests/bench/bench_nms.py [--detectors tiny-fcos ...] [--full-size] [--predictions 100] [--size 480x640]
                                    [--repeats 3] [--threads 1] [--device cpu]

Without `--full-size` the bundled detectors on a crowd of one class. With it torchvision's RetinaNet, FCOS and Faster
R-CNN with a ResNet-50 and random weights, on a random picture of `--size`: the cost does not depend on the weights, but
for how many boxes overlap. The score threshold is the one that as many predictions pass as `--predictions` says.

"detect" is the detector's own. "nms", "soft-nms" and "odam-nms" are a `NmsDetector`'s `detect`: one forward pass, all
predictions, for ODAM-NMS their maps, then the rule. Every repeat goes once through all of them; figures are medians of
wall time, ratios to "detect" of the same repeat, and in brackets of processor time. A head with group normalisation is
measured with both of its gradients, and the correlations and decisions by them are compared.

The paper (ODAM, table 5; an RTX 3090): FCOS 0.114 s with NMS and 0.178 with ODAM-NMS, Faster R-CNN 0.092 and 0.140.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from clocks import seconds
from torchvision.models import detection as tv

import detxai_nb as dx

BUNDLED = ("tiny-retinanet", "tiny-faster-rcnn", "tiny-yolox", "tiny-fcos")
FULL_SIZE = {
    "retinanet_resnet50_fpn": "retinanet",
    "fasterrcnn_resnet50_fpn": "faster_rcnn",
    "fcos_resnet50_fpn": "fcos",
}


def full_size(name: str, device: str, **settings: Any) -> Any:
    """A detector of torchvision with random weights."""
    torch.manual_seed(0)
    module = getattr(tv, name)(weights=None, weights_backbone=None, num_classes=91)
    detector = dx.wrap(module.eval(), family=FULL_SIZE[name], names=[str(i) for i in range(91)], **settings)
    detector.module.to(device)
    return detector


def threshold_for(detector: Any, image: np.ndarray, count: int) -> float:
    """The score that ``count`` predictions reach."""
    scores = dx.nms.candidates(detector, image, 0.001).scores
    return float(scores[min(count, len(scores)) - 1])


def works(detector: Any, image: np.ndarray, threshold: float) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    found: dict[str, Callable[[], object]] = {"detect": lambda: detector.detect([image], threshold)}
    for rule in ("nms", "soft-nms", "odam-nms"):
        with_rule = dx.nms.NmsDetector(detector, rule)
        found[rule] = lambda with_rule=with_rule: with_rule.detect([image], threshold)  # type: ignore[misc]
    return found


def timed(work: dict[str, Callable[[], object]], repeats: int) -> Iterator[str]:
    """A line for each work: seconds, and its ratio to "detect"."""
    for run in work.values():
        run()
    rounds = [{name: seconds(run) for name, run in work.items()} for _ in range(repeats)]
    for name in work:
        took = np.median([one[name] for one in rounds], axis=0)
        ratio = np.median([one[name] / one["detect"] for one in rounds], axis=0)
        yield f"  {name:9} {took[0]:.3f} s, {ratio[0]:.2f} ({ratio[1]:.2f}) times detect"


def compared(exact: dx.nms.MapVectors, fixed: dx.nms.MapVectors) -> str:
    """How far the two gradients of group normalisation agree on pairs and on what is kept."""
    one, other = (maps.correlation() for maps in (exact, fixed))
    differ = one - other
    kept = [set(dx.nms.remove_duplicates(maps.detections, "odam-nms", maps).scores.tolist()) for maps in (exact, fixed)]
    return (
        f"  exact against fixed statistics: correlations differ by {float(differ.abs().mean()):.3f} in the mean; "
        f"ODAM-NMS keeps {len(kept[0])} and {len(kept[1])} of {len(exact)}, {len(kept[0] & kept[1])} of them by both"
    )


def measure(title: str, build: Callable[..., Any], image: np.ndarray, count: int, repeats: int) -> Iterator[str]:
    """The lines of one detector."""
    detector = build()
    threshold = threshold_for(detector, image, count)
    rows = dx.nms.candidates(detector, image, threshold)
    yield f"{title}: {len(rows)} predictions with a score of at least {threshold:.3f}"
    yield from timed(works(detector, image, threshold), repeats)
    if hasattr(detector, "norm_statistics"):
        fixed = build(norm_statistics="fixed")
        yield "  with fixed statistics of group normalisation:"
        work = works(fixed, image, threshold)
        yield from timed({name: work[name] for name in ("detect", "odam-nms")}, repeats)
        yield compared(dx.nms.map_vectors(detector, image, rows), dx.nms.map_vectors(fixed, image, rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", help="which ones; by default all of the kind")
    parser.add_argument("--full-size", action="store_true", help="ResNet-50 with random weights")
    parser.add_argument("--predictions", type=int, default=100, help="before suppression (100)")
    parser.add_argument("--size", default="480x640", help="height x width of the picture with --full-size (480x640)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    image = dx.data.scenes.Scenes(1, mode="one-class-crowd")[0].image
    if options.full_size:
        height, width = map(int, options.size.split("x"))
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    for name in options.detectors or (FULL_SIZE if options.full_size else BUNDLED):

        def build(name: str = name, **settings: Any) -> Any:
            if options.full_size:
                return full_size(name, options.device, **settings)
            return dx.load_detector(name, device=options.device, **settings)

        for line in measure(name, build, image, options.predictions, options.repeats):
            print(line, flush=True)


if __name__ == "__main__":
    main()
