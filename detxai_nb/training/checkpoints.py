"""Checkpoints of a training: read without running anything that is in them, and refused where they do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PARTS = ("settings", "step", "model", "averaged", "optimizer", "scheduler")


def read_checkpoint(
    path: Path, settings: Mapping[str, Any], model: Mapping[str, Tensor], device: Any
) -> dict[str, Any]:
    """Read a checkpoint that belongs to a training.

    Args:
        path: the file.
        settings: those of this training, as plain values.
        model: the state dict of this training's network.
        device: where the tensors go.

    Returns:
        The parts of the checkpoint by name, see ``PARTS``.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no checkpoint, or of other settings or another model; the message names the first
            difference.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint {path}")
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:
        # The reader of a file of anything raises anything.
        raise ValueError(f"{path} is no checkpoint of a training, or is damaged: {error}") from error
    missing = [part for part in PARTS if not isinstance(state, dict) or part not in state]
    if missing:
        raise ValueError(f"{path} is no checkpoint of a training: it has no {', '.join(missing)}")
    remedy = "give the same settings or another --out"
    difference = first_difference(state["settings"], settings)
    if difference:
        raise ValueError(f"{path} is of another training: {difference}; {remedy}")
    for part in ("model", "averaged"):
        difference = first_difference(
            {name: list(value.shape) for name, value in state[part].items()},
            {name: list(value.shape) for name, value in model.items()},
        )
        if difference:
            raise ValueError(f"{path} is of another model: {difference}; {remedy}")
    return dict(state)


def first_difference(kept: Any, wanted: Any, where: str = "") -> str | None:
    """Say where two nested settings differ first.

    Args:
        kept: the value in a file.
        wanted: the value of this run.
        where: the name of the value.

    Returns:
        Words, or None if they are equal; tuples and lists of equal items are equal.
    """
    if isinstance(kept, Mapping) and isinstance(wanted, Mapping):
        for name in [*wanted, *(name for name in kept if name not in wanted)]:
            inside = f"{where}.{name}" if where else str(name)
            if name not in kept or name not in wanted:
                side, other = ("this run", "it") if name in wanted else ("it", "this run")
                return f"{side} has {inside}, {other} has not"
            found = first_difference(kept[name], wanted[name], inside)
            if found:
                return found
        return None
    if _plain(kept) != _plain(wanted):
        return f"{where} is {kept!r}, this run has {wanted!r}"
    return None


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
