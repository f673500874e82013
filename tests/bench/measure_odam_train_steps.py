"""The first thirty steps of ODAM-Train, with its loss and without, several times: the table of notebook 09.

python tests/bench/measure_odam_train_steps.py --runs 5 --out odam-train-steps.json

Every run begins with the same weights and is trained on pictures of its own, two a step. What is measured is the
separation loss of four scenes that no run is trained on.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import torch

import detxai_nb as dx
from detxai_nb.evaluation.kept_tables import write_kept_table
from detxai_nb.training.odam_train import OdamLoss
from detxai_nb.training.positives import record_positives
from detxai_nb.training.recipes import RECIPES

STEPS, EVERY = 30, 10
WEIGHTS = {"with": 2.0, "without": 0.0}


@cache
def batch(first: int, count: int, seed: int) -> tuple[list[torch.Tensor], list[dict[str, torch.Tensor]]]:
    """Small crowds of one class, as torchvision's detectors are trained on them."""
    made = [dx.data.scenes.make(i, seed, "one-class-crowd", 160, 128) for i in range(first, first + count)]
    images = [torch.from_numpy(one.image).permute(2, 0, 1) / 255 for one in made]
    return images, [{"boxes": torch.from_numpy(one.boxes), "labels": torch.from_numpy(one.labels)} for one in made]


def separation_of(module: Any, odam: OdamLoss) -> float:
    """The separation loss of four scenes that are not trained on."""
    torch.manual_seed(0)
    with record_positives(module) as record:
        module(*batch(0, 4, 2))
    return float(odam.terms(record).separation.detach())


def curve(weight: float, run: int) -> Iterator[float]:
    """The separation loss before the first step, and after every ``EVERY`` steps."""
    module: Any = RECIPES["tiny-fcos-crowd"].initial_model(0).train()
    module.backbone.body.eval().requires_grad_(False)
    odam = OdamLoss(weight, objects=6, positives=3, norm_statistics="fixed")
    optimizer = torch.optim.AdamW([value for value in module.parameters() if value.requires_grad], lr=5e-4)
    yield separation_of(module, odam)
    for number in range(run * STEPS, (run + 1) * STEPS):
        torch.manual_seed(number)
        with record_positives(module) as positives:
            losses = module(*batch(2 * number, 2, 1_000_000))
        optimizer.zero_grad()
        (sum(losses.values()) + odam(positives)).backward()
        optimizer.step()
        if (number + 1) % EVERY == 0:
            yield separation_of(module, odam)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, help="where the table is kept")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        {"loss": loss, "run": run, "steps": EVERY * place, "separation": value}
        for run in range(options.runs)
        for loss, weight in WEIGHTS.items()
        for place, value in enumerate(curve(weight, run))
    ]
    table = pd.DataFrame(rows)
    print(table.groupby(["steps", "loss"])["separation"].agg(["mean", "std"]).unstack().round(3).to_string())
    if options.out is not None:
        command = f"python tests/bench/measure_odam_train_steps.py --runs {options.runs}"
        write_kept_table(options.out, table, command)


if __name__ == "__main__":
    main()
