"""Which heat maps give a detector away that looks at the floor, and what changing the floor does to it.

    python tests/bench/measure_shortcut.py [--scenes 40] [--seed 5] [--out FILE]

So many scenes with an apple on a teal floor are drawn again with the floor as it is elsewhere. For tiny-fcos-shortcut,
which has learnt apples from that floor, and for tiny-fcos: the scores of the annotated apples, as apple and as bauble,
on both floors. For those found with 0.3 on the teal one: how much of the maps of eight methods, and of ODAM's for apple
rather than bauble, lies on the floor, and whether the highest pixel does; and the score lost, by the prediction that is
explained, when the floor is filled or drawn anew. A map catches the cheat if it has more on the floor than the other
detector's map of the same object (paired; 95 percent bootstraps over objects).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from measure_interventions import LEAST, METHODS, annotated, best_scores, interval, keep

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.interventions import Experiment, Region
from detxai_nb.metrics import match

CONTRAST = "odam, apple rather than bauble"


def rows_of_shortcut(detector: Any, name: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each annotated apple on a teal floor."""
    apple, bauble = (detector.names.index(one) for one in ("apple", "bauble"))
    index = taken = 0
    while taken < count:
        scene, plain = (
            scenes.make(index, seed, "shortcut", cue_kind="floor", cue=cue) for cue in ("present", "absent")
        )
        index += 1
        rows = [row for row, label in enumerate(scene.labels) if scenes.NAMES[label] == "apple"]
        if not rows:
            continue
        taken += 1
        before, after = (detector.detect([one.image], LEAST)[0] for one in (scene, plain))
        boxes = torch.from_numpy(scene.boxes[rows])
        said = {
            f"{label} {floor}": best_scores(found, boxes, [number] * len(rows))
            for floor, found in (("teal", before), ("plain", after))
            for label, number in (("apple", apple), ("bauble", bauble))
        }
        of_maps = maps_and_floor(detector, scene, plain, before[before.labels == apple], rows)
        for place, row in enumerate(rows):
            about = {"detector": name, "scene": index - 1, "object": row}
            yield {**about, **{key: values[place] for key, values in said.items()}, **of_maps.get(row, {})}


def maps_and_floor(
    detector: Any, scene: scenes.Scene, plain: scenes.Scene, found: Any, rows: Sequence[int]
) -> dict[int, dict[str, float]]:
    """By object, what maps and interventions say of the floor."""
    found = found[found.scores >= 0.3]
    numbers = match(found, annotated(scene)).tolist()
    chosen = [place for place, number in enumerate(numbers) if number in rows]
    if not chosen or scene.cue is None:
        return {}
    found, own = found[chosen], [numbers[place] for place in chosen]
    maps = dict(dx.compare(detector, scene.image, found, methods=METHODS))
    maps[CONTRAST] = dx.explain(detector, scene.image, found, target=dx.Target("apple", against="bauble"))
    columns: dict[str, list[float]] = {}
    for method, one in maps.items():
        flat, floor = one.values.double().cpu().flatten(1), torch.from_numpy(scene.cue.ravel())
        columns[f"heat {method}"] = (flat[:, floor].sum(1) / flat.sum(1)).tolist()
        columns[f"peak {method}"] = floor[flat.argmax(1)].double().tolist()
    experiment, region = Experiment(detector, scene.image, found), Region(scene.cue)
    for fill in ("blur", "mean", "noise"):
        columns[f"lost {fill}"] = experiment.ask(region, fill, controls=0).lost.tolist()
    for name, other in (("another floor", scenes.redraw(scene, floor=1)), ("plain floor", plain)):
        columns[f"lost {name}"] = experiment.ask_picture(other.image).lost.tolist()
    return {row: {name: values[place] for name, values in columns.items()} for place, row in enumerate(own)}


def shortcut(options: argparse.Namespace) -> None:
    """Print what the floor does to the detector that cheats and to one that does not, and what maps say of it."""
    start, names = time.process_time(), ("tiny-fcos", "tiny-fcos-shortcut")
    rows: list[dict[str, Any]] = []
    for name in names:
        rows += rows_of_shortcut(dx.load_detector(name, device="cpu"), name, options.scenes, options.seed)
    frame = pd.DataFrame(rows)
    keep(options.out, frame, f"measure_shortcut.py --scenes {options.scenes}")
    print(f"{options.scenes} scenes ({time.process_time() - start:.0f} s of processor time)")
    shown = [column for column in frame if column.startswith(("apple ", "bauble ", "lost "))]
    for column in shown:
        said = "; ".join(f"{name} {interval(frame[frame['detector'] == name][column])}" for name in names)
        print(f"{column:<18} {said}")
    honest, cheat = (frame[frame["detector"] == name].set_index(["scene", "object"]) for name in names)
    for column in [column for column in frame if column.startswith(("heat ", "peak "))]:
        both = (cheat[column] - honest[column]).dropna()
        print(
            f"{column:<26} {honest[column].mean():.3f}, the cheat {cheat[column].mean():.3f}; of {len(both)} objects "
            f"the cheat has more by {interval(both)}, in {(both > 0).mean():.2f} of them"
        )


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, help="a JSON file to keep the table in")
    shortcut(parser.parse_args())


if __name__ == "__main__":
    main()
