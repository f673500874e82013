"""What deletion and insertion cost when pictures are shared and batched, against the usual loop; ratios of one run.

    python tests/bench/bench_faithfulness.py [--detector tiny-fcos] [--photographs 2] [--objects 4] [--methods 2]
                                             [--repeats 3] [--threads 1] [--batches 1 8] [--device cpu]

Synthetic scenes; the maps are ODAM and Grad-CAM (``--methods``) of the best detections. Measured are deletion and
insertion in ODAM's protocol and both halves of the difference-map protocol: 6 metrics of 11 pictures an object.

"naive" is the usual loop: for each metric, method, object and step it makes the picture and asks the detector about
that one alone. "shared" is the package: one ``DetectionCache`` for a photograph: a different picture is asked once.
"forwards" asks the detector about as many pictures as "shared" does, one by one, and does nothing else: what "shared"
takes more is the making, comparing and matching of pictures. Every repeat goes through all ways in turn; a ratio is the
median over the repeats. Processor time stands beside wall time, since it suffers less where other programs run.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import detxai_nb as dx
from detxai_nb.metrics import (
    DetectionCache,
    MetricInput,
    PerturbationSchedule,
    box_areas,
    find_metric,
    match,
    pixel_order,
)

METRICS = tuple(
    f"{mode}-{name}" for mode in ("deletion", "insertion") for name in ("odam", "difference", "difference-others")
)


def cases(detector: Any, options: argparse.Namespace) -> list[list[MetricInput]]:
    """For each photograph a case of each method."""
    found = []
    for sample in dx.data.scenes.Scenes(10 * options.photographs, seed=3):
        detections = detector.detect([sample.image], 0.3)[0]
        if len(detections) < options.objects:
            continue
        detections = detections[: options.objects]
        methods = ("odam", "grad-cam", "grad-cam++")[: options.methods]
        maps = dx.compare(detector, sample.image, detections, methods=methods)
        about = match(detections, sample)
        found.append([MetricInput(one.values, detections, about, sample, detector) for one in maps.values()])
        if len(found) == options.photographs:
            return found
    raise SystemExit(f"too few scenes with {options.objects} detections; ask for fewer --objects")


def naive(detector: Any, photographs: list[list[MetricInput]]) -> int:
    """Every picture of every metric, method and object by itself; how many that were."""
    asked = 0
    for case in (case for photograph in photographs for case in photograph):
        areas = box_areas(case).tolist()
        for name in METRICS:
            how = PerturbationSchedule(name.split("-")[0], steps=10, every=1)
            for row, heat in enumerate(case.maps):
                counts = how.counts(areas[row], case.size[0] * case.size[1])
                order = pixel_order(heat, seed=row)
                for picture in how.images(case.sample.image, order, counts, seed=row):
                    detector.detect([picture], 0.05)
                    asked += 1
    return asked


def shared(detector: Any, photographs: list[list[MetricInput]], batch_size: int) -> int:
    """The package's way; how many pictures the detector was asked about."""
    asked = 0
    for photograph in photographs:
        answers = DetectionCache(detector, batch_size)
        for case in photograph:
            one = MetricInput(case.maps, case.detections, case.annotations, case.sample, detector, answers=answers)
            for name in METRICS:
                find_metric(name).measure(one)
        asked += answers.queries
    return asked


def forwards(detector: Any, photographs: list[list[MetricInput]], count: int) -> int:
    """So many plain passes."""
    for number in range(count):
        detector.detect([photographs[number % len(photographs)][0].sample.image], 0.05)
    return count


def seconds(work: Callable[[], int]) -> tuple[np.ndarray, int]:
    """Wall time and processor time of one call, and what it returns."""
    start = np.array([time.perf_counter(), time.process_time()])
    result = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return np.array([time.perf_counter(), time.process_time()]) - start, result


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="tiny-fcos")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--photographs", type=int, default=2)
    parser.add_argument("--objects", type=int, default=4)
    parser.add_argument("--methods", type=int, default=2, choices=(1, 2, 3))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8])
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    detector = dx.load_detector(options.detector, device=options.device)
    photographs = cases(detector, options)
    unique = shared(detector, photographs, 1)
    ways: dict[str, Callable[[], int]] = {"naive": lambda: naive(detector, photographs)}
    for size in options.batches:
        ways[f"shared, {size} at once"] = lambda size=size: shared(detector, photographs, size)
    ways["forwards"] = lambda: forwards(detector, photographs, unique)
    taken: dict[str, list[np.ndarray]] = {name: [] for name in ways}
    asked = {}
    for repeat in range(options.repeats):
        for name, work in ways.items():
            took, asked[name] = seconds(work)
            taken[name].append(took)
        print(f"repeat {repeat + 1} of {options.repeats} done", file=sys.stderr, flush=True)
    size = f"{options.photographs} photographs, {options.objects} objects, {options.methods} methods"
    print(f"{options.detector} on {options.device}, {options.threads} threads, torch {torch.__version__}; {size}")
    print(f"{'way':<20} {'pictures':>9} {'seconds':>9} {'naive / it':>12} {'it / forwards':>14}   wall (processor)")
    for name, times in taken.items():
        faster = [statistics.median(column) for column in zip(*(a / b for a, b in zip(taken["naive"], times)))]
        slower = [statistics.median(column) for column in zip(*(b / a for a, b in zip(taken["forwards"], times)))]
        wall = statistics.median(float(one[0]) for one in times)
        ratios = f"{faster[0]:.2f} ({faster[1]:.2f}) {slower[0]:>7.2f} ({slower[1]:.2f})"
        print(f"{name:<20} {asked[name]:>9} {wall:>9.2f}   {ratios}")


if __name__ == "__main__":
    main()
