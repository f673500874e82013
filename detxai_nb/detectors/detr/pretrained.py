"""Open a DETR checkpoint of transformers: a folder, or the name of a model on the Hugging Face hub."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch

from detxai_nb.detectors.detr.variants import PIP, class_outputs, variant_of
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
    outputs = class_outputs(module, variant_of(module))
    names = as_names(module.config.id2label, outputs, owner=f"this {type(module).__name__}")
    return module, names, image_settings(processor)


_FOLLOWED = {"do_resize", "do_rescale", "do_normalize", "do_pad", "do_convert_rgb", "do_convert_annotations"}
"""Steps of image processors that ``image_settings`` follows, or that change nothing here."""
_BILINEAR = (2, "bilinear")
_SIZES = {
    ("shortest_edge",): "edges",
    ("longest_edge", "shortest_edge"): "edges",
    ("height", "width"): "fixed",
    ("max_height", "max_width"): "fit",
}
_NO_LIMIT = 10**6


def image_settings(processor: Any) -> dict[str, Any]:
    """Return the settings with which ``DetrDetector`` prepares images as a transformers image processor does.

    Args:
        processor: an image processor of a DETR.

    Returns:
        Keyword arguments for ``DetrDetector``: ``mean``, ``std``, ``resize``, and the sizes that this needs.

    Raises:
        ValueError: if the processor does anything else than scale (bilinearly), shift and divide; the message names it.
    """
    steps = {name for name in vars(processor) if name.startswith("do_")} | (_FOLLOWED & set(dir(processor)))
    others = sorted(name for name in steps - _FOLLOWED if getattr(processor, name, None))
    others += [name for name in ("crop_size", "size_divisor") if getattr(processor, name, None)]
    if getattr(processor, "do_pad", False) and getattr(processor, "pad_size", None):
        others.append(f"pad_size of {_plain(processor.pad_size)}")
    if others:
        raise ValueError(
            f"this {type(processor).__name__} has {', '.join(others)}, which family 'detr' does not follow; prepare "
            "images without it, or take wrap_predict with the processor inside"
        )
    return {**_colours(processor), **_sizes(processor)}


def _colours(processor: Any) -> dict[str, Any]:
    """``mean`` and ``std`` with which values in 0..1 become what the processor makes of values in 0..255."""
    normalised = getattr(processor, "do_normalize", True)
    mean, std = (_three(processor.image_mean), _three(processor.image_std)) if normalised else ((0.0,) * 3, (1.0,) * 3)
    factor = 255 * float(processor.rescale_factor) if getattr(processor, "do_rescale", True) else 255.0
    if abs(factor - 1) < 1e-6:
        return {"mean": mean, "std": std}
    if not factor > 0:
        raise ValueError(f"expected an image processor with a rescale_factor above 0, got {processor.rescale_factor}")
    return {"mean": tuple(value / factor for value in mean), "std": tuple(value / factor for value in std)}


def _three(value: Any) -> tuple[float, ...]:
    return (float(value),) * 3 if isinstance(value, (int, float)) else tuple(map(float, value))


def _sizes(processor: Any) -> dict[str, Any]:
    """``resize`` and the sizes that it needs."""
    if not getattr(processor, "do_resize", True):
        return {"resize": "none"}
    resample = getattr(processor, "resample", None)
    if resample is not None and getattr(resample, "value", resample) not in _BILINEAR:
        raise ValueError(
            f"this {type(processor).__name__} scales images with resample={resample!r}; family 'detr' scales them "
            "bilinearly (resample=2) only"
        )
    size = _plain(processor.size)
    kind = _SIZES.get(tuple(sorted(size)))
    if kind == "edges":
        return {"shortest_edge": size["shortest_edge"], "longest_edge": size.get("longest_edge", _NO_LIMIT)}
    if kind == "fixed":
        return {"fixed_size": (size["height"], size["width"])}
    if kind == "fit":
        return {"resize": "fit", "fixed_size": (size["max_height"], size["max_width"])}
    raise ValueError(
        "expected an image processor with a size of shortest_edge and longest_edge, height and width, or max_height "
        f"and max_width; got {size}"
    )


def _plain(size: Any) -> dict[str, Any]:
    """The sides that a size holds, without those that are None."""
    named = dict(size) if isinstance(size, Mapping) else vars(size)
    return {name: value for name, value in named.items() if value is not None}
