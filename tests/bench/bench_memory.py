"""Time and peak memory of explaining, for many detections in small and large pictures.

    python tests/bench/bench_memory.py [--detector tiny-fcos] [--objects 10 100 1000] [--megapixels 0.1 1 12]

A scene is enlarged to the size, and of what the detector finds without suppression the best are explained with ODAM for
the class. Each cell of the table is a process of its own: the seconds of processor time of the step, and by how many MB
the peak of memory rises above what detection had taken, `explain` included. The steps:

"maps": `explain`. "batches": all maps at the picture's size, some at a time, as the metrics take them. "difference":
the difference map of the first object against all others. "values": all maps at once, refused with a remedy beyond
`heatmaps.VALUES_BUDGET`. "file": `save`.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from clocks import seconds

import detxai_nb as dx
from detxai_nb.data import scenes

STEPS = ("maps", "batches", "difference", "values", "file")


def peak() -> float:
    """The largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6


def run(detector_name: str, count: int, megapixels: float, step: str) -> dict[str, float | str]:
    """One cell: the step and what comes before it."""
    torch.set_num_threads(1)
    detector = dx.load_detector(detector_name, device="cpu")
    detector.nms_threshold, detector.max_detections = 1.0, 10_000
    small = torch.from_numpy(scenes.make(0, mode="crowd").image).permute(2, 0, 1)[None].float()
    factor = (megapixels * 1e6 / (small.shape[2] * small.shape[3])) ** 0.5
    large = torch.nn.functional.interpolate(small, scale_factor=factor, mode="bilinear", antialias=factor < 1)
    image = large[0].round().clamp(0, 255).byte().permute(1, 2, 0).contiguous().numpy()
    found = detector.detect([image], 0.0)[0][:count]
    if len(found) < count:
        raise ValueError(f"{detector_name} predicts {len(found)} boxes in this picture, fewer than {count}")
    before, held = peak(), []

    def work(what: str) -> Callable[[], object]:
        if what == "maps":
            return lambda: held.append(dx.explain(detector, image, found))
        maps = held[0]
        if what == "batches":
            return lambda: [maps.values_of(rows).sum() for rows in maps.batches()]
        if what == "difference":
            return lambda: maps.difference([0])
        if what == "values":
            return lambda: maps.values
        folder = tempfile.mkdtemp()
        return lambda: maps.save(Path(folder) / "maps.npz")

    took = seconds(work("maps"))[1]
    if step != "maps":
        try:
            took = seconds(work(step))[1]
        except ValueError:
            return {"refused": "refused"}
    return {"seconds": float(took), "memory": peak() - before}


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detector", default="tiny-fcos")
    parser.add_argument("--objects", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--megapixels", type=float, nargs="+", default=[0.1, 1, 12])
    parser.add_argument("--steps", nargs="+", default=list(STEPS), choices=STEPS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        count, megapixels, step = options.one
        print(json.dumps(run(options.detector, int(count), float(megapixels), step)))
        return
    print(f"torch {torch.__version__}, {options.detector}, one thread; seconds of processor time, MB above before")
    print("| megapixels | objects | " + " | ".join(options.steps) + " |")
    print("|---|---|" + "---|" * len(options.steps))
    for megapixels in options.megapixels:
        for count in options.objects:
            cells = []
            for step in options.steps:
                line = [sys.executable, __file__, "--detector", options.detector]
                line += ["--one", str(count), str(megapixels), step]
                made = subprocess.run(line, capture_output=True, text=True, check=False)
                if made.returncode:
                    raise RuntimeError(made.stderr)
                cell = json.loads(made.stdout.splitlines()[-1])
                cells.append(cell.get("refused") or f"{cell['seconds']:.2f} s, {cell['memory']:.0f}")
            print(f"| {megapixels:g} | {count} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
