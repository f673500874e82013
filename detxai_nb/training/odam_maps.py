"""ODAM maps of positive predictions that a loss can be computed of: gradients that keep their graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection import FCOS

from detxai_nb.detectors.dense.branch import Branch, tower_branches
from detxai_nb.detectors.dense.convolutions import ConvStep, cut_windows, reach_of, run_windows
from detxai_nb.geometry import Placement, stride_by_shape
from detxai_nb.nms.vectors import SmallGrid
from detxai_nb.training.positives import PassRecord, batch_norms_in_training
from detxai_nb.types import Level

Chosen = Sequence[Tensor]
"""For each image the rows of the predictions whose maps are wanted, int64 ``[n]``."""


def map_vectors_with_graph(
    record: PassRecord, chosen: Chosen, *, score: str, norm_statistics: str, short_edge: int
) -> list[Tensor]:
    """Compute the ODAM maps of positive predictions as flat vectors, from gradients that can be differentiated again.

    Args:
        record: of one training pass.
        chosen: for each image rows of ``record.boxes``.
        score: "prob" or "logit", of the class that the object has.
        norm_statistics: "exact" or "fixed", see ``OdamLoss``.
        short_edge: the shorter side of the maps in cells, on a grid over the whole image.

    Returns:
        For each image ``[n,D]``, float32 (float64 of a network in float64), not negative.

    Raises:
        ValueError: if predictions depend on each other through a batch norm in training mode, or a head that has to be
            run on windows is built otherwise than torchvision's.
    """
    if not any(len(rows) for rows in chosen):
        return [record.zero().new_zeros(0, 1) for _ in chosen]
    _require_separate(record)
    if not record.dense:
        return _region_vectors(record, chosen, score, short_edge)
    local = not record.norms
    if local or norm_statistics == "fixed":
        return _window_vectors(record, chosen, score, short_edge)
    return _level_vectors(record, chosen, score, short_edge)


def _require_separate(record: PassRecord) -> None:
    heads = record.module.roi_heads if not record.dense else None
    parts = [record.module.head] if heads is None else [heads.box_head, heads.box_predictor]
    found = batch_norms_in_training(parts)
    if found:
        raise ValueError(
            f"the head normalises over the batch ({found[0]} and {len(found) - 1} more), so no prediction has a map of "
            "its own; put its batch norms in evaluation mode (module.eval()), or build it with frozen ones"
        )


def _full(maps: Tensor) -> Tensor:
    """In float32 at least."""
    return maps.float() if maps.dtype in (torch.float16, torch.bfloat16) else maps


def _labels(record: PassRecord, image: int, rows: Tensor) -> Tensor:
    labels: Tensor = record.targets[image]["labels"][record.matched[image][rows]]
    return labels


def _log_scores(logits: Tensor, centerness: Tensor | None, score: str) -> Tensor:
    """What is differentiated: a logit, or the logarithm of a probability.

    A map's direction does not depend on which monotonic function of the score is differentiated, and the logarithm's
    gradient does not vanish where the score is near 0.
    """
    if score == "logit" or centerness is None:
        return logits
    return F.logsigmoid(logits) + F.logsigmoid(centerness)


def _placement(record: PassRecord, image: int) -> Placement:
    size = record.image_sizes[image]
    inside = record.input_size if record.dense else size
    return Placement(size, size, inside)


# Regions: one backward pass gives the gradients of all, since each is pooled and read by itself.


def _region_vectors(record: PassRecord, chosen: Chosen, score: str, short_edge: int) -> list[Tensor]:
    features, logits = record.features[0], _full(record.outputs["class_logits"])
    values = logits if score == "logit" else logits.log_softmax(dim=1)
    rows = torch.cat([record.begin(image) + some for image, some in enumerate(chosen)])
    labels = torch.cat([_labels(record, image, some) for image, some in enumerate(chosen)])
    (gradient,) = torch.autograd.grad(values[rows, labels].sum(), features, create_graph=True)
    maps = torch.relu((_full(gradient[rows]) * _full(features[rows])).sum(dim=1))
    found, done = [], 0
    for image, some in enumerate(chosen):
        grid = SmallGrid(_placement(record, image), short_edge)
        levels = _region_levels(record, record.boxes[image][some], features)
        regions = [(torch.tensor([number]), maps[done + number, None], level) for number, level in enumerate(levels)]
        placed = [where for _, where in grid.place_regions(regions)]
        done += len(some)
        found.append(torch.cat(placed).flatten(1) if placed else maps.new_zeros(0, grid.size[0] * grid.size[1]))
    return found


def _region_levels(record: PassRecord, boxes: Tensor, features: Tensor) -> list[Level]:
    """Where pooled regions lie in the input: the boxes, where narrower than a cell of their level widened to one."""
    if not len(boxes):
        return []
    pool: Any = record.module.roi_heads.box_roi_pool
    with torch.no_grad():
        scales = torch.tensor(pool.scales, dtype=boxes.dtype, device=boxes.device)
        level = pool.map_levels([boxes]) if len(scales) > 1 else torch.zeros(len(boxes), dtype=torch.int64)
        corner = boxes[:, [1, 0]]
        extent = (boxes[:, [3, 2]] - corner).maximum(1 / scales[level.to(boxes.device)][:, None])
        cells = extent / torch.tensor(features.shape[-2:], dtype=boxes.dtype, device=boxes.device)
    pairs = zip(corner.tolist(), cells.tolist())
    return [Level("roi", features, (cell[0], cell[1]), corner=(at[0], at[1])) for at, cell in pairs]


# One stage.


class _Cells:
    """The cells of chosen predictions of a one-stage head, of all images together."""

    def __init__(self, record: PassRecord, chosen: Chosen) -> None:
        sizes = [tuple(feature.shape[-2:]) for feature in record.features]
        counts = torch.tensor([height * width for height, width in sizes])
        self.anchors = len(record.boxes[0]) // int(counts.sum())
        ends = (counts * self.anchors).cumsum(0)
        rows = torch.cat(list(chosen)).cpu()
        self.image = torch.cat([torch.full((len(some),), image) for image, some in enumerate(chosen)])
        self.level = torch.bucketize(rows, ends, right=True)
        within = rows - torch.cat([torch.zeros(1, dtype=torch.int64), ends])[self.level]
        widths = torch.tensor([width for _, width in sizes])[self.level]
        cell = within // self.anchors
        self.anchor = within % self.anchors
        self.at = torch.stack([cell // widths, cell % widths], dim=1)
        self.rows = rows
        self.labels = torch.cat([_labels(record, image, some) for image, some in enumerate(chosen)]).cpu()
        self.count = len(rows)
        self.levels = [
            Level(f"neck.{number}", feature[0].detach(), stride_by_shape(record.input_size, feature.shape[-2:]))
            for number, feature in enumerate(record.features)
        ]

    def place(
        self, record: PassRecord, maps: Sequence[Tensor], corners: Tensor | None, short_edge: int
    ) -> list[Tensor]:
        """The maps of all predictions, each on the grid of its level or on a window, as flat vectors by image."""
        found = []
        for image in range(len(record.boxes)):
            grid = SmallGrid(_placement(record, image), short_edge)
            mine = (self.image == image).nonzero()[:, 0]
            order, placed = [], []
            for number, level in enumerate(self.levels):
                some = mine[self.level[mine] == number]
                if len(some):
                    stack = torch.stack([maps[i] for i in some.tolist()])
                    corner = None if corners is None else corners[some].to(stack.device)
                    placed.append(grid.place(stack, level, corner).flatten(1))
                    order.append(some)
            if placed:
                back = torch.argsort(torch.cat(order))
                found.append(torch.cat(placed)[back.to(placed[0].device)])
            else:
                found.append(_full(record.features[0]).new_zeros(0, grid.size[0] * grid.size[1]))
        return found


def _level_vectors(record: PassRecord, chosen: Chosen, score: str, short_edge: int) -> list[Tensor]:
    """From the gradients on whole levels, also through the statistics of group normalisation.

    Images and levels do not depend on each other in the head, so one backward pass serves one prediction of each.
    """
    cells = _Cells(record, chosen)
    device = record.features[0].device
    image, rows, labels = (x.to(device) for x in (cells.image, cells.rows, cells.labels))
    logits = _full(record.outputs["cls_logits"])[image, rows, labels]
    centerness = _centerness(record, image, rows)
    scores = _log_scores(logits, centerness, score)
    group = cells.image * len(cells.levels) + cells.level
    turn = torch.stack([(group[:i] == group[i]).sum() for i in range(cells.count)])
    maps: list[Tensor | None] = [None] * cells.count
    for number in range(int(turn.max()) + 1):
        some = (turn == number).nonzero()[:, 0].tolist()
        used = sorted({int(cells.level[i]) for i in some})
        gradients = torch.autograd.grad(scores[some].sum(), [record.features[i] for i in used], create_graph=True)
        by_level = {
            level: torch.relu((_full(gradient) * _full(record.features[level])).sum(dim=1))
            for level, gradient in zip(used, gradients)
        }
        for i in some:
            maps[i] = by_level[int(cells.level[i])][int(cells.image[i])]
    return cells.place(record, [one for one in maps if one is not None], None, short_edge)


def _centerness(record: PassRecord, image: Tensor, rows: Tensor) -> Tensor | None:
    if not isinstance(record.module, FCOS):
        return None
    return _full(record.outputs["bbox_ctrness"])[image, rows, 0]


def _window_vectors(record: PassRecord, chosen: Chosen, score: str, short_edge: int) -> list[Tensor]:
    """From the gradients on windows around the predictions, all in one pass through the head's convolutions."""
    cells, head = _Cells(record, chosen), record.module.head
    centered = isinstance(record.module, FCOS) and score == "prob"
    wanted = {"class": ("classification_head", ["cls_logits"])}
    if centered:
        wanted["box"] = ("regression_head", ["bbox_ctrness"])
    branches = tower_branches(head, wanted)
    ends = {"class": head.classification_head.cls_logits, "box": getattr(head.regression_head, "bbox_ctrness", None)}
    steps = {name: _steps(record, branch, ends[name], cells) for name, branch in branches.items()}
    reach = max(reach_of(one) for one in steps.values())
    order, windows, masks = _cut(record, cells, reach)
    back = torch.argsort(order).to(windows.device)
    # Under autocast the features may be in half precision and the weights are not.
    dtype, device = head.classification_head.cls_logits.weight.dtype, windows.device
    windows, masks = windows[back].to(dtype), masks[back].to(dtype)
    outputs = {}
    for name, one in steps.items():
        margin = reach - reach_of(one)
        inner = slice(margin, windows.shape[-1] - margin)
        outputs[name] = _full(run_windows(one, windows[:, :, inner, inner], masks[:, :, inner, inner]))
    classes = torch.unflatten(outputs["class"], 1, (cells.anchors, -1))
    logits = classes[torch.arange(cells.count), cells.anchor.to(device), cells.labels.to(device)]
    scores = _log_scores(logits, outputs["box"][:, 0] if centered else None, score)
    (gradient,) = torch.autograd.grad(scores.sum(), windows, create_graph=True)
    maps = torch.relu((_full(gradient) * _full(windows)).sum(dim=1) * masks[:, 0])
    return cells.place(record, list(maps), cells.at - reach, short_edge)


