"""How bundled weights are stored: what a model has in common with another bundled one is stored once.

Many of the bundled models begin with another's weights and keep some of them to the bit. Such a file leaves these out,
and its card names the model that has them. A model that was only fine-tuned may be stored as 8-bit differences from the
one that it started from, row by row with a scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

DIFFERENCE, SCALE = ":difference", ":scale"
"""Ends of the names of a tensor's 8-bit difference (int8, of its shape) and of the value of one step in each row."""
_STEPS = 127


@dataclass(frozen=True)
class Storage:
    """On which other bundled model a model is stored.

    Attributes:
        base: the name of the other model.
        shared: the beginnings of tensor names that mean the same: own name to that of ``base``. {"": ""} for a model of
            the same network.
        eight_bits: whether matrices and kernels that differ from the base's are stored as 8-bit differences.
    """

    base: str
    shared: Mapping[str, str] = field(default_factory=lambda: {"": ""})
    eight_bits: bool = False


def in_own_names(base: Mapping[str, Tensor], shared: Mapping[str, str]) -> dict[str, Tensor]:
    """Return what a model shares with its base, by the model's own names.

    Args:
        base: the base's tensors.
        shared: as in ``Storage``.

    Returns:
        Tensors by name.
    """
    return {
        own + name.removeprefix(theirs): tensor
        for own, theirs in shared.items()
        for name, tensor in base.items()
        if name.startswith(theirs)
    }


def pack(state: Mapping[str, Tensor], base: Mapping[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """Return the tensors that have to be stored beside the base's.

    Args:
        state: the model's tensors, as they are to be had again.
        base: the base's tensors, as ``unpack`` will be given them.
        storage: how the model is stored.

    Returns:
        What differs from the base: whole tensors, or differences and scales. An 8-bit difference is off by at most half
        of a step, which is 1/254 of the largest difference in its row.
    """
    known = in_own_names(base, storage.shared)
    stored: dict[str, Tensor] = {}
    for name, tensor in state.items():
        before = known.get(name)
        if before is not None and before.shape == tensor.shape and torch.equal(before.to(tensor), tensor):
            continue
        if before is None or not storage.eight_bits or tensor.ndim < 2 or not tensor.is_floating_point():
            stored[name] = tensor
            continue
        change = tensor.float() - before.float()
        step = change.flatten(1).abs().amax(1) / _STEPS
        rows = step.view(-1, *[1] * (tensor.ndim - 1))
        stored[name + DIFFERENCE] = (change / rows.clamp(min=torch.finfo(torch.float32).tiny)).round().to(torch.int8)
        stored[name + SCALE] = step
    return {name: tensor.contiguous() for name, tensor in stored.items()}


def unpack(stored: Mapping[str, Tensor], base: Mapping[str, Tensor], shared: Mapping[str, str]) -> dict[str, Tensor]:
    """Return all tensors of a model from what is stored of it and its base: ``pack`` the other way round.

    Args:
        stored: the tensors of the model's file.
        base: the base's tensors.
        shared: as in ``Storage``.

    Returns:
        Tensors by name; those from differences are float32.

    Raises:
        ValueError: if there is a difference from a tensor that the base does not have.
    """
    state = in_own_names(base, shared)
    for name, tensor in stored.items():
        whole = name.removesuffix(DIFFERENCE)
        if name.endswith(SCALE):
            continue
        if whole == name:
            state[name] = tensor
        elif whole not in state or whole + SCALE not in stored:
            raise ValueError(f"{name!r} is a difference from a tensor that the base does not have")
        else:
            rows = stored[whole + SCALE].view(-1, *[1] * (tensor.ndim - 1))
            state[whole] = state[whole].float() + rows * tensor
    return state
