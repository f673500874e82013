"""What gradients of DETRs cost by products with the recorded graph, beside autograd's one by one.

    python tests/bench/bench_products.py [detr-r50 rt-detr-r50] [--objects 16] [--rounds 3] [--threads N]

Full size, random weights, the 640x480 picture of bench_cost.py, the default layer. In each round a plain pass, and
gradients of all objects by products and one by one, right after one another; a gradient's milliseconds, and its share
of the plain pass of that round.
"""

from __future__ import annotations

import argparse
import time
import warnings

import torch
from bench_cost import picture
from cost_families import FAMILIES

from detxai_nb.types import Target


def one_round(name: str, detector: object, count: int) -> None:
    """Print a line."""
    image = picture()
    found = FAMILIES[name].objects(detector, image, count)
    began = time.perf_counter()
    detector.detect([image], 0.3)  # type: ignore[attr-defined]
    plain = time.perf_counter() - began
    line = f"{name:<12} plain {plain:.2f} s"
    for single in (False, True):
        trace = detector.trace(image)  # type: ignore[attr-defined]
        if single:
            trace._products = None
        began = time.perf_counter()
        for _ in trace.chunks(found, Target("class")):
            pass
        took = (time.perf_counter() - began) / count
        line += f"; {trace.gradients_by} {1e3 * took:.0f} ms ({took / plain:.3f})"
    print(line, flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["detr-r50", "rt-detr-r50"])
    parser.add_argument("--objects", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    for name in options.names:
        torch.manual_seed(0)
        detector = FAMILIES[name].build()
        detector.detect([picture()], 0.3)
        for _ in range(options.rounds):
            one_round(name, detector, options.objects)


if __name__ == "__main__":
    main()
