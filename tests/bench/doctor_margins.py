"""Whether the doctor finds planted faults and calls healthy detectors healthy, and how far that is from its limits.

python tests/bench/doctor_margins.py faults [--scenes 2] [--sets 1]     each fault in each family, all checks
python tests/bench/doctor_margins.py healthy [--scenes 2] [--sets 5]    all bundled detectors, on synthetic scenes
python tests/bench/doctor_margins.py photographs DATA WEIGHTS [--sets 24]   YOLOX-nano on photographs, one at a time
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "doctor"))

import planted

import detxai_nb as dx
from detxai_nb.detectors.registry import DETECTORS

LIMITS = {
    ("repeatable", "difference from run to run"): "<= 1e-5",
    ("repeatable", "difference in a batch"): "<= 1e-3",
    ("colours", "standard errors"): "<= 3",
    ("normalisation", "divergence from the norms' statistics"): "<= 0.35, or",
    ("normalisation", "ratio of divergences"): "<= 2.5",
    ("normalisation", "ratio of evidence"): "<= 1.5",
    ("boxes", "share that moves with the picture"): ">= 0.5",
    ("boxes", "its share"): "own + 0.3 to be another reading",
    ("boxes", "movement in x"): "1 +- 0.1",
    ("boxes", "movement in y"): "1 +- 0.1",
    ("boxes", "offset in x"): "0 +- 0.03",
    ("names", "right"): ">= 0.5",
    ("explained score", "largest difference"): "<= 1e-3",
    ("gradient", "median relative error"): "<= 0.05",
    ("maps", "share without evidence"): "<= 0.5",
    ("place", "largest"): "<= 1 cell",
    ("weights", "resemblance"): "<= 0.5",
    ("scores", "highest"): "",
    ("scores", "largest spread of the classes of one object, in nats"): "> 1",
}


def numbers(report: Any) -> Iterator[tuple[tuple[str, str], float]]:
    """The numbers that decide, by check and name."""
    for one in report.results:
        found = {name: value for name, value in one.measured.items() if isinstance(value, (int, float))}
        if one.check == "place":
            found["largest"] = max((abs(v) for name, v in found.items() if "cells" in name), default=0.0)
        if "its divergence" in found:
            found["ratio of divergences"] = found["divergence from the norms' statistics"] / found["its divergence"]
        if "its evidence" in found:
            found["ratio of evidence"] = found["its evidence"] / max(found["evidence"], 1e-9)
        yield from (((one.check, name), float(value)) for name, value in found.items() if (one.check, name) in LIMITS)


def show(collected: dict[tuple[str, str], list[float]]) -> None:
    """The range of each number, with its limit."""
    for key, limit in LIMITS.items():
        if values := sorted(collected.get(key, [])):
            low, middle, high = values[0], values[len(values) // 2], values[-1]
            print(f"  {key[0]:16} {key[1]:55} {low:10.4g} {middle:10.4g} {high:10.4g}   healthy: {limit}")


def told(report: Any) -> str:
    """The verdicts that are not ok."""
    return "; ".join(
        f"{one.verdict.upper()} {one.check}: {one.said[:110]}" for one in report.results if one.verdict != "ok"
    )


def scenes(count: int, sets: int, mode: str = "plain", seed: int = 100) -> list[list[Any]]:
    """Sets of annotated scenes."""
    drawn = dx.data.scenes.Scenes(count * sets, seed=seed, mode=mode)
    return [[drawn[i * count + j] for j in range(count)] for i in range(sets)]


def took(report: Any) -> str:
    """The running time of an examination."""
    return f"{sum(report.seconds.values()):5.1f} s"


def faults(options: argparse.Namespace) -> None:
    """Each fault in each family."""
    right = exact = total = 0
    for samples in scenes(options.scenes, options.sets, seed=options.seed):
        for fault, about in planted.FAULTS.items():
            for name in planted.FAMILIES if options.only in fault else ():
                report = planted.examined(name, fault, samples)
                wrong = [one.check for one in report.of("wrong")]
                found = about.check in wrong
                others = [check for check in wrong if check not in (about.check, about.told)]
                total, right, exact = total + 1, right + found, exact + (found and not others)
                print(f"{'found' if found else 'MISSED'}  {fault:26} {name:18} {took(report)}", end="  ")
                said = report[about.check].said[:100] if found else told(report)
                print(said, f"  also: {others}" if others else "")
                print("        ", {k[1]: round(v, 4) for k, v in numbers(report) if k[0] == about.check}, flush=True)
    print(f"{right} of {total} faults were found, {exact} of them with no other check wrong")


def examine_all(cases: Iterator[tuple[str, Any, Any]], checks: list[str] | None) -> None:
    """Examine healthy detectors, each on its pictures."""
    well = total = 0
    everything: dict[tuple[str, str], list[float]] = {}
    for name, detector, pictures in cases:
        started = time.process_time()
        report = dx.doctor(detector, pictures, checks=checks)
        busy = time.process_time() - started
        total, well = total + 1, well + report.healthy
        verdict = "healthy" if report.healthy else "NOT HEALTHY"
        print(f"{verdict}  {name:26} {took(report)}, {busy:.1f} of CPU  {told(report)}", flush=True)
        for key, value in numbers(report):
            everything.setdefault(key, []).append(value)
    print(f"{well} of {total} examinations call a healthy detector healthy")
    show(everything)


def healthy(options: argparse.Namespace) -> None:
    """All bundled detectors."""

    def cases() -> Iterator[tuple[str, Any, Any]]:
        for name, entry in DETECTORS.items():
            if entry.group.startswith("bundled") and options.only in name:
                detector: Any = dx.load_detector(name, device="cpu")
                mode = "single" if detector.family == "classifier" else "crowd" if "crowd" in name else "plain"
                for samples in scenes(options.scenes, options.sets, mode, options.seed):
                    yield name, detector, samples

    examine_all(cases(), options.checks)


def photographs(options: argparse.Namespace) -> None:
    """YOLOX-nano on photographs."""
    detector = dx.load_detector("yolox-nano", weights=options.weights, device="cpu")
    dataset = dx.data.coco.CocoDataset(options.data)
    numbers_of = range(0, len(dataset), max(1, len(dataset) // options.sets))
    cases = ((f"photograph {number}", detector, dataset[number]) for number in numbers_of)
    examine_all(cases, options.checks)


def main() -> None:
    """Run one of the three."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_subparsers(required=True).add_parser
    for run, sets in ((faults, 1), (healthy, 5), (photographs, 24)):
        command = add(run.__name__)
        command.set_defaults(run=run)
        if run is photographs:
            command.add_argument("data", type=Path)
            command.add_argument("weights", type=Path)
        command.add_argument("--scenes", type=int, default=2)
        command.add_argument("--sets", type=int, default=sets)
        command.add_argument("--seed", type=int, default=100)
        command.add_argument("--only", default="", help="only faults, or detectors, with this in their name")
        command.add_argument("--checks", nargs="+", help="of healthy detectors only these")
    options = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        options.run(options)


if __name__ == "__main__":
    main()
