"""The doors to the detectors: load_detector, fetch, wrap, register, and the table of what there is."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import torch
from torch import nn

from detxai_nb.detectors import fcos, pvt, retinanet, ssd
from detxai_nb.detectors.base import GROUPS, Entry, Family, pick_device
from detxai_nb.detectors.catalogue import ZOO, fetch_file
from detxai_nb.detectors.classifier import family as classifier
from detxai_nb.detectors.detr import family as detr
from detxai_nb.detectors.faster_rcnn import family as faster_rcnn
from detxai_nb.detectors.precision import at_precision, require_full_precision
from detxai_nb.detectors.ultralytics import family as ultralytics
from detxai_nb.detectors.weights import bare_module
from detxai_nb.detectors.wrapping.onnx.detector import OnnxDetector
from detxai_nb.detectors.wrapping.onnx.session import is_onnx_file
from detxai_nb.detectors.yolox import family as yolox
from detxai_nb.entry_points import load_entry_points
from detxai_nb.files import as_path
from detxai_nb.names import ClassNames, as_names, nearest_names
from detxai_nb.types import OpenDetector, StagePatterns

if TYPE_CHECKING:
    import pandas

__all__ = ["DETECTORS", "FAMILIES", "ZOO", "fetch", "load_detector", "register", "stage_patterns_of", "table", "wrap"]

GROUP = "detxai_nb.detectors"
"""The entry points through which an installed package brings a ``Family`` or an ``Entry``."""

_MODULES = (fcos, retinanet, faster_rcnn, ssd, yolox, detr, pvt, ultralytics, classifier)
FAMILIES: dict[str, Family] = {module.FAMILY.name: module.FAMILY for module in _MODULES}
"""The families by name."""

_ENTRIES = [entry for family in FAMILIES.values() for entry in family.entries]
DETECTORS: dict[str, Entry] = {
    entry.name: entry for entry in sorted(_ENTRIES, key=lambda entry: GROUPS.index(entry.group))
}
"""The entries by name, in the order of the table."""

DOORS = (
    "a module of any other kind is opened by dx.wrap_module(module, predict=, score=, layer=, names=) for every method "
    "(docs/adding/detector.md), a function from a picture to boxes by dx.wrap_predict(predict, names) for those that "
    "only ask it"
)
"""What refusals say of the doors that are open to anything."""

_Record = TypeVar("_Record", Family, Entry)


def register(record: _Record) -> _Record:
    """Add a family of detectors, or one detector by name, to what ``wrap``, ``load_detector`` and the table know.

    Args:
        record: a ``Family`` with its entries, or an ``Entry`` of a family that is known.

    Returns:
        The same record.

    Raises:
        TypeError: if it is neither, or a field has the wrong type.
        ValueError: if a name is taken or not a name, or the family of an entry is unknown; nothing is added then.
    """
    if isinstance(record, Family):
        _check_family(record)
        FAMILIES[record.name] = record
        DETECTORS.update({entry.name: entry for entry in record.entries})
    elif isinstance(record, Entry):
        _check_entry(record, FAMILIES)
        DETECTORS[record.name] = record
    else:
        raise TypeError(
            f"register expects a Family or an Entry (both of detxai_nb.detectors), got {type(record).__name__}"
        )
    return record


def _check_name(what: str, name: Any, taken: Sequence[str]) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of {what} is a string, got {name!r}")
    if not name or name.split() != [name]:
        raise ValueError(f"the name of {what} is one word without spaces, got {name!r}")
    if name in taken:
        raise ValueError(f"the name {name!r} of {what} is taken; choose another (taken: {', '.join(taken)})")


def _check_family(family: Family) -> None:
    _check_name("a family", family.name, list(FAMILIES))
    for field in ("adapter", *(("find",) if family.find is not None else ())):
        if not callable(value := getattr(family, field)):
            raise TypeError(f"{field} of family {family.name!r} is a function or class, got {value!r}")
    for pattern in family.stage_patterns:
        name, expression = pattern
        if not isinstance(name, str):
            raise TypeError(f"stage_patterns of family {family.name!r} are (name, pattern), got {pattern!r}")
        re.compile(expression)
    names: list[str] = []
    for entry in family.entries:
        if not isinstance(entry, Entry):
            raise TypeError(f"entries of family {family.name!r} are Entry objects, got {type(entry).__name__}")
        _check_entry(entry, [*FAMILIES, family.name], names)
        names.append(entry.name)


def _check_entry(entry: Entry, families: Sequence[str] | dict[str, Family], more: Sequence[str] = ()) -> None:
    _check_name("a detector", entry.name, [*DETECTORS, *more])
    if entry.family not in families:
        raise ValueError(f"detector {entry.name!r} is of an unknown family {entry.family!r}; register its Family first")
    if entry.group not in GROUPS:
        raise ValueError(f"group of detector {entry.name!r} is one of {', '.join(GROUPS)}; got {entry.group!r}")
    if not callable(entry.build):
        raise TypeError(f"build of detector {entry.name!r} is a function, got {entry.build!r}")
    if entry.download is not None and not callable(entry.download):
        raise TypeError(f"download of detector {entry.name!r} is a function or None, got {entry.download!r}")
    for field in ("weights", "about"):
        if not isinstance(value := getattr(entry, field), str):
            raise TypeError(f"{field} of detector {entry.name!r} is a text for the table, got {value!r}")


def _load_plug_ins() -> None:
    load_entry_points(GROUP, register)


def stage_patterns_of(family: str | None) -> StagePatterns:
    """Return the stages above the backbone that a family has for sanity checks.

    Args:
        family: the name of a family, or None.

    Returns:
        Its ``stage_patterns``; empty for a family that is not known here, such as that of a detector of your own.
    """
    return FAMILIES[family].stage_patterns if family in FAMILIES else ()


def settings_of(family: str) -> dict[str, Any] | None:
    """Return the settings of a family's detectors: the keyword arguments of ``load_detector`` beyond its own.

    Args:
        family: the name of a family.

    Returns:
        Their defaults by name; None for a family of another package that does not tell.
    """
    parameters = inspect.signature(FAMILIES[family].adapter).parameters.values()
    if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters):
        return None
    return {one.name: one.default for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY}


def _check_settings(name: str, family: str, given: dict[str, Any]) -> None:
    """Raise a TypeError that lists the settings of a family if one is given that it does not have."""
    known = settings_of(family)
    unknown = [] if known is None else [one for one in given if one not in known]
    if known is not None and unknown:
        told = ", ".join(map(repr, unknown))
        raise TypeError(f"{name} has no setting {told}; its settings: {_told(known) or 'none'}")


def _told(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in settings.items())


def table(name: str | None = None) -> pandas.DataFrame:
    """Return the table of the detectors that ``load_detector`` knows, also those of installed packages.

    Args:
        name: one of them, also one that has no row of its own, such as a classifier of torchvision ("resnet50"), for
            its row alone; None for the whole table.

    Returns:
        A row for each detector, by name: its family, where the weights come from, what it is, and its settings with
        their defaults.

    Raises:
        ValueError: for an unknown name; the message names those that are most like it.

    Example:
        >>> table().loc["tiny-fcos", "family"]
        'fcos'
    """
    import pandas as pd

    _load_plug_ins()
    rows = [
        {
            "detector": name,
            "family": entry.family,
            "weights": entry.weights,
            "about": entry.about,
            "settings": _told({**(settings_of(entry.family) or {}), **entry.settings}),
        }
        for name, entry in (DETECTORS if name is None else {name: _find(name)}).items()
    ]
    return pd.DataFrame(rows).set_index("detector")


def fetch(name: str, *, file: str | os.PathLike[str] | None = None, progress: bool = True) -> Path:
    """Download the weights of a detector now, so that ``load_detector`` needs no internet connection later.

    Args:
        name: a detector of the table ``dx.detectors()`` whose weights are downloaded, or a classifier of torchvision.
        file: the file, if it was downloaded elsewhere: it is checked and copied to where it belongs.
        progress: whether to show a progress bar.

    Returns:
        The file in PyTorch's cache: ``hub/checkpoints`` of the folder that the environment variable TORCH_HOME names,
        by default ``~/.cache/torch``. One that is there and whole is not downloaded again.

    Raises:
        ValueError: for an unknown name, a detector whose weights are not downloaded, or a file with other content than
            its address states.
        FileNotFoundError: if ``file`` is missing.
        RuntimeError: if the download failed; the message says what to do without an internet connection.
    """
    entry = _find(name)
    if entry.download is None:
        those = ", ".join(one.name for one in DETECTORS.values() if one.download is not None)
        raise ValueError(
            f"there is nothing to fetch for {name}: its weights are {entry.weights}. Weights to fetch: {those}, and "
            "torchvision's image classifiers such as resnet50"
        )
    download = entry.download()
    return fetch_file(name, download, progress) if file is None else download.take(as_path(file, "a downloaded file"))


def load_detector(
    name: str | os.PathLike[str],
    *,
    weights: str | os.PathLike[str] | None = None,
    names: ClassNames | None = None,
    device: str | torch.device = "auto",
    precision: str = "fp32",
    **settings: Any,
) -> OpenDetector:
    """Load a detector by name, ready to detect and be explained; or an ONNX model, as a black box.

    Args:
        name: a detector of the table ``dx.detectors()``, or a classifier of torchvision such as "resnet50"; or an
            ONNX model, a file that ends in ".onnx", for the methods that nothing but ask a detector.
        weights: a ``.safetensors`` file or a checkpoint of plain tensors; by default what the table says.
        names: class names, if the weights are not the usual ones: a list, or a dict {number: name}.
        device: a torch device; "auto" is the first of CUDA, MPS and CPU that exists.
        precision: "fp32", or "bf16" or "fp16" for the forward passes of ``detect`` (see ``at_precision``); gradients
            are taken in float32.
        **settings: those of the family's detector (``FcosDetector``, ``YoloxDetector``, ...), of an ONNX model those of
            ``OnnxDetector``, such as ``decode="yolov8"``.

    Returns:
        The detector, in evaluation mode, with parameters that require no gradient; of an ONNX model an
        ``OnnxDetector``, which has neither layers nor a trace.

    Raises:
        ValueError: for an unknown name, or weights of another architecture (naming the first tensor that does not fit).
        TypeError: for an unknown setting; the message lists those there are.
        FileNotFoundError: if the weights file is missing.
        RuntimeError: if a download failed.
        ImportError: if the detector needs a library that is not installed.

    Example:
        >>> detector = load_detector("tiny-fcos", device="cpu")
        >>> detector.family, detector.layers[0], len(detector.names)
        ('fcos', 'neck', 10)
    """
    if is_onnx_file(name):
        # Typed as what the other names open: who wants it as what it is takes OnnxDetector.
        return cast(OpenDetector, _open_onnx(name, weights, names, device, precision, settings))
    name = str(name)
    entry = _find(name)
    _check_settings(name, entry.family, settings)
    where = pick_device(device)
    names = None if names is None else as_names(names, owner=name)
    detector = entry.build(weights, names, settings)
    detector.module.requires_grad_(False).eval().to(where)
    # What people call it; a detector of a plug-in may take no attributes.
    with suppress(AttributeError):
        detector.__dict__["_title"] = name
    return at_precision(detector, precision)


def _open_onnx(
    file: str | os.PathLike[str], weights: Any, names: Any, device: Any, precision: str, settings: dict[str, Any]
) -> OnnxDetector:
    """The detector of an ONNX model, if nothing is asked for that it does not have."""
    if weights is not None:
        raise ValueError(f"an ONNX model holds its weights; leave out weights={str(weights)!r}")
    if precision != "fp32":
        raise ValueError(f"an ONNX model computes as it was exported; leave out precision={precision!r}")
    return OnnxDetector(file, names, device=device, **settings)


def _find(name: str) -> Entry:
    if name not in DETECTORS:
        _load_plug_ins()
    found = DETECTORS.get(name)
    others = (family.find(name) for family in FAMILIES.values() if family.find is not None)
    found = found or next((entry for entry in others if entry is not None), None)
    if found is None:
        near = nearest_names(str(name), [*DETECTORS, *classifier.classifier_names()])
        asked = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
        raise ValueError(
            f"unknown detector {name!r}; known: {', '.join(DETECTORS)}, and torchvision's image classifiers such as "
            f"resnet50, or an ONNX model, FILE.onnx; {asked}for a module of your own use wrap or wrap_module, for a "
            "function wrap_predict"
        )
    return found


def wrap(
    module: nn.Module,
    *,
    family: str,
    names: ClassNames | None = None,
    precision: str = "fp32",
    **settings: Any,
) -> OpenDetector:
    """Wrap a module of your own as a detector; it is used where it is and never changed.

    Args:
        module: the network (also compiled, or in DataParallel), of the kind that the family expects: for "fcos",
            "retinanet", "faster_rcnn", "ssd", "yolox", "detr", "pvt" and "ultralytics" their libraries' own modules,
            for "classifier" any network from image to logits.
        family: the name of a family; "faster-rcnn" is "faster_rcnn".
        names: a name for each class output, as a list or a dict {number: name}; the modules of "detr" and
            "ultralytics" know theirs.
        precision: as in ``load_detector``.
        **settings: those of the family's detector.

    Returns:
        The detector.

    Raises:
        TypeError: if the module is not of the kind that the family expects, or for an unknown setting; the message
            says what was expected, and which doors are open to a module or function of another kind.
        ValueError: if the family is unknown, the module or names do not fit it, or its weights are in half precision.
        ImportError: if the family needs a library that is not installed.
    """
    record = _family_called(family)
    record.require()
    module = bare_module(module)
    if isinstance(module, nn.Module):
        require_full_precision(module)
    _check_settings(f"family {record.name!r}", record.name, settings)
    if names is None and not record.knows_names:
        raise ValueError(f"a module of family {record.name!r} does not know its classes; hand in names=[...], one each")
    try:
        detector = record.adapter(module, **settings) if names is None else record.adapter(module, names, **settings)
    except TypeError as error:
        raise TypeError(f"{error}; {DOORS}") from error
    return at_precision(detector, precision)


def _family_called(name: str) -> Family:
    """The family of that name, written with either dash, also one that an installed package brings."""
    if name not in FAMILIES:
        _load_plug_ins()
    found = FAMILIES.get(name, FAMILIES.get(str(name).replace("-", "_")))
    if found is None:
        near = nearest_names(str(name), list(FAMILIES))
        asked = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
        raise ValueError(f"unknown family {name!r}; known: {', '.join(FAMILIES)}.{asked} Otherwise {DOORS}")
    return found
