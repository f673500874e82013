"""Integrated Grad-CAM and CAMERAS against their definitions written out with autograd alone."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.types import Target

LOGIT = Target(score="logit")
IMAGE = dx.data.scenes.Scenes(1)[0].image


class Curved(nn.Module):
    """A small classifier with something to integrate after its layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(2)
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU())
        self.second = nn.Conv2d(6, 5, 3, padding=1)
        self.last = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x)).tanh().mean(dim=(2, 3)))


class Linear(Curved):
    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x)).mean(dim=(2, 3)))


def classifier(kind: type[nn.Module]) -> Any:
    return dx.wrap(kind().double(), names=["a", "b", "c"], family="classifier", input_size=(16, 24), layer="first")


def pair(module: Any, x: Tensor, label: int) -> tuple[Tensor, Tensor, Tensor]:
    """Activation, gradient and logit of one class for one input."""
    kept: list[Tensor] = []
    handle = module.first.register_forward_hook(lambda _, __, output: kept.append(output))
    logit = module(x)[0, label]
    handle.remove()
    return kept[0][0].detach(), torch.autograd.grad(logit, kept[0])[0][0], logit.detach()


def test_integrated_grad_cam_is_the_mean_over_the_path() -> None:
    detector = classifier(Curved)
    found = detector.detect([IMAGE], 0.0)[0]
    x, steps = detector.trace(IMAGE).input, 3
    mean, std = (torch.tensor(v, dtype=torch.float64)[:, None, None] for v in (detector.mean, detector.std))
    for baseline, start in (("black", (-mean / std).expand_as(x)), ("zero", torch.zeros_like(x))):
        settings: dict[str, Any] = {"steps": steps, "baseline": baseline}
        maps = dx.explain(detector, IMAGE, found, method="integrated-grad-cam", target=LOGIT, **settings)
        for row, label in enumerate(found.labels.tolist()):
            path = [pair(detector.module, start + i / steps * (x - start), label) for i in range(steps + 1)]
            grids = [
                ((g.mean(dim=(1, 2))[:, None, None] * (a - path[0][0])).sum(dim=0)).clamp(min=0) for a, g, _ in path[1:]
            ]
            assert torch.allclose(maps.grids[row].double(), torch.stack(grids).mean(dim=0), atol=1e-6)
            moved = sum(float(((g1 + g2) / 2 * (a2 - a1)).sum()) for (a1, g1, _), (a2, g2, _) in pairwise(path))
            change = float(path[-1][2] - path[0][2])
            assert maps.diagnostics["score difference"][row] == pytest.approx(change)
            assert maps.diagnostics["completeness error"][row] == pytest.approx(abs(moved - change), abs=1e-9)


def test_the_path_is_complete_with_more_steps_and_at_once_where_the_network_is_linear() -> None:
    errors = []
    for kind, steps in ((Linear, 1), (Curved, 4), (Curved, 32)):
        detector = classifier(kind)
        found = detector.detect([IMAGE], 0.0)[0]
        maps = dx.explain(detector, IMAGE, found, method="integrated-grad-cam", target=LOGIT, steps=steps)
        errors.append(max(maps.diagnostics["completeness error"]))
    assert errors[0] < 1e-9
    assert errors[2] < errors[1] / 20


def test_one_step_is_complete_on_a_bundled_network_that_is_linear_above_its_layer() -> None:
    detector = dx.load_detector("tiny-resnet", device="cpu")
    detector.module.double()
    found = detector.detect([IMAGE], 0.0)[0][:2]
    maps = dx.explain(detector, IMAGE, found, method="integrated-grad-cam", target=LOGIT, steps=1)
    assert max(maps.diagnostics["completeness error"]) < 1e-9


@pytest.mark.parametrize("name", ["tiny-yolox", "tiny-faster-rcnn"])
def test_a_detection_is_followed_at_its_origin(name: str) -> None:
    detector = dx.load_detector(name, device="cpu")
    found = detector.detect([IMAGE], 0.3)[0][:2]
    maps = dx.explain(detector, IMAGE, found, method="integrated-grad-cam", steps=2)
    odam = dx.explain(detector, IMAGE, found, method="odam")
    assert (maps.strides, maps.shifts, maps.layer) == (odam.strides, odam.shifts, odam.layer)
    trace = detector.trace(IMAGE)
    change = trace.scalars(found, Target()) - trace.reopen(trace.black).scalars(found, Target())
    assert maps.diagnostics["score difference"] == pytest.approx(change.tolist(), abs=1e-6)
    assert any(bool(grid.any()) for grid in maps.grids)


def test_cameras_averages_sizes_before_it_multiplies() -> None:
    detector = classifier(Curved)
    found = detector.detect([IMAGE], 0.0)[0]
    x = detector.trace(IMAGE).input
    maps = dx.explain(detector, IMAGE, found, method="cameras", target=LOGIT, sizes=3, largest=2.0)
    for row, label in enumerate(found.labels.tolist()):
        sums: list[Any] = [0.0, 0.0]
        for size in ((16, 24), (24, 36), (32, 48)):
            scaled = x if size == (16, 24) else F.interpolate(x, size=size, mode="bicubic", align_corners=False)
            for i, value in enumerate(pair(detector.module, scaled, label)[:2]):
                sums[i] += F.interpolate(value[None], size=(16, 24), mode="bilinear", align_corners=False)[0] / 3
        expected = (sums[0] * sums[1]).sum(dim=0).clamp(min=0)
        assert torch.allclose(maps.grids[row].double(), expected, atol=1e-5 * float(expected.max()))
    assert set(maps.strides) == {(1.0, 1.0)}


class Rigid(Curved):
    """Takes one input size."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(5 * 8 * 12, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.second(self.first(x)).flatten(1))


def test_what_cannot_be_done_is_refused() -> None:
    rigid = classifier(Rigid)
    found = rigid.detect([IMAGE], 0.0)[0]
    with pytest.raises(ValueError, match="does not take an input of 48x32 pixels, which 'cameras' needs"):
        dx.explain(rigid, IMAGE, found, method="cameras", sizes=2, largest=2)
    yolox = dx.load_detector("tiny-yolox", device="cpu")
    with pytest.raises(TypeError, match="a detection has no counterpart at another size"):
        dx.explain(yolox, IMAGE, yolox.detect([IMAGE], 0.1)[0][:1], method="cameras")
    for method, name, value in (
        ("cameras", "sizes", 0),
        ("cameras", "largest", 0.5),
        ("cameras", "largest", float("nan")),
        ("integrated-grad-cam", "steps", 0),
        ("integrated-grad-cam", "steps", 2.0),
    ):
        with pytest.raises(ValueError, match=f"{name} of '{method}'"):
            dx.explain(rigid, IMAGE, found, method=method, **{name: value})
    with pytest.raises(ValueError, match="baseline of 'integrated-grad-cam' is one of 'black', 'zero'"):
        dx.explain(rigid, IMAGE, found, method="integrated-grad-cam", baseline="white")
