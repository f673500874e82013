"""Ctrl-C at 400 random moments of detecting and explaining: is the detector what it was?

Each interrupt is kept, with its traceback, while that is looked at, as notebooks keep it. Afterwards another thread
detects, and has to get what was found before.

python tests/bench/interrupt_by_signals.py [DETECTOR ...] [--times 400]
"""

from __future__ import annotations

import argparse
import random
import signal
import threading
import time
from typing import Any

import torch

import detxai_nb as dx


def state(module: torch.nn.Module) -> list[Any]:
    """What an interrupt must leave as it was."""
    parts = [
        (p.training, "forward" in vars(p), len(p._forward_hooks), id(vars(p).get("config"))) for p in module.modules()
    ]
    weights = [(w.requires_grad, w.data_ptr(), w._version) for w in (*module.parameters(), *module.buffers())]
    modes = (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch._C._len_torch_function_stack())
    autocast = (
        torch.is_autocast_enabled("cpu"),
        torch.autocast_increment_nesting(),
        torch.autocast_decrement_nesting(),
    )
    return [parts, weights, modes, autocast]


def changes(name: str, times: int) -> tuple[int, int]:
    """How many of the interrupts arrived in time, and how many changed anything."""
    detector = dx.load_detector(name, device="cpu")
    image = dx.data.scenes.Scenes(1, width=96, height=64)[0].image
    found = detector.detect([image], 0.0)[0][:2]
    layer = next((each for each in detector.layers if each.startswith("backbone")), detector.layers[0])
    detector.module.train()

    def act() -> None:
        detector.detect([image], 0.0)
        dx.explain(detector, image, found, layer=layer)

    act()
    scores = detector.detect([image], 0.0)[0].scores
    before, arrived, wrong = state(detector.module), 0, 0
    started = time.perf_counter()
    act()
    seconds, moments = time.perf_counter() - started, random.Random(0)
    for _ in range(times):
        kept = None
        try:
            signal.setitimer(signal.ITIMER_REAL, moments.uniform(1e-4, seconds))
            act()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except KeyboardInterrupt as error:
            kept = error
        arrived += kept is not None
        wrong += state(detector.module) != before
    again: list[torch.Tensor] = []
    thread = threading.Thread(target=lambda: again.append(detector.detect([image], 0.0)[0].scores), daemon=True)
    thread.start()
    thread.join(60)
    return arrived, wrong + (not again or not torch.equal(again[0], scores))


def main() -> None:
    """Print a line for each detector."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("detectors", nargs="*", default=["tiny-fcos", "tiny-detr", "tiny-faster-rcnn", "tiny-resnet"])
    parser.add_argument("--times", type=int, default=400)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    each = -(-options.times // len(options.detectors))
    for name in options.detectors:
        arrived, wrong = changes(name, each)
        print(f"{name}: {arrived} interrupts in {each} runs, {wrong} changed something", flush=True)


if __name__ == "__main__":
    main()
