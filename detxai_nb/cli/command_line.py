"""What ``detxai-nb`` understands, and how it answers when something goes wrong. Nothing here imports torch."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

import detxai_nb
from detxai_nb.cli import commands, doctors, surveys, workshops
from detxai_nb.cli.wording import in_own_words, shortened

TABLES = {"detectors": "detectors", "methods": "explanation methods", "metrics": "metrics"}
"""The commands that print a table, and what it lists."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after ``detxai-nb``, by default those of the process.

    Returns:
        The exit status: 0; 1 where a command looked for faults and found some; 2 for an error, with one sentence on
        stderr; 130 for Ctrl-C.

    Raises:
        SystemExit: from argparse, for ``--help``, ``--version`` and wrong arguments.
    """
    with _any_text(sys.stdout), _any_text(sys.stderr):
        return _run(arguments)


@contextmanager
def _any_text(stream: Any) -> Iterator[None]:
    """Let a stream write what its encoding does not have, such as a file name that is no text, as escapes."""
    before = getattr(stream, "errors", None)
    if before != "strict" or not hasattr(stream, "reconfigure"):
        yield
        return
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(ValueError, OSError):
            stream.reconfigure(errors=before)


def _run(arguments: Sequence[str] | None) -> int:
    """Run one command; what it prints can be written."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options) or 0)
    except BrokenPipeError:
        # Whoever read the output, such as `head`, has seen enough.
        sys.stdout = None
    except (ValueError, TypeError, OSError, RuntimeError, ImportError) as error:
        if options.traceback:
            raise
        print(f"detxai-nb: {in_own_words(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        kept = "; run the same command again to resume from its store" if getattr(options, "store", None) else ""
        print(f"detxai-nb: interrupted{kept}", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, which names the command that explains more."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {shortened(' '.join(message.split()))}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="detxai-nb", description=detxai_nb.__doc__)
    parser.add_argument("--version", action="version", version=f"detxai-nb {detxai_nb.__version__}")
    parser.add_argument("--traceback", action="store_true", help="show the full traceback of an error")
    add = parser.add_subparsers(required=True, metavar="command").add_parser
    _add_explain(add("explain", help="compute heat maps of what is detected in a photograph, or of its classes"))
    _add_evaluate(add("evaluate", help="reproduce the table of a paper with your own detector and data"))
    _add_example(add("example", help="write a picture to try the others on"))
    _add_fetch(add("fetch", help="download the weights of a detector now, to work offline later"))
    for name, what in TABLES.items():
        table = add(name, help=f"list the available {what}, or all about one of them")
        table.set_defaults(run=commands.show_table, table=name)
        table.add_argument("name", nargs="?", help="one of them, to see all about it with its settings")
    _add_survey(add("survey", help="user studies: collect the answers of a class"))
    _add_workshop(add("workshop", help="prepare and check the folder of a workshop without a network"))
    _add_doctor(add("doctor", help="check that everything that the notebooks need is there"))
    _add_lab(add("lab", help="copy the notebooks into a folder and open JupyterLab there"))
    return parser


def _add_explain(explain: argparse.ArgumentParser) -> None:
    explain.set_defaults(run=commands.run_explain)
    explain.add_argument("photo", type=Path, help="the image file; `detxai-nb example` writes one to try")
    _add_detector(explain)
    explain.add_argument("--method", default="odam", help="a name of `detxai-nb methods` (%(default)s)")
    explain.add_argument(
        "--target", default="class", help="what to explain: class, x1, y1, x2, y2 or combined (%(default)s)"
    )
    explain.add_argument(
        "--against",
        metavar="CLASS",
        help="why the class rather than this one: explain the difference of the two classes' logits; --target may then "
        "name the class itself",
    )
    explain.add_argument("--layer", help="the explained layer, by default that of the detector")
    explain.add_argument(
        "--score-threshold",
        type=_share,
        default=0.3,
        metavar="S",
        help="the lowest score of a detection that is explained, from 0 to 1 (%(default)s); of a classifier the five "
        "most probable classes are explained whatever their probabilities",
    )
    explain.add_argument(
        "--class",
        dest="classes",
        action="append",
        metavar="NAME",
        help="explain only objects of this class; with a classifier this class, however small its probability; may be "
        "repeated",
    )
    explain.add_argument(
        "--object",
        type=_whole(0),
        action="append",
        metavar="N",
        help="explain only this object of those that are found, 0 for the one with the highest score; may be repeated",
    )
    explain.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the method, such as direction=signed; may be repeated. `detxai-nb methods METHOD` lists "
        "them",
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


def _add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    evaluate.set_defaults(run=commands.run_evaluate)
    evaluate.add_argument(
        "paper",
        help="odam, odam-crowdhuman, odam-voc, ss-grad-cam++, difference or g-came; of classifiers global-guidance, "
        "global-guidance-coco or global-guidance-imagenet; odam-nms for ODAM's tables on suppression in crowds",
    )
    _add_detector(evaluate)
    evaluate.add_argument("--coco", type=Path, help="a COCO annotation file, or a folder with instances.json")
    evaluate.add_argument("--images", type=Path, help="the folder of the images of --coco, by default beside the file")
    evaluate.add_argument("--voc", type=Path, help="a PASCAL VOC folder such as VOCdevkit/VOC2012")
    evaluate.add_argument(
        "--list",
        metavar="NAME",
        help="the list of the images of --voc, such as Segmentation/val, by default val",
    )
    evaluate.add_argument(
        "--image-folder", type=Path, help="a folder with a folder of pictures for each class, such as ImageNet's val"
    )
    evaluate.add_argument(
        "--subset",
        choices=("single", "dual", "several"),
        help="only images of --coco or --voc with one object, with objects of two classes, or with several of one",
    )
    evaluate.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="a JSON file that says what the detector calls the classes of the data: {name: name or [names]}",
    )
    evaluate.add_argument(
        "--scenes",
        type=_whole(1),
        default=200,
        help="the number of synthetic scenes, used without other data (%(default)s)",
    )
    evaluate.add_argument(
        "--mode",
        default="plain",
        help="the mode of the scenes: plain, tiny, crowd or one-class-crowd, for classifiers single, dual or several "
        "(%(default)s)",
    )
    evaluate.add_argument("--limit", type=_whole(1), help="evaluate only the first LIMIT images")
    evaluate.add_argument(
        "--protocol",
        help="how objects are selected: default, odam, difference, best (one per image) or classes (of a classifier); "
        "by default as in the paper",
    )
    evaluate.add_argument("--seed", type=_whole(0), default=0, help="the seed of all random numbers (%(default)s)")
    evaluate.add_argument(
        "--include-slow", action="store_true", help="include d-rise, which takes minutes per image on a CPU"
    )
    evaluate.add_argument("--exclude", nargs="+", default=[], metavar="NAME", help="methods or metrics to leave out")
    evaluate.add_argument(
        "--workers",
        type=_whole(1),
        metavar="N",
        help="spread the images over N processes, which may share one GPU; by default everything runs in this process",
    )
    evaluate.add_argument(
        "--store", type=Path, help="the folder that keeps the rows; run the same command again to resume from it"
    )
    evaluate.add_argument(
        "--runs",
        type=Path,
        help="of odam-nms: the folder of the trainings, NAME-SEED with NAME.safetensors for each of tiny-fcos-crowd, "
        "tiny-faster-rcnn-crowd and the same with -odam",
    )
    evaluate.add_argument("--models", nargs="+", metavar="NAME", help="of odam-nms: only some of these models")
    evaluate.add_argument(
        "--timed",
        type=_whole(0),
        default=5,
        metavar="N",
        help="of odam-nms: the number of scenes on which the pipelines are timed (%(default)s)",
    )


def _add_example(example: argparse.ArgumentParser) -> None:
    example.set_defaults(run=commands.run_example)
    example.add_argument(
        "file", type=Path, nargs="?", help="the file to write, by default example.png, or photograph.jpg"
    )
    example.add_argument(
        "--photograph",
        action="store_true",
        help="a photograph of Grace Hopper (public domain) for a detector that knows photographs, instead of a "
        "synthetic scene for the bundled ones",
    )
    example.add_argument(
        "--number", type=_whole(0), default=3, metavar="N", help="which of the endless scenes (%(default)s)"
    )


def _add_fetch(fetch: argparse.ArgumentParser) -> None:
    fetch.set_defaults(run=commands.run_fetch)
    fetch.add_argument(
        "detector",
        nargs="?",
        help="a name of `detxai-nb detectors`; without one, those that can be fetched are listed, and which are there",
    )
    fetch.add_argument(
        "--from",
        type=Path,
        dest="file",
        metavar="FILE",
        help="the file, downloaded on another machine: it is checked and put where it belongs",
    )


def _add_survey(survey: argparse.ArgumentParser) -> None:
    add = survey.add_subparsers(required=True, metavar="command").add_parser
    gather = add("collect", help="serve a page on the local network that answers are handed in to")
    gather.set_defaults(run=surveys.run_collect)
    gather.add_argument("folder", type=Path, help="the folder that files of answers are written to")
    gather.add_argument(
        "--study", type=Path, required=True, metavar="FILE", help="the file of the study, with or without its key"
    )
    gather.add_argument(
        "--address",
        default="127.0.0.1",
        help="the address to listen on (%(default)s, this computer only); 0.0.0.0 opens it to the local network",
    )
    gather.add_argument(
        "--port", type=_whole(0, 65535), default=8765, help="the port (%(default)s); 0 takes a free one"
    )


def _add_workshop(workshop: argparse.ArgumentParser) -> None:
    add = workshop.add_subparsers(required=True, metavar="command").add_parser
    prepare = add("prepare", help="write studies, notebooks, wheels and checksums into a folder; resumes what is there")
    prepare.set_defaults(run=workshops.run_prepare)
    prepare.add_argument("folder", type=Path, help="the folder to prepare")
    prepare.add_argument("--seats", type=_whole(1, 1000), default=30, help="of each study (%(default)s)")
    prepare.add_argument(
        "--masks", type=_whole(2), default=500, metavar="N", help="masks of D-RISE for each object (%(default)s)"
    )
    prepare.add_argument(
        "--platform",
        action="append",
        metavar="NAME",
        help="the laptops' kind: linux, windows or mac; may be repeated; by default that of this computer",
    )
    prepare.add_argument("--no-wheels", action="store_true", help="download no packages")
    prepare.add_argument("--wheel", type=Path, metavar="FILE", help="the wheel of this package, if there is one")
    prepare.add_argument(
        "--torch-index",
        default="https://download.pytorch.org/whl/cpu",
        metavar="URL",
        help="the index with PyTorch's builds for the CPU (%(default)s); '' takes PyTorch from where all others are",
    )
    prepare.add_argument(
        "--force", action="store_true", help="overwrite what was changed, and studies of other settings"
    )
    check = add("check", help="check that a folder is as it was prepared")
    check.set_defaults(run=workshops.run_check)
    check.add_argument("folder", type=Path, help="the folder, or a copy without teacher/")


def _add_doctor(doctor: argparse.ArgumentParser) -> None:
    doctor.set_defaults(run=doctors.run_doctor)
    doctor.add_argument("--json", action="store_true", help="print everything that was looked at, for a program")


def _add_lab(lab: argparse.ArgumentParser) -> None:
    lab.set_defaults(run=commands.open_lab)
    lab.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the working folder, by default the current one"
    )
    lab.add_argument("--no-browser", action="store_true", help="start only the server and print its address")
    lab.add_argument("--port", type=_whole(1, 65535), help="the port; it is an error if it is not free")
    lab.add_argument("--ip", help="the address to listen on, by default localhost only")


