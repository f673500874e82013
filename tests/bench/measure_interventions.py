"""What detectors use, found by changing the picture, and which heat maps agree with it.

    python tests/bench/measure_interventions.py parts [--scenes 60] [--detectors tiny-fcos tiny-faster-rcnn]
    python tests/bench/measure_interventions.py agreement scenes --store FOLDER [--count 100] [--objects 2]
    python tests/bench/measure_interventions.py agreement photographs --store FOLDER [--shared ../shared] [...]

``parts``: for each pair of classes so many scenes with one of them (mode "shortcut", no cue) are drawn once more
without the parts that tell the two apart. The scores of the annotated objects with and without their part (by class and
IoU > 0.5, 0 where nothing above 0.05 is found), that of the other class of the pair where the part is missing, and the
share of each method's energy on the part. Below, the rank correlation of that share with the score lost, over classes
and over objects. Intervals are 95 percent bootstraps over objects. "At the origin" is what the place that predicted an
object with its part says without it: where the part moves the object's centre, that place falls silent although the
detector finds the object from a place beside. Only objects found with a score of 0.3 have one.

``agreement``: the metric heat-effect for eight methods and two controls, on synthetic scenes with tiny-fcos or on COCO
photographs with YOLOX-nano, with the order of the methods under each fill alone. Up to ``--objects`` detected objects
of a picture, drawn by ``--seed``, are cut into ``--patches`` by ``--patches`` patches. The same command goes on where
it was interrupted (``--store``); ``--workers 2`` takes two processes.

With ``--out FILE`` the table is kept as JSON, as the package's own in detxai_nb/evaluation/tables.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torchvision.ops import box_iou

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.kept_tables import write_kept_table
from detxai_nb.interventions import Experiment
from detxai_nb.metrics import match, part_energy, part_share
from detxai_nb.statistics import rank_correlation

METHODS = ("odam", "ss-grad-cam", "ss-grad-cam++", "grad-cam", "grad-cam++", "layer-cam", "eigen-cam", "g-came")
ON_PARTS = ("odam", "grad-cam", "g-came")
FILLS = "blur, mean"
SMALLEST = 24
"""A box with a shorter side, in pixels, is not cut into patches."""
LEAST = 0.05


def bounds(values: Sequence[float], resamples: int = 2000) -> tuple[float, float, float]:
    """The mean with its bootstrap interval; NaN of nothing."""
    found = np.asarray([value for value in values if np.isfinite(value)])
    if not len(found):
        return (float("nan"),) * 3
    draws = np.random.default_rng(0).integers(0, len(found), (resamples, len(found)))
    low, high = np.quantile(found[draws].mean(axis=1), [0.025, 0.975])
    return float(found.mean()), float(low), float(high)


def interval(values: Sequence[float]) -> str:
    """The mean with its bootstrap interval, in words."""
    mean, low, high = bounds(values)
    return "none" if np.isnan(mean) else f"{mean:.3f} ({low:.3f} to {high:.3f})"


def with_bounds(name: str, values: Sequence[float]) -> dict[str, float]:
    """The mean with its bootstrap interval, as columns."""
    return dict(zip((name, f"{name}, low", f"{name}, high"), bounds(values)))


def keep(path: Path | None, rows: Sequence[dict[str, Any]] | pd.DataFrame, command: str) -> None:
    """Write the table if a file is named."""
    if path is not None:
        write_kept_table(path, pd.DataFrame(rows), f"python tests/bench/{command}")


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """The rank correlation of two columns, pairs with a missing value left out."""
    pairs = np.array([first, second], float)
    pairs = pairs[:, np.isfinite(pairs).all(axis=0)]
    return float(rank_correlation(*torch.from_numpy(pairs)[:, None])[0]) if pairs.shape[1] > 2 else float("nan")


def best_scores(found: Any, boxes: torch.Tensor, labels: Sequence[int]) -> list[float]:
    """The highest score of a detection of each class whose box overlaps; 0 if there is none."""
    overlaps = box_iou(boxes.double(), found.boxes.double().cpu()).nan_to_num(0.0)
    scores, own = found.scores.double().cpu(), found.labels.cpu()
    best = []
    for row, label in enumerate(labels):
        fitting = (own == label) & (overlaps[row] > 0.5)
        best.append(float(scores[fitting].max()) if bool(fitting.any()) else 0.0)
    return best


def rows_of_parts(detector: Any, name: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """A row for each object of each pair's classes, with its part and without."""
    number = {one: place for place, one in enumerate(detector.names)}
    for pair in scenes.PAIRS:
        for index in range(count):
            scene = scenes.make(index, seed=seed, mode="shortcut", cue="absent", cue_class=pair[0])
            rows = [row for row, label in enumerate(scene.labels) if scenes.NAMES[label] in pair]
            bare = scenes.redraw(scene, without_parts=rows)
            before, after = (detector.detect([one.image], LEAST)[0] for one in (scene, bare))
            kept = [list(bare.places).index(scene.places[row]) for row in rows if scene.places[row] in bare.places]
            rows = [row for row in rows if scene.places[row] in bare.places]
            own = [scenes.NAMES[scene.labels[row]] for row in rows]
            other = [pair[1] if name == pair[0] else pair[0] for name in own]
            boxes, bare_boxes = torch.from_numpy(scene.boxes[rows]), torch.from_numpy(bare.boxes[kept])
            numbers, others = [number[one] for one in own], [number[one] for one in other]
            heat = heat_on_parts(detector, scene, before, rows)
            origin = at_origin(detector, scene, bare, before, rows)
            table = zip(
                rows,
                own,
                other,
                best_scores(before, boxes, numbers),
                best_scores(after, bare_boxes, numbers),
                best_scores(before, boxes, others),
                best_scores(after, bare_boxes, others),
            )
            for row, label, twin, with_part, without, twin_before, twin_after in table:
                yield {
                    "detector": name,
                    "scene": index,
                    "object": row,
                    "class": label,
                    "twin": twin,
                    "with": with_part,
                    "without": without,
                    "twin with": twin_before,
                    "twin without": twin_after,
                    "lost": with_part - without,
                    "at origin": origin.get(row, float("nan")),
                    **heat.get(row, {}),
                }


