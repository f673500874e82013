"""Faster R-CNN: the adapter against torchvision's own forward pass, RoIAlign's transpose, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from families.faster_rcnn import CLASSES, SMALL, keypoint, lively, mask, mobile, pooling, version_1, version_2
from full_size import smaller
from torch import nn
from torchvision.models.detection import (
    FasterRCNN,
    fasterrcnn_mobilenet_v3_large_fpn,
    fasterrcnn_resnet50_fpn_v2,
    fcos_resnet50_fpn,
    maskrcnn_resnet50_fpn_v2,
)
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork, roi_align
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool, LastLevelP6P7

import detxai_nb as dx
from detxai_nb.detectors.faster_rcnn import box_head
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.faster_rcnn.pooling import Pooling
from detxai_nb.detectors.faster_rcnn.pyramid_transpose import PyramidTranspose, Window, is_linear
from detxai_nb.testing import photograph
from detxai_nb.types import Target
from detxai_nb.windows import spread_windows, take_windows


def torchvisions_version_2() -> FasterRCNN:
    torch.manual_seed(0)
    with smaller():
        return lively(fasterrcnn_resnet50_fpn_v2(**SMALL, box_roi_pool=pooling()))


def finer_mobile() -> FasterRCNN:
    torch.manual_seed(0)
    with smaller():
        return lively(fasterrcnn_mobilenet_v3_large_fpn(**SMALL))


def mask_version_2() -> FasterRCNN:
    torch.manual_seed(0)
    with smaller():
        return lively(maskrcnn_resnet50_fpn_v2(**SMALL, box_roi_pool=pooling()))


MAKERS = [version_1, version_2, torchvisions_version_2, finer_mobile, mobile, mask, mask_version_2, keypoint]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("size", [(150, 213), (97, 60)])
def test_detections_equal_torchvisions(make: Any, size: tuple[int, int]) -> None:
    detector, image = FasterRcnnDetector(make(), CLASSES), photograph(*size)
    found = detector.detect([image], 0.05)[0]
    assert detector.module.roi_heads.box_roi_pool.scales is None
    with torch.no_grad():
        expected = detector.module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
    assert len(found) == len(expected["scores"]) > 5
    assert torch.allclose(found.scores, expected["scores"])
    assert torch.equal(found.labels, expected["labels"])
    assert torch.allclose(found.boxes, expected["boxes"], atol=1e-3)
    assert (found.labels > 0).all()
    assert torch.allclose(found.class_scores.sum(dim=1), torch.ones(len(found)))


def test_no_proposals_give_no_detections() -> None:
    detector = FasterRcnnDetector(mobile(), CLASSES)
    detector.module.rpn.score_thresh = 1.1
    found = detector.detect([photograph()], 0.05)[0]
    assert len(found) == 0
    assert found.highest_score == 0


@pytest.mark.parametrize(("make", "branch"), [(mask, "mask"), (keypoint, "keypoint")])
def test_only_the_box_branch_of_a_mask_or_keypoint_rcnn_runs(make: Any, branch: str) -> None:
    detector, runs = dx.wrap(make(), family="faster-rcnn", names=CLASSES), []
    handle = getattr(detector.module.roi_heads, f"{branch}_head").register_forward_hook(lambda *_: runs.append(1))
    found = detector.detect([photograph()], 0.05)[0][:3]
    assert set(dx.explain(detector, photograph(), found).status) == {"ok"}
    assert not runs
    handle.remove()


BOXES = torch.tensor(
    [
        [3.0, 5.0, 90.0, 40.0],
        [0.0, 0.0, 158.0, 94.0],
        [150.0, 90.0, 158.0, 94.0],
        [157.9, 93.9, 158.0, 94.0],
        [20.3, 33.1, 20.6, 33.2],
        [40.0, 0.0, 41.0, 94.0],
        [-30.0, -20.0, 12.0, 9.0],
        [-90.0, -90.0, -60.0, -60.0],
    ],
    dtype=torch.float64,
)
"""In input pixels of an image of 158x94: inside, all of it, in a corner, smaller than a cell, half and all outside."""


@pytest.mark.parametrize("ratio", [2, 1, 3, 0])
@pytest.mark.parametrize("most", [1, 100])
def test_windows_equal_the_gradient_of_roi_align(ratio: int, most: int) -> None:
    random = torch.Generator().manual_seed(0)
    features = torch.randn(1, 3, 24, 40, generator=random, dtype=torch.float64)
    seed = torch.randn(len(BOXES), 3, 5, 7, generator=random, dtype=torch.float64)
    module = pooling(featmap_names=["0"], output_size=(5, 7), sampling_ratio=ratio)
    pooled = Pooling(module, {"0": features, "pool": features[:, :, ::2, ::2]}, (94, 158))
    assert torch.equal(pooled(BOXES)[0], module({"0": features}, [BOXES], [(94, 158)]))
    rows_seen: list[int] = []
    for rows, corner, windows in pooled.windows(0, BOXES, seed, most):
        assert len(rows) <= most
        assert windows.shape[2:].numel() <= 24 * 40
        dense = spread_windows(windows, corner, (24, 40))
        for row, found in zip(rows.tolist(), dense):
            leaf = features.clone().requires_grad_()
            output = roi_align(leaf, [BOXES[row : row + 1]], (5, 7), 0.25, ratio)
            (slow,) = torch.autograd.grad(output, leaf, seed[row, None])
            assert (found - slow[0]).norm() <= 1e-12 * seed.norm()
        rows_seen += rows.tolist()
    assert sorted(rows_seen) == list(range(len(BOXES)))


@pytest.mark.parametrize("sizes", [[(12, 17), (6, 9), (3, 5)], [(11, 20), (7, 7), (7, 7)]])
@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d])
def test_the_pyramids_transpose_equals_its_backward_pass(sizes: list[tuple[int, int]], norm: Any) -> None:
    """Windows inside, at every border and beyond it, from every level to every stage."""
    torch.manual_seed(0)
    fpn = FeaturePyramidNetwork([3, 4, 5], 6, LastLevelMaxPool(), norm_layer=norm).double().eval()
    for part in fpn.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.uniform_(0.5, 2)
            part.weight.data.normal_()
    assert is_linear(fpn)
    stages = {str(i): torch.randn(1, 3 + i, *size).double().requires_grad_() for i, size in enumerate(sizes)}
    levels = list(fpn(stages).values())
    transpose = PyramidTranspose(fpn, [x.detach() for x in stages.values()])
    for start in range(3):
        height, width = sizes[start]
        corner = torch.tensor([[0, 0], [height - 2, width - 3], [-1, 1], [1, width - 1]])
        windows = torch.randn(4, 6, 2, 3).double()
        dense = spread_windows(windows, corner, sizes[start])
        cut = [take_windows(seed, at[None], (2, 3)) for seed, at in zip(dense, corner)]
        inside = Window(torch.cat(cut), corner)
        for end, stage in enumerate(stages.values()):
            found = transpose.to_stage(start, inside, end)
            for row, seed in enumerate(dense):
                (slow,) = torch.autograd.grad(levels[start], stage, seed[None], retain_graph=True, allow_unused=True)
                if slow is None:
                    assert found is None
                    continue
                assert found is not None
                whole = spread_windows(found.gradient, found.corner, sizes[end])[row]
                assert (whole - slow[0]).norm() <= 1e-12 * (1 + slow.norm())


def test_a_region_of_its_own_lies_in_its_proposal() -> None:
    detector, image = FasterRcnnDetector(version_2(), CLASSES), photograph()
    found = detector.detect([image], 0.05)[0][:4]
    maps = dx.explain(detector, image, found, layer="roi")
    proposals = detector.trace(image)._proposals.boxes(found.origins)
    boxes = maps.placement.boxes_to_image(proposals)
    height, width = image.shape[:2]
    y, x = torch.arange(height)[:, None] + 0.5, torch.arange(width)[None, :] + 0.5
    for grid, value, (x1, y1, x2, y2) in zip(maps.grids, maps.values, boxes):
        assert grid.shape == (7, 7)
        inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
        assert value[inside].max() > 0
        assert (value[~inside] == 0).all()


def test_the_head_runs_once_for_all_targets() -> None:
    detector, image = FasterRcnnDetector(version_2(), CLASSES), photograph()
    found = detector.detect([image], 0.05)[0]
    runs: list[int] = []
    handle = detector.module.roi_heads.box_head.register_forward_hook(lambda *args: runs.append(len(args[2])))
    try:
        dx.compare(detector, image, found, methods=["odam", "grad-cam"], target="combined")
    finally:
        handle.remove()
    assert runs == [len(found)]


def test_regions_beyond_the_budget_are_opened_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, image = FasterRcnnDetector(version_2().double(), CLASSES), photograph()
    found = detector.detect([image], 0.05)[0][:7]
    whole = dx.explain(detector, image, found)
    monkeypatch.setattr(box_head, "MEMORY_BUDGET", 24 * 49 * 8 * 32 * 3)
    assert detector.trace(image)._head.rows_per_pass == 3
    parts = dx.explain(detector, image, found)
    assert all(torch.allclose(a, b) for a, b in zip(whole.grids, parts.grids))
    assert torch.allclose(detector.trace(image).scalars(found, Target()), found.scores, atol=1e-5)


class OneMap(nn.Module):
    """A backbone without a pyramid."""

    out_channels = 6

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 9, 8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).relu()


class OtherHead(nn.Module):
    """A proposal network that is not torchvision's."""

    def __init__(self) -> None:
        super().__init__()
        self.scores, self.boxes = nn.Conv2d(6, 2, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)

    def forward(self, x: list[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        return [self.scores(level) for level in x], [self.boxes(level) for level in x]


def test_a_backbone_without_a_pyramid() -> None:
    torch.manual_seed(0)
    anchors = AnchorGenerator(((24, 48),), ((1.0,),))
    settings = {"rpn_anchor_generator": anchors, "rpn_head": OtherHead(), "min_size": 96, "max_size": 200}
    module = FasterRCNN(OneMap(), 8, **settings, box_roi_pool=pooling(featmap_names=["0"])).double()
    detector, image = FasterRcnnDetector(module, CLASSES), photograph()
    assert detector.layers == ("neck", "roi")
    found = detector.detect([image], 0.05)[0]
    trace = detector.trace(image)
    assert [level.name for level in trace.levels] == ["neck.0"]
    assert torch.allclose(trace.scalars(found, Target()), found.scores)
    assert set(dx.explain(detector, image, found[:3]).status) == {"ok"}


@pytest.mark.parametrize("neck", ["group norm", "pooled from p6"])
def test_other_necks_are_explained_by_their_own_backward_pass(neck: str) -> None:
    module = version_2()
    if neck == "group norm":
        module.backbone.fpn = FeaturePyramidNetwork(
            [64, 128, 256, 512], 24, LastLevelMaxPool(), norm_layer=lambda channels: nn.GroupNorm(4, channels)
        )
    else:
        module.backbone.fpn.extra_blocks = LastLevelP6P7(24, 24)
        module.rpn.anchor_generator = AnchorGenerator(
            ((16,), (32,), (64,), (96,), (128,), (150,)), ((0.5, 1.0, 2.0),) * 6
        )
        module.roi_heads.box_roi_pool = pooling(featmap_names=["0", "1", "2", "3", "p6"], canonical_scale=16)
    detector, image = FasterRcnnDetector(module.double().eval(), CLASSES), photograph()
    assert detector.layers[:4] == ("neck", "roi", "backbone", "backbone.layer1")
    found = detector.detect([image], 0.05)[0][:6]
    trace = detector.trace(image, "backbone")
    assert torch.allclose(trace.scalars(found, Target()), found.scores)
    leaves = {str(i): level.features[None].requires_grad_() for i, level in enumerate(trace.levels)}
    features = module.backbone.fpn(leaves)
    boxes = detector.trace(image)._proposals.boxes(found.origins)
    for level, rows, gradient in trace.gradients(found, Target()):
        row = int(rows[0])
        pooled = module.roi_heads.box_roi_pool(features, [boxes[row, None]], [trace.placement.resized])
        logits, _ = module.roi_heads.box_predictor(module.roi_heads.box_head(pooled))
        score = logits.softmax(dim=1)[0, found.labels[row]]
        (slow,) = torch.autograd.grad(score, leaves[str(level)], retain_graph=True)
        assert (gradient - slow).norm() <= 1e-9 * slow.norm()


def test_mistakes_are_named() -> None:
    with torch.device("meta"):
        fcos: Any = fcos_resnet50_fpn(weights=None, weights_backbone=None)
    with pytest.raises(TypeError, match="expects a torchvision FasterRCNN module, got FCOS"):
        FasterRcnnDetector(fcos, CLASSES)
    with pytest.raises(ValueError, match="8 class outputs, the background first, but 7 names were given"):
        FasterRcnnDetector(version_2(), CLASSES[1:])
    module = version_2()
    module.roi_heads.box_roi_pool = nn.Identity()
    with pytest.raises(TypeError, match=r"a MultiScaleRoIAlign as roi_heads\.box_roi_pool, got Identity"):
        FasterRcnnDetector(module, CLASSES)
    module.roi_heads.box_roi_pool = pooling(featmap_names=["a"])
    with pytest.raises(ValueError, match="the box pooling reads a, the backbone gives 0, 1, 2, 3, pool"):
        FasterRcnnDetector(module, CLASSES).trace(photograph())
    detector = FasterRcnnDetector(version_2(), CLASSES)
    found = detector.detect([photograph()], 0.05)[0]
    with pytest.raises(ValueError, match="'combined' joins maps"):
        detector.trace(photograph()).scalars(found, Target("combined"))
