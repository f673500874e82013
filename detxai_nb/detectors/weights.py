"""Weights from files: safetensors, or PyTorch checkpoints of plain tensors; pickled code is never run."""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

_INSIDE = ("model", "state_dict", "ema", "ema_model")


def read_weights(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file or a PyTorch checkpoint, by name, on the CPU.

    A checkpoint may hold them directly or under "model" or "state_dict". It is read with ``weights_only=True``: a file
    that holds anything but plain data and tensors is refused with ``ValueError`` and nothing of it is run.
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
    """Load ``weights`` into ``module`` if every tensor fits, else raise ``ValueError`` and change nothing.

    ``what`` names the architecture in the message, which names the first tensor that does not fit.
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