def annotated(scene: scenes.Scene) -> Sample:
    """The scene's picture and annotations."""
    sample = scenes.Scenes(1)[0]
    return replace(
        sample, image=scene.image, boxes=scene.boxes, labels=scene.labels, crowd=np.zeros(len(scene.labels), bool)
    )


def at_origin(
    detector: Any, scene: scenes.Scene, bare: scenes.Scene, found: Any, rows: Sequence[int]
) -> dict[int, float]:
    """By object, what the place that predicted it with a score of 0.3 says in the other picture."""
    found = found[found.scores >= 0.3]
    numbers = match(found, annotated(scene)).tolist()
    chosen = [place for place, number in enumerate(numbers) if number in rows]
    if not chosen:
        return {}
    after = Experiment(detector, scene.image, found[chosen]).ask_picture(bare.image).after.scores.tolist()
    return {numbers[place]: score for place, score in zip(chosen, after)}


def heat_on_parts(detector: Any, scene: scenes.Scene, found: Any, rows: Sequence[int]) -> dict[int, dict[str, float]]:
    """The share of each method's energy on the part, of the objects that were found with a score of 0.3."""
    found = found[found.scores >= 0.3]
    numbers = match(found, annotated(scene)).tolist()
    chosen = [place for place, number in enumerate(numbers) if number in rows]
    if not chosen:
        return {}
    own = [numbers[place] for place in chosen]
    parts, masks = (torch.from_numpy(values[own]) for values in (scene.parts, scene.masks))
    shares = {"area": part_share(parts, masks)}
    for method, maps in dx.compare(detector, scene.image, found[chosen], methods=ON_PARTS).items():
        shares[method] = part_energy(maps.values.cpu(), parts, masks)
    return {number: {f"heat {k}": float(v[place]) for k, v in shares.items()} for place, number in enumerate(own)}


