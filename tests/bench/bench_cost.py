"""What explaining N objects of one photograph costs, as a ratio to one plain forward pass of the same detector.

    python tests/bench/bench_cost.py [--repeats 5] [--threads N] [--objects 1 10 50] [--detectors yolox-nano ...]

Random weights: the cost does not depend on them. The picture is 640x480. The objects lie in random cells, on the
pyramid levels with the shares that detections in COCO photographs have (941 detections of a YOLOX-nano with score at
least 0.3 in 144 photographs, by FCOS's own rule: half of the size against 64, 128, 256 and 512 input pixels): 35, 29,
21, 13, 2 percent. A plain forward pass is `detect` on that picture, threshold and NMS included. "loop" is the usual
way: forward with a graph, then one torch.autograd.grad for each object. Each row's ratio is the median over repeats of
its time divided by that of the forward passes just before and after; the ratio of processor seconds stands beside the
one of wall time, since it suffers less where other programs run.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch
from torchvision.models.detection import fcos_resnet50_fpn

import detxai_nb as dx
from detxai_nb.detectors.one_stage import ORIGIN_FIELDS
from detxai_nb.detectors.yolox import YoloxDetector
from detxai_nb.detectors.yolox_network import SIZES, Yolox

SHARES = (0.35, 0.29, 0.21, 0.13, 0.02)
COLUMNS = "{:<12} {:<22} {:>7} {:>9} {:>7} {:>7}"


def picture() -> np.ndarray:
    """A smooth random 640x480 picture."""
    low = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(0))
    big = torch.nn.functional.interpolate(low, size=(480, 640), mode="bilinear")
    return (big[0].permute(1, 2, 0) * 255).byte().numpy()


def build(name: str) -> object:
    """The detector of that name, with random weights where it is not bundled."""
    torch.manual_seed(0)
    if name == "tiny-fcos":
        return dx.load_detector(name, device="cpu")
    if name == "fcos-r50":
        module = fcos_resnet50_fpn(weights=None, weights_backbone=None, num_classes=91)
        return dx.wrap(module.requires_grad_(False), family="fcos", names=[str(i) for i in range(91)])
    network = Yolox(80, SIZES[name]).requires_grad_(False)
    return YoloxDetector(network, [str(i) for i in range(80)], input_size=SIZES[name].input_side)


def objects(detector: object, image: np.ndarray, count: int) -> dx.Detections:
    """``count`` detections on the levels where COCO's objects are, in random cells."""
    grids = [level.features.shape[1:] for level in detector.trace(image).levels]
    shares = np.array(SHARES[: len(grids)])
    shares[-1] += 1 - shares.sum()
    random = np.random.default_rng(count)
    levels = np.repeat(np.arange(len(grids)), np.diff(np.round(np.cumsum([0, *shares]) * count).astype(int)))
    cells = [(level, *(int(random.integers(n)) for n in grids[level])) for level in levels]
    classes = random.integers(0, len(detector.names), count)
    return dx.Detections(
        boxes=torch.tensor([[10.0, 10.0, 100.0, 100.0]]).repeat(count, 1),
        scores=torch.full((count,), 0.5),
        labels=torch.from_numpy(classes),
        names=detector.names,
        origins=torch.tensor(cells),
        origin_fields=ORIGIN_FIELDS,
        image_size=image.shape[:2],
    )


def loop(detector: object, image: np.ndarray, found: dx.Detections) -> None:
    """The usual way: the head with a graph, one backward pass for each object."""
    trace = detector.trace(image)
    leaves = [level.features[None].clone().requires_grad_() for level in trace.levels]
    outputs = detector.module.head(leaves)
    sizes = [leaf.shape[2:] for leaf in leaves]
    starts = np.cumsum([0, *(h * w for h, w in sizes)])
    for (level, row, column), label in zip(found.origins.tolist(), found.labels.tolist()):
        if isinstance(outputs, dict):
            cell = starts[level] + row * sizes[level][1] + column
            product = outputs["cls_logits"][0, cell, label].sigmoid() * outputs["bbox_ctrness"][0, cell, 0].sigmoid()
            scalar = product.sqrt()
        else:
            values = outputs[level][0, :, row, column]
            scalar = values[4].sigmoid() * values[5 + label].sigmoid()
        (gradient,) = torch.autograd.grad(scalar, leaves[level], retain_graph=True)
        torch.relu((gradient * leaves[level].detach()).sum(1))


def seconds(work: Callable[[], object]) -> np.ndarray:
    """Wall time and processor time of one call."""
    start = np.array([time.perf_counter(), time.process_time()])
    work()
    return np.array([time.perf_counter(), time.process_time()]) - start


def ratio(work: Callable[[], object], plain: Callable[[], object], repeats: int) -> tuple[str, str, str]:
    """Median milliseconds of ``work``, and its median ratios of wall and processor time to the plain passes around."""
    work()
    took, ratios, before = [], [], seconds(plain)
    for _ in range(repeats):
        found, after = seconds(work), seconds(plain)
        took.append(found[0])
        ratios.append(2 * found / (before + after))
        before = after
    wall, processor = np.median(ratios, axis=0)
    return f"{np.median(took) * 1e3:.0f} ms", f"{wall:.2f}", f"{processor:.2f}"


def measure(name: str, counts: list[int], repeats: int, targets: bool) -> None:
    """Print the rows of one detector."""
    image, detector = picture(), build(name)

    def plain() -> object:
        return detector.detect([image], 0.3)

    plain()
    base = np.median([seconds(plain)[0] for _ in range(repeats)])
    print(COLUMNS.format(name, "plain forward", "-", f"{base * 1e3:.0f} ms", "1.00", "1.00"), flush=True)
    ways = ["exact", "fixed"] if "fcos" in name else ["exact"]
    for count in counts:
        found = objects(detector, image, count)
        for way in ways:
            if hasattr(detector, "norm_statistics"):
                detector.norm_statistics = way
            for target in ["class", "combined"] if targets else ["class"]:
                row = ratio(
                    lambda target=target, found=found: dx.explain(detector, image, found, target=target), plain, repeats
                )
                print(COLUMNS.format(name, f"odam {target}, {way}", count, *row), flush=True)
        row = ratio(lambda found=found: loop(detector, image, found), plain, max(1, repeats // 2))
        print(COLUMNS.format(name, "loop class", count, *row), flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--detectors", nargs="+", default=["tiny-fcos", "yolox-nano", "yolox-s", "yolox-l", "fcos-r50"])
    parser.add_argument("--targets", action="store_true", help="the five combined targets as well")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, 640x480, float32")
    print(COLUMNS.format("detector", "what", "objects", "time", "ratio", "cpu"))
    for name in options.detectors:
        measure(name, options.objects, options.repeats, options.targets)


if __name__ == "__main__":
    main()
