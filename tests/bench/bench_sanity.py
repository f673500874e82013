"""What a sanity check costs, and what its verdict rests on in each family.

    python tests/bench/bench_sanity.py [--detector tiny-fcos] [--objects 1] [--seeds 1] [--threads 2] [--verdicts]

"check": seconds of the cascade over the papers' five stages with ODAM, Grad-CAM and Grad-CAM++ on a synthetic scene,
the best of three, on the clock and of the processor (which other work on the machine changes less); beside it the time
of one plain `compare` of the same maps, of which such a check makes 6 with one seed.

"--verdicts": the median |Spearman| with all weights random, 3 seeds, up to 2 objects in each of 3 scenes, for
every bundled detector: of the cells in the support of the prediction's maps, and of whole maps.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import pandas as pd
import torch

import detxai_nb as dx

DETECTORS = ("tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-ssd", "tiny-yolox", "tiny-detr")
METHODS = ("odam", "grad-cam", "grad-cam++")
JUDGED = ("odam", "grad-cam", "g-came", "layer-cam", "eigen-cam")
SCENES, SEED = (0, 2, 5), 11


def best_of_three(act: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the fastest of three calls, on the clock and of the processor."""
    found = []
    for _ in range(3):
        start, busy = time.perf_counter(), time.process_time()
        act()
        found.append((time.perf_counter() - start, time.process_time() - busy))
    return min(found)


def cost(name: str, objects: int, seeds: int) -> str:
    """One line: the check beside one comparison."""
    detector = dx.load_detector(name, device="cpu")
    image = dx.data.scenes.make(SCENES[1], SEED).image
    found = detector.detect([image], 0.2)[0][:objects]
    plain = best_of_three(lambda: dx.compare(detector, image, found, methods=METHODS))
    weights = dx.sanity.Randomization(seeds=range(seeds))
    whole = best_of_three(lambda: dx.sanity.check(detector, image, found, METHODS, randomization=weights))
    return (
        f"check: {name}, {len(found)} object(s), {len(METHODS)} methods, 5 stages, {seeds} seed(s), "
        f"{torch.get_num_threads()} thread(s): {whole[0]:.2f} s "
        f"(processor {whole[1]:.2f} s); one comparison: {plain[0]:.3f} s (processor {plain[1]:.3f} s)"
    )


def verdicts() -> pd.DataFrame:
    """Median |Spearman| after full randomization: a row for each detector and way of comparing, a column a method."""
    rows = []
    for name in DETECTORS:
        detector = dx.load_detector(name, device="cpu")
        for region in dx.sanity.REGIONS:
            found = [one for index in SCENES if (one := judged(detector, index, region)) is not None]
            rows.append({"detector": name, "region": region, **pd.concat(found, axis=1).median(axis=1).to_dict()})
    return pd.DataFrame(rows).set_index(["detector", "region"]).round(2)


def judged(detector: Any, index: int, region: str) -> pd.Series | None:
    """The resemblance by method in one scene, None where nothing is found."""
    image = dx.data.scenes.make(index, SEED).image
    found = detector.detect([image], 0.3)[0][:2]
    if not len(found):
        return None
    weights = dx.sanity.Randomization(layers="all")
    comparison = dx.sanity.Similarity(measures="spearman", region=region)
    result = dx.sanity.check(detector, image, found, JUDGED, randomization=weights, comparison=comparison)
    return result.verdict()["resemblance"]


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="tiny-fcos")
    parser.add_argument("--objects", type=int, default=1)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--verdicts", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(cost(options.detector, options.objects, options.seeds))
    if options.verdicts:
        print(verdicts().to_string())


if __name__ == "__main__":
    main()
