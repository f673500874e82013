"""Weights from files: safetensors, or PyTorch checkpoints of plain tensors; pickled code is never run."""

from __future__ import annotations

import copy
import logging
import os
import pickle
import threading
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from detxai_nb.arrays import check_plain
from detxai_nb.files import as_path

_log = logging.getLogger(__name__)

_INSIDE = (
    *("model", "state_dict", "model_state_dict", "ema", "ema_model", "module", "net", "network"),
    *("model_state", "weights", "params", "model_ema", "state_dict_ema"),
)
"""Where trainers keep the table of tensors in a checkpoint, the first that is there."""


class _Ignored:
    """Stands for a value of a checkpoint that is no tensor and not needed: it takes anything and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> _Ignored:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, _: Any) -> None:
        pass


class _IgnoredDict:
    """Stands for a dictionary of a class of its own, which the reader fills item by item: a plain one."""

    def __new__(cls, *_: Any, **__: Any) -> dict[Any, Any]:  # type: ignore[misc]
        return {}


_ATTRIBUTE_DICTS = (
    "lightning_fabric.utilities.data.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.pytorch.utilities.parsing.AttributeDict",
)
_PLAIN: tuple[tuple[Any, str], ...] = (
    *(
        (_Ignored, f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for name in ("scalar", "_reconstruct")
    ),
    *((_Ignored, f"numpy.{name}") for name in ("dtype", "ndarray")),
    *((_Ignored, name) for name in ("argparse.Namespace", "types.SimpleNamespace")),
    *(
        (_Ignored, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")
        for name in ("Path", "PosixPath", "WindowsPath", "PurePath", "PurePosixPath", "PureWindowsPath")
    ),
    *((_Ignored, f"datetime.{name}") for name in ("date", "datetime", "timedelta", "timezone")),
    *((_IgnoredDict, name) for name in ("collections.defaultdict", *_ATTRIBUTE_DICTS)),
    *((_Ignored, f"builtins.{name}") for name in ("list", "dict", "int", "float", "str", "bool", "set", "tuple")),
)
"""What trainers write into checkpoints beside the tensors (scores as NumPy scalars, command lines, paths), by name.

None of it is looked up or run: each name gets an object of this file that ignores what it is handed."""
_one_at_a_time = threading.Lock()


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors`` file or a PyTorch checkpoint.

    A checkpoint may hold them directly or under "model", "state_dict", "ema" and other names that trainers use; where
    there are several the first of ``_INSIDE`` counts, and the log says so. It is read with ``weights_only=True``: a
    file that holds anything but tensors, plain data and what trainers write beside them (NumPy scalars, command lines,
    paths: they are ignored) is refused, and nothing of it is run.

    Args:
        path: the file.

    Returns:
        The tensors by name, on the CPU; without "module." in front (DataParallel) and "_orig_mod." (compiled modules).

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole file of tensors.
    """
    path = as_path(path, "a file of weights")
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file at {path} (looked from the folder {Path.cwd()})")
    if path.suffix == ".safetensors":
        try:
            return _unwrapped(load_file(path), path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a whole safetensors file ({error}); download it again") from error
    try:
        with warnings.catch_warnings(), _one_at_a_time, torch.serialization.safe_globals(list(_PLAIN)):
            # Whatever an unusual protocol leads to is refused below, in words of our own.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is refused: it is no checkpoint of plain tensors, and unpickling anything else can run code. "
            "Where it was made, save model.state_dict() with safetensors.torch.save_file and load that file"
        ) from error
    except Exception as error:
        # A damaged file can make the reader fail anywhere.
        raise ValueError(f"{path} cannot be read as a PyTorch checkpoint or safetensors file: {error}") from error
    return _unwrapped(_table_in(content, path), path)


def _table_in(content: Any, path: Path) -> Mapping[str, Tensor]:
    """The table of tensors in a checkpoint."""
    while isinstance(content, Mapping) and not _is_table(content):
        there = [name for name in _INSIDE if isinstance(content.get(name), Mapping) and content[name]]
        if not there:
            break
        if len(there) > 1:
            _log.info("%s holds tensors under %s; those under %r are taken", path, ", ".join(there), there[0])
        content = content[there[0]]
    if not isinstance(content, Mapping) or not _is_table(content):
        raise ValueError(
            f"{path} holds no table of tensors (expected a state dict, or one under {', '.join(map(repr, _INSIDE))})"
        )
    return content


def _is_table(content: Mapping[Any, Any]) -> bool:
    return bool(content) and all(isinstance(value, Tensor) for value in content.values())


