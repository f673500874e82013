"""``detxai-nb doctor``: whether everything that the notebooks need is there, or what is wrong with a detector."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detxai_nb.cli.argument_types import add_detector_options, whole_number
from detxai_nb.cli.commands import detector_opener
from detxai_nb.cli.wording import in_own_words
from detxai_nb.installation import diagnose

if TYPE_CHECKING:
    from detxai_nb.image import ImageSource


def add_doctor(doctor: argparse.ArgumentParser) -> None:
    """Add what the command takes.

    Args:
        doctor: the parser of the command.
    """
    doctor.set_defaults(run=run_doctor)
    add_detector_options(doctor, default=None)
    doctor.add_argument(
        "--image",
        type=Path,
        action="append",
        metavar="FILE",
        help="a picture with objects that --detector knows; may be repeated",
    )
    doctor.add_argument(
        "--coco",
        type=Path,
        metavar="FILE",
        help="pictures with annotations in place of --image: a COCO annotation file, or a folder with instances.json",
    )
    doctor.add_argument(
        "--images", type=Path, metavar="FOLDER", help="the folder of the images of --coco, by default beside the file"
    )
    doctor.add_argument(
        "--limit", type=whole_number(1), default=4, metavar="N", help="how many pictures of --coco (%(default)s)"
    )
    doctor.add_argument(
        "--expected",
        type=Path,
        metavar="FILE",
        help="what your own inference finds: a JSON file with boxes, scores and labels of the picture, or a list with "
        "such for each",
    )
    doctor.add_argument("--json", action="store_true", help="print everything that was looked at, for a program")


def run_doctor(options: argparse.Namespace) -> int:
    """Print what is wrong with the installation or, if one is named, with a detector.

    Args:
        options: the parsed command line.

    Returns:
        The exit status: 1 if something is missing or wrong.

    Raises:
        ValueError: for options that do not go together, or what ``dx.doctor`` refuses.
        FileNotFoundError: for a missing picture or file.
    """
    if options.detector is not None:
        return _examine(options)
    of_detector = ("image", "coco", "images", "expected", "weights", "names", "decode")
    if given := [name for name in of_detector if getattr(options, name) is not None]:
        raise ValueError(f"--{given[0]} is for a detector; name it too: --detector NAME")
    found = diagnose()
    if options.json:
        print(json.dumps(found.as_json(), indent=1))
    else:
        _print(str(found), found.healthy)
    return 0 if found.healthy else 1


def _examine(options: argparse.Namespace) -> int:
    """Examine a detector."""
    pictures = _pictures(options)
    expected = None if options.expected is None else _expected(options.expected)
    from detxai_nb.doctor import examine

    report = examine(detector_opener(options)(), pictures, expected)
    if options.json:
        print(json.dumps(report.to_json(), indent=1))
    else:
        # The columns stay: only single spaces are within what is said.
        said = re.sub(r"\S+(?: \S+)*", lambda found: in_own_words(found[0]), str(report))
        _print(said, report.healthy)
    return 0 if report.healthy else 1


def _pictures(options: argparse.Namespace) -> Sequence[Any]:
    """The pictures that the options name, loaded; with --coco samples."""
    import detxai_nb as dx

    if (options.image is None) == (options.coco is None):
        raise ValueError("a detector is examined on pictures: give --image FILE, once or more, or --coco FILE")
    if options.image is not None:
        if options.images is not None:
            raise ValueError("--images is the folder of the images of --coco; name that file too")
        sources: list[ImageSource] = options.image
        return [dx.load_image(source) for source in sources]
    dataset = dx.data.coco.CocoDataset(options.coco, options.images)
    return [dataset[number] for number in range(min(options.limit, len(dataset)))]


def _expected(path: Path) -> Any:
    from detxai_nb.data.foreign import read_json

    found = read_json(path)
    if not isinstance(found, (dict, list)):
        raise ValueError(f"{path} holds no expected answers: a dict with boxes, scores and labels, or a list of such")
    return found


def _print(told: str, healthy: bool) -> None:
    first, *rest = told.splitlines()
    print("\n".join([_coloured(first, 32 if healthy else 31), *rest]))


def _coloured(line: str, color: int) -> str:
    """The line in a colour, where somebody looks at it and has not asked for none."""
    seen = sys.stdout.isatty() and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
    return f"\033[{color}m{line}\033[0m" if seen else line