def _add_detector(command: argparse.ArgumentParser) -> None:
    """Add the options that select the detector."""
    command.add_argument(
        "--detector",
        default="tiny-fcos",
        help="a name of `detxai-nb detectors` (%(default)s, which knows synthetic scenes only; for photographs take "
        "ssdlite320_mobilenet_v3_large, 14 MB, or fcos_resnet50_fpn, 124 MB), or an image classifier such as resnet50",
    )
    command.add_argument("--weights", type=Path, help="a file of weights for the detector")
    command.add_argument(
        "--names",
        help="the class names of --weights, if they are not the usual ones: separated by commas, or a text file with "
        "one a line",
    )
    command.add_argument("--device", default="auto", help="cpu, cuda, mps or auto (%(default)s)")
    command.add_argument(
        "--detector-setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the detector, such as nms_threshold=0.5; may be repeated. `detxai-nb detectors DETECTOR` "
        "lists them",
    )


def _share(text: str) -> float:
    """A number from 0 to 1."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"a number from 0 to 1, got {text!r}")
    return number


def _whole(least: int, most: int | None = None) -> Callable[[str], int]:
    """A function that reads a whole number of a range."""
    told = f"from {least} to {most}" if most is not None else f"of at least {least}"

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"a whole number {told}, got {text!r}")
        return number

    return read
