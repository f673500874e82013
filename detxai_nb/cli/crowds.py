"""``detxai-nb evaluate odam-nms``: the ODAM paper's tables on suppression in crowds."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from detxai_nb.files import write_atomically

CROWDS = "odam-nms"
"""What ``evaluate`` calls these tables."""
_UNUSED: dict[str, Any] = dict.fromkeys(
    ("coco", "images", "voc", "list", "image_folder", "subset", "classes", "limit", "protocol", "workers", "weights",
     "names", "decode")
)  # fmt: skip
_UNUSED |= {
    "detector": "tiny-fcos",
    "device": "auto",
    "detector_setting": [],
    "mode": "plain",
    "seed": 0,
    "exclude": [],
}
_UNUSED |= {"include_slow": False}
"""The options of other tables with their defaults."""


def run_crowds(options: argparse.Namespace) -> None:
    """Measure suppression in crowds; print ODAM's tables, and write figures and results into the store.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for options that have no meaning here, or what ``measure_suppression`` refuses.
        FileNotFoundError: if there are no trainings.
    """
    for name, default in _UNUSED.items():
        if getattr(options, name) != default:
            raise ValueError(f"--{name.replace('_', '-')} has no meaning for {CROWDS}, which takes --scenes and --runs")
    for name in ("runs", "store"):
        if getattr(options, name) is None:
            raise ValueError(f"`detxai-nb evaluate {CROWDS}` needs --runs, the folder of the trainings, and --store")
    from detxai_nb.evaluation import suppression
    from detxai_nb.plots.panels import to_png

    def say(what: str, done: int, total: int) -> None:
        if done in (0, total) or done % 50 == 0:
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)

    results = suppression.measure_suppression(
        options.runs, options.store, options.scenes, only=options.models, timed=options.timed, progress=say
    )
    results.save(options.store / "results.json")
    figures = {f"figure-4-{family}": suppression.plot_correlations(results, family) for family in results.families}
    figures |= {f"figure-9-{name}": suppression.plot_planes(results, name) for name in results.models}
    for name, figure in figures.items():
        write_atomically(options.store / f"{name}.png", lambda file, figure=figure: file.write(to_png(figure)))
    for table in suppression.all_tables(results):
        print(f"{table}\n")
    print("\n".join(f"- {note}" for note in results.notes))
    print(f"\nwrote results.json, {', '.join(f'{name}.png' for name in figures)} into {options.store}")
