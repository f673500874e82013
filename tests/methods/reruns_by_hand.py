"""The whole detector on one changed input or with one changed map, and the score read at a detection's own origin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.detr.variants import anatomy_of, variant_of
from detxai_nb.types import Target

IMAGE = dx.data.scenes.Scenes(1)[0].image
Change = Callable[[Tensor], Tensor] | None


class Case:
    """A bundled detector with a few detections, read without the package's traces.

    Args:
        name: "tiny-fcos", "tiny-faster-rcnn" or "tiny-detr".
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.detector: Any = dx.load_detector(name, device="cpu")
        self.detections = self.detector.detect([IMAGE], 0.2)[0][:2]
        self.trace = self.detector.trace(IMAGE)
        if name == "tiny-faster-rcnn":
            self.proposals = torch.cat([part.proposals for part in self.trace.regions(self.detections)])

    def places(self) -> dict[int, tuple[int, Tensor]]:
        """The level of each detection, and each channel's mean of activation times gradient."""
        found = {}
        for level, rows, gradient in self.trace.gradients(self.detections, Target()):
            evidence = (gradient * self.trace.levels[level].features).mean(dim=(2, 3))
            found.update({row: (level, one) for row, one in zip(rows.tolist(), evidence)})
        return found

    @torch.no_grad()
    def scores(self, inputs: Tensor, level: int = 0, change: Change = None) -> Tensor:
        """The scores ``[N]`` of the detections, after ``change`` of a level's map ``[1,C,h,w]``."""
        module = self.detector.module
        detr = self.name == "tiny-detr"
        part: nn.Module = anatomy_of(module, variant_of(module)).cuts["backbone"].part if detr else module.backbone

        def hook(_: nn.Module, __: Any, output: Any) -> Any:
            if change is None:
                return output
            if self.name == "tiny-detr":
                return [*output[:-1], (change(output[-1][0]), output[-1][1])]
            key = list(output)[level]
            return {**output, key: change(output[key])}

        handle = part.register_forward_hook(hook)
        try:
            return getattr(self, "_" + self.name.replace("-", "_"))(module.eval(), inputs)
        finally:
            handle.remove()

    def _tiny_fcos(self, module: Any, inputs: Tensor) -> Tensor:
        pyramid = list(module.backbone(inputs).values())
        raw = module.head(pyramid)
        starts = np.cumsum([0, *(level.shape[2] * level.shape[3] for level in pyramid)])
        found = []
        for (level, row, column), label in zip(self.detections.origins.tolist(), self.detections.labels.tolist()):
            place = starts[level] + row * pyramid[level].shape[3] + column
            parts = raw["cls_logits"][0, place, label], raw["bbox_ctrness"][0, place, 0]
            found.append((parts[0].sigmoid() * parts[1].sigmoid()).sqrt())
        return torch.stack(found)

    def _tiny_faster_rcnn(self, module: Any, inputs: Tensor) -> Tensor:
        maps, heads = module.backbone(inputs), module.roi_heads
        pooled = heads.box_roi_pool(maps, [self.proposals], [self.trace.placement.resized])
        probabilities = heads.box_predictor(heads.box_head(pooled))[0].softmax(dim=1)
        return probabilities[torch.arange(len(self.detections)), self.detections.labels]

    def _tiny_detr(self, module: Any, inputs: Tensor) -> Tensor:
        logits = module(pixel_values=inputs).logits[0]
        probabilities = logits.softmax(dim=1) if variant_of(module).softmax else logits.sigmoid()
        return probabilities[self.detections.origins[:, 0], self.detections.labels]

    def mask(self, level: int, channel: int) -> Tensor:
        """The channel at the input's size, scaled to 0..1, by one-dimensional interpolation of rows and columns."""
        grid = self.trace.levels[level].features[channel].numpy()
        down, across = self.trace.levels[level].stride
        begin = -down / 2 if self.name == "tiny-faster-rcnn" else 0.0
        height, width = self.trace.input.shape[2:]
        rows = (np.arange(height) + 0.5 - begin) / down - 0.5
        columns = (np.arange(width) + 0.5 - begin) / across - 0.5
        tall = np.stack([np.interp(rows, np.arange(grid.shape[0]), column) for column in grid.T], axis=1)
        wide = np.stack([np.interp(columns, np.arange(grid.shape[1]), row) for row in tall])
        return torch.from_numpy((wide - wide.min()) / (wide.max() - wide.min())).float()
