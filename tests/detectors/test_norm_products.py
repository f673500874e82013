"""Maps of many predictions through GroupNorm without gradients of all channels, against autograd, one at a time."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.dense import head, norm_products
from detxai_nb.detectors.dense.branch import Branch
from detxai_nb.detectors.dense.branch_run import BranchRun
from detxai_nb.detectors.dense.contraction import Contraction
from detxai_nb.detectors.dense.convolutions import ConvStep, cut_windows
from detxai_nb.detectors.dense.norm_products import FIELDS, OBJECTS, NormProducts
from detxai_nb.methods.products import product_chunks
from detxai_nb.testing import photograph
from detxai_nb.types import Detections, Target
from detxai_nb.winograd import Tiles, convolve, transform_kernel

CHANNELS = 8
SIZES = [(13, 17), (3, 9), (3, 3), (2, 5), (1, 4)]


def branch(layers: int, groups: int, dtype: torch.dtype, end: int = 3, inputs: int = CHANNELS) -> Branch:
    modules: list[nn.Module] = []
    for number in range(layers):
        conv = nn.Conv2d(inputs if number == 0 else CHANNELS, CHANNELS, 3, padding=1, bias=number != 1)
        norm = nn.GroupNorm(groups, CHANNELS)
        nn.init.normal_(norm.weight, 1, 0.3)
        nn.init.normal_(norm.bias, 0, 0.3)
        modules += [conv, norm, nn.ReLU()]
    last = nn.Conv2d(CHANNELS, 5, end, padding=end // 2)
    return Branch.of(nn.Sequential(*modules).to(dtype), [last.to(dtype)])


def cells(height: int, width: int) -> Tensor:
    """The corners, cells beside the border and one in the middle, some of them one cell on a small level."""
    return torch.tensor(
        [
            *itertools.product((0, height - 1), (0, width - 1)),
            (0, width // 2),
            (height // 2, width // 2),
            (min(1, height - 1), max(0, width - 2)),
        ]
    )


def slow(made: Branch, features: Tensor, slope: Tensor, at: Tensor) -> Tensor:
    leaf = features.clone().requires_grad_()
    x = made.activation(leaf, len(made.parts))
    outputs = F.conv2d(x[None], made.end.weight, made.end.bias, padding=made.end.reach)[0]
    gradients = [
        torch.autograd.grad((outputs[:, y, x] * one).sum(), leaf, retain_graph=True)[0]
        for (y, x), one in zip(at.tolist(), slope)
    ]
    return (torch.stack(gradients) * features).sum(1)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("layers", "groups", "end", "inputs"), [(1, 2, 3, 8), (2, 4, 3, 5), (3, 8, 1, 8), (4, 2, 3, 8)]
)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)])
def test_both_ways_give_the_products_of_the_slow_loop(
    size: tuple[int, int], layers: int, groups: int, end: int, inputs: int, dtype: torch.dtype, tolerance: float
) -> None:
    """Groups of one channel among them (8 of 8), one prediction and many, levels of fewer cells than a window has."""
    torch.manual_seed(3)
    made = branch(layers, groups, dtype, end, inputs)
    features, at = torch.randn(inputs, *size, dtype=dtype), cells(*size)
    slope = torch.randn(len(at), 5, dtype=dtype)
    expected = slow(made, features, slope, at)
    scale = expected.abs().amax((1, 2), keepdim=True)
    run = BranchRun(made, features)
    assert run.way(1) in (OBJECTS, FIELDS)
    ways = (FIELDS,) if layers == 1 else (OBJECTS, FIELDS)
    for way, count in itertools.product(ways, (1, len(at))):
        found = run.products(slope[:count], at[:count], way)
        assert ((found - expected[:count]).abs() <= tolerance * scale[:count]).all(), (way, count)


def test_fields_that_do_not_go_through_tiles_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on another device than the CPU; and few fields at once."""
    torch.manual_seed(0)
    made = branch(3, 4, torch.float64)
    features, at = torch.randn(CHANNELS, 7, 9, dtype=torch.float64), cells(7, 9)
    slope = torch.randn(len(at), 5, dtype=torch.float64)
    run = BranchRun(made, features)
    expected = slow(made, features, slope, at)
    monkeypatch.setattr(norm_products, "Tiles", lambda *_: None)
    monkeypatch.setattr("detxai_nb.detectors.dense.branch_run.rows_per_chunk", lambda _: 1)
    assert run.way(1) in (OBJECTS, FIELDS)
    for way in (OBJECTS, FIELDS):
        assert torch.allclose(run.products(slope, at, way), expected, rtol=1e-10, atol=1e-12)


