"""What ODAM-Train adds to a step of training: forward, both losses, backward, with and without it in the same run.

    python tests/bench/bench_odam_train.py [--detectors tiny-fcos ...] [--batch 4] [--repeats 3] [--threads 1]

The bundled detectors on crowds of one class (320x256), everything after the backbone's body trained, as in the recipes
`tiny-fcos-crowd-odam` and `tiny-faster-rcnn-crowd-odam`. Every repeat goes once through all settings; figures are
medians of wall time, with processor time in brackets, and the median of their ratios to the plain step of the same
repeat. `pairs` is N of equation 3.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from clocks import seconds

from detxai_nb.training.loop import Batches, TrainingSettings
from detxai_nb.training.odam_train import OdamLoss
from detxai_nb.training.positives import record_positives
from detxai_nb.training.recipes import CROWD_SETTINGS, RECIPES
from detxai_nb.training.torchvision_losses import LossFunction

LIMITS: dict[str, Any] = {"objects": 6, "positives": 3}
FEW: dict[str, Any] = {"objects": 4, "positives": 2}
DENSE: dict[str, dict[str, Any]] = {
    "windows, 6 x 3": {**LIMITS, "norm_statistics": "fixed"},
    "windows, 6 x 3, logit": {**LIMITS, "norm_statistics": "fixed", "score": "logit"},
    "windows, all": {"norm_statistics": "fixed"},
    "exact, 4 x 2": FEW,
    "exact, 4 x 2, logit": {**FEW, "score": "logit"},
}
SETTINGS: dict[str, dict[str, dict[str, Any]]] = {
    "tiny-fcos": DENSE,
    "tiny-retinanet": DENSE,
    "tiny-faster-rcnn": {"regions, 6 x 3": LIMITS, "regions, all": {}},
}


class Step:
    """A step of training without the optimizer."""

    def __init__(self, name: str, batch: Any) -> None:
        self.losses: LossFunction = RECIPES[name].losses
        self.batch = batch
        recipe = RECIPES.get(f"{name}-crowd", RECIPES[name])
        module: Any = recipe.initial_model(0)
        self.module = module.train()
        module.backbone.body.eval().requires_grad_(False)
        self.pairs = 0

    def __call__(self, odam: OdamLoss | None) -> None:
        torch.manual_seed(0)
        self.module.zero_grad()
        images, targets = self.batch
        if odam is None:
            parts = list(self.losses(self.module, images, targets, False).values())
        else:
            with record_positives(self.module) as record:
                parts = list(self.losses(self.module, images, targets, False).values())
            terms = odam.terms(record)
            self.pairs = terms.pairs
            parts += [terms.consistency, terms.separation]
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]


def measure(name: str, batch: Any, repeats: int) -> None:
    """Print the table of a detector."""
    step = Step(name, batch)
    odams = {"plain": None, **{label: OdamLoss(**given) for label, given in SETTINGS[name].items()}}
    times: dict[str, list[np.ndarray]] = {label: [] for label in odams}
    pairs = {}
    step(None)
    for _ in range(repeats):
        for label, odam in odams.items():
            times[label].append(seconds(lambda odam=odam: step(odam)))  # type: ignore[misc]
            pairs[label] = step.pairs if odam else 0
    plain = np.array(times["plain"])
    for label, found in times.items():
        wall, cpu = np.median(found, axis=0)
        ratio = np.median(np.array(found) / plain, axis=0)
        print(
            f"{name:17} {label:22} {wall:6.2f} s ({cpu:5.2f})  x {ratio[0]:5.2f} ({ratio[1]:5.2f})  "
            f"{pairs[label]:5} pairs",
            flush=True,
        )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--detectors", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--batch", type=int, default=CROWD_SETTINGS.batch)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    settings = TrainingSettings(steps=1, batch=options.batch, mix=CROWD_SETTINGS.mix, sizes=CROWD_SETTINGS.sizes)
    batch = Batches(settings)[0]
    for name in options.detectors:
        measure(name, batch, options.repeats)


if __name__ == "__main__":
    main()
