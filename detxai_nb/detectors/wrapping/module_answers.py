"""What is handed to ``wrap_module``, and what its ``predict`` returns, read with messages that name the argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.arrays import plain_array
from detxai_nb.detectors.trace.graph import LayerModules
from detxai_nb.detectors.wrapping.reading import FIELDS

Layers = str | nn.Module | Sequence[str] | Mapping[str, LayerModules]
_ORIGINS = "origins"


def split_answer(answer: Any, fields: Sequence[str]) -> tuple[dict[str, Any], Tensor]:
    """Split what ``predict`` returned into a black box's answer and the origins.

    Args:
        answer: (boxes, scores, labels, origins, ...), or a dict with these names.
        fields: a name for each number of an origin.

    Returns:
        The fields of ``wrap_predict``, and int64 ``[N,K]``.

    Raises:
        ValueError: if it has another form, or no origins.
    """
    if isinstance(answer, Mapping):
        parts = {name: answer[name] for name in (*FIELDS, _ORIGINS) if name in answer}
    elif isinstance(answer, (tuple, list)) and 4 <= len(answer) <= 6:
        parts = dict(zip((*FIELDS[:3], _ORIGINS, *FIELDS[3:]), answer))
    else:
        got = f"{len(answer)} things" if isinstance(answer, (tuple, list)) else f"a {type(answer).__name__}"
        raise ValueError(
            "predict returns (boxes, scores, labels, origins), then if it has them class_scores and objectness, or a "
            f"dict with these names; got {got}"
        )
    if parts.get(_ORIGINS) is None:
        raise ValueError(
            "predict's answer has no origins: for each prediction a whole number that says where it stands in what the "
            "module returned, as score(outputs, origin, label) reads it"
        )
    return parts, _as_origins(parts.pop(_ORIGINS), fields)


def _as_origins(given: Any, fields: Sequence[str]) -> Tensor:
    try:
        values = given.detach().cpu() if isinstance(given, Tensor) else torch.from_numpy(_plain(given))
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"predict's origins are no whole numbers ({error})") from error
    values = values.reshape(-1, len(fields)) if values.numel() == 0 else values
    values = values[:, None] if values.ndim == 1 else values
    whole = not values.is_floating_point() or bool((values == values.floor()).all())
    if values.ndim != 2 or not whole or values.dtype == torch.bool or (values.numel() and int(values.min()) < 0):
        raise ValueError(
            "predict's origins are whole numbers from 0 on, one for each prediction or as many as origin_fields "
            f"names; got {values.dtype} of shape {list(values.shape)}"
        )
    if values.shape[1] != len(fields):
        raise ValueError(
            f"predict's origins have {values.shape[1]} numbers for each prediction and origin_fields names "
            f"{len(fields)} ({', '.join(fields)}); hand in origin_fields=, a name for each number"
        )
    return values.long()


def _plain(given: Any) -> np.ndarray:
    values = list(given) if not isinstance(given, np.ndarray) else given
    if any(isinstance(value, Tensor) for value in values):
        values = [value.tolist() if isinstance(value, Tensor) else value for value in values]
    return plain_array(np.array(values), _ORIGINS)


def as_layers(module: nn.Module, layer: Any) -> dict[str, LayerModules]:
    """Return the explained layers by name.

    Args:
        module: the network.
        layer: as for ``wrap_module``.

    Returns:
        Paths of submodules by name, the default first.

    Raises:
        TypeError: if it names no layer.
        ValueError: for a submodule of another module.
    """
    if isinstance(layer, nn.Module):
        path = next((path for path, part in module.named_modules() if part is layer), None)
        if not path:
            raise ValueError(f"layer is a {type(layer).__name__} that is no submodule of {type(module).__name__}")
        return {path: path}
    if isinstance(layer, str):
        return {layer: layer}
    if isinstance(layer, Mapping) and layer:
        return dict(layer)
    if isinstance(layer, Sequence) and layer and all(isinstance(path, str) for path in layer):
        return {path: path for path in layer}
    raise TypeError(
        "layer is the path of a submodule as in module.named_modules(), the submodule, several paths, or a dict "
        f"{{name: path}}; got {layer!r}"
    )
