"""``detxai-nb explain``: the heat maps of what is found in a picture."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import detxai_nb as dx
from detxai_nb.cli.argument_types import add_detector_options, add_method_settings, as_share, whole_number
from detxai_nb.cli.commands import USUAL_METHOD, check_writable, detector_opener, method_settings, usual_method
from detxai_nb.cli.wording import in_own_words
from detxai_nb.files import as_path, write_atomically

if TYPE_CHECKING:
    import numpy as np

    from detxai_nb.heatmaps import HeatMaps
    from detxai_nb.types import Detections, OpenDetector

OUTPUTS = (".png", ".npz")
"""The file endings that ``explain --out`` can write."""


def add_explain(explain: argparse.ArgumentParser) -> None:
    """Add what the command takes.

    Args:
        explain: the parser of the command.
    """
    explain.set_defaults(run=_run)
    explain.add_argument(
        "photo",
        type=Path,
        help="the image file (`detxai-nb example` writes one to try); or many pictures: a folder, or a COCO file",
    )
    add_detector_options(explain)
    explain.add_argument("--method", help=f"a name of `detxai-nb methods`, by default {USUAL_METHOD}")
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
        type=as_share,
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
        type=whole_number(0),
        action="append",
        metavar="N",
        help="explain only this object of those that are found, 0 for the one with the highest score; may be repeated",
    )
    add_method_settings(explain)
    explain.add_argument("--colormap", help="the name of a matplotlib colour map, for the picture")
    explain.add_argument(
        "--out",
        type=Path,
        action="append",
        required=True,
        metavar="FILE",
        help="the file to write: .png for a picture, .npz for the data; may be repeated. Of many pictures a folder, "
        "for both files of each; the same command again goes on where it stopped",
    )


def _run(options: argparse.Namespace) -> int:
    """Explain one picture or many."""
    from detxai_nb.cli.many import are_many, run_many

    if are_many(as_path(options.photo, "an image file")):
        return run_many(options)
    run_explain(options)
    return 0


def run_explain(options: argparse.Namespace) -> None:
    """Explain the detections in a photograph, or with a classifier its most probable classes.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for an unknown ending of a file, an object or class that is not there, or what ``dx.explain``
            refuses.
        FileNotFoundError: for a missing photograph, file of weights or folder to write into.
    """
    options.out = [as_path(path, "a file to write") for path in options.out]
    for path in options.out:
        if path.suffix not in OUTPUTS:
            raise ValueError(f"--out writes {' or '.join(OUTPUTS)}, not {path.name!r}")
        check_writable(path)
    method_settings(options.setting)
    image = dx.load_image(options.photo)
    from detxai_nb.doubts import doubt_of
    from detxai_nb.subjects import class_titles, subject_of

    detector = detector_opener(options)()
    subject = subject_of(detector)
    if doubt := doubt_of(detector, image):
        print(f"detxai-nb: note: {in_own_words(doubt)}", file=sys.stderr)
    explained = explain_picture(options, detector, image)
    if explained is None:
        return
    maps, chosen = explained
    found = maps.detections
    # Before anything is written, so that a colour map that there is not leaves nothing behind.
    picture = _picture(maps, options.colormap) if any(_is_picture(path) for path in options.out) else None
    for i, (name, score, box) in enumerate(zip(class_titles(found), found.scores.tolist(), found.boxes.tolist())):
        # A class of the whole image is in no place.
        place = "" if subject.whole else f"  ({', '.join(f'{side:.1f}' for side in box)})"
        said = subject.score_in_words(score) if score < 0.001 else f"{score:.3f}"
        print(f"{chosen[i]:3}  {name}  {said}{place}  {maps.status[i]}")
    for path in options.out:
        write_maps_to(path, maps, options.colormap, picture)
        print(f"wrote {path}")


def explain_picture(
    options: argparse.Namespace, detector: OpenDetector, image: np.ndarray, allow_none: bool = False
) -> tuple[HeatMaps, list[int]] | None:
    """Explain in a picture what the options name.

    Args:
        options: the parsed command line.
        detector: what it explains.
        image: RGB uint8 ``[H,W,3]``.
        allow_none: whether a picture may hold nothing, or nothing of the classes that are asked for.

    Returns:
        The maps, and the number of each among all that was found; None if there is nothing.

    Raises:
        ValueError: if there is nothing to explain and ``allow_none`` is False, for an object or class that is not
            there, or what ``dx.explain`` refuses.
    """
    from detxai_nb.subjects import first_predictions, subject_of

    settings = method_settings(options.setting)
    subject = subject_of(detector)
    found = first_predictions(detector, image, options.score_threshold)
    if allow_none and not subject.whole and (not len(found) or _has_none_of(detector, found, options.classes)):
        return None
    found.require_nonempty()
    if options.classes is not None:
        found, known = _of_classes(detector, image, found, options.classes, subject.whole)
    else:
        known = list(range(len(found)))
    rows = _chosen(found, options.object, subject.one)
    target = dx.Target(options.target, against=options.against)
    method = usual_method(detector) if options.method is None else options.method
    asked = {"method": method, "target": target, "layer": options.layer}
    return dx.explain(detector, image, found[rows], **asked, **settings), [known[row] for row in rows]


def _has_none_of(detector: OpenDetector, found: Detections, wanted: Sequence[str] | None) -> bool:
    """Whether none of these classes was found; those that there are not are refused."""
    from detxai_nb.names import class_number

    numbers = None if wanted is None else {class_number(name, detector.names) for name in wanted}
    return numbers is not None and not numbers & set(found.labels.tolist())


def write_maps_to(path: Path, maps: HeatMaps, colormap: str | None, picture: bytes | None = None) -> None:
    """Write maps as a picture or as data, by the ending of the file; it is there whole or not at all.

    Args:
        path: a file that ends in one of ``OUTPUTS``.
        maps: what is written.
        colormap: of the picture.
        picture: the picture, if it is drawn already.
    """
    if _is_picture(path):
        drawn = _picture(maps, colormap) if picture is None else picture
        write_atomically(path, lambda file: file.write(drawn))
    else:
        maps.save(path)


def _of_classes(
    detector: OpenDetector, image: Any, found: Detections, wanted: Sequence[str], whole: bool
) -> tuple[Detections, list[int]]:
    """The predictions of some classes, by name, with their numbers: of a classifier any, of a detector those found."""
    from detxai_nb.names import class_number
    from detxai_nb.subjects import number_of_class

    if whole:
        numbers = list(dict.fromkeys(number_of_class(detector, name) for name in wanted))
        own = dx.detections.of_classes(detector, image, numbers)
        every = detector.detect([image], score_threshold=0.0)[0].labels.tolist()
        return own, [every.index(number) for number in numbers]
    numbers = [class_number(name, detector.names) for name in wanted]
    rows = [row for row, label in enumerate(found.labels.tolist()) if label in numbers]
    if not rows:
        there = ", ".join(dict.fromkeys(found.label_names()))
        raise ValueError(
            f"no object of the class {' or '.join(map(repr, wanted))} was found; found were {there}. Try a lower "
            "score_threshold"
        )
    return found[rows], rows


def _chosen(found: Detections, wanted: Sequence[int] | None, one: str) -> list[int]:
    """The row numbers of the objects to explain: those asked for, once each, or all."""
    if wanted is None:
        return list(range(len(found)))
    missing = [number for number in wanted if number >= len(found)]
    if missing:
        told = ", ".join(f"{number} {name}" for number, name in enumerate(found.label_names()[:20]))
        more = ", ..." if len(found) > 20 else ""
        raise ValueError(
            f"there is no {one} {missing[0]}; --object is one of the {len(found)} that were found: {told}{more}"
        )
    return list(dict.fromkeys(wanted))


def _is_picture(path: Path) -> bool:
    return path.suffix == ".png"


def _picture(maps: HeatMaps, colormap: str | None) -> bytes:
    from detxai_nb.plots.heatmaps import plot_maps, to_png

    return to_png(plot_maps(maps, colormap=colormap))
