"""Detectors, datasets and functions as plain values that can be stored and compared when an evaluation is resumed."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample
from detxai_nb.module_use import alone
from detxai_nb.types import Detector

_NORM_WITHOUT_BIAS = re.compile(r"affine=True(?!, bias=)")
"""A norm as older versions of PyTorch tell of it; later ones add that it has a bias. A store is resumed by either."""


def to_plain(value: Any, what: str) -> Any:
    """Return a value as JSON can hold it: numbers, texts, None, lists and dicts; functions by name and digest.

    Args:
        value: the value.
        what: what it is, for the error message.

    Returns:
        Plain values.

    Raises:
        TypeError: for anything that cannot be stored and compared later.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (os.PathLike, torch.device, torch.dtype)):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_plain(item, f"{what}.{key}") for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(item, what) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted(to_plain(item, what) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name), what) for field in dataclasses.fields(value)}
    if callable(value):
        return code_identity(value)
    raise TypeError(
        f"{what} is a {type(value).__name__}, which cannot be stored and compared when the evaluation is "
        "resumed; expected numbers, texts, lists, dicts or a function"
    )


def code_identity(function: Callable[..., Any]) -> Any:
    """Return a function's name with a digest of its code, its defaults and the plain values that it closes over.

    An object that can be called can describe itself by an attribute ``identity`` of plain values.

    Args:
        function: a function, a method, a ``functools.partial``, or an object that can be called.

    Returns:
        A text; for a partial a dict with its arguments; for an object that describes itself a dict with its identity;
        for another class or object without code its name only.
    """
    if isinstance(function, functools.partial):
        arguments = {str(number): value for number, value in enumerate(function.args)} | dict(function.keywords)
        return {"partial of": code_identity(function.func), "arguments": _plain_parts(arguments)}
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        kind = function if hasattr(function, "__qualname__") else type(function)
        own = None if isinstance(function, type) else Capabilities(function).identity
        if own is not None:
            return {"class": qualified_name(kind), "identity": to_plain(own, f"the identity of a {kind.__qualname__}")}
        return qualified_name(kind)
    digest = hashlib.sha256()
    _add_code(digest, code)
    kept = {"defaults": function.__defaults__, "keywords": function.__kwdefaults__}
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        kept[name] = cell.cell_contents
    digest.update(json.dumps(_plain_parts(kept), sort_keys=True).encode())
    return f"{qualified_name(function)} {digest.hexdigest()[:16]}"


def qualified_name(kind: Any) -> str:
    """Return the name of a class or function.

    Args:
        kind: a class or function.

    Returns:
        For this package the name without the module, which may move; otherwise with the module.
    """
    module, name = str(kind.__module__), str(kind.__qualname__)
    return name if module.partition(".")[0] == __name__.partition(".")[0] else f"{module}.{name}"


def _add_code(digest: Any, code: Any) -> None:
    digest.update(code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _add_code(digest, constant)
        else:
            digest.update(_constant_text(constant).encode())


def _constant_text(constant: Any) -> str:
    """As ``repr``, but that of ``{"a", "b"}`` is the same in every process: Python orders texts in a set by chance."""
    if isinstance(constant, frozenset):
        return f"frozenset({sorted(map(_constant_text, constant))})"
    if isinstance(constant, tuple):
        return f"({', '.join(map(_constant_text, constant))}{',' if len(constant) == 1 else ''})"
    return repr(constant)


def _plain_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are numbers, texts, or lists and dicts of them."""
    found = {}
    for name, value in values.items():
        if isinstance(value, (bool, int, float, str, list, tuple, dict, os.PathLike)):
            with_text = json.dumps(value, sort_keys=True, default=str, skipkeys=True)
            found[name] = json.loads(with_text)
    return found


def detector_identity(detector: Detector) -> dict[str, Any]:
    """Return class, class names, public settings, weights (SHA-256) and kind of device of a detector.

    A detector whose behaviour depends on more than modules, functions and plain attributes can describe itself by an
    attribute ``identity`` of plain values.

    Args:
        detector: the detector.

    Returns:
        Plain values, equal for detectors that give the same results.

    Raises:
        TypeError: if ``identity`` is not plain.
    """
    about: dict[str, Any] = {
        "class": qualified_name(type(detector)),
        "family": Capabilities(detector).family,
        "names": list(detector.names),
        "device": torch.device(detector.device).type,
    }
    identity = Capabilities(detector).identity
    if identity is not None:
        return {**about, "identity": to_plain(identity, "the detector's identity")}
    attributes = {name: value for name, value in sorted(vars(detector).items()) if name != "names"}
    public = {name: value for name, value in attributes.items() if not name.startswith("_")}
    for name, value in public.items():
        if isinstance(value, nn.Module):
            about[name] = module_identity(value)
        elif hasattr(value, "detect") and hasattr(value, "names"):
            about[name] = detector_identity(value)
        elif callable(value):
            about[name] = code_identity(value)
    if not any(name in about for name in public):
        # A class of the user's own may keep its network to itself.
        about |= {name: module_identity(value) for name, value in attributes.items() if isinstance(value, nn.Module)}
    about["settings"] = _plain_parts({name: value for name, value in public.items() if name not in about})
    return about


def module_identity(module: nn.Module) -> dict[str, str]:
    """Return digests of a module's text form, which shows its hyperparameters, and of every tensor of its state.

    Args:
        module: a network.

    Returns:
        Its "class", and the digests "form" and "weights".
    """
    return alone(module, lambda: _digests(module), evaluate=False)


def _digests(module: nn.Module) -> dict[str, str]:
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    form = hashlib.sha256(_NORM_WITHOUT_BIAS.sub(r"\g<0>, bias=True", repr(module)).encode()).hexdigest()
    return {"class": type(module).__qualname__, "form": form[:16], "weights": digest.hexdigest()}


def _is_dataset(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return bool(value) and all(isinstance(one, Sample) for one in value)
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes)) and hasattr(value, "names")


def dataset_identity(dataset: Sequence[Sample]) -> dict[str, Any]:
    """Return class, length, class names and a digest of what a dataset holds, wherever its files are.

    A dataset can describe itself by an attribute ``identity`` of plain values. Otherwise the digest is of the images
    and annotations for a list of Samples, and of the plain attributes, such as the content of an annotation file, for
    any other sequence.

    Args:
        dataset: a sequence of Samples.

    Returns:
        Plain values, equal for datasets that hold the same.

    Raises:
        TypeError: if ``identity`` is not plain.
    """
    about: dict[str, Any] = {"class": qualified_name(type(dataset)), "images": len(dataset)}
    own = getattr(dataset, "identity", None)
    if own is not None:
        return {**about, "identity": to_plain(own, "the dataset's identity")}
    digest = hashlib.sha256()
    if isinstance(dataset, (list, tuple)):
        for sample in dataset:
            digest.update(json.dumps([sample.image_id, sample.file_name, list(sample.names)], default=str).encode())
            for array in (sample.image, sample.boxes, sample.labels, sample.crowd):
                digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    else:
        about["names"] = list(getattr(dataset, "names", ()))
        for name, value in sorted(getattr(dataset, "__dict__", {}).items()):
            if _is_dataset(value):
                # A part of another dataset holds what that one holds.
                about[name] = dataset_identity(value)
                continue
            try:
                digest.update(name.encode() + json.dumps(value, sort_keys=True).encode())
            except (TypeError, ValueError):
                # Folders, which may move, and everything else without a text form of its own.
                continue
    return {**about, "content": digest.hexdigest()}
