"""Where grids lie in the picture: strides as the network makes them, cells where what reads them reads them."""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from families.detr import builder
from families.faster_rcnn import CLASSES, pooling
from kinds import KINDS
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import FeaturePyramidNetwork

import detxai_nb as dx
from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.detectors.retinanet import RetinaNetDetector
from detxai_nb.detectors.trace.graph import GraphDetector
from detxai_nb.detectors.trace.strides import measure_strides
from detxai_nb.geometry import Placement
from detxai_nb.testing import NAMES, photograph
from detxai_nb.types import Level, Target
from detxai_nb.windows import GradientChunk

MANY = "DETXAI_NB_FUZZ" in os.environ
"""Whether every kind is tried on every size, which takes minutes."""
SIZES = [(61, 97), (500, 33), (90, 900), (427, 640), (1, 300)] if MANY else [(61, 97), (500, 33)]
"""(height, width) of photographs: odd, and as narrow as they come."""
SAMPLED = ("faster-rcnn", "deformable", "rt-detr", "d-fine")
"""The beginnings of the kinds whose grids a sampler reads."""
SMALL = ("tiny-resnet", "conditional-detr", "deformable-detr", "tiny-faster-rcnn", "tiny-fcos", "tiny-pvt")
SMALL += ("tiny-retinanet", "tiny-ssd", "ssdlite", "yolo11n-fused", "yolox-nano")
"""A small kind of every family."""
TOLERANCE = 0.05
"""Of a cell: as far as a bright cell may lie from its place."""


def centre_of(placement: Placement, level: Level, row: int, column: int) -> tuple[float, float]:
    """The centre of mass (y, x), in input pixels, of the drawn map of one bright cell in the middle of a grid."""
    bright = torch.zeros(1, *level.features.shape[1:], dtype=torch.float64)
    bright[0, row, column] = 1
    drawn = placement.maps_to_image(bright, level.stride, level.corner, level.shift)[0]
    found = []
    for axis in (0, 1):
        pixels = (torch.arange(drawn.shape[axis], dtype=torch.float64) + 0.5) * placement.scale[axis]
        found.append(float(drawn.sum(1 - axis) @ pixels / drawn.sum()) + placement.offset[axis])
    return found[0], found[1]


def inner_cell(placement: Placement, level: Level) -> tuple[int, int] | None:
    """A cell whose whole map lies inside the picture, not the middle one; None if the grid is too small for one."""
    cells = []
    for axis in (0, 1):
        stride = level.stride[axis]
        low, high = placement.offset[axis], placement.offset[axis] + placement.resized[axis]
        inside = [
            i for i in range(level.features.shape[1 + axis]) if low <= (i - 1) * stride and (i + 2) * stride <= high
        ]
        if not inside:
            return None
        cells.append(inside[-1])
    return cells[0], cells[1]


@pytest.mark.parametrize("kind", [name for name in KINDS if MANY or name in SMALL])
def test_a_bright_cell_is_drawn_in_its_place_in_pictures_of_any_shape(kind: str) -> None:
    detector, strides = KINDS[kind].build(), {}
    for size in SIZES:
        image = photograph(*size)
        for layer in detector.layers:
            trace = detector.trace(image, layer)
            for number, level in enumerate(trace.levels):
                if level.corner is not None:
                    continue
                grid = level.features.shape[1:]
                for pixels, cells, stride in zip(trace.placement.input_size, grid, level.stride):
                    assert abs(pixels / stride - cells) <= 1
                if kind.startswith(SAMPLED) and not kind.startswith("faster"):
                    expected = [pixels / cells for pixels, cells in zip(trace.placement.input_size, grid)]
                    assert level.stride == pytest.approx(expected)
                else:
                    assert strides.setdefault((layer, number), level.stride) == level.stride
                cell = inner_cell(trace.placement, level)
                if cell is None:
                    continue
                offset = 0.0 if kind.startswith(("faster", "tiny-faster")) else 0.5
                drawn = centre_of(trace.placement, level, *cell)
                for at, stride, i, scale in zip(drawn, level.stride, cell, trace.placement.scale):
                    # A cell as small as a pixel of the photograph is drawn at the nearest pixels.
                    slack = TOLERANCE * stride if scale < stride / 2 else scale
                    assert at == pytest.approx((i + offset) * stride, abs=slack)


