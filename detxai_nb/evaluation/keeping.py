"""Make the kept evaluations again, or over more images.

``python -m detxai_nb.evaluation.keeping NAME --store FOLDER --out FOLDER`` measures what ``RUNS`` says under that name
and writes NAME.parquet, which ``kept_evaluation`` reads. An interrupted command goes on where it stopped; with a higher
``--limit`` it adds images to those that are in the store.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import Scenes
from detxai_nb.detectors.registry import load_detector
from detxai_nb.evaluation.kept import ENDING, keep_evaluation
from detxai_nb.evaluation.reproduction import reproduce
from detxai_nb.evaluation.runner import evaluate
from detxai_nb.types import Detector

_HALF_THE_STEPS: Mapping[str, Any] = {
    f"{mode}-difference{who}": {"steps": 5} for mode in ("deletion", "insertion") for who in ("", "-others")
}
_BOX_STEPS: Mapping[str, Any] = {"steps": 10, "area": "box"}


@dataclass(frozen=True)
class KeptRun:
    """What one kept evaluation measures.

    Attributes:
        detector: a name of ``dx.detectors()``.
        scenes: how many scenes the dataset has; 0 for photographs in a COCO file.
        limit: how many images of it were measured; None for all.
        mode: of the scenes.
        paper: whose methods and metrics are measured, unless ``methods`` and ``metrics`` say so.
        methods, metrics: what is measured without a paper.
        method_settings, metric_settings: as in ``evaluate``.
        detector_settings: what ``load_detector`` takes besides.
        curves: whether the curves are kept too.
    """

    detector: str
    scenes: int
    limit: int | None = None
    mode: str = "plain"
    paper: str | None = None
    methods: Sequence[str] = ()
    metrics: Sequence[str] = ()
    method_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metric_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    detector_settings: Mapping[str, Any] = field(default_factory=dict)
    curves: bool = False

    def measure(
        self, detector: Detector, dataset: Sequence[Sample], store: Path | None, limit: int | None, **options: Any
    ) -> Any:
        """Measure it.

        Args:
            detector: the detector.
            dataset: the images.
            store: the folder of the rows, or None.
            limit: only the first so many images.
            options: further arguments of ``evaluate`` or ``reproduce``.

        Returns:
            The table of ``evaluate``, or with a paper the report of ``reproduce``.
        """
        given = {"method_settings": self.method_settings, "metric_settings": self.metric_settings, **options}
        if self.paper is not None:
            return reproduce(self.paper, detector, dataset, store=store, limit=limit, **given)
        return evaluate(detector, dataset, self.methods, self.metrics, store=store, limit=limit, **given)


RUNS: Mapping[str, KeptRun] = {
    "odam": KeptRun("tiny-fcos", 60, paper="odam"),
    "odam-photographs": KeptRun("yolox-nano", 0, paper="odam", detector_settings={"input_size": 416}),
    "odam-layers": KeptRun(
        "tiny-yolox",
        200,
        8,
        methods=("neck", "backbone.dark4"),
        metrics=("deletion-odam",),
        method_settings={layer: {"method": "odam", "layer": layer} for layer in ("neck", "backbone.dark4")},
    ),
    "ss-grad-cam++": KeptRun(
        "tiny-fcos",
        200,
        8,
        paper="ss-grad-cam++",
        metric_settings=dict.fromkeys(("deletion", "insertion"), _BOX_STEPS),
        curves=True,
    ),
    "difference": KeptRun("tiny-fcos", 60, paper="difference"),
    "difference-crowd": KeptRun(
        "tiny-fcos", 200, 4, mode="crowd", paper="difference", metric_settings=_HALF_THE_STEPS, curves=True
    ),
    "difference-photographs": KeptRun("yolox-nano", 0, 37, paper="difference", detector_settings={"input_size": 416}),
    "g-came": KeptRun(
        "tiny-yolox",
        200,
        24,
        methods=("g-came", "odam", "grad-cam"),
        metrics=(
            "pointing-game-box",
            "tiny-pointing-game-box",
            "energy-pointing-box",
            "tiny-energy-pointing-box",
            "confidence-drop",
            "information-drop",
        ),
    ),
    "tiny-objects": KeptRun(
        "tiny-yolox",
        200,
        30,
        mode="tiny",
        methods=("g-came", "odam", "grad-cam"),
        metrics=(
            "pointing-game-box",
            "tiny-pointing-game-box",
            "energy-pointing-box",
            "tiny-energy-pointing-box",
        ),
    ),
    "global-guidance": KeptRun("tiny-resnet", 500, 100, mode="dual", paper="global-guidance"),
}
"""By name, what the kept evaluations measure."""


def command_of(name: str, limit: int | None = None, scenes: int | None = None) -> str:
    """Return the command that makes a kept evaluation.

    Args:
        name: a name of ``RUNS``.
        limit: how many images; by default as many as it has.
        scenes: how many scenes the dataset has, where that differs from the run's.

    Returns:
        The command line.
    """
    run = RUNS[name]
    words = [f"python -m detxai_nb.evaluation.keeping {name}"]
    if not run.scenes:
        words.append("--weights FILE --coco FOLDER")
    if scenes not in (None, run.scenes):
        words.append(f"--scenes {scenes}")
    if limit not in (None, run.limit):
        words.append(f"--limit {limit}")
    return " ".join([*words, "--store FOLDER"])


def _main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    run = RUNS[options.name]
    limit = run.limit if options.limit is None else options.limit
    try:
        if run.scenes:
            if options.weights is not None or options.coco is not None:
                raise ValueError(f"{options.name} is measured on scenes with bundled weights")
            dataset: Sequence[Sample] = Scenes(options.scenes or run.scenes, mode=run.mode)
        elif options.weights is None or options.coco is None:
            raise ValueError(f"{options.name} is measured on photographs; give --weights FILE and --coco FOLDER")
        else:
            dataset = CocoDataset(options.coco)
        torch.set_num_threads(options.threads)
        detector = load_detector(run.detector, weights=options.weights, device="cpu", **run.detector_settings)
        run.measure(detector, dataset, options.store, limit, progress=sys.stderr.isatty())
        command = command_of(options.name, limit, options.scenes)
        file = options.out / f"{options.name}{ENDING}"
        print(f"wrote {keep_evaluation(options.store, file, command, limit=limit, curves=run.curves)}")
    except (OSError, TypeError, ValueError, RuntimeError, ImportError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m detxai_nb.evaluation.keeping",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=list(RUNS), metavar="NAME", help=", ".join(RUNS))
    parser.add_argument("--store", type=Path, required=True, metavar="FOLDER", help="the folder of the rows")
    parser.add_argument(
        "--out", type=Path, default=Path(), metavar="FOLDER", help="of NAME.parquet, by default this one"
    )
    parser.add_argument("--limit", type=int, help="only the first so many images, by default as many as are kept")
    parser.add_argument("--scenes", type=int, help="the number of scenes of the dataset, by default the run's")
    parser.add_argument("--weights", metavar="FILE", help="of the detector, for photographs")
    parser.add_argument("--coco", metavar="FOLDER", help="a COCO file or folder, for photographs")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, by default 1")
    return parser


if __name__ == "__main__":
    sys.exit(_main())
