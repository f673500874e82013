"""What explaining N objects of one photograph costs, as a ratio to one plain forward pass of the same detector.

    python tests/bench/bench_cost.py [--repeats 5] [--threads 1] [--objects 1 10 50 100] [--loop 1 10] [--patience 15]
                                     [--markdown] [--detectors yolox-nano ...] [--layer NAME] [--device cpu]

Every family, full size, random weights: the cost does not depend on them. The picture is 640x480. A plain forward pass
is `detect` on that picture, threshold and NMS included. "class" and "combined" are `explain` with ODAM for the class
score and for class and four box sides together; "fixed" is with group normalisation's statistics held fixed. "loop" is
the usual way: the head with a graph, then one torch.autograd.grad for each object's class score.

The objects lie at random places. Their sizes have the shares that detections in COCO photographs have (941 detections
of a YOLOX-nano with score at least 0.3 in 144 photographs, longer side against FCOS's 128, 256, 512 and 1024 pixels of
its input): 35, 29, 21, 13, 2 percent, and within each they are spread evenly on a logarithmic scale. A detector with
anchors has them on the anchors nearest in size (a two-stage one on those of its proposal network), one without on
FCOS's level for that size, one with queries on random queries; of a classifier random classes are explained.

Every repeat goes once through all rows of a detector, with a plain pass between each two. A row's figure is the median
over the repeats of its time divided by the mean of the plain passes just before and after. Processor time stands beside
wall time, since it suffers less where other programs run. The loop is timed once, and so is a row that took longer than
`--patience` seconds.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from clocks import seconds
from cost_families import FAMILIES, Family
from torch import nn

import detxai_nb as dx


@dataclass
class Row:
    """One line of the table: ``work`` for ``count`` objects, and (seconds, wall ratio, processor ratio) as measured."""

    detector: str
    what: str
    count: int
    work: Callable[[], object]
    once: bool = False
    measured: list[tuple[float, float, float]] = field(default_factory=list)

    def enough(self, patience: float) -> bool:
        """Whether it is not to be timed again."""
        return bool(self.measured) and (self.once or self.measured[0][0] > patience)

    def medians(self) -> tuple[float, ...]:
        """Median seconds and ratios."""
        return tuple(statistics.median(column) for column in zip(*self.measured))

    def line(self) -> str:
        """The row as text."""
        took, wall, processor = self.medians()
        return (
            f"{self.detector:<20} {self.what:<16} {self.count:>7} {took * 1e3:>8.0f} ms {wall:>7.2f} {processor:>7.2f}"
        )


def picture() -> np.ndarray:
    """A smooth random 640x480 picture."""
    low = torch.rand(1, 3, 30, 40, generator=torch.Generator().manual_seed(0))
    big = torch.nn.functional.interpolate(low, size=(480, 640), mode="bilinear")
    return (big[0].permute(1, 2, 0) * 255).byte().numpy()


def loop(family: Family, detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    """The usual way: one backward pass for each object."""
    with torch.enable_grad():
        scores, leaves = family.scores(detector, image, found)
    for score in scores:
        gradients = torch.autograd.grad(score, leaves, retain_graph=True, allow_unused=True)
        for gradient, leaf in zip(gradients, leaves):
            if gradient is not None:
                torch.relu((gradient * leaf.detach()).sum(1))


def ways_of(detector: Any) -> tuple[str, ...]:
    """How the statistics of group normalisation are taken: only "exact" where the head has none."""
    head = getattr(detector.module, "head", nn.Identity())
    grouped = any(isinstance(part, nn.GroupNorm) for part in head.modules())
    return ("exact", "fixed") if grouped and hasattr(detector, "norm_statistics") else ("exact",)


def rows_of(name: str, detector: Any, image: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """What is timed for one detector."""
    family, rows = FAMILIES[name], []

    def explained(found: dx.Detections, target: str, way: str) -> Callable[[], object]:
        def work() -> object:
            if len(ways_of(detector)) > 1:
                detector.norm_statistics = way
            # The objects are made up, so that explain would refuse their scores.
            with dx.detections.accepting_changes():
                return dx.explain(detector, image, found, target=target, layer=options.layer)

        return work

    for count in sorted({*options.objects, *options.loop}):
        found = family.objects(detector, image, count)
        if count in options.objects:
            for way in ways_of(detector):
                for target in family.targets:
                    what = target if way == "exact" else f"{target}, {way}"
                    rows.append(Row(name, what, count, explained(found, target, way)))
        if count in options.loop and options.layer is None:
            rows.append(Row(name, "loop", count, lambda found=found: loop(family, detector, image, found), once=True))
    return rows


def measure(name: str, detector: Any, image: np.ndarray, options: argparse.Namespace) -> tuple[list[Row], float]:
    """The timed rows of one detector, and the median milliseconds of its plain forward pass."""
    rows = rows_of(name, detector, image, options)

    def plain() -> object:
        return detector.detect([image], 0.3)

    plain()
    for row in rows:
        if row.count == min(options.objects) and not row.once:
            row.work()
    base = []
    for _ in range(options.repeats):
        before = seconds(plain)
        for row in rows:
            if row.enough(options.patience):
                continue
            took, after = seconds(row.work), seconds(plain)
            wall, processor = 2 * took / (before + after)
            row.measured.append((float(took[0]), float(wall), float(processor)))
            base.append(float(after[0]))
            before = after
    return rows, statistics.median(base) * 1e3


def markdown(rows: Sequence[Row], plain: dict[str, float]) -> str:
    """The table with a column for each number of objects: wall ratio, and in brackets that of processor time."""
    counts = sorted({row.count for row in rows})
    head = ["detector", "plain pass", "explained", *(f"{count} object{'s' * (count > 1)}" for count in counts)]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for name, what in dict.fromkeys((row.detector, row.what) for row in rows):
        cells = {row.count: row.medians() for row in rows if (row.detector, row.what) == (name, what)}
        shown = [f"{cells[c][1]:.2f} ({cells[c][2]:.2f})" if c in cells else "" for c in counts]
        lines.append(" | ".join([name, f"{plain[name]:.0f} ms", what, *shown]))
    return "\n".join(f"| {line} |" for line in lines)


def limits(rows: Sequence[Row]) -> list[str]:
    """A line for each detector whose cost for 50 objects is limited."""
    lines = []
    for row in rows:
        most = FAMILIES[row.detector].most
        if most is not None and (row.what, row.count) == ("class", 50):
            _, wall, processor = row.medians()
            verdict = "kept" if wall <= most else "kept in processor time" if processor <= most else "NOT KEPT"
            lines.append(f"{row.detector}: 50 objects, class, at most {most}: {verdict} ({wall:.2f}, {processor:.2f})")
    return lines


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--objects", type=int, nargs="+", default=[1, 10, 50, 100])
    parser.add_argument("--loop", type=int, nargs="*", default=[1, 10], help="for so many objects also the usual way")
    parser.add_argument("--patience", type=float, default=15.0, help="seconds; a row that took longer is timed once")
    parser.add_argument("--detectors", nargs="+", default=list(FAMILIES), choices=list(FAMILIES), metavar="NAME")
    parser.add_argument("--layer", help="explained instead of each detector's default layer; then without the loop")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--markdown", action="store_true", help="the table for a README; the lines go to stderr")
    return parser.parse_args()


def main() -> None:
    """Measure what the command line asks for."""
    options = parse()
    torch.set_num_threads(options.threads)
    # Random weights make transformers and torchvision warn about things that do not matter here.
    warnings.simplefilter("ignore")
    progress = sys.stderr if options.markdown else sys.stdout
    print(f"torch {torch.__version__}, {options.threads} threads, {options.device}, 640x480, float32", file=progress)
    head = f"{'detector':<20} {'what':<16} {'objects':>7} {'time':>11} {'ratio':>7} {'cpu':>7}"
    print(head, file=progress, flush=True)
    image, rows, plain = picture(), [], {}
    for name in options.detectors:
        torch.manual_seed(0)
        try:
            detector = FAMILIES[name].build()
        except (ImportError, ValueError) as error:
            print(f"{name:<20} left out: {type(error).__name__}: {error}", file=progress, flush=True)
            continue
        detector.module.to(options.device)
        mine, plain[name] = measure(name, detector, image, options)
        print(f"{name:<20} {'plain forward':<16} {'-':>7} {plain[name]:>8.0f} ms", file=progress)
        print("\n".join(row.line() for row in mine), file=progress, flush=True)
        rows += mine
    for line in limits(rows):
        print(line, file=progress)
    if options.markdown:
        print(markdown(rows, plain))


if __name__ == "__main__":
    main()
