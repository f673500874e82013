"""Relevance: its epsilon rule is captum's, no rule loses any of it, and Relevance-CAM weighs channels by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_networks import NAMES, at_full_size, classifier, enliven, published, resnet, vgg
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.methods.relevance.propagation import propagate
from detxai_nb.methods.relevance.rules import Division
from detxai_nb.methods.relevance.tape import Tape, record
from detxai_nb.methods.relevance_cam import LOST


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return dx.data.scenes.Scenes(2)[0].image


def bundled(name: str) -> Any:
    detector = dx.load_detector(name, device="cpu")
    detector.module.double()
    return detector


def tape_of(detector: Any, image: np.ndarray, layer: str | None = None) -> Tape:
    trace = detector.trace(image, layer)
    return record(detector.module, trace.input, trace.layer, trace.logits_of)


def one_hot(tape: Tape, *labels: int) -> Tensor:
    return torch.eye(tape.output.shape[1], dtype=tape.output.dtype)[list(labels)]


@pytest.mark.parametrize("network", ["VGG", "VGG with batch normalisation", *at_full_size("vgg16")])
def test_the_epsilon_rule_is_captums(network: str, image: np.ndarray) -> None:
    captum = pytest.importorskip("captum.attr")
    model = published(network) if network == "vgg16" else vgg(batch_norm="batch" in network)
    for part in model.modules():
        if isinstance(part, nn.ReLU):
            part.inplace = False
    detector = classifier(model)
    batch = detector.trace(image).input.clone().requires_grad_()
    tape = tape_of(detector, image)
    found = propagate(tape, one_hot(tape, 3, 7) * tape.output, Division("epsilon"), until=0)
    for row, label in enumerate((3, 7)):
        expected = captum.LRP(detector.module).attribute(batch, target=label).detach()[0]
        assert float((found[row] - expected).abs().max() / expected.abs().max()) < 1e-4


NETWORKS = {
    "a bundled ResNet": lambda: bundled("tiny-resnet"),
    "resnet18": lambda: classifier(published("resnet18"), side=40),
    "a VGG with biases": lambda: classifier(vgg()),
}
NETWORKS.update({name: lambda name=name: classifier(published(name), 64) for name in at_full_size("resnet50", "vgg16")})


@pytest.mark.parametrize("network", NETWORKS)
def test_relevance_is_conserved_from_layer_to_layer(network: str, image: np.ndarray) -> None:
    detector = NETWORKS[network]()
    for layer in (detector.layers[0], detector.layers[2]):
        tape = tape_of(detector, image, layer)
        for rule in ("z+", "alpha-beta"):
            found = propagate(tape, one_hot(tape, 4), Division(rule))
            assert float(found.sum()) == pytest.approx(1, abs=1e-4), (layer, rule)


def test_the_epsilon_rule_conserves_where_no_bias_takes_a_share(image: np.ndarray) -> None:
    for model in (vgg(), resnet()):
        for part in model.modules():
            if getattr(part, "bias", None) is not None:
                nn.init.zeros_(part.bias)
            if isinstance(part, nn.BatchNorm2d):
                nn.init.zeros_(part.running_mean)
        tape = tape_of(classifier(model), image)
        found = propagate(tape, one_hot(tape, 0, 4), Division("epsilon"), until=0)
        assert found.flatten(1).sum(dim=1).tolist() == pytest.approx([1, 1], abs=1e-4)


def test_the_rules_of_one_linear_layer_are_the_formulas_written_out(image: np.ndarray) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    model.append(nn.Linear(4, 10))
    enliven(model)
    detector = classifier(model, side=16)
    trace = detector.trace(image, "0")
    tape = record(detector.module, trace.input, "3", trace.logits_of)
    last: Any = model[-1]
    relevance = torch.arange(10, dtype=torch.float64)[None] - 4
    x = tape.steps[-1].values[0][0]
    z = x * last.weight.detach()
    positive, negative = z.clamp(min=0), z.clamp(max=0)

    def divided(parts: Tensor) -> Tensor:
        whole = parts.sum(dim=1, keepdim=True)
        return (torch.where(whole != 0, parts / whole, 0) * relevance[0][:, None]).sum(dim=0)

    assert torch.allclose(propagate(tape, relevance, Division("z+"))[0], divided(positive))
    mixed = propagate(tape, relevance, Division("alpha-beta", alpha=3.0))[0]
    assert torch.allclose(mixed, 3 * divided(positive) - 2 * divided(negative))
    whole = z.sum(dim=1) + last.bias.detach()
    expected = (z / (whole + 0.1 * whole.sign())[:, None] * relevance[0][:, None]).sum(dim=0)
    assert torch.allclose(propagate(tape, relevance, Division("epsilon", epsilon=0.1))[0], expected)


def test_a_residual_sum_is_divided_by_its_summands_of_its_sign(image: np.ndarray) -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.norm = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
            self.last = nn.Linear(3, 10)

        def forward(self, x: Tensor) -> Tensor:
            out = self.norm(self.conv(x))
            out += x
            found: Tensor = self.last(torch.relu_(out).mean(dim=(2, 3)))
            return found

    detector = classifier(enliven(Residual()), side=16)
    batch = detector.trace(image, "conv").input
    tape = record(detector.module, batch, "norm", lambda output: output)
    step = next(step for step in tape.steps if step.name.endswith("add_"))
    out, x = step.values
    found = propagate(tape, one_hot(tape, 2), Division())
    at_sum = propagate(tape, one_hot(tape, 2), Division(), until=step.output)
    whole = out + x
    share = torch.where(out * whole > 0, out.abs(), 0)
    other = torch.where(x * whole > 0, x.abs(), 0)
    assert torch.allclose(found, at_sum * share / (share + other).clamp(min=1e-300))
    assert torch.allclose(tape.output, detector.module(batch)), "what is written in place is not disturbed"


def test_the_map_is_the_layers_activation_weighted_by_mean_relevance(image: np.ndarray) -> None:
    detector = classifier(resnet())
    found = detector.detect([image], 0.0)[0][:2]
    before = {name: value.clone() for name, value in detector.module.state_dict().items()}
    for layer in (None, "layer2"):
        maps = dx.explain(detector, image, found, method="relevance-cam", layer=layer)
        trace = detector.trace(image, layer)
        tape = tape_of(detector, image, layer)
        for grid, label in zip(maps.grids, found.labels.tolist()):
            start = torch.full((1, 10), -1 / 9, dtype=torch.float64)
            start[0, label] = 1
            relevance = propagate(tape, start, Division())[0]
            expected = sum(r.mean() * a for r, a in zip(relevance, trace.levels[0].features))
            assert torch.allclose(grid.double(), torch.relu(expected), rtol=1e-4, atol=1e-6 * float(grid.max()))
        assert maps.layer == trace.layer
        assert max(maps.diagnostics[LOST]) < 1e-4
    assert all(torch.equal(value, before[name]) for name, value in detector.module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in detector.module.modules())


def test_other_classes_are_taken_off_only_if_asked(image: np.ndarray) -> None:
    detector = bundled("tiny-resnet")
    found = detector.detect([image], 0.0)[0][:2]
    with_others = dx.explain(detector, image, found, method="relevance-cam", contrastive=False).grids
    alone = dx.explain(detector, image, found, method="relevance-cam").grids
    likeness = [torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] for a, b in (with_others, alone)]
    assert float(likeness[1]) < float(likeness[0])


def test_many_classes_in_parts_are_the_same(image: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = classifier(vgg())
    found = detector.detect([image], 0.0)[0][:3]
    whole = dx.explain(detector, image, found, method="relevance-cam").values
    monkeypatch.setattr("detxai_nb.methods.memory.BUDGET", 1)
    parts = dx.explain(detector, image, found, method="relevance-cam").values
    assert torch.allclose(parts, whole, rtol=1e-4, atol=1e-6 * float(whole.max()))


class Block(nn.Module):
    """A network whose middle has no rule."""

    def __init__(self, middle: nn.Module) -> None:
        super().__init__()
        self.first, self.middle = nn.Conv2d(3, 8, 3, stride=2), middle
        self.pool, self.last = nn.AdaptiveAvgPool2d(1), nn.Linear(8, len(NAMES))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.last(self.pool(self.middle(self.first(x))).flatten(1))
        return found


@pytest.mark.parametrize(
    ("middle", "words"),
    [
        (nn.SiLU(), "no rule of relevance for .*silu, called in the layer 'middle'"),
        (nn.GroupNorm(2, 8), "no rule of relevance for .*group_norm, called in the layer 'middle'"),
        (nn.Sequential(nn.ReLU(), nn.Softplus()), "no rule .*softplus, called in the layer 'middle.1'"),
        (nn.BatchNorm2d(8, track_running_stats=False), "layer 'middle' normalises by the statistics of its batch"),
    ],
)
def test_the_first_layer_without_a_rule_is_named(middle: nn.Module, words: str, image: np.ndarray) -> None:
    detector = classifier(Block(middle), side=32)
    found = detector.detect([image], 0.0)[0][:1]
    with pytest.raises(ValueError, match=words):
        dx.explain(detector, image, found, method="relevance-cam", layer="first")
    if not isinstance(middle, (nn.BatchNorm2d, nn.Sequential)):
        # Above it there is nothing to refuse.
        assert dx.explain(detector, image, found, method="relevance-cam", layer="middle").layer == "middle"
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in detector.module.modules())


def test_a_value_that_is_overwritten_later_is_noticed(image: np.ndarray) -> None:
    class Overwriting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1)
            self.last = nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            x = self.first(x)
            y = self.second(x)
            x.mul_(2)
            found: Tensor = self.last(y.relu().mean(dim=(2, 3)))
            return found

    detector = classifier(Overwriting(), side=32)
    with pytest.raises(ValueError, match="the layer 'second' reads a value that is overwritten later, in place"):
        dx.explain(detector, image, detector.detect([image], 0.0)[0][:1], method="relevance-cam", layer="first")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rule": "gamma"}, "rule of 'relevance-cam' is one of"),
        ({"epsilon": -1}, "epsilon of the relevance is at least 0; got -1"),
        ({"alpha": 0.5}, "alpha of the relevance is at least 1"),
    ],
)
def test_mistakes_are_named(settings: dict[str, Any], words: str, image: np.ndarray) -> None:
    detector = classifier(vgg(), side=32)
    with pytest.raises(ValueError, match=words):
        dx.explain(detector, image, detector.detect([image], 0.0)[0][:1], method="relevance-cam", **settings)
