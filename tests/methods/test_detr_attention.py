"""DETR's attention as a method: against the module's own weights, with tiny-detr."""

from __future__ import annotations

from importlib.util import find_spec
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.detr.variants import VARIANTS

pytestmark = pytest.mark.skipif(find_spec("transformers") is None, reason="tiny-detr needs transformers")
GRID = (16, 23)
"""Of an image of 190x272, which becomes 256x366, at tiny-detr's stride 16."""


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return scenes.make(2, seed=1, width=272, height=190).image


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-detr", device="cpu")


@pytest.fixture(scope="module")
def found(detector: Any, image: np.ndarray) -> dx.Detections:
    return detector.detect([image], 0.05)[0][:5]


@pytest.fixture(scope="module")
def weights(detector: Any, image: np.ndarray) -> dict[str, Tensor]:
    """The module's own answer, ``[layers,heads,from,tokens]`` by kind of attention."""
    module = detector.module
    before = module.config._attn_implementation
    try:
        module.set_attn_implementation("eager")
        with torch.no_grad():
            outputs = module(pixel_values=detector._prepare([image])[0], output_attentions=True)
    finally:
        module.set_attn_implementation(before)
    kinds = {"cross": outputs.cross_attentions, "self": outputs.encoder_attentions}
    return {kind: torch.stack([layer[0] for layer in layers]) for kind, layers in kinds.items()}


def rows(kind: str, found: dx.Detections, detector: Any, image: np.ndarray) -> list[int]:
    """The query of each detection, or the number of the cell in the middle of its box."""
    if kind == "cross":
        return found.origins[:, 0].tolist()
    placement = detector.trace(image).placement
    boxes = placement.boxes_to_input(found.boxes)
    x, y = ((boxes[:, i] + boxes[:, i + 2]) / 2 // 16 for i in (0, 1))
    return (y * GRID[1] + x).long().tolist()


@pytest.mark.parametrize("kind", ["cross", "self"])
def test_maps_are_the_modules_own_weights(
    detector: Any, image: np.ndarray, found: dx.Detections, weights: dict[str, Tensor], kind: str
) -> None:
    expected = weights[kind][:, :, rows(kind, found, detector, image)].unflatten(3, GRID)
    maps = dx.explain(detector, image, found, method="detr-attention", attention=kind)
    assert torch.allclose(torch.stack(maps.grids), expected.mean(dim=(0, 1)), atol=1e-5)
    assert torch.stack(maps.grids).sum(dim=(1, 2)).tolist() == pytest.approx([1] * len(found), abs=1e-4)
    assert set(maps.strides) == {(16.0, 16.0)}
    one = dx.explain(detector, image, found, method="detr-attention", attention=kind, block=-1, head=2)
    assert torch.allclose(torch.stack(one.grids), expected[-1, 2], atol=1e-5)
    assert one.settings == {"attention": kind, "block": -1, "head": 2}


def test_the_grid_is_the_tokens_whatever_the_layer(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    usual = dx.explain(detector, image, found[:1], method="detr-attention")
    layer = detector.layers[1]
    assert detector.trace(image, layer).levels[0].features.shape[1:] != GRID
    other = dx.explain(detector, image, found[:1], method="detr-attention", layer=layer)
    assert torch.allclose(other.values, usual.values)
    assert other.strides == usual.strides


def test_the_network_runs_once_for_all_queries(
    detector: Any, image: np.ndarray, found: dx.Detections, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = found[[0, 1, 0]]
    runs: list[int] = []
    forward = detector.module.forward
    trace = detector.trace(image)
    monkeypatch.setattr(detector, "trace", lambda *_: trace)
    monkeypatch.setattr(detector.module, "forward", lambda **named: runs.append(1) or forward(**named))
    steps: list[tuple[int, int]] = []
    maps = dx.explain(detector, image, twice, method="detr-attention", progress=lambda *x: steps.append(x))
    assert torch.equal(maps.grids[0], maps.grids[2])
    assert not torch.equal(maps.grids[0], maps.grids[1])
    assert len(runs) == 1
    assert steps[0] == (0, 3)
    assert steps[-1] == (3, 3)


def test_cancelling_leaves_the_module_as_it_was(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    def cancel(done: int, total: int) -> None:
        if done == 1:
            raise dx.Cancelled

    before = detector.module.config._attn_implementation
    with pytest.raises(dx.Cancelled):
        dx.explain(detector, image, found, method="detr-attention", progress=cancel)
    assert detector.module.config._attn_implementation == before
    assert not any(part.training for part in detector.module.modules())


def test_deformable_attention_is_not_offered() -> None:
    for name, dense in (("RTDetrForObjectDetection", False), ("DetrForObjectDetection", True)):
        some = SimpleNamespace(_variant=VARIANTS[name])
        assert DetrDetector.offers.fget(some) == (("attention", "rerun") if dense else ())


def test_mistakes_are_named(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    with pytest.raises(ValueError, match=r"head of 'detr-attention' is 'average' or a number from 0 to .* got 99"):
        dx.explain(detector, image, found, method="detr-attention", head=99)
    with pytest.raises(ValueError, match=r"block of 'detr-attention' is 'average' or a number from 0 to .* got 'last'"):
        dx.explain(detector, image, found, method="detr-attention", block="last")
    with pytest.raises(ValueError, match="attention of 'detr-attention' is one of 'cross', 'self'; got 'both'"):
        dx.explain(detector, image, found, method="detr-attention", attention="both")
    plain = dx.Detections(found.boxes, found.scores, found.labels, found.names)
    with pytest.raises(ValueError, match="do not say where in the model"):
        dx.explain(detector, image, plain, method="detr-attention")
    other = dx.load_detector("tiny-fcos", device="cpu")
    with pytest.raises(TypeError, match="needs a detector whose trace gives attention, which FcosDetector does not"):
        dx.explain(other, image, found, method="detr-attention")
