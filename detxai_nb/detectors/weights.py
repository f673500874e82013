"""Weights from files: safetensors, or PyTorch checkpoints of plain tensors; pickled code is never run."""

from __future__ import annotations

import copy
import os
import pickle
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

_INSIDE = ("model", "state_dict", "ema", "ema_model")


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Read the tensors of a ``.safetensors`` file or a PyTorch checkpoint.

    A checkpoint may hold them directly or under "model", "state_dict", "ema" or "ema_model". It is read with
    ``weights_only=True``: a file that holds anything but plain data and tensors is refused and nothing of it is run.

    Args:
        path: the file.

    Returns:
        The tensors by name, on the CPU; a leading "module." is cut off.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is not a whole file of tensors.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no weights file at {path} (looked from the folder {Path.cwd()})")
    if path.suffix == ".safetensors":
        try:
            return load_file(path)
        except SafetensorError as error:
            raise ValueError(f"{path} is not a whole safetensors file ({error}); download it again") from error
    try:
        with warnings.catch_warnings():
            # Whatever an unusual protocol leads to is refused below, in words of our own.
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is refused: it is no checkpoint of plain tensors, and unpickling anything else can run code. "
            "Where it was made, save model.state_dict() with safetensors.torch.save_file and load that file"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path} cannot be read as a PyTorch checkpoint or safetensors file: {error}") from error
    return _tensors(content, path)


def _tensors(content: Any, path: Path) -> dict[str, Tensor]:
    for name in _INSIDE:
        if isinstance(content, Mapping) and isinstance(content.get(name), Mapping):
            content = content[name]
            break
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(
            f"{path} holds no table of tensors (expected a state dict, or one under {', '.join(map(repr, _INSIDE))})"
        )
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def fit_weights(module: nn.Module, weights: Mapping[str, Tensor], what: str) -> None:
    """Load weights into a module if every tensor fits, else raise an error and change nothing.

    Args:
        module: the network.
        weights: its tensors by name; the counters of batch normalisation may be missing.
        what: the architecture's name for the message.

    Raises:
        ValueError: naming the first tensor that is missing, left over, or of another shape.
    """
    expected = module.state_dict()
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
    extra = next((name for name in weights if name not in expected), None)
    if extra is not None:
        raise ValueError(
            f"these weights are not of {what}: it has no tensor {extra!r} {list(weights[extra].shape)}, the file has"
        )
    module.load_state_dict({**{name: expected[name] for name in counters}, **weights})


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
