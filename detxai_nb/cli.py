"""The command line: ``detxai-nb explain``, ``evaluate``, ``detectors``, ``methods``, ``metrics`` and ``lab``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detxai_nb.data.sample import Sample
    from detxai_nb.heatmaps import HeatMaps
    from detxai_nb.types import OpenDetector

OUTPUTS = (".png", ".npz")
"""The file endings that ``explain --out`` can write."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``detxai-nb``, by default those of the process.

    Returns:
        The exit status: 0; 2 for an error, with one sentence on stderr; 130 for Ctrl-C.

    Raises:
        SystemExit: from argparse, for ``--help``, ``--version`` and wrong arguments.
    """
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (ValueError, TypeError, OSError, RuntimeError) as error:
        if options.traceback:
            raise
        print(f"detxai-nb: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "; run the same command again to resume from its store" if getattr(options, "store", None) else ""
        print(f"detxai-nb: interrupted{kept}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    import detxai_nb

    parser = argparse.ArgumentParser(prog="detxai-nb", description=detxai_nb.__doc__)
    parser.add_argument("--version", action="version", version=f"detxai-nb {detxai_nb.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show the full traceback of an error")
    commands = parser.add_subparsers(required=True, metavar="command")

    explain = commands.add_parser("explain", help="compute heat maps for the detections in a photograph")
    explain.set_defaults(run=_explain)
    explain.add_argument("photo", type=Path, help="the image file")
    _add_detector(explain)
    explain.add_argument("--method", default="odam", help="a name of `detxai-nb methods` (%(default)s)")
    explain.add_argument(
        "--target", default="class", help="what to explain: class, x1, y1, x2, y2 or combined (%(default)s)"
    )
    explain.add_argument("--layer", help="the explained layer, by default that of the detector")
    explain.add_argument(
        "--score-threshold",
        type=float,
        default=0.3,
        metavar="S",
        help="the lowest score of a detection that is explained (%(default)s)",
    )
    explain.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the method, such as direction=signed; may be repeated",
    )
    explain.add_argument("--colormap", help="the name of a matplotlib colour map, for the picture")
    explain.add_argument(
        "--out",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="the file to write: .png for a picture, .npz for the data; may be repeated",
    )

    evaluate = commands.add_parser("evaluate", help="reproduce the table of a paper with your own detector and data")
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("paper", help="odam, odam-crowdhuman, odam-voc, ss-grad-cam++, difference or g-came")
    _add_detector(evaluate)
    evaluate.add_argument("--coco", type=Path, help="a COCO annotation file, or a folder with instances.json")
    evaluate.add_argument("--images", type=Path, help="the folder of the images of --coco, by default beside the file")
    evaluate.add_argument(
        "--scenes", type=int, default=200, help="the number of synthetic scenes, used without --coco (%(default)s)"
    )
    evaluate.add_argument("--mode", default="plain", help="the mode of the scenes: plain, tiny or crowd (%(default)s)")
    evaluate.add_argument("--limit", type=int, help="evaluate only the first LIMIT images")
    evaluate.add_argument(
        "--protocol",
        help="how objects are selected: default, odam, difference or best (one per image); by default as in the paper",
    )
    evaluate.add_argument("--seed", type=int, default=0, help="the seed of all random numbers (%(default)s)")
    evaluate.add_argument(
        "--include-slow", action="store_true", help="include d-rise, which takes minutes per image on a CPU"
    )
    evaluate.add_argument("--exclude", nargs="+", default=[], metavar="NAME", help="methods or metrics to leave out")
    evaluate.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="spread the images over N processes, which may share one GPU; by default everything runs in this process",
    )
    evaluate.add_argument(
        "--store", type=Path, help="the folder that keeps the rows; run the same command again to resume from it"
    )

    tables = {"detectors": "detectors", "methods": "explanation methods", "metrics": "metrics"}
    for name, what in tables.items():
        table = commands.add_parser(name, help=f"list the available {what}")
        table.set_defaults(run=_table, table=name)

    lab = commands.add_parser("lab", help="copy the notebooks into a folder and open JupyterLab there")
    lab.set_defaults(run=_lab)
    lab.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the working folder, by default the current one"
    )
    lab.add_argument("--no-browser", action="store_true", help="start only the server and print its address")
    lab.add_argument("--port", type=int, help="the port; it is an error if it is not free")
    lab.add_argument("--ip", help="the address to listen on, by default localhost only")
    return parser


def _add_detector(command: argparse.ArgumentParser) -> None:
    """Add the options that select the detector."""
    command.add_argument("--detector", default="tiny-fcos", help="a name of `detxai-nb detectors` (%(default)s)")
    command.add_argument("--weights", type=Path, help="a file of weights for the detector")
    command.add_argument("--device", default="auto", help="cpu, cuda, mps or auto (%(default)s)")
    command.add_argument(
        "--detector-setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the detector, such as convention=rgb-imagenet; may be repeated",
    )


def _detector(options: argparse.Namespace) -> Callable[[], OpenDetector]:
    """A function that loads the detector, in this process or in another."""
    import detxai_nb as dx

    settings = _settings(options.detector_setting)
    return partial(dx.load_detector, options.detector, weights=options.weights, device=options.device, **settings)


def _explain(options: argparse.Namespace) -> None:
    import detxai_nb as dx
    from detxai_nb.files import write_atomically

    for path in options.out:
        if path.suffix not in OUTPUTS:
            raise ValueError(f"--out writes {' or '.join(OUTPUTS)}, not {path.name!r}")
        if not path.parent.is_dir():
            raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    settings = _settings(options.setting)
    image = dx.load_image(options.photo)
    detector = _detector(options)()
    found = detector.detect([image], score_threshold=options.score_threshold)[0]
    found.require_nonempty()
    maps = dx.explain(
        detector, image, found, method=options.method, target=options.target, layer=options.layer, **settings
    )
    picture = _picture(maps, options.colormap) if any(_is_picture(path) for path in options.out) else b""
    for i, (name, score, box) in enumerate(zip(found.label_names(), found.scores.tolist(), found.boxes.tolist())):
        print(f"{i:3}  {name}  {score:.3f}  ({', '.join(f'{side:.1f}' for side in box)})  {maps.status[i]}")
    for path in options.out:
        if _is_picture(path):
            write_atomically(path, lambda file: file.write(picture))
        else:
            maps.save(path)
        print(f"wrote {path}")


def _evaluate(options: argparse.Namespace) -> None:
    import detxai_nb as dx

    if options.images is not None and options.coco is None:
        raise ValueError("--images is the folder of the images of --coco; name that file too")
    if options.coco is not None:
        dataset: Sequence[Sample] = dx.data.coco.CocoDataset(options.coco, options.images)
    else:
        dataset = dx.data.scenes.Scenes(options.scenes, mode=options.mode)
    protocol = {} if options.protocol is None else {"protocol": options.protocol}
    detector, alone = _detector(options), options.workers is None
    with nullcontext() if alone else dx.evaluation.worker_processes(options.workers) as executor:
        found = dx.reproduce(
            options.paper,
            detector() if alone else detector,
            dataset,
            exclude=options.exclude,
            include_slow=options.include_slow,
            store=options.store,
            seed=options.seed,
            limit=options.limit,
            executor=executor,
            progress=sys.stderr.isatty(),
            **protocol,
        )
    print(found)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` pairs; a value is parsed as JSON (numbers, true, null) or else taken as text."""
    settings: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"a setting is NAME=VALUE, such as direction=signed; got {pair!r}")
        try:
            settings[name] = json.loads(text)
        except ValueError:
            settings[name] = text
    return settings


def _is_picture(path: Path) -> bool:
    return path.suffix == ".png"


def _picture(maps: HeatMaps, colormap: str | None) -> bytes:
    from detxai_nb.plots.heatmaps import plot_maps, to_png

    return to_png(plot_maps(maps, colormap=colormap))


def _table(options: argparse.Namespace) -> None:
    import detxai_nb as dx

    tables = {"detectors": dx.detectors.table, "methods": dx.methods.table, "metrics": dx.metrics.table}
    table = tables[options.table]().reset_index()
    rows = [[str(name) for name in table.columns], *([str(cell) for cell in row] for row in table.to_numpy())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _lab(options: argparse.Namespace) -> None:
    from detxai_nb.lab import copy_notebooks, lab_arguments, run_lab

    for copy in copy_notebooks(options.folder):
        print(copy)
    run_lab(lab_arguments(options.folder, browser=not options.no_browser, port=options.port, ip=options.ip))
