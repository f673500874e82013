"""Small scenes, folders of trainings that are bundled weights under other names, and results with given figures."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from detxai_nb.detectors.registry import load_detector
from detxai_nb.evaluation.suppression import PassSettings, SuppressionResults

SMALL = PassSettings(width=128, height=96, score_threshold=0.3, most=1000, short_edge=12)


def trainings(folder: Path, titles: Iterable[str]) -> Path:
    """A folder of trainings such as "tiny-fcos-crowd-0" with bundled weights."""
    for title in titles:
        name = title.rpartition("-")[0]
        home = folder / title
        home.mkdir(parents=True)
        module = load_detector(name.partition("-crowd")[0], device="cpu").module
        save_file(module.state_dict(), home / f"{name}.safetensors")
    return folder


def figure_row(name: str, seed: int, rule: str, ap: float, **others: Any) -> dict[str, Any]:
    """A row of figures; what is not given is the same everywhere."""
    about = {
        "name": name,
        "family": "fcos" if "fcos" in name else "faster_rcnn",
        "odam_train": name.endswith("-odam"),
        "seed": seed,
        "rule": rule,
    }
    values = {"AP50": ap, "JI": 0.7, "MR": 0.4, "recall": 0.9, "confidence": 0.3, "crowd": 0.5, "sparse": 0.8}
    counts = {"found": 0.7, "crowd_found": 5.0, "sparse_found": 8.0, "crowd_objects": 10, "sparse_objects": 10}
    return {**about, **values, **counts, "kept": 12.0, **others}


def results_of(figure_rows: list[dict[str, Any]], **tables: Any) -> SuppressionResults:
    """Results with these rows of figures."""
    names = ("plane_rows", "correlation_rows", "difference_rows", "time_rows")
    return SuppressionResults({"scenes": 3}, ("three scenes",), figure_rows, *(tables.get(name, []) for name in names))
