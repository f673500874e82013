"""What several commands take: the options that select a detector, a method's settings, numbers of a range."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path


def add_detector_options(command: argparse.ArgumentParser, default: str | None = "tiny-fcos") -> None:
    """Add the options that select the detector.

    Args:
        command: the parser of a command.
        default: the detector where none is named; None if there is none.
    """
    command.add_argument(
        "--detector",
        default=default,
        help=f"a name of `detxai-nb detectors` ({default or 'such as tiny-fcos'}, which knows synthetic scenes only; "
        "for photographs take ssdlite320_mobilenet_v3_large, 14 MB, or fcos_resnet50_fpn, 124 MB), or an image "
        "classifier such as resnet50, or an ONNX model, FILE.onnx",
    )
    command.add_argument("--weights", type=Path, help="a file of weights for the detector")
    command.add_argument(
        "--names",
        help="the class names of --weights or of an ONNX model, if they are not the usual ones: separated by commas or "
        "in a text file with one a line",
    )
    command.add_argument(
        "--decode",
        metavar="LAYOUT",
        help="what the outputs of an ONNX model mean: yolov5, yolov8, yolo26, yolox, detr, rt-detr, ...; by default "
        "what the file states, or the only one that fits",
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


def add_method_settings(command: argparse.ArgumentParser) -> None:
    """Add the option that sets what a method of explaining can be told.

    Args:
        command: the parser of a command.
    """
    command.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the method, such as direction=signed; may be repeated. `detxai-nb methods METHOD` lists "
        "them",
    )


def as_share(text: str) -> float:
    """Read a number from 0 to 1.

    Args:
        text: what was typed.

    Returns:
        The number.

    Raises:
        ArgumentTypeError: for anything else.
    """
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"a number from 0 to 1, got {text!r}")
    return number


def whole_number(least: int, most: int | None = None) -> Callable[[str], int]:
    """Return a function that reads a whole number of a range.

    Args:
        least, most: the range, both included; None for no upper end.

    Returns:
        The function, as argparse takes it for ``type``.
    """
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