class RoundsDown(nn.Module):
    """A body of patches: every stage rounds down, as ConvNeXt's do, and a cell sees its own pixels only."""

    def __init__(self, first: int = 4) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.Conv2d(3, 4, first, first), *(nn.Conv2d(4, 4, 2, 2) for _ in range(3))])
        self.return_layers = {f"stage{i}": str(i) for i in (1, 2, 3)}
        for stage in self.stages:
            nn.init.constant_(stage.weight, 0.1)
            nn.init.zeros_(stage.bias)

    def forward(self, x: Tensor) -> OrderedDict[str, Tensor]:
        maps = OrderedDict()
        for number, stage in enumerate(self.stages):
            x = stage(x)
            if number:
                maps[str(number)] = x
        return maps


class Pyramid(nn.Module):
    """That body under torchvision's feature pyramid, whose convolutions are even on all sides."""

    out_channels = 32

    def __init__(self, first: int = 4) -> None:
        super().__init__()
        self.body, self.fpn = RoundsDown(first), FeaturePyramidNetwork([4, 4, 4], 32)
        for part in self.fpn.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.constant_(part.weight, 0.1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return self.fpn(self.body(x))


ANCHORS = {"min_size": 61, "max_size": 1000, "size_divisible": 1, "image_mean": [0.0] * 3, "image_std": [1.0] * 3}


def retinanet(**settings: Any) -> RetinaNetDetector:
    anchors = AnchorGenerator(((16,), (32,), (64,)), ((1.0,),) * 3)
    module = RetinaNet(Pyramid(**settings), len(NAMES), anchor_generator=anchors, **ANCHORS)
    return RetinaNetDetector(module.eval(), NAMES)


def fcos(**settings: Any) -> FcosDetector:
    anchors = AnchorGenerator(((8,), (16,), (32,)), ((1.0,),) * 3)
    return FcosDetector(FCOS(Pyramid(**settings), len(NAMES), anchor_generator=anchors, **ANCHORS).eval(), NAMES)


def faster_rcnn(**settings: Any) -> FasterRcnnDetector:
    anchors = AnchorGenerator(((16,), (32,), (64,)), ((1.0,),) * 3)
    pool = pooling(featmap_names=["1", "2", "3"])
    module = FasterRCNN(Pyramid(**settings), len(CLASSES), rpn_anchor_generator=anchors, box_roi_pool=pool, **ANCHORS)
    return FasterRcnnDetector(module.eval(), CLASSES)


@pytest.mark.parametrize("make", [retinanet, fcos, faster_rcnn])
@pytest.mark.parametrize("first", [4, 6])
def test_a_backbone_that_rounds_down_has_its_own_stride_in_every_picture(make: Any, first: int) -> None:
    """Of 61 pixels it makes 1 cell of stride 32, where a quotient says 61 and a power of two 64."""
    detector = make(first=first)
    for size in ((61, 97), (97, 61), (64, 66), (61, 600)):
        for layer in ("neck", "neck.before", "backbone", "backbone.stage3"):
            levels = detector.trace(photograph(*size), layer).levels
            true = [first * 2 ** (i + 1) for i in range(3)]
            # RoIAlign reads at a power of two, whatever the network does: torchvision rounds the scale.
            sampled = make is faster_rcnn and layer == "neck"
            true = [2 ** round(np.log2(s)) for s in true] if sampled else true
            assert [level.stride for level in levels] == [(s, s) for s in true[-len(levels) :]], (size, layer)


@pytest.mark.parametrize("make", [retinanet, fcos])
def test_evidence_is_drawn_over_the_pixels_that_it_comes_from(make: Any) -> None:
    """One cell's pixels are bright: what they change in each stage lies over them in the drawn map."""
    detector = make()
    dark = np.zeros((61, 257, 3), np.uint8)
    for number, stage in enumerate(("stage1", "stage2", "stage3")):
        stride = 8 * 2**number
        bright = dark.copy()
        rows, columns = slice(0, stride), slice(5 * stride, 6 * stride)
        bright[rows, columns] = 255
        trace = detector.trace(bright, f"backbone.{stage}")
        (level,), (base,) = trace.levels, detector.trace(dark, f"backbone.{stage}").levels
        change = (level.features - base.features).abs().sum(0, keepdim=True).double()
        drawn = trace.placement.maps_to_image(change, level.stride, level.corner, level.shift)[0]
        across = drawn.sum(0)
        x = float(across @ (torch.arange(257, dtype=torch.float64) + 0.5) / across.sum())
        assert x == pytest.approx(5.5 * stride, abs=TOLERANCE * stride)


class Toy(GraphDetector):
    """A detector of one layer on that body."""

    layer_modules: ClassVar[dict[str, Any]] = {"stage3": "stages.3", "all": ["stages.1", "stages.2"]}
    origin_fields = ("level", "query")

    def prepare(self, image: Tensor) -> tuple[Tensor, Placement]:
        return image[None] / 255, Placement.identity(*image.shape[1:])

    def decode(self, outputs: Any) -> Any:
        raise NotImplementedError

    def scalar(self, outputs: Any, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        return outputs["3"].sum()


def test_an_adapter_of_ones_own_has_measured_strides_unless_it_states_them() -> None:
    toy = Toy(RoundsDown(), NAMES)
    assert [level.stride for level in toy.trace(photograph(61, 97), "all").levels] == [(8.0, 8.0), (16.0, 16.0)]
    assert toy.trace(photograph(63, 95), "stage3").levels[0].stride == (32.0, 32.0)

    class States(Toy):
        def stride(self, layer: str, batch: Tensor, grid: Tensor) -> tuple[float, float]:
            return 30.0, 31.0

    assert States(RoundsDown(), NAMES).trace(photograph(63, 95), "stage3").levels[0].stride == (30.0, 31.0)


class OneSize(nn.Module):
    """A classifier whose last layer takes one size of input only."""

    def __init__(self, height: int, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 4, 2, 2)
        self.out = nn.Linear(4 * (height // 8) * (width // 8), len(NAMES))

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.second(self.first(x)).flatten(1))


def test_a_classifier_has_measured_strides_even_if_it_takes_one_size_only() -> None:
    detector = ClassifierDetector(OneSize(29, 61), NAMES, input_size=(29, 61))
    for size in ((61, 97), (500, 33)):
        assert detector.trace(photograph(*size), "second").levels[0].stride == (8.0, 8.0)
        assert detector.trace(photograph(*size), "first").levels[0].stride == (4.0, 4.0)


def test_a_detr_on_a_backbone_that_rounds_down_is_not_stretched() -> None:
    from transformers import ConvNextConfig, DetrConfig, DetrForObjectDetection

    body = ConvNextConfig(hidden_sizes=[4, 8, 12, 16], depths=[1, 1, 1, 1], out_features=["stage4"])
    sizes = {f"{part}_{what}": 1 for part in ("encoder", "decoder") for what in ("layers", "attention_heads")}
    config = DetrConfig(backbone_config=body, d_model=16, num_queries=4, num_labels=len(NAMES), **sizes)
    detector = DetrDetector(DetrForObjectDetection(config).eval(), NAMES, shortest_edge=61, longest_edge=2000)
    for size in ((61, 95), (97, 61), (61, 600)):
        for layer in detector.layers:
            trace = detector.trace(photograph(*size), layer)
            true = 2.0 ** (2 + detector.layers.index(layer) - 1) if layer.startswith("backbone.") else 32.0
            assert trace.levels[0].stride == (true, true), (size, layer)
            assert trace.token_stride == (32.0, 32.0)


@pytest.mark.parametrize(
    ("stages", "stride"),
    [
        ((4, 2, 2, 2), 32),
        ((2, 2, 2, 2, 2, 2, 2), 128),
        ((14,), 14),
        ((4, 3), 12),
        ((16,), 16),
        ((1, 3, 3), 9),
        ((5, 4), 20),
    ],
)
@pytest.mark.parametrize("round_up", [False, True])
def test_strides_are_measured_exactly(stages: tuple[int, ...], stride: int, round_up: bool) -> None:
    layers = [nn.AvgPool2d(s, ceil_mode=round_up) for s in stages]
    network = nn.Sequential(*layers)
    for size in ((61, 97), (500, 130), (140, 1333)):
        batch = torch.zeros(1, 3, *size)
        if min(size) < stride and not round_up:
            continue
        found = measure_strides(network, "all", lambda blank: {"a": network(blank)}, batch, {"a": network(batch)})
        assert found == {"a": (float(stride), float(stride))}


def reading_of(response: Tensor, positions: Tensor) -> float:
    """Where a sampler reads a bright cell: the centre of mass of what it returns along one axis."""
    return float(response.double() @ positions.double() / response.double().sum())


@torch.no_grad()
@pytest.mark.parametrize("pooled", [0, 1, 2])
@pytest.mark.parametrize(
    "layer", ["neck", "neck.before", "backbone", "backbone.stage1", "backbone.stage2", "backbone.stage3"]
)
def test_faster_rcnn_draws_every_layer_where_roi_align_reads_it(layer: str, pooled: int) -> None:
    """A bright cell of the layer, through the module's own pyramid and pooling, against regions along a line."""
    detector = faster_rcnn()
    module, image = detector.module, photograph(256, 384)
    module.transform.min_size = (256,)
    trace = detector.trace(image, layer)
    number = trace._below.level_of(pooled)
    level = trace.levels[number]
    chunk = GradientChunk(pooled, torch.zeros(1, dtype=torch.int64), torch.zeros(1, 32, 2, 2), torch.zeros(1, 2).long())
    shift = next(iter(trace._below.pull(chunk))).shift or level.shift
    sizes = [(32, 48), (16, 24), (8, 12)]
    row, column = [side // 2 for side in level.features.shape[1:]]
    channels = 32 if layer == "neck" else 4
    bright = torch.zeros(1, channels, *level.features.shape[1:])
    bright[0, :, row, column] = 1
    maps = OrderedDict((str(i + 1), torch.zeros(1, channels, *size)) for i, size in enumerate(sizes))
    name = next(key for key, value in maps.items() if value.shape == bright.shape)
    if layer == "neck":
        maps[name] = bright
    else:
        maps = module.backbone.fpn(OrderedDict(maps, **{name: bright}))
    if not maps[str(pooled + 1)].any():
        pytest.skip("a coarse level does not depend on a finer stage")
    stride = 8 * 2**pooled
    x = torch.arange(0, 384, 2.0) + 0.5
    y = torch.full_like(x, (row + 0.5) * level.stride[0])
    half = stride / 2
    boxes = torch.stack([x - half, y - half, x + half, y + half], dim=1)
    # One map at a time, so that regions of any size are pooled from it.
    alone = pooling(featmap_names=["m"], output_size=1, sampling_ratio=8)
    alone.scales, alone.map_levels = [1 / stride], lambda _: torch.zeros(len(x), dtype=torch.int64)
    response = alone({"m": maps[str(pooled + 1)]}, [boxes], [(256, 384)])[:, 0, 0, 0]
    drawn = (column + 0.5) * level.stride[1] + shift[1]
    assert reading_of(response, x) == pytest.approx(drawn, abs=TOLERANCE * level.stride[1])


@pytest.mark.parametrize(
    "kind", ["deformable-detr", "rt-detr", "rt-detr-v2", "rt-detr-v2 discrete", "d-fine", "d-fine discrete"]
)
def test_deformable_attention_reads_cells_where_they_are_drawn(kind: str) -> None:
    """The module's own sampler, on a bright cell of its grid."""
    from transformers.models.d_fine.modeling_d_fine import multi_scale_deformable_attention_v2 as version_2
    from transformers.models.deformable_detr.modeling_deformable_detr import MultiScaleDeformableAttention as Version1

    name, _, method = kind.partition(" ")
    changes = {"decoder_method": method} if method else {}
    # Only Deformable DETR takes inputs that are no multiples of its strides.
    width = 333 if name == "deformable-detr" else 320
    size = {"shortest_edge": 101, "longest_edge": 333} if width == 333 else {"fixed_size": (96, 320)}
    trace = builder(name, **changes)(**size).trace(photograph(101, 333), "encoder.0")
    (level,) = trace.levels
    rows, columns = level.features.shape[1:]
    row, column = rows // 2, columns // 2
    value = torch.zeros(1, rows * columns, 1, 1)
    value[0, row * columns + column] = 1
    share = torch.linspace(0, 1, 4000)
    height = (row + (0.0 if method else 0.5)) / rows
    at = torch.stack([share, torch.full_like(share, height)], dim=1)[None, :, None, None, None]
    weight, shapes = torch.ones(1, len(share), 1, 1, 1), [(rows, columns)]
    if name in ("deformable-detr", "rt-detr"):
        table, start = torch.tensor(shapes), torch.zeros(1, dtype=torch.int64)
        response = Version1()(value, table, shapes, start, at, weight, 64)
    else:
        response = version_2(value, shapes, at[:, :, :, 0], weight[..., 0], [1], method=method or "default")
    drawn = (column + 0.5) * level.stride[1] + level.shift[1]
    assert reading_of(response.flatten(), share * width) == pytest.approx(drawn, abs=TOLERANCE * level.stride[1])


def test_regions_and_the_maps_that_they_are_pooled_from_show_the_same_evidence_in_one_place() -> None:
    detector = dx.load_detector("tiny-faster-rcnn")
    apart = []
    for scene in dx.data.scenes.Scenes(4, seed=5):
        found = detector.detect([scene.image], 0.3)[0]
        neck, roi = (dx.explain(detector, scene.image, found, layer=x, direction="absolute") for x in ("neck", "roi"))
        stride = torch.tensor(neck.strides)
        middles = []
        for value in (neck.values.double(), roi.values.double()):
            height, width = value.shape[1:]
            total = value.sum((1, 2)).clamp(min=1e-30)
            y = value.sum(2) @ (torch.arange(height).double() + 0.5) / total
            x = value.sum(1) @ (torch.arange(width).double() + 0.5) / total
            middles.append(torch.stack([y, x], dim=1))
        apart += ((middles[0] - middles[1]) / stride).tolist()
    assert np.abs(np.median(apart, axis=0)).max() < TOLERANCE


@pytest.mark.parametrize("size", [(90, 900), (900, 90), (33, 500)])
def test_a_faster_rcnn_answers_alike_whatever_it_has_seen_before(size: tuple[int, int]) -> None:
    """torchvision's pooling guesses its scales from the first picture, and a very wide one misleads it."""
    scene = dx.data.scenes.Scenes(4, seed=11)[3].image
    image = np.full((*size, 3), 128, np.uint8)
    for top in range(0, size[0] - 89, 90):
        for left in range(0, size[1] - 89, 90):
            image[top : top + 90, left : left + 90] = scene[20:110, 40:130]
    detector = dx.load_detector("tiny-faster-rcnn")
    fresh = detector.detect([image], 0.05)[0]
    maps = dx.explain(detector, image, fresh[:2]) if len(fresh) else None
    with torch.no_grad():
        detector.module([torch.rand(3, 90, 900)])
    assert detector.module.roi_heads.box_roi_pool.scales is not None
    for _ in ("after a wide picture", "after an ordinary one"):
        again = detector.detect([image], 0.05)[0]
        assert torch.equal(again.boxes, fresh.boxes)
        assert torch.equal(again.scores, fresh.scores)
        if maps is not None:
            repeated = dx.explain(detector, image, again[:2])
            assert all(torch.equal(a, b) for a, b in zip(maps.grids, repeated.grids))
            assert (repeated.strides, repeated.shifts) == (maps.strides, maps.shifts)
        detector.module.roi_heads.box_roi_pool.scales = None
        with torch.no_grad():
            detector.module([torch.rand(3, 256, 320)])


def test_maps_of_a_sampled_grid_are_kept_with_where_they_begin(tmp_path: Any) -> None:
    detector, image = dx.load_detector("tiny-faster-rcnn"), dx.data.scenes.Scenes(1)[0].image
    maps = dx.explain(detector, image, detector.detect([image])[0])
    assert maps.shifts == tuple((-y / 2, -x / 2) for y, x in maps.strides)
    loaded = dx.HeatMaps.load(maps.save(tmp_path / "maps"))
    assert (loaded.shifts, maps[1:].shifts) == (maps.shifts, maps.shifts[1:])
    assert torch.equal(loaded.values, maps.values)
    assert set(maps.difference().shifts) == {(0.0, 0.0)}
