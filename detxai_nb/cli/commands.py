"""What the commands do. The package's parts, and with them torch, are imported when a command needs them."""

from __future__ import annotations

import argparse
import inspect
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import detxai_nb as dx
from detxai_nb.cli.crowds import CROWDS, run_crowds
from detxai_nb.cli.tables import format_table
from detxai_nb.files import as_path, write_atomically

if TYPE_CHECKING:
    import pandas

    from detxai_nb.data.sample import Sample
    from detxai_nb.types import OpenDetector

LISTED = {"detectors": ("family", "weights"), "methods": ("title", "kind"), "metrics": ("title", "better", "needs")}
"""What a list shows of each table besides the names."""
FOR_PHOTOGRAPHS = "ssdlite320_mobilenet_v3_large"
"""The smallest detector that knows photographs."""


def check_writable(path: Path) -> None:
    """Raise an error if no file can be written there, before anything is computed for it.

    Args:
        path: the file.

    Raises:
        FileNotFoundError: if its folder does not exist.
        ValueError: if it is a folder, or its name is too long.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into; make it first")
    if path.is_dir():
        raise ValueError(f"{path} is a folder; name a file to write")
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise ValueError(f"the name {path.name} is too long for a file that is written under another name first")


_LONGEST_NAME = 230


def run_evaluate(options: argparse.Namespace) -> None:
    """Reproduce a paper's table.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for options that do not go together, or what ``dx.reproduce`` refuses.
    """
    if options.paper == CROWDS:
        run_crowds(options)
        return
    if options.runs is not None or options.models is not None:
        raise ValueError(f"--runs and --models are of `detxai-nb evaluate {CROWDS}`")
    dataset = _dataset(options)
    protocol = _protocol(options)
    detector, alone = detector_opener(options), options.workers is None
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
            fast=options.fast,
            executor=executor,
            progress=sys.stderr.isatty(),
            **protocol,
        )
    print(found)


def _dataset(options: argparse.Namespace) -> Sequence[Sample]:
    """The data that the options name: those of one of the readers, or scenes."""
    given = [name for name in ("coco", "voc", "image_folder") if getattr(options, name) is not None]
    if len(given) > 1:
        told = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise ValueError(f"{told} name different data; give one of them")
    if options.images is not None and options.coco is None:
        raise ValueError("--images is the folder of the images of --coco; name that file too")
    if options.list is not None and options.voc is None:
        raise ValueError("--list is a list of the images of --voc; name that folder too")
    if options.coco is not None:
        dataset: Sequence[Sample] = dx.data.coco.CocoDataset(options.coco, options.images)
    elif options.voc is not None:
        dataset = dx.data.voc.VocDataset(options.voc, options.list or "val")
    elif options.image_folder is not None:
        dataset = dx.data.image_folder.ImageFolder(options.image_folder)
    elif options.subset is not None:
        raise ValueError(f"--subset is of --coco or --voc; for scenes take --mode {options.subset}")
    else:
        dataset = dx.data.scenes.Scenes(options.scenes, mode=options.mode)
    return dataset if options.subset is None else dx.data.subsets.Subset(dataset, options.subset)


def _protocol(options: argparse.Namespace) -> dict[str, Any]:
    """The argument ``protocol`` of ``reproduce`` if the options say anything of it."""
    if options.classes is None:
        return {} if options.protocol is None else {"protocol": options.protocol}
    from detxai_nb.data.foreign import read_json
    from detxai_nb.evaluation.papers import find_paper
    from detxai_nb.evaluation.selection import find_protocol

    rule = find_protocol(options.protocol or find_paper(options.paper).protocol or "default")
    return {"protocol": replace(rule, classes=read_json(options.classes))}


def run_example(options: argparse.Namespace) -> None:
    """Write a picture to try the other commands on, and say how.

    Args:
        options: the parsed command line.

    Raises:
        FileExistsError: if the file is there with other content; it is not overwritten.
        FileNotFoundError: if its folder, or matplotlib's photograph, is missing.
        ValueError: for a file name with another ending.
    """
    ending = ".jpg" if options.photograph else ".png"
    path = as_path(options.file or ("photograph.jpg" if options.photograph else "example.png"), "a file to write")
    if path.suffix.lower() != ending:
        raise ValueError(f"{path.name!r}: the {'photograph' if options.photograph else 'scene'} is a {ending} file")
    if not path.exists():
        check_writable(path)
    content = _photograph() if options.photograph else _scene(options.number)
    if path.exists() and (not path.is_file() or path.read_bytes() != content):
        raise FileExistsError(f"{path} is there already, with something else in it; name another file")
    write_atomically(path, lambda file: file.write(content))
    chosen = f" --detector {FOR_PHOTOGRAPHS}" if options.photograph else ""
    told = "a photograph of Grace Hopper" if options.photograph else "a synthetic scene, which the bundled ones know"
    print(f"wrote {path}: {told}. Try:\n  detxai-nb explain {path}{chosen} --out out.png")


def _scene(number: int) -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(dx.data.scenes.make(number, seed=1).image).save(file, "PNG")
    return file.getvalue()


def _photograph() -> bytes:
    from matplotlib import get_data_path

    path = Path(get_data_path()) / "sample_data" / "grace_hopper.jpg"
    if not path.is_file():
        raise FileNotFoundError(f"matplotlib's photograph is not in {path.parent}; take one of your own")
    return path.read_bytes()


def run_fetch(options: argparse.Namespace) -> None:
    """Download the weights of a detector, or list what can be fetched.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: for a detector whose weights are not downloaded, or a wrong file.
        FileNotFoundError: if the file is missing.
        RuntimeError: if the download failed.
    """
    if options.detector is not None:
        print(dx.detectors.fetch(options.detector, file=options.file))
        return
    if options.file is not None:
        raise ValueError("--from is the file of one detector; name it too: detxai-nb fetch DETECTOR --from FILE")
    from detxai_nb.detectors.registry import DETECTORS

    entries = [(entry, entry.download()) for entry in DETECTORS.values() if entry.download is not None]
    rows = [(entry.name, "yes" if download.path.is_file() else "no", entry.about) for entry, download in entries]
    print(format_table(("detector", "here", "about"), rows))
    print(f"Kept in {entries[0][1].path.parent}")


def show_table(options: argparse.Namespace) -> None:
    """Print a table, or all about one of its rows.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: if there is no such row.
    """
    tables = {"detectors": dx.detectors.table, "methods": dx.methods.table, "metrics": dx.metrics.table}
    table: pandas.DataFrame = tables[options.table]()
    one = options.table.removesuffix("s")
    if options.name is None:
        table = table.reset_index()[[one, *LISTED[options.table]]]
        print(format_table([str(name) for name in table.columns], table.to_numpy().tolist()))
        if options.table == "detectors":
            print("\nAlso torchvision's image classifiers (resnet50, vgg16, efficientnet_b0, ...).")
        print(f"\n`detxai-nb {options.table} NAME` tells all about one of them, with its settings.")
        return
    if options.table == "detectors" and options.name not in table.index:
        # Raises for a name that there is not, and says the nearest.
        table = dx.detectors.table(options.name)
    if options.name not in table.index:
        raise ValueError(f"unknown {one} {options.name!r}; known: {', '.join(table.index)}")
    print(format_table((one, options.name), list(table.loc[options.name].items())))


def open_lab(options: argparse.Namespace) -> None:
    """Copy the notebooks and run JupyterLab.

    Args:
        options: the parsed command line.

    Raises:
        ValueError: if the folder is a file.
        RuntimeError: if JupyterLab is not installed.
    """
    from detxai_nb.lab import copy_notebooks, lab_arguments, run_lab

    for copy in copy_notebooks(options.folder):
        print(copy)
    run_lab(lab_arguments(options.folder, browser=not options.no_browser, port=options.port, ip=options.ip))


def detector_opener(options: argparse.Namespace) -> Callable[[], OpenDetector]:
    """Return a function that loads the detector, in this process or in another.

    Args:
        options: the parsed command line, with what ``add_detector_options`` adds.

    Returns:
        The function.

    Raises:
        ValueError: for settings that are options of their own, or no names.
    """
    settings = parse_settings(options.detector_setting)
    own = {"name", "weights", "names", "device", "decode"} & set(settings)
    if own:
        raise ValueError(f"{min(own)} is no setting but an option of its own: --{min(own).replace('name', 'detector')}")
    if options.names is not None:
        settings["names"] = _names(options.names)
    if options.decode is not None:
        if not options.detector.lower().endswith(".onnx"):
            raise ValueError(f"--decode is of an ONNX model, FILE.onnx; the detector is {options.detector}")
        settings["decode"] = options.decode
    return partial(dx.load_detector, options.detector, weights=options.weights, device=options.device, **settings)


USUAL_METHOD = "odam, of a detector that cannot be looked into d-rise"
"""Which method ``usual_method`` takes, in words."""


def usual_method(detector: OpenDetector) -> str:
    """Return the method that explains a detector where none is named.

    Args:
        detector: any detector.

    Returns:
        ODAM, or D-RISE for a black box such as an ONNX model.
    """
    from detxai_nb.capabilities import Capabilities

    return "odam" if Capabilities(detector).traceable else "d-rise"


def _names(given: str) -> list[str]:
    """Class names: those in a text file, one a line, or separated by commas."""
    path = Path(given)
    parts = path.read_text(encoding="utf-8").splitlines() if path.is_file() else given.split(",")
    names = [part.strip() for part in parts]
    if not all(names):
        raise ValueError(f"--names is NAME,NAME,... or a text file with one name a line, got {given!r}")
    return names


def method_settings(given: Sequence[str]) -> dict[str, Any]:
    """Parse the settings of a method.

    Args:
        given: pairs ``NAME=VALUE``.

    Returns:
        By each name the value, for ``dx.explain``.

    Raises:
        ValueError: for what is no pair, and for what ``dx.explain`` takes besides a method's settings.
    """
    settings = parse_settings(given)
    for name in settings:
        if name in ("detector", "method", "target", "layer"):
            raise ValueError(f"{name} is no setting but an option of its own: --{name}")
        if name in inspect.signature(dx.explain).parameters:
            raise ValueError(f"{name} is no setting of a method; `detxai-nb methods METHOD` lists its settings")
    return settings


def parse_settings(given: Sequence[str]) -> dict[str, Any]:
    """Parse ``NAME=VALUE`` pairs; a value is parsed as JSON (numbers, true, null) or else taken as text.

    Args:
        given: the pairs.

    Returns:
        By each name the value.

    Raises:
        ValueError: for what is no pair.
    """
    settings: dict[str, Any] = {}
    for pair in given:
        name, equals, text = pair.partition("=")
        if not (name and equals):
            raise ValueError(f"a setting is NAME=VALUE, such as direction=signed; got {pair!r}")
        try:
            settings[name] = json.loads(text)
        except (ValueError, RecursionError):
            settings[name] = text
    return settings
