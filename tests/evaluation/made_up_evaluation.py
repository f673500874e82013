"""Tables of given values, as ``evaluate`` would return them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from detxai_nb.evaluation.rows import COLUMNS, to_frame


def evaluation(values: dict[tuple[str, str], list[float]], **about: Any) -> pd.DataFrame:
    """A table with these values by (method, metric), as ``evaluate`` would return it."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for (method, metric), found in values.items():
        for row, value in enumerate(found):
            cells: dict[str, Any] = {
                "image": row,
                "annotation": 0,
                "method": method,
                "metric": metric,
                "value": value,
                "map": "no positive evidence" if value == 0 else "ok",
                "ties": row / 4 if metric == "deletion" else float("nan"),
                "extras": {"s2": value / 2, "original": 1.0} if metric == "deletion" else None,
            }
            defaults = {"whole": 0, "number": 0.0, "text": "", "curve": None, "figures": None}
            for name, kind in COLUMNS.items():
                columns[name].append(cells.get(name, defaults[kind]))
    frame = to_frame(columns)
    methods, metrics = (list(dict.fromkeys(keys)) for keys in zip(*values))
    settings = {
        "methods": {
            m: {"method": m.split(":")[-1], "target": {"part": "class"}, "difference": ":" in m} for m in methods
        },
        "metrics": {metric: {"metric": metric} for metric in metrics},
        "protocol": {"name": "default", "iou": 0.5, "score": 0.3, "at_least": 1, "at_most": None},
        "detector": {"class": "somewhere.Detector", "family": "fcos", "names": ["a", "b"]},
        "dataset": {"class": "somewhere.Dataset"},
    }
    counts = {"images": 4, "images_with_objects": 3, "annotations": 9, "objects": 4, "left_out": {"not detected": 5}}
    frame.attrs["evaluation"] = {
        "settings": settings,
        **counts,
        "unknown_classes": [],
        "unreadable": [],
        **about,
    }
    return frame
