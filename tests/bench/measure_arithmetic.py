"""How many multiply-adds one gradient takes beside a plain forward pass, and at what rate each is computed.

    python tests/bench/measure_arithmetic.py [detr-r50 rt-detr-r50 ...] [--repeats 5] [--threads N] [--autograd]

Detectors of queries, full size, random weights, the 640x480 picture of bench_cost.py: every gradient goes through all
that lies above the layer, so its share of a plain pass is bounded by this arithmetic. Multiply-adds are those of
convolutions and matrix products with attention written out; times are those of the usual kernels, medians of processor
time, in turns with plain passes. A gradient of a DETR is taken as on a CPU by default, by products that spare
multiplications, once they are made for the picture; with --autograd by torch.autograd.grad.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import torch
from bench_cost import picture
from clocks import seconds
from cost_families import FAMILIES, of_queries
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from detxai_nb.detectors.detr.gradients import Products
from detxai_nb.types import Target


def multiply_adds(work: Callable[[], object]) -> float:
    """Billions of them."""
    counted = {torch.ops.aten.mm: _product}
    with FlopCounterMode(display=False, custom_mapping=counted) as counter, sdpa_kernel(SDPBackend.MATH):
        work()
    return counter.get_total_flops() / 2e9


def _product(one: torch.Tensor, other: torch.Tensor, *_: object, **__: object) -> int:
    """Operations of a matrix product: of a sparse matrix only those of what it holds."""
    held = one.values().numel() if one.layout == torch.sparse_csr else one.numel()
    return 2 * held * other.shape[1]


# FlopCounterMode hands over shapes otherwise.
_product._get_raw = True  # type: ignore[attr-defined]


def measure(name: str, options: argparse.Namespace) -> None:
    """Print the lines of one detector."""
    torch.manual_seed(0)
    detector, image = FAMILIES[name].build(), picture()

    def plain() -> object:
        return detector.detect([image], 0.3)

    found = of_queries(detector, image, 1)
    plain()
    count = multiply_adds(plain)
    for layer in detector.layers:

        def gradient(trace: object) -> Callable[[], object]:
            return lambda: list(trace.chunks(found, Target("class")))  # type: ignore[attr-defined]

        with sdpa_kernel(SDPBackend.MATH):
            opened = detector.trace(image, layer)
            gradient(opened)()
            taken = multiply_adds(gradient(opened))
        trace, ratios, rates = detector.trace(image, layer), [], []
        gradient(trace)()
        for _ in range(options.repeats):
            before, took, after = seconds(plain)[1], seconds(gradient(trace))[1], seconds(plain)[1]
            base = (before + after) / 2
            ratios.append(took / base)
            rates.append((count / base, taken / took))
        rate = np.median(rates, axis=0)
        print(
            f"{name:<12} {layer:<16} gradient {taken:6.1f} of {count:.1f} billion multiply-adds ({taken / count:.3f}), "
            f"time {np.median(ratios):.3f} of a plain pass; billions a second {rate[1]:.0f}, plain {rate[0]:.0f}",
            flush=True,
        )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["detr-r50", "rt-detr-r50"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--autograd", action="store_true", help="gradients as torch.autograd.grad takes them")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")
    if options.autograd:
        Products.of_pass = lambda *_: None  # type: ignore[method-assign]
    for name in options.names:
        measure(name, options)


if __name__ == "__main__":
    main()