def test_the_way_is_the_cheapest_for_the_number_of_predictions() -> None:
    made = branch(4, 2, torch.float32)
    run = BranchRun(made, torch.randn(CHANNELS, 13, 17))
    ways = [run.way(count) for count in (1, 10_000)]
    assert ways == [OBJECTS, FIELDS]
    run.products(torch.randn(1, 5), torch.tensor([[2, 2]]), FIELDS)
    assert run.way(10) == FIELDS, "what is done costs nothing more"


def test_towers_of_other_convolutions_are_differentiated_on_whole_levels() -> None:
    torch.manual_seed(0)
    modules = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1, groups=2), nn.GroupNorm(2, 8), nn.ReLU())
    made = Branch.of(modules.double(), [nn.Conv2d(8, 5, 3, padding=1).double()])
    features, at = torch.randn(8, 6, 7, dtype=torch.float64), cells(6, 7)
    slope = torch.randn(len(at), 5, dtype=torch.float64)
    run = BranchRun(made, features)
    assert run.way(5) == "dense"
    found = run.products(slope, at, "dense")
    assert torch.allclose(found, slow(made, features, slope, at), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("reach", [0, 1, 2])
def test_a_contraction_is_the_transposed_convolution_times_the_map(reach: int) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(3, 4, 2 * reach + 1, padding=reach).double()
    features = torch.randn(3, 5, 6, dtype=torch.float64)
    gradient = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    with torch.no_grad():
        expected = (F.conv_transpose2d(gradient, conv.weight, padding=reach) * features).sum(1)
        contraction = Contraction(ConvStep.of(conv), features)
        assert torch.allclose(contraction.on_maps(gradient.permute(0, 2, 3, 1)), expected)
        at = torch.tensor([[0, 0], [2, 5]])
        windows, _ = cut_windows(gradient[0], at, 1)
        found = contraction.on_windows(windows, at)
        for window, (y, x) in zip(found, at.tolist()):
            only = torch.zeros_like(gradient[:1])
            rows, columns = slice(max(0, y - 1), y + 2), slice(max(0, x - 1), x + 2)
            only[0, :, rows, columns] = gradient[0, :, rows, columns]
            whole = (F.conv_transpose2d(only, conv.weight, padding=reach) * features).sum(1)
            margin = reach + 1
            placed = F.pad(whole, [margin] * 4)[0, y : y + 2 * margin + 1, x : x + 2 * margin + 1]
            assert torch.allclose(window, placed)


@pytest.mark.parametrize("norm", [None, nn.BatchNorm2d, nn.GroupNorm])
@pytest.mark.parametrize("layers", [0, 2])
def test_windows_of_local_branches_contracted_or_not(norm: type | None, layers: int) -> None:
    torch.manual_seed(0)
    modules: list[nn.Module] = []
    for _ in range(layers):
        modules.append(nn.Conv2d(8, 8, 3, padding=1))
        modules += [] if norm is None else [nn.GroupNorm(2, 8) if norm is nn.GroupNorm else norm(8)]
        modules.append(nn.ReLU())
    made = Branch.of(nn.Sequential(*modules).double().eval(), [nn.Conv2d(8, 5, 3, padding=1).double()])
    features, at = torch.randn(8, 9, 7, dtype=torch.float64), cells(9, 7)
    slope = torch.randn(len(at), 5, dtype=torch.float64)
    run = BranchRun(made, features, fixed=True)
    assert run.open_for(1000)
    with torch.no_grad():
        around, mask = cut_windows(features, at, run.reach)
        expected = (run.pull_windows(slope, at) * around * mask).sum(1)
        for count in (0, 1000):
            assert torch.allclose(run.window_products(slope, at, count) * mask[:, 0], expected)


def test_tiles_convolve_many_maps_and_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    weight, x = torch.randn(6, 5, 3, 3).double(), torch.randn(3, 5, 18, 11).double()
    expected = F.conv2d(x, weight, padding=1).permute(0, 2, 3, 1)
    for most in (2, 7, 40):
        monkeypatch.setattr("detxai_nb.winograd._TOGETHER", most)
        tiles, out = Tiles((18, 11), 5, 6, x), x.new_empty(3, 18, 11, 6)
        for part, into in zip(x.split(tiles.together), out.split(tiles.together)):
            tiles.inside(len(part)).copy_(part.permute(0, 2, 3, 1))
            tiles.convolve(transform_kernel(weight), into)
        assert torch.allclose(out, expected)
    assert torch.allclose(convolve(x[0].permute(1, 2, 0), transform_kernel(weight)), expected[0])


PICTURE = photograph(64, 96)


@functools.cache
def loaded(name: str) -> Any:
    return dx.load_detector(name, device="cpu")


def detections_of(detector: Any, image: Any, count: int) -> Detections:
    """A few predictions of each level."""
    found = dx.nms.candidates(detector, image, 0.0)
    levels = found.origins[:, 0]
    rows = [row for level in levels.unique() for row in (levels == level).nonzero()[:count, 0].tolist()]
    return found[rows]


def maps_of(trace: Any, chunks: Any) -> dict[tuple[int, int], Tensor]:
    """The map of each number and row."""
    return {
        (number, row): one
        for number, chunk in chunks
        for row, one in zip(chunk.rows.tolist(), chunk.dense(*trace.levels[chunk.level].features.shape[1:])[:, 0])
    }


CASES = [
    ("tiny-fcos", "neck", (Target(), Target(score="logit"), Target("y2"))),
    ("tiny-fcos", "head.class", (Target(), Target("x1"))),
    ("tiny-fcos", "backbone", (Target(),)),
    ("tiny-retinanet", "neck", (Target(score="log-prob"), Target("x1"))),
    ("tiny-yolox", "neck", (Target(), Target("x2"))),
    ("tiny-yolox", "head.box", (Target("y1"), Target(score="logit"))),
]
"""Detectors, layers and targets; the first of each also as a contrast of two classes."""


@pytest.mark.parametrize(("name", "layer", "targets"), CASES)
def test_maps_of_detectors_are_those_of_their_gradients(name: str, layer: str, targets: tuple[Target, ...]) -> None:
    """On every level of a picture that is not square."""
    detector = loaded(name)
    found = detections_of(detector, PICTURE, 2)
    contrast = Target(label=found.names[-1], against=found.names[-2], score="logit")
    detector.module.double()
    try:
        trace = detector.trace(PICTURE, layer)
        asked = (*targets, contrast)
        seen = maps_of(trace, trace.products(found, asked))
        for number, target in enumerate(asked):
            expected = maps_of(
                trace, ((0, c.products(trace.levels[c.level].features)) for c in trace.chunks(found, target))
            )
            for row in range(len(found)):
                one = expected[0, row]
                assert ((seen[number, row] - one).abs() <= 1e-9 * one.abs().max()).all(), (target, row)
        assert len(seen) == len(asked) * len(found)
        assert set(trace.ways.values()) <= {OBJECTS, FIELDS, "windows"}
    finally:
        detector.module.float()


def test_explained_maps_say_how_they_were_made_and_do_not_depend_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """All five targets together in float32, by the way that was chosen and by each of the two."""
    detector = loaded("tiny-fcos")
    found = detections_of(detector, PICTURE, 1)
    trace = detector.trace(PICTURE)
    list(trace.products(found, [Target()]))
    # FCOS's score has a factor from the box branch.
    levels = set(found.origins[:, 0].tolist())
    assert set(trace.ways) == {f"{branch} branch, level {level}" for branch in ("class", "box") for level in levels}
    assert set(trace.ways.values()) <= {OBJECTS, FIELDS}
    made = {}
    for way in (OBJECTS, FIELDS):
        monkeypatch.setattr(NormProducts, "costs", lambda self, count, way=way: {way: 1.0})
        made[way] = dx.explain(detector, PICTURE, found, target="combined").grids
    monkeypatch.delattr("detxai_nb.detectors.dense.trace.OneStageTrace.products")
    slow_maps = dx.explain(detector, PICTURE, found, target="combined").grids
    for way, maps in made.items():
        for one, other in zip(maps, slow_maps):
            assert ((one - other).abs() <= 1e-4 * other.abs().max()).all(), way


def test_what_predictions_share_pays_by_their_number_not_by_a_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = loaded("tiny-fcos")
    found = detections_of(detector, PICTURE, 4)
    counts = torch.bincount(found.origins[:, 0].long())
    monkeypatch.setattr(head, "_TOGETHER", 1)
    asked = []
    monkeypatch.setattr(NormProducts, "costs", lambda self, count: asked.append(count) or {FIELDS: 1.0})
    list(detector.trace(PICTURE).products(found, [Target()]))
    assert sorted(asked) == sorted(n for n in counts.tolist() for _ in range(2 * n)), "of the class and the box branch"


def test_products_of_any_trace_are_those_of_its_chunks() -> None:
    detector = loaded("tiny-faster-rcnn")
    found = dx.nms.candidates(detector, PICTURE, 0.01)[:2]
    trace = detector.trace(PICTURE)
    for whole, summed in zip(trace.chunks(found, Target()), product_chunks(trace, found, Target()), strict=True):
        features = trace.levels[whole.level].features
        dense, sums = (chunk.dense(*features.shape[1:]) for chunk in (whole, summed))
        assert torch.allclose(sums[:, 0], (dense * features).sum(1), atol=1e-7)
