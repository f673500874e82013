"""ODAM's maps with and without ODAM-Train: tables 1, 3a and 4 of the ODAM paper on crowds of one class.

python tests/bench/measure_odam_train_maps.py RUNS --store STORE --out maps.json

RUNS holds the trainings NAME-SEED of `detxai-nb evaluate odam-nms`. Every object with an IoU above 0.9 counts, as in
the paper. Deletion and insertion take most of the time and are measured on the first --curves scenes. Goes on where it
stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import detxai_nb as dx
from detxai_nb.evaluation.suppression.paper import FAMILIES
from detxai_nb.evaluation.suppression.runs import TrainedRun, find_runs
from detxai_nb.training.held_out import HELD_OUT_SEED

PLACES = ("odi-box", "odi-mask", "pointing-game-box", "pointing-game-mask", "energy-pointing-box")
PLACES += ("energy-pointing-mask", "compactness", "vea")
CURVES = ("deletion-odam", "insertion-odam")
PRINTED = {
    "deletion-odam": (72.68, 74.45),
    "insertion-odam": (50.33, 46.66),
    "vea": (0.163, 0.143),
    "odi-box": (0.569, 0.513),
    "pointing-game-box": (0.955, 0.973),
    "energy-pointing-box": (0.795, 0.839),
    "compactness": (1.04, 0.91),
}
"""By metric the paper's figures without and with ODAM-Train: table 1 on COCO, tables 3a and 4 on CrowdHuman."""


def measure(run: TrainedRun, store: Path, scenes: int, curves: int) -> list[dict[str, Any]]:
    """The mean of every metric over the objects of one training."""
    detector = run.open()
    dataset = dx.data.scenes.Scenes(scenes, seed=HELD_OUT_SEED, mode="one-class-crowd")
    options: dict[str, Any] = {"protocol": "odam", "controls": False, "progress": False}
    settings = {name: {"every": 20} for name in CURVES}
    parts = {"places": (PLACES, scenes, {}), "curves": (CURVES, curves, settings)}
    rows = []
    for part, (metrics, limit, how) in parts.items():
        where = store / f"{run.title}-{part}"
        table = dx.evaluation.evaluate(
            detector, dataset, ["odam"], metrics, store=where, limit=limit, metric_settings=how, **options
        )
        for metric, values in table.groupby("metric", sort=False)["value"]:
            about = {"name": run.name, "family": run.family, "odam_train": run.odam_train, "seed": run.seed}
            rows.append({**about, "metric": metric, "mean": float(values.mean()), "objects": int(values.count())})
    return rows


def table(rows: pd.DataFrame) -> pd.DataFrame:
    """Means and standard deviations over the seeds, without and with ODAM-Train, and their difference by seed."""
    lines = []
    for (family, metric), group in rows.groupby(["family", "metric"], sort=False):
        by_seed = group.pivot(index="seed", columns="odam_train", values="mean")
        change = (by_seed[True] - by_seed[False]).dropna()
        printed = PRINTED.get(str(metric), (np.nan, np.nan))
        lines.append(
            {
                "family": FAMILIES[str(family)],
                "metric": metric,
                "without": _told(by_seed[False]),
                "with": _told(by_seed[True]),
                "with - without": _told(change),
                "seeds with more": f"{int((change > 0).sum())} of {len(change)}",
                "paper without": printed[0],
                "paper with": printed[1],
                "objects": int(group["objects"].sum()),
            }
        )
    return pd.DataFrame(lines).set_index(["family", "metric"])


def _told(values: pd.Series) -> str:
    return f"{values.mean():.3g} ± {values.std():.2g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--out", type=Path, help="the file of the means, JSON")
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--curves", type=int, default=6, help="scenes of which deletion and insertion are measured")
    parser.add_argument("--only", nargs="*", help="names of models")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows: list[dict[str, Any]] = []
    for run in find_runs(options.runs, options.only):
        rows += measure(run, options.store, options.scenes, options.curves)
        print(f"{run.title} is measured", flush=True)
    if options.out is not None:
        options.out.write_text(json.dumps(rows, separators=(",", ":")) + "\n", encoding="utf-8")
    print(table(pd.DataFrame(rows)).to_string())


if __name__ == "__main__":
    main()
