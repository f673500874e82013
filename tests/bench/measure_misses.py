"""Why objects are missed: five bundled families on scenes, planted faults, and YOLOX-nano on COCO photographs.

    python tests/bench/measure_misses.py [families] [faults] [photographs] [--count 200] [--seed 11] [--shared FOLDER]
        [--modes MODE ...] [--detectors NAME ...] [--out FILE]

``families``: on tiny and crowd scenes the causes of the misses of each detector; the command fails unless every
annotation without a detection has exactly one; ``--out`` keeps them as JSON. ``faults``: on hand-made detectors with a
planted fault, how many of the misses that are there for the fault alone have the cause that was planted; of the others
whether the object's own prediction, which these detectors know, is reported and overlaps a neighbour of its class more,
or was removed by a neighbour's.
``photographs``: the causes and the kinds of false alarms, with Wilson's 95% intervals.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from torchvision.ops import box_iou

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.kept_tables import write_kept_table
from detxai_nb.metrics import match
from detxai_nb.misses import CAUSES, MissReport

FAMILIES = ("tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-yolox", "tiny-detr")
FAMILY_MODES = ("tiny", "crowd")
FAULT_MODES = ("plain", "tiny", "crowd", "one-class-crowd")
HERE = Path(__file__).resolve()


def families(
    count: int, seed: int, modes: Sequence[str], detectors: Sequence[str] = FAMILIES, out: Path | None = None
) -> None:
    """Print the causes of each family, and compare them with the annotations that no detection is matched to."""
    kept: list[dict[str, object]] = []
    print(f"{'scenes':<7} {'detector':<17} {'objects':>7} {'missed':>6}  " + " ".join(f"{one:>13}" for one in CAUSES))
    for mode in modes:
        samples = list(dx.data.scenes.Scenes(count, seed=seed, mode=mode))
        for name in detectors:
            detector = dx.load_detector(name, device="cpu")
            report = dx.misses.explain_misses(detector, samples)
            wanted = []
            for number, sample in enumerate(samples):
                pairs = set(match(detector.detect([sample.image], 0.3)[0], sample).tolist())
                wanted += [(number, one) for one in range(len(sample)) if one not in pairs]
            if list(zip(report.misses["image"], report.misses["annotation"])) != wanted:
                raise SystemExit(f"{mode}, {name}: not every miss has exactly one cause")
            counts = report.misses["cause"].value_counts()
            about = {"scenes": mode, "detector": name, "objects": sum(report.objects.values())}
            kept += [{**about, "cause": one, "misses": int(counts.get(one, 0))} for one in CAUSES]
            cells = " ".join(f"{counts.get(one, 0):>13}" for one in CAUSES)
            print(f"{mode:<7} {name:<17} {sum(report.objects.values()):>7} {len(report):>6}  {cells}", flush=True)
    if out is not None:
        write_kept_table(out, pd.DataFrame(kept), f"python tests/bench/measure_misses.py families --count {count}")


def faults(count: int, seed: int, modes: Sequence[str]) -> None:
    """Print for each planted fault how many of its misses have the planted cause."""
    sys.path.insert(0, str(HERE.parents[1] / "misses"))
    from made_up_detector import FAULTS, MadeUpDetector

    for mode in modes:
        samples = list(dx.data.scenes.Scenes(count, seed=seed, mode=mode))
        healthy = _missed(dx.misses.explain_misses(MadeUpDetector(samples), samples))
        for planted, (settings, cause) in FAULTS.items():
            detector = MadeUpDetector(samples, **settings)
            faulty = _missed(dx.misses.explain_misses(detector, samples))
            found = Counter(name for key, name in faulty.items() if key not in healthy)
            total = found.total()
            share = f"{found[cause] / total:.3f}" if total else "-"
            wrong = [key for key, name in faulty.items() if key not in healthy and name != cause]
            behind = Counter(_behind(detector, samples[image], annotation) for image, annotation in wrong)
            told = [f"{name} {number}" for name, number in found.most_common() if name != cause]
            others = "; ".join([", ".join(told), *(f"{why} {number}" for why, number in behind.items())])
            print(
                f"{planted:<26} {mode:<16} {cause:<15} {found[cause]:>5} of {total:<5} {share:<6} {others}", flush=True
            )


def _behind(detector: Any, sample: Sample, annotation: int) -> str:
    """Where an object's own prediction with the highest score is, of a detector that knows whose it is."""
    every, kept = detector.candidates(detector.trace(sample.image)), detector.detect([sample.image])[0]
    number = every.origin_fields.index("number")
    own = kept[kept.origins[:, number] == annotation]
    if not len(own):
        return "removed by a neighbour's" if bool((every.origins[:, number] == annotation).any()) else "not predicted"
    overlaps = box_iou(own.boxes[:1].double(), torch.from_numpy(sample.boxes).double())[0]
    alike = torch.from_numpy(sample.labels == sample.labels[annotation])
    return "reported, more on a neighbour" if overlaps[alike].max() > overlaps[annotation] else "reported"


def _missed(report: MissReport) -> dict[tuple[int, int], str]:
    return dict(zip(zip(report.misses["image"], report.misses["annotation"]), report.misses["cause"]))


def photographs(shared: Path) -> None:
    """Print what YOLOX-nano misses in the COCO photographs."""
    from measure_coco_mini import yolox_nano

    from detxai_nb.data.coco import CocoDataset

    dataset: Sequence[Sample] = CocoDataset(shared / "data" / "coco-mini")
    report = dx.misses.explain_misses(yolox_nano(shared), dataset)
    print(report)
    for of in ("misses", "false alarms"):
        print(report.table("size", of).round(3).to_string())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("families", "faults", "photographs")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(parts)}; by default all")
    parser.add_argument("--count", type=int, default=200, help="scenes of each kind")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--shared", type=Path, default=HERE.parents[3] / "shared")
    parser.add_argument("--modes", nargs="+", help=f"of the scenes; by default {FAMILY_MODES} and {FAULT_MODES}")
    parser.add_argument("--detectors", nargs="+", default=FAMILIES, choices=FAMILIES, help="of the families")
    parser.add_argument("--out", type=Path, help="a JSON file to keep the families' table in")
    options = parser.parse_args()
    chosen = options.parts or parts
    if unknown := set(chosen) - set(parts):
        parser.error(f"unknown part {', '.join(sorted(unknown))}; known: {', '.join(parts)}")
    if "families" in chosen:
        families(options.count, options.seed, options.modes or FAMILY_MODES, options.detectors, options.out)
    if "faults" in chosen:
        faults(options.count, options.seed, options.modes or FAULT_MODES)
    if "photographs" in chosen:
        photographs(options.shared)


if __name__ == "__main__":
    main()