def _unwrapped(weights: Mapping[Any, Tensor], path: Path) -> dict[str, Tensor]:
    """The tensors without what DataParallel and torch.compile put into their names."""
    found: dict[str, Tensor] = {}
    averaged = len(weights) > 1 and all(str(name).startswith(("module.", "n_averaged")) for name in weights)
    for name, tensor in weights.items():
        if averaged and name == "n_averaged":
            # The counter of torch.optim.swa_utils.AveragedModel.
            continue
        parts = [part for part in str(name).split(".") if part != "_orig_mod"]
        while parts[0] == "module" and len(parts) > 1:
            parts = parts[1:]
        bare = ".".join(parts)
        if bare in found:
            raise ValueError(
                f"{path} holds the tensor {bare!r} twice, once as {name!r}; save one module's state_dict()"
            )
        found[bare] = tensor
    return found


def tensor_called(weights: Mapping[str, Tensor], name: str) -> Tensor | None:
    """Return a tensor by its name inside the network, whatever a trainer has put in front of it.

    Args:
        weights: tensors by name.
        name: the name inside the network.

    Returns:
        The tensor of that name, or the one whose name ends in it; None if there is none.
    """
    inside = _prefixes(weights, name)
    return None if not inside else weights[inside[0] + name]


def _prefixes(weights: Mapping[str, Tensor], name: str) -> list[str]:
    """What stands before ``name`` in the names that end in it: the shortest first, averages ("ema") last."""
    found = [key.removesuffix(name) for key in weights if key == name or key.endswith(f".{name}")]
    return sorted(found, key=lambda prefix: ("ema" in prefix, len(prefix)))


def _of_network(weights: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """The tensors of the network alone, if all of them stand behind one prefix such as Lightning's "model."."""
    if any(name in weights for name in expected):
        return weights
    for prefix in _prefixes(weights, next(iter(expected), "")):
        own = {key.removeprefix(prefix): tensor for key, tensor in weights.items() if key.startswith(prefix)}
        _log.info("tensors called %r... are taken, %d others are not", prefix, len(weights) - len(own))
        return own
    return weights


def fit_weights(module: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Load weights into a module if every tensor fits, else raise an error and change nothing.

    Args:
        module: the network.
        weights: its tensors by name; the counters of batch normalisation may be missing. Names may have something in
            front, such as Lightning's "model.": then tensors without it, such as those of a loss, are left out.
        what: the architecture's name for the message.

    Raises:
        ValueError: naming the first tensor that is missing, left over, of another shape, or no plain finite numbers.
    """
    expected = module.state_dict()
    weights = _of_network(weights, expected)
    counters = {name for name in expected if name.endswith("num_batches_tracked")}
    for name, tensor in expected.items():
        found = weights.get(name)
        if found is None and name not in counters:
            raise ValueError(
                f"these weights are not of {what}: the tensor {name!r} {list(tensor.shape)} is missing "
                f"(the file has {len(weights)} tensors, the first is {next(iter(weights), None)!r})"
            )
        if found is not None and found.shape != tensor.shape:
            raise ValueError(
                f"these weights are not of {what}: the tensor {name!r} is {list(found.shape)}, "
                f"expected {list(tensor.shape)}"
            )
        if found is not None:
            _check_values(name, found, what)
    extra = next((name for name in weights if name not in expected), None)
    if extra is not None:
        raise ValueError(
            f"these weights are not of {what}: it has no tensor {extra!r} {list(weights[extra].shape)}, the file has"
        )
    module.load_state_dict({**{name: expected[name] for name in counters}, **weights})


def _check_values(name: str, tensor: Tensor, what: str) -> None:
    """Raise an error if a tensor holds what is no weight: nothing, numbers of another kind, NaN or infinity."""
    try:
        check_plain(tensor, f"{name!r} of these weights of {what}")
    except ValueError as error:
        raise ValueError(f"{error}; save the weights as plain float32 tensors") from error
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor.float()).all()):
        raise ValueError(
            f"these weights of {what} are damaged, or the training diverged: the tensor {name!r} holds NaN or "
            "infinity; take an earlier checkpoint"
        )


_AROUND = (nn.DataParallel, nn.parallel.DistributedDataParallel, AveragedModel)


def bare_module(module: Any) -> Any:
    """Return the network inside what ``torch.compile``, data parallelism and averaging put around it.

    Args:
        module: a module, or anything else.

    Returns:
        The network that runs inside; anything else as it is.
    """
    while True:
        inside = getattr(module, "_orig_mod", None)
        if isinstance(module, _AROUND):
            inside = module.module
        if not isinstance(inside, nn.Module):
            return module
        module = inside


def differentiable(module: nn.Module) -> nn.Module:
    """Return a module through which gradients can be taken.

    Args:
        module: any module.

    Returns:
        The module itself; a copy of the same values if some of its tensors were made in ``torch.inference_mode``, which
        autograd cannot save.
    """
    if not any(tensor.is_inference() for part in module.modules() for tensor in _tensors_of(part)):
        return module
    with torch.inference_mode(False):
        return copy.deepcopy(module)


def _tensors_of(part: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers and other tensors that a module keeps itself, not those of its submodules."""
    yield from part.parameters(recurse=False)
    yield from part.buffers(recurse=False)
    for value in vars(part).values():
        for tensor in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(tensor, Tensor):
                yield tensor
