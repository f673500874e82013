"""BBAM: the masks against one object at a time with Adam written out, and a module that stays as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb.detectors.faster_rcnn import box_head
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn

NAMES = ("background", "a", "b", "c", "d")
STEPS = 12
USUAL: dict[str, Any] = {"steps": STEPS, "learning_rate": 0.1, "sparsity": 0.002}


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    small = torch.rand(1, 3, 7, 11, generator=torch.Generator().manual_seed(0))
    big = torch.nn.functional.interpolate(small, size=(110, 170), mode="bilinear")
    return (big[0].permute(1, 2, 0) * 255).byte().numpy()


@pytest.fixture(scope="module")
def detector() -> FasterRcnnDetector:
    """Random weights, its classes and boxes far apart."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        module = tiny_faster_rcnn(len(NAMES))
        for weight in (
            module.roi_heads.box_predictor.cls_score.weight,
            module.roi_heads.box_predictor.bbox_pred.weight,
        ):
            torch.nn.init.normal_(weight, 0, 0.5)
    module.transform.min_size = (110,)
    return FasterRcnnDetector(module.double().eval(), NAMES)


@pytest.fixture(scope="module")
def found(detector: FasterRcnnDetector, image: np.ndarray) -> dx.Detections:
    return detector.detect([image], 0.3)[0][:4]


def masks_by_hand(detector: Any, trace: Any, one: dx.Detections, sparsity: float, rate: float) -> Tensor:
    """The mask ``[7,7]`` of one detection: Kingma & Ba's update on the loss as the paper's code writes it."""
    list(trace.chunks(one, dx.Target()))
    features = trace.levels[-1].features[None]
    heads, label = detector.module.roi_heads, int(one.labels[0])

    def ask(pooled: Tensor) -> tuple[Tensor, Tensor]:
        logits, deltas = heads.box_predictor(heads.box_head(pooled))
        return logits[0].softmax(dim=0)[label], deltas[0, 4 * label : 4 * label + 4]

    score, offsets = (x.detach() for x in ask(features))
    mask = torch.ones(7, 7, dtype=features.dtype)
    first, second = torch.zeros_like(mask), torch.zeros_like(mask)
    for step in range(1, STEPS + 1):
        mask = mask.detach().requires_grad_()
        masked_score, masked_offsets = ask(features * mask)
        loss = sparsity * mask.abs().sum()
        loss = loss + (score - masked_score).abs() / 2 + (offsets - masked_offsets).abs().mean() / 2
        (gradient,) = torch.autograd.grad(loss, mask)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        size = (second / (1 - 0.999**step)).sqrt() + 1e-8
        mask = (mask.detach() - rate * first / (1 - 0.9**step) / size).clamp(0, 1)
    return mask


