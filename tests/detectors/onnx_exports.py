"""ONNX files made of networks that are here, as people export them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def export(
    module: nn.Module,
    path: Path,
    size: tuple[int, int],
    outputs: Sequence[str] = ("output0",),
    *,
    open_axes: Sequence[int] = (),
    batch: int = 1,
    metadata: Mapping[str, str] | None = None,
) -> Path:
    """Export a network of pictures ``[B,3,h,w]``; ``open_axes`` of its input are left open, 0 for the batch."""
    axes: dict[str, Any] = {"images": {axis: ("batch", "", "height", "width")[axis] for axis in open_axes}}
    if 0 in open_axes:
        axes |= {name: {0: "batch"} for name in outputs}
    with warnings.catch_warnings(), torch.no_grad():
        # Of PyTorch's two exporters the one that needs no further package; both trace with values of their own.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (torch.rand(batch, 3, *size),),
            str(path),
            dynamo=False,
            input_names=["images"],
            output_names=list(outputs),
            dynamic_axes=axes if open_axes else None,
            opset_version=17,
        )
    if metadata:
        add_metadata(path, metadata)
    return path


def add_metadata(path: Path, metadata: Mapping[str, str]) -> None:
    """Write what exporters write besides the model."""
    import onnx

    model = onnx.load(str(path))
    onnx.helper.set_model_props(model, dict(metadata))
    onnx.save(model, str(path))


class OfficialYolox(nn.Module):
    """The outputs of YOLOX's own export: rows of all cells, not decoded, their probabilities after the sigmoid."""

    def __init__(self, module: nn.Module, decoded: bool = False) -> None:
        super().__init__()
        self.module, self.decoded = module, decoded

    def forward(self, images: Tensor) -> Tensor:
        levels = self.module(images)
        rows = torch.cat([level.flatten(2).permute(0, 2, 1) for level in levels], dim=1)
        rows = torch.cat([rows[..., :4], rows[..., 4:].sigmoid()], dim=2)
        if not self.decoded:
            return rows
        cells = []
        for level, stride in zip(levels, (8, 16, 32)):
            y, x = torch.meshgrid(torch.arange(level.shape[2]), torch.arange(level.shape[3]), indexing="ij")
            cells.append(torch.stack([x, y, torch.full_like(x, stride)], dim=-1).reshape(-1, 3))
        cell = torch.cat(cells).float()
        boxes = [(rows[..., :2] + cell[:, :2]) * cell[:, 2:], rows[..., 2:4].exp() * cell[:, 2:]]
        return torch.cat([*boxes, rows[..., 4:]], dim=2)


class LogitsAndBoxes(nn.Module):
    """The two outputs of a DETR of transformers, in this order."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        found = self.module(pixel_values=images)
        return found.logits, found.pred_boxes


class Constant(nn.Module):
    """Outputs of values that are set, whatever the picture shows: the layouts by hand."""

    def __init__(self, *values: Tensor) -> None:
        super().__init__()
        for number, value in enumerate(values):
            self.register_buffer(f"value{number}", value)
        self.count = len(values)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        nothing = images.sum() * 0
        values = [getattr(self, f"value{number}") for number in range(self.count)]
        return tuple(value + nothing.to(value.dtype) for value in values)
