"""What decides the result of an evaluation, as plain values that can be written down and compared."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.data.sample import Sample


def to_plain(value: Any, what: str) -> Any:
    """``value`` as JSON knows it: numbers, texts, None, lists and dicts of them; a function by name and digest.

    Raises ``TypeError``, naming ``what``, for anything that cannot be written down and compared later.
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
        f"{what} is a {type(value).__name__}, which cannot be written down to be compared when the evaluation is "
        "taken up again; expected numbers, texts, lists, dicts or a function"
    )


def code_identity(function: Callable[..., Any]) -> Any:
    """A function by its name and a digest of its code, its defaults and the plain values that it closes over."""
    if isinstance(function, functools.partial):
        arguments = {str(number): value for number, value in enumerate(function.args)} | dict(function.keywords)
        return {"partial of": code_identity(function.func), "arguments": _plain_parts(arguments)}
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", None)
    if code is None:
        kind = function if hasattr(function, "__qualname__") else type(function)
        return qualified_name(kind)
    digest = hashlib.sha256()
    _add_code(digest, code)
    kept = {"defaults": function.__defaults__, "keywords": function.__kwdefaults__}
    for name, cell in zip(code.co_freevars, function.__closure__ or ()):
        kept[name] = cell.cell_contents
    digest.update(json.dumps(_plain_parts(kept), sort_keys=True).encode())
    return f"{qualified_name(function)} {digest.hexdigest()[:16]}"


def qualified_name(kind: Any) -> str:
    """The name of a class or function: of this package without the module, which may move; else with it."""
    module, name = str(kind.__module__), str(kind.__qualname__)
    return name if module.partition(".")[0] == __name__.partition(".")[0] else f"{module}.{name}"


def _add_code(digest: Any, code: Any) -> None:
    digest.update(code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _add_code(digest, constant)
        else:
            digest.update(repr(constant).encode())


def _plain_parts(values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the values that are numbers, texts or lists and dicts of them."""
    found = {}
    for name, value in values.items():
        if isinstance(value, (bool, int, float, str, list, tuple, dict, os.PathLike)):
            with_text = json.dumps(value, sort_keys=True, default=str, skipkeys=True)
            found[name] = json.loads(with_text)
    return found


def detector_identity(detector: Any) -> dict[str, Any]:
    """Class, class names, public settings, weights (SHA-256) and kind of device of a detector.

    A detector that is made otherwise than by modules, functions and plain attributes can say more about itself with an
    attribute ``identity`` of plain values.
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
    """Digests of a module's text form, where its hyperparameters show, and of every tensor of its state."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        if isinstance(tensor, Tensor):
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    form = hashlib.sha256(repr(module).encode()).hexdigest()
    return {"class": type(module).__qualname__, "form": form[:16], "weights": digest.hexdigest()}


def dataset_identity(dataset: Sequence[Sample]) -> dict[str, Any]:
    """Class, length, class names and a digest of what a dataset holds, wherever its files lie.

    A dataset can say so itself with an attribute ``identity`` of plain values. Of a list of Samples the pictures and
    annotations count; of any other sequence its plain attributes, such as the content of an annotation file.
    """
    kind = type(dataset)
    about: dict[str, Any] = {"class": qualified_name(kind), "images": len(dataset)}
    if getattr(dataset, "identity", None) is not None:
        return {**about, "identity": to_plain(dataset.identity, "the dataset's identity")}  # type: ignore[attr-defined]
    digest = hashlib.sha256()
    if isinstance(dataset, (list, tuple)):
        for sample in dataset:
            digest.update(json.dumps([sample.image_id, sample.file_name, list(sample.names)]).encode())
            for array in (sample.image, sample.boxes, sample.labels, sample.crowd):
                digest.update(repr(array.shape).encode() + np.ascontiguousarray(array).tobytes())
    else:
        about["names"] = list(getattr(dataset, "names", ()))
        for name, value in sorted(getattr(dataset, "__dict__", {}).items()):
            try:
                digest.update(name.encode() + json.dumps(value, sort_keys=True).encode())
            except (TypeError, ValueError):
                # Folders, which may move, and whatever else has no text form of its own.
                continue
    return {**about, "content": digest.hexdigest()}
