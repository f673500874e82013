"""Proof that a change of the code's form changed nothing of its results: two checkouts do the same and are compared.

    python tests/bench/compare_checkouts.py OLD NEW [--renames tests/bench/renames_0.1.json] [--threads 1]

Both run in the same Python, one after the other, each with its own checkout first on the path. Compared are

- the tables of methods, metrics and detectors, cell by cell;
- the heat maps of every bundled detector by every method (all targets for ODAM, small settings for the methods that
  query the detector), on two scenes, bit by bit: grids, values at the image's size, strides, corners, status, layer;
- the rows of an evaluation by all methods and all metrics, without the running times, bit by bit;
- the names of the tests, whatever file they lie in.

The file of renames says which words are meant to differ: {"settings": {"old": "new"}, "tests": {"old test": "the test
that took its place"}}; a test whose parameters were reworded took its own place. Ends with status 1 where anything else
differs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

FEW = {
    "bbam": {"steps": 20},
    "d-rise": {"masks": 60, "cells": 5},
    "sodex": {"samples": 60, "segments": 20},
}


def digest(*parts: Any) -> str:
    """SHA-256 of tensors, arrays and plain values."""
    import numpy as np
    import torch

    found = hashlib.sha256()
    for part in parts:
        if isinstance(part, torch.Tensor):
            part = part.detach().cpu().contiguous().numpy()
        if isinstance(part, np.ndarray):
            found.update(f"{part.dtype} {part.shape}".encode() + np.ascontiguousarray(part).tobytes())
        else:
            found.update(repr(part).encode())
    return found.hexdigest()[:24]


def tables(dx: Any) -> dict[str, Any]:
    """The three tables of what there is."""
    return {
        name: json.loads(getattr(dx, name)().reset_index().to_json(orient="records"))
        for name in ("methods", "metrics", "detectors")
    }


def maps_of(dx: Any) -> dict[str, str]:
    """A digest of the maps of each detector, picture, method and target; of a refusal its kind."""
    found: dict[str, str] = {}
    names = dx.detectors().query("weights == 'bundled'").index
    for name in names:
        detector = dx.load_detector(name, device="cpu")
        mode = "single" if name in ("tiny-resnet", "tiny-vgg") else "plain"
        for index in range(2):
            image = dx.data.scenes.make(index, 1, mode).image
            seen = detector.detect([image], 0.3)[0][:3]
            found[f"{name} {index} detections"] = digest(seen.boxes, seen.scores, seen.labels, seen.origins)
            for method in dx.methods().index:
                for target in ("class", "x1", "y1", "x2", "y2", "combined") if method == "odam" else ("class",):
                    try:
                        maps = dx.explain(detector, image, seen, method=method, target=target, **FEW.get(method, {}))
                    except (TypeError, ValueError) as error:
                        found[f"{name} {index} {method} {target}"] = type(error).__name__
                        continue
                    found[f"{name} {index} {method} {target}"] = digest(
                        maps.values, *maps.grids, maps.strides, maps.corners, maps.status, maps.layer, maps.signed
                    )
    return found


def rows_of(dx: Any) -> list[str]:
    """The rows of an evaluation as texts, without running times."""
    asking = [m for m in dx.metrics().index if m.startswith(("deletion", "insertion"))]
    metrics = {m: {"steps": 4, "every": 2} if m.endswith("-odam") else {"steps": 4} for m in asking}
    lines: list[str] = []
    for name in ("tiny-fcos", "tiny-faster-rcnn"):
        table = dx.evaluate(
            dx.load_detector(name, device="cpu"),
            dx.data.scenes.Scenes(2, seed=5),
            [m for m in dx.methods().index if m not in ("detr-attention", "bbam")] + ["difference:odam"],
            list(dx.metrics().index),
            method_settings={m: FEW[m] for m in ("d-rise", "sodex")},
            metric_settings=metrics,
            progress=False,
        )
        for row in table.to_dict(orient="records"):
            cells = {
                key: value.tobytes().hex() if hasattr(value, "tobytes") else repr(value) for key, value in row.items()
            }
            lines.append(f"{name} {json.dumps(cells, sort_keys=True)}")
    return lines


def record(path: Path, threads: int) -> None:
    """Do everything with the checkout that is first on the path and write it down."""
    import torch

    import detxai_nb as dx

    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    print(f"  {Path(dx.__file__).parent}", flush=True)
    path.write_text(json.dumps({"tables": tables(dx), "maps": maps_of(dx), "rows": rows_of(dx)}), encoding="utf-8")


def run(checkout: Path, threads: int) -> dict[str, Any]:
    """What ``record`` writes for a checkout, and its tests."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "record.json"
        command = [sys.executable, __file__, "--record", str(out), "--threads", str(threads)]
        subprocess.run(command, cwd=checkout, env=environment, check=True)
        found = json.loads(out.read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    listed = subprocess.run(command, cwd=checkout, env=environment, check=False, capture_output=True, text=True)
    found["tests"] = [line for line in listed.stdout.splitlines() if "::" in line]
    if not found["tests"]:
        raise RuntimeError(f"no tests were found in {checkout}: {listed.stdout[-500:]}")
    return found


def reworded(value: Any, words: dict[str, str]) -> Any:
    """Texts with the old names of settings replaced by the new."""
    if isinstance(value, str):
        for old, new in words.items():
            value = re.sub(rf"\b{re.escape(old)}=", f"{new}=", value)
        return value
    if isinstance(value, dict):
        return {key: reworded(item, words) for key, item in value.items()}
    return [reworded(item, words) for item in value] if isinstance(value, list) else value


def compare(old: dict[str, Any], new: dict[str, Any], renames: dict[str, Any]) -> int:
    """Print what was compared and what differs; the number of differences."""
    faults = 0
    for name, rows in reworded(old["tables"], renames.get("settings", {})).items():
        differing = [a for a, b in zip(rows, new["tables"][name]) if a != b]
        wrong = len(differing) + abs(len(rows) - len(new["tables"][name]))
        print(f"table of {name}: {len(rows)} rows, {wrong} different")
        for row in differing[:3]:
            print(f"  {row}")
        faults += wrong
    keys = old["maps"].keys() | new["maps"].keys()
    wrong_maps = sorted(key for key in keys if old["maps"].get(key) != new["maps"].get(key))
    refused = sum(value.endswith("Error") for value in old["maps"].values())
    print(f"maps: {len(keys)} compared (of them {refused} refusals, alike), {len(wrong_maps)} different")
    for key in wrong_maps[:10]:
        print(f"  {key}: {old['maps'].get(key)} {new['maps'].get(key)}")
    wrong_rows = list((Counter(old["rows"]) - Counter(new["rows"])).elements())
    in_order = old["rows"] == new["rows"]
    print(f"evaluation: {len(old['rows'])} rows, {len(wrong_rows)} different, {'same' if in_order else 'OTHER'} order")
    for row in wrong_rows[:3]:
        print(f"  {row[:400]}")
    faults += len(wrong_maps) + max(len(wrong_rows), 0 if in_order else 1)
    return faults + compare_tests(old["tests"], new["tests"], renames)


def compare_tests(old: list[str], new: list[str], renames: dict[str, Any]) -> int:
    """Tests by name and parameters, whatever file they lie in; new ones are only counted."""

    def name(test: str) -> str:
        path, _, rest = test.partition("::")
        # The tests of single source files have the files' names as parameters.
        return "per file" if path.endswith(("test_architecture.py", "test_docstrings.py")) else rest

    before, after = Counter(map(name, old)), Counter(map(name, new))
    there = {test.partition("[")[0] for test in after}
    missing = [test for test in (before - after) if test != "per file"]
    successors = renames.get("tests", {})
    gone = [test for test in missing if successors.get(test.partition("[")[0]) not in there]
    added = sum((after - before).values())
    print(
        f"tests: {len(old)} before, {len(new)} now; {len(missing)} renamed or reworded, {len(gone)} gone, "
        f"{added} new or of new files"
    )
    for test in gone[:20]:
        print(f"  {test}")
    return len(gone)


def main() -> int:
    """Compare two checkouts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkouts", nargs="*", type=Path, metavar="OLD NEW")
    parser.add_argument("--renames", type=Path, help="a JSON file of what was renamed on purpose")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="keep what OLD gave in this file, or take it from there")
    parser.add_argument("--record", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.record is not None:
        record(options.record, options.threads)
        return 0
    if len(options.checkouts) != 2:
        parser.error("two checkouts are compared: OLD NEW")
    first, second = (path.resolve() for path in options.checkouts)
    if options.keep is not None and options.keep.is_file():
        old = json.loads(options.keep.read_text(encoding="utf-8"))
    else:
        old = run(first, options.threads)
        if options.keep is not None:
            options.keep.write_text(json.dumps(old), encoding="utf-8")
    renames = json.loads(options.renames.read_text(encoding="utf-8")) if options.renames else {}
    faults = compare(old, run(second, options.threads), renames)
    print(f"{faults} differences")
    return min(faults, 1)


if __name__ == "__main__":
    raise SystemExit(main())