def parts(options: argparse.Namespace) -> None:
    """Print the table of the parts."""
    kept: list[dict[str, Any]] = []
    for name in options.detectors:
        start = time.process_time()
        detector = dx.load_detector(name, device="cpu")
        frame = pd.DataFrame(rows_of_parts(detector, name, options.scenes, options.seed))
        print(f"\n{name}, {options.scenes} scenes of each pair ({time.process_time() - start:.0f} s of processor time)")
        heats = [column for column in frame if column.startswith("heat ")]
        for label in scenes.NAMES:
            mine = frame[frame["class"] == label]
            twin = mine["twin"].iloc[0] if len(mine) else ""
            part = scenes.PART_NAMES[scenes.NAMES.index(label)]
            seen = mine[mine["at origin"].notna()]
            kept.append(
                {
                    "detector": name,
                    "class": label,
                    "part": part,
                    "objects": len(mine),
                    **with_bounds("with", mine["with"]),
                    **with_bounds("without", mine["without"]),
                    "twin": twin,
                    "twin with": mine["twin with"].mean(),
                    **with_bounds("twin without", mine["twin without"]),
                    **with_bounds("lost", mine["lost"]),
                    "found objects": len(seen),
                    "found with": seen["with"].mean(),
                    "found without": seen["without"].mean(),
                    "at origin": seen["at origin"].mean(),
                    **{column: mine[column].mean() for column in heats},
                }
            )
            shares = ", ".join(f"{column.removeprefix('heat ')} {mine[column].mean():.2f}" for column in heats)
            print(
                f"{label:<9} n {len(mine):<3} with its {part:<8} {interval(mine['with'])}, without "
                f"{interval(mine['without'])}, then {twin} {interval(mine['twin without'])}; "
                f"lost {interval(mine['lost'])}; the {len(seen)} found with it {seen['with'].mean():.3f}, without "
                f"{seen['without'].mean():.3f}, at the origin {seen['at origin'].mean():.3f}; "
                f"heat on the part: {shares}"
            )
        means = frame.groupby("class")[["lost", *heats]].mean()
        for column in heats:
            by_class, by_object = spearman(means[column], means["lost"]), spearman(frame[column], frame["lost"])
            number = int(frame[column].notna().sum())
            print(f"{column:<14} against the score lost: {by_class:+.2f} over classes, {by_object:+.2f} over {number}")
    keep(options.out, kept, f"measure_interventions.py parts --scenes {options.scenes}")


def chosen(detector: Any, sample: Sample, objects: int, seed: int) -> Sample:
    """The sample with all but some found objects marked as crowd, so that those alone are measured."""
    found = detector.detect([sample.image], 0.3)[0]
    numbers = [int(number) for number in match(found, sample).tolist() if number >= 0]
    sides = sample.boxes[:, 2:] - sample.boxes[:, :2]
    numbers = sorted(number for number in numbers if sides[number].min() >= SMALLEST)
    random = np.random.Generator(np.random.PCG64([seed, len(sample), sample.image.shape[0]]))
    kept = random.permutation(numbers)[:objects].astype(int)
    crowd = np.ones(len(sample), bool)
    crowd[kept] = sample.crowd[kept]
    return replace(sample, crowd=crowd)


def pictures(options: argparse.Namespace) -> tuple[Any, list[Sample]]:
    """The detector and the pictures of a kind, those in which something was found."""
    if options.kind == "scenes":
        detector: Any = dx.load_detector("tiny-fcos", device=options.device)
        dataset: Sequence[Sample] = scenes.Scenes(2 * options.count, seed=options.seed)
    else:
        weights = options.shared / "weights" / "yolox_nano_coco.safetensors"
        detector = dx.load_detector("yolox-nano", weights=weights, device=options.device)
        dataset = CocoDataset(options.shared / "data" / "coco-mini")
    found: list[Sample] = []
    for sample in dataset:
        one = chosen(detector, sample, options.objects, options.seed)
        if not one.crowd.all():
            found.append(one)
        if len(found) == options.count:
            break
    return detector, found