def _cut(record: PassRecord, cells: _Cells, reach: int) -> tuple[Tensor, Tensor, Tensor]:
    """The numbers of the predictions in some order, the windows ``[n,C,k,k]`` around their cells, and the masks."""
    order, windows, masks = [], [], []
    for level, features in enumerate(record.features):
        for image in range(len(record.boxes)):
            some = ((cells.level == level) & (cells.image == image)).nonzero()[:, 0]
            if len(some):
                cut, mask = cut_windows(features[image], cells.at[some].to(features.device), reach)
                order.append(some)
                windows.append(cut)
                masks.append(mask)
    return torch.cat(order), torch.cat(windows), torch.cat(masks).to(windows[0].dtype)


def _steps(record: PassRecord, branch: Branch, end: nn.Module, cells: _Cells) -> list[ConvStep]:
    """The branch as steps on windows; a group norm becomes an affine map with the statistics of the whole level."""
    steps = []
    for part in branch.parts:
        after: Callable[[Tensor], Tensor] = part.after
        if part.norm is not None:
            after = _fixed_norm(part.norm, record.norms[part.norm], cells)
        steps.append(ConvStep.of(part.conv, after))
    return [*steps, ConvStep.of(end)]


def _fixed_norm(norm: nn.GroupNorm, inputs: Sequence[Tensor], cells: _Cells) -> Callable[[Tensor], Tensor]:
    """GroupNorm and ReLU of windows of several levels, with the statistics that the pass had on each whole level.

    The statistics keep their graph to the weights, but do not depend on the windows.
    """
    factors, shifts = [], []
    for z in inputs:
        grouped = _full(z).reshape(len(z), norm.num_groups, -1)
        variance, mean = torch.var_mean(grouped, dim=2, correction=0)
        rstd = torch.rsqrt(variance + norm.eps)
        each = z.shape[1] // norm.num_groups
        factor = rstd.repeat_interleave(each, 1) * (1 if norm.weight is None else norm.weight)
        shift = -mean.repeat_interleave(each, 1) * factor + (0 if norm.bias is None else norm.bias)
        factors.append(factor)
        shifts.append(shift)
    level, image = (x.to(inputs[0].device) for x in (cells.level, cells.image))
    factor, shift = (torch.stack(x)[level, image][:, :, None, None] for x in (factors, shifts))
    return lambda z: torch.addcmul(shift, _full(z), factor).relu()