def test_masks_equal_the_slow_loop(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    maps = dx.explain(detector, image, found, method="bbam", **USUAL)
    for row, one in enumerate(found):
        trace = detector.trace(image, "roi")
        expected = masks_by_hand(detector, trace, one, USUAL["sparsity"], USUAL["learning_rate"])
        assert 0 < expected.mean() < 1
        assert expected.std() > 0.05
        assert torch.allclose(maps.grids[row].double(), expected, atol=1e-5)
        assert maps.strides[row] == pytest.approx(trace.levels[-1].stride)
        assert maps.corners[row] == pytest.approx(trace.levels[-1].corner)
    assert maps.settings == {**USUAL, "start": 1.0}
    assert maps.seed is None


def test_diagnostics_say_how_much_was_kept(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    maps = dx.explain(detector, image, found, method="bbam", **USUAL)
    trace = detector.trace(image)
    (regions,) = trace.regions(found)
    whole = regions.run_head(regions.features)
    assert torch.allclose(whole.scores, found.scores)
    assert torch.allclose(trace.placement.boxes_to_image(whole.boxes, clip=True), found.boxes, atol=1e-6)
    masked = regions.run_head(regions.features * torch.stack(maps.grids)[:, None].double())
    assert maps.diagnostics["score kept"] == pytest.approx((masked.scores / found.scores).tolist(), rel=1e-4)
    for row, (a, b) in enumerate(zip(whole.boxes.tolist(), masked.boxes.tolist())):
        across, down = (max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1))
        areas = sum((x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in (a, b))
        assert maps.diagnostics["IoU kept"][row] == pytest.approx(across * down / (areas - across * down), rel=1e-4)


def test_sparsity_decides_how_much_is_left(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    left = []
    for sparsity in (0.0, 0.002, 100.0):
        settings = {**USUAL, "sparsity": sparsity}
        left.append(float(torch.stack(dx.explain(detector, image, found, method="bbam", **settings).grids).mean()))
    assert left[0] == 1
    assert left[1] < 1
    assert left[2] == 0


def test_maps_do_not_depend_on_the_company_or_the_batches(
    detector: Any, image: np.ndarray, found: dx.Detections, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = dx.explain(detector, image, found, method="bbam", **USUAL)
    alone = dx.explain(detector, image, found[2], method="bbam", **USUAL)
    assert torch.allclose(alone.grids[0], together.grids[2], atol=1e-5)
    assert alone.diagnostics["score kept"][0] == pytest.approx(together.diagnostics["score kept"][2], rel=1e-4)
    monkeypatch.setattr(box_head, "MEMORY_BUDGET", 1)
    calls: list[tuple[int, int]] = []
    apart = dx.explain(detector, image, found, method="bbam", layer="roi", progress=lambda *x: calls.append(x), **USUAL)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(apart.grids, together.grids))
    assert calls[-1] == (4, 4)
    assert len(calls) > len(found) * STEPS


def test_nothing_is_marked_outside_the_proposal(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    maps = dx.explain(detector, image, found, method="bbam", **USUAL)
    (regions,) = detector.trace(image).regions(found)
    proposals = maps.placement.boxes_to_image(regions.proposals)
    for values, (x1, y1, x2, y2) in zip(maps.values, proposals.tolist()):
        y, x = (values > 0).nonzero().unbind(1)
        assert x1 - 1 <= x.min() <= x.max() <= x2
        assert y1 - 1 <= y.min() <= y.max() <= y2


def state(module: Any) -> dict[str, Any]:
    parts = list(module.modules())
    return {
        "training": [part.training for part in parts],
        "grads": [(p.requires_grad, p.grad is None) for p in module.parameters()],
        "hooks": [len(p._forward_hooks) + len(p._forward_pre_hooks) + len(p._backward_hooks) for p in parts],
    }


@pytest.mark.parametrize("failure", ["none", "progress", "head"])
def test_the_module_is_left_as_it_was(
    detector: Any, image: np.ndarray, found: dx.Detections, failure: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(done: int, total: int) -> None:
        if failure == "progress" and done == 2:
            raise dx.Cancelled

    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("out of memory")

    module = detector.module
    weights = {name: value.clone() for name, value in module.state_dict().items()}
    module.train()
    before = state(module)
    try:
        if failure == "none":
            dx.explain(detector, image, found, method="bbam", progress=cancel, **USUAL)
        else:
            with monkeypatch.context() as patch, pytest.raises((dx.Cancelled, RuntimeError)):
                if failure == "head":
                    patch.setattr(torch.autograd, "grad", fail)
                dx.explain(detector, image, found, method="bbam", progress=cancel, **USUAL)
        assert state(module) == before
        assert all(torch.equal(value, weights[name]) for name, value in module.state_dict().items())
    finally:
        module.eval()


def test_works_inside_inference_mode(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    with torch.inference_mode():
        inside = dx.explain(detector, image, detector.detect([image], 0.3)[0][:2], method="bbam", **USUAL)
    outside = dx.explain(detector, image, found[:2], method="bbam", **USUAL)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(inside.grids, outside.grids))


def test_mistakes_are_named(detector: Any, image: np.ndarray, found: dx.Detections) -> None:
    with pytest.raises(ValueError, match="steps of 'bbam' is a whole number of at least 1; got 0"):
        dx.explain(detector, image, found, method="bbam", steps=0)
    with pytest.raises(ValueError, match=r"sparsity of 'bbam' is at least 0 .* got -1 and 0.02"):
        dx.explain(detector, image, found, method="bbam", sparsity=-1)
    with pytest.raises(ValueError, match=r"'bbam' has no maps of the .* 'x1'"):
        dx.explain(detector, image, found, method="bbam", target="x1")
    other = dx.load_detector("tiny-fcos", device="cpu")
    with pytest.raises(TypeError, match="'bbam' needs a detector whose trace gives regions, which FcosDetector"):
        dx.explain(other, image, found, method="bbam")
