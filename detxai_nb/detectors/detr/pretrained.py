"""Open a DETR checkpoint of transformers: a folder, or the name of a model on the Hugging Face hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from detxai_nb.detectors.detr.variants import PIP, variant_of
from detxai_nb.names import as_names


def open_pretrained(path: str | os.PathLike[str]) -> tuple[Any, tuple[str, ...], dict[str, Any]]:
    """Open a checkpoint of transformers and read its class names and image settings.

    Only safetensors are read, never a pickle, and no code that comes with the checkpoint is run. The weights are
    float32.

    Args:
        path: a folder as ``save_pretrained`` writes it (config.json, model.safetensors, preprocessor_config.json), or a
            name such as "facebook/detr-resnet-50", which transformers then downloads.

    Returns:
        The module, its class names, and keyword arguments for ``DetrDetector``.

    Raises:
        ImportError: if transformers is missing.
        ValueError: if the checkpoint cannot be read (with transformers' reason).
        TypeError: if it holds another kind of detector.
    """
    try:
        from transformers import AutoImageProcessor, AutoModelForObjectDetection
    except ImportError as error:
        raise ImportError(f"family 'detr' needs transformers: {PIP}") from error
    processors: Any = AutoImageProcessor
    try:
        module = AutoModelForObjectDetection.from_pretrained(
            path, use_safetensors=True, trust_remote_code=False, dtype=torch.float32
        )
        processor = processors.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)!r} cannot be opened as a DETR of transformers; expected a folder with config.json, "
            f"model.safetensors and preprocessor_config.json, or a name on the hub and a network: {error}"
        ) from error
    variant_of(module)
    names = as_names(module.config.id2label, module.config.num_labels, owner=f"this {type(module).__name__}")
    return module, names, image_settings(processor)


def image_settings(processor: Any) -> dict[str, Any]:
    """Return the settings with which ``DetrDetector`` prepares images as a transformers image processor does.

    Args:
        processor: an image processor of a DETR.

    Returns:
        Keyword arguments for ``DetrDetector``: ``mean``, ``std``, and ``shortest_edge`` with ``longest_edge`` or
        ``fixed_size``.

    Raises:
        ValueError: if the processor does anything else than scale, shift and divide.
    """
    if getattr(processor, "do_rescale", True) and abs(processor.rescale_factor * 255 - 1) > 1e-6:
        raise ValueError(f"expected an image processor that divides by 255, got a factor of {processor.rescale_factor}")
    normalised = processor.do_normalize
    settings: dict[str, Any] = {
        "mean": tuple(processor.image_mean) if normalised else (0.0, 0.0, 0.0),
        "std": tuple(processor.image_std) if normalised else (1.0, 1.0, 1.0),
    }
    size: Mapping[str, Any] = dict(processor.size)
    size = {name: value for name, value in size.items() if value is not None}
    if set(size) == {"shortest_edge", "longest_edge"}:
        return {**settings, **size}
    if set(size) == {"height", "width"}:
        return {**settings, "fixed_size": (size["height"], size["width"])}
    raise ValueError(
        f"expected an image processor with a size of shortest_edge and longest_edge, or height and width; got {size}"
    )
