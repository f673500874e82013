"""The command line: ``detxai-nb explain``, ``evaluate``, ``detectors``, ``methods``, ``metrics`` and ``lab``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

OUTPUTS = (".png", ".npz")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0, 130 for Ctrl-C, or 2 with one
    sentence on stderr for what cannot be done.
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
        kept = "; the same command goes on from its store" if getattr(options, "store", None) else ""
        print(f"detxai-nb: interrupted{kept}", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    import detxai_nb

    parser = argparse.ArgumentParser(prog="detxai-nb", description=detxai_nb.__doc__)
    parser.add_argument("--version", action="version", version=f"detxai-nb {detxai_nb.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show where an error came from")
    commands = parser.add_subparsers(required=True, metavar="command")

    explain = commands.add_parser("explain", help="heat maps of the objects in a photograph, as a picture or as data")
    explain.set_defaults(run=_explain)
    explain.add_argument("photo", type=Path)
    _add_detector(explain)
    explain.add_argument("--method", default="odam", help="a name of `detxai-nb methods` (%(default)s)")
    explain.add_argument("--target", default="class", help="class, x1, y1, x2, y2 or combined (%(default)s)")
    explain.add_argument("--layer", help="the explained layer, by default the detector's own default")
    explain.add_argument("--score-threshold", type=float, default=0.3, metavar="S", help="(%(default)s)")
    explain.add_argument(
        "--setting", action="append", default=[], metavar="NAME=VALUE", help="of the method, such as direction=signed"
    )
    explain.add_argument("--colormap", help="a colour map of matplotlib")
    explain.add_argument(
        "--out", type=Path, action="append", required=True, metavar="FILE", help=".png or .npz; may be given twice"
    )

    evaluate = commands.add_parser("evaluate", help="a paper's table, with a detector and data of your own")
    evaluate.set_defaults(run=_evaluate)
    evaluate.add_argument("paper", help="odam, odam-crowdhuman, odam-voc, ss-grad-cam++, difference or g-came")
    _add_detector(evaluate)
    evaluate.add_argument("--coco", type=Path, help="a COCO annotation file, or a folder with instances.json")
    evaluate.add_argument("--images", type=Path, help="the folder of the images of --coco, by default beside the file")
    evaluate.add_argument(
        "--scenes", type=int, default=200, help="without --coco: so many synthetic ones (%(default)s)"
    )
    evaluate.add_argument("--mode", default="plain", help="of the scenes: plain, tiny or crowd (%(default)s)")
    evaluate.add_argument("--limit", type=int, help="only the first so many images")
    evaluate.add_argument(
        "--protocol", help="which objects: default, odam, difference or best (one an image); by default the paper's"
    )
    evaluate.add_argument("--seed", type=int, default=0, help="of everything random (%(default)s)")
    evaluate.add_argument("--slow", action="store_true", help="run d-rise too, which takes minutes an image on a CPU")
    evaluate.add_argument("--without", nargs="+", default=[], metavar="NAME", help="methods or metrics to leave out")
    evaluate.add_argument(
        "--workers", type=int, metavar="N", help="so many processes, also on one GPU; by default this one alone"
    )
    evaluate.add_argument("--store", type=Path, help="a folder for the rows; the same command goes on where it stopped")

    tables = {"detectors": "the detectors", "methods": "the methods of explanation", "metrics": "the metrics"}
    for name, what in tables.items():
        table = commands.add_parser(name, help=f"{what} there are")
        table.set_defaults(run=_table, table=name)

    lab = commands.add_parser("lab", help="open JupyterLab on the start notebook")
    lab.set_defaults(run=_lab)
    lab.add_argument("folder", type=Path, nargs="?", default=Path(), help="where to work, by default here")
    lab.add_argument("--no-browser", action="store_true", help="start the server only and print its address")
    lab.add_argument("--port", type=int, help="exactly this port")
    lab.add_argument("--ip", help="the address to listen on, by default this machine's own only")
    return parser


def _add_detector(command: argparse.ArgumentParser) -> None:
    """The options that say which detector."""
    command.add_argument("--detector", default="tiny-fcos", help="a name of `detxai-nb detectors` (%(default)s)")
    command.add_argument("--weights", type=Path, help="a weights file for the detector")
    command.add_argument("--device", default="auto", help="cpu, cuda, mps or auto (%(default)s)")
    command.add_argument(
        "--detector-setting", action="append", default=[], metavar="NAME=VALUE", help="such as convention=rgb-imagenet"
    )


def _detector(options: argparse.Namespace) -> Callable[[], Any]:
    """What makes the detector, here or in another process."""
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
        dataset: Sequence[Any] = dx.data.coco.CocoDataset(options.coco, options.images)
    else:
        dataset = dx.data.scenes.Scenes(options.scenes, mode=options.mode)
    protocol = {} if options.protocol is None else {"protocol": options.protocol}
    detector, alone = _detector(options), options.workers is None
    with nullcontext() if alone else dx.evaluation.worker_processes(options.workers) as executor:
        found = dx.reproduce(
            options.paper,
            detector() if alone else detector,
            dataset,
            slow=options.slow,
            without=options.without,
            store=options.store,
            seed=options.seed,
            limit=options.limit,
            executor=executor,
            progress=sys.stderr.isatty(),
            **protocol,
        )
    print(found)


def _settings(given: Sequence[str]) -> dict[str, Any]:
    """``name=value`` pairs; a value is JSON where it can be read so (numbers, true, null), else the text itself."""
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


def _picture(maps: Any, colormap: str | None) -> bytes:
    from detxai_nb.plots.heatmaps import plot_maps, to_png

    return to_png(plot_maps(maps, colormap=colormap))


def _table(options: argparse.Namespace) -> None:
    import detxai_nb as dx

    table = getattr(dx, options.table)().reset_index()
    rows = [[str(name) for name in table.columns], *([str(cell) for cell in row] for row in table.to_numpy())]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


def _lab(options: argparse.Namespace) -> None:
    from detxai_nb.lab import copy_notebooks, lab_arguments, run_lab

    for copy in copy_notebooks(options.folder):
        print(copy)
    run_lab(lab_arguments(options.folder, browser=not options.no_browser, port=options.port, ip=options.ip))