def agreement(options: argparse.Namespace) -> None:
    """Measure, or go on measuring, and print the table."""
    torch.set_num_threads(1)
    start = time.process_time()
    detector, dataset = pictures(options)
    settings = {"heat-effect": {"count": options.patches, "patches": options.cut, "fills": options.fills}}
    with ExitStack() as stack:
        executor = None
        if options.workers > 1:
            executor = stack.enter_context(dx.evaluation.worker_processes(options.workers))
        frame = dx.evaluate(
            detector,
            dataset,
            list(options.methods),
            ["heat-effect"],
            store=options.store,
            executor=executor,
            seed=options.seed,
            metric_settings=settings,
            progress=not options.quiet,
        )
    print(f"{time.process_time() - start:.0f} s of processor time here")
    kept = table(frame, [name.strip() for name in options.fills.split(",")])
    command = f"measure_interventions.py agreement {options.kind} --count {options.count}"
    keep(options.out, [{"pictures": options.kind, **row} for row in kept], command)


def table(frame: pd.DataFrame, fills: Sequence[str]) -> list[dict[str, Any]]:
    """Print the mean of each method, its order under each fill, and what filling the background costs."""
    extras = pd.DataFrame(frame["extras"].tolist(), index=frame.index)
    columns: dict[str, dict[str, float]] = defaultdict(dict)
    kept: list[dict[str, Any]] = []
    one = frame[frame["method"] == frame["method"].iloc[0]]
    shown = extras.loc[one.index]
    print(
        f"{len(one)} objects in {one['image'].nunique()} pictures; mean score lost in a patch "
        f"{interval(shown['lost'])}, as many pixels of the background {interval(shown['lost on background'])}; "
        f"no effect at all in {int(one['value'].isna().sum())} objects"
    )
    for method, rows in sorted(frame.groupby("method"), key=lambda item: -item[1]["value"].mean()):
        alone = {fill: extras.loc[rows.index, f"with {fill}"] for fill in fills}
        for fill, values in alone.items():
            columns[fill][str(method)] = float(values.mean())
        row: dict[str, Any] = {"method": str(method), "objects": len(rows), **with_bounds("heat-effect", rows["value"])}
        for fill, values in alone.items():
            row |= with_bounds(f"{fill} alone", values)
        kept.append(row)
        said = ", ".join(f"{fill} alone {interval(values)}" for fill, values in alone.items())
        print(f"{method:<18} {interval(rows['value'])}; {said}")
    if len(fills) > 1:
        first, second = (columns[fill] for fill in fills[:2])
        order = spearman(list(first.values()), [second[name] for name in first])
        print(
            f"the effects of {fills[0]} and {fills[1]} agree within an object with {interval(shown['fills agree'])}; "
            f"the order of the {len(first)} methods and controls under the two: {order:+.2f}"
        )
    return kept


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("parts")
    first.add_argument("--scenes", type=int, default=60)
    first.add_argument("--seed", type=int, default=1)
    first.add_argument("--detectors", nargs="+", default=["tiny-fcos", "tiny-faster-rcnn"])
    second = commands.add_parser("agreement")
    second.add_argument("kind", choices=["scenes", "photographs"])
    second.add_argument("--store", type=Path)
    second.add_argument("--shared", type=Path, default=Path("../shared"))
    second.add_argument("--count", type=int, default=100)
    second.add_argument("--objects", type=int, help="of a picture; by default 2 in scenes, 1 in photographs")
    second.add_argument("--patches", type=int, default=5)
    second.add_argument("--cut", choices=["grid", "superpixels"], default="grid")
    second.add_argument("--fills", default=FILLS)
    second.add_argument("--methods", nargs="+", default=list(METHODS))
    second.add_argument("--seed", type=int, default=3)
    second.add_argument("--device", default="cpu")
    second.add_argument("--workers", type=int, default=1)
    second.add_argument("--quiet", action="store_true")
    for one in (first, second):
        one.add_argument("--out", type=Path, help="a JSON file to keep the table in")
    options = parser.parse_args()
    if options.command == "agreement" and options.objects is None:
        options.objects = 2 if options.kind == "scenes" else 1
    (parts if options.command == "parts" else agreement)(options)


if __name__ == "__main__":
    main()
