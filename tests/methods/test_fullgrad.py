"""FullGrad: its parts add up to the logit, its maps are those of the grad-cam package where their arithmetic agrees."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from small_networks import NAMES, at_full_size, classifier, published, resnet, vgg
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.methods.bias_gradients import full_gradients
from detxai_nb.methods.fullgrad import ERROR
from detxai_nb.methods.input_gradients import Noise


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return dx.data.scenes.Scenes(2, mode="plain")[0].image


def bundled(name: str) -> Any:
    detector = dx.load_detector(name, device="cpu")
    detector.module.double()
    return detector


NETWORKS = {
    "a bundled ResNet": lambda: bundled("tiny-resnet"),
    "resnet18": lambda: classifier(published("resnet18"), side=40),
    "a VGG with batch normalisation": lambda: classifier(vgg(batch_norm=True)),
    "a network of curved activations": lambda: classifier(
        nn.Sequential(nn.Conv2d(3, 8, 3), nn.SiLU(inplace=True), nn.Conv2d(8, 8, 3), nn.ReLU6(True), *pooled(8))
    ),
}


NETWORKS.update({name: lambda name=name: classifier(published(name), 64) for name in at_full_size("resnet50", "vgg16")})


def pooled(channels: int) -> tuple[nn.Module, ...]:
    return nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, len(NAMES))


@pytest.mark.parametrize("network", NETWORKS)
def test_the_parts_add_up_to_the_logit(network: str, image: np.ndarray) -> None:
    detector = NETWORKS[network]()
    found = detector.detect([image], 0.0)[0][:1]
    trace = detector.trace(image)
    logits = trace.scalars(found, dx.Target(score="logit"))
    for full, logit in zip(full_gradients(trace, trace.input, found, dx.Target()), logits):
        parts = sum(float(part.sum()) for part in full.parts)
        assert parts == pytest.approx(float(logit), abs=1e-4)
        assert full.error < 1e-9
        assert len(full.biases) > 0
        assert full.input.shape == trace.input.shape[1:]


def test_a_bias_has_the_part_that_its_removal_measures(image: np.ndarray) -> None:
    """A small change of a bias changes the logit by the part's share of it."""
    detector = classifier(vgg(batch_norm=True))
    found = detector.detect([image], 0.0)[0][:1]
    trace = detector.trace(image)
    parts = dict(next(full_gradients(trace, trace.input, found, dx.Target())).biases)
    target = dx.Target(score="logit")
    for name in ("features.0", "features.1", "classifier.0", "classifier.3"):
        part: Any = detector.module.get_submodule(name)
        norm = isinstance(part, nn.BatchNorm2d)
        bias = part.bias.detach().clone()
        whole = bias - part.running_mean * part.weight / (part.running_var + part.eps).sqrt() if norm else bias
        with torch.no_grad():
            part.bias.copy_(bias + 1e-6 * whole)
            moved = trace.scalars_of_inputs(trace.input, found, target)[0, 0]
            part.bias.copy_(bias)
        slope = (moved - trace.scalars(found, target)[0]) / 1e-6
        assert float(parts[name].sum()) == pytest.approx(float(slope), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize(
    "network", ["random ResNet", "random VGG", "trained ResNet", "trained VGG", *at_full_size("random vgg16")]
)
def test_maps_are_those_of_the_grad_cam_package(network: str, image: np.ndarray) -> None:
    """After its own last step, which scales a map to 0..1. Its constant of 1e-7 in each channel's denominator fades
    channels of such small values, so the last layer is made steeper: the map of an exact psi stays as it is."""
    package = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    kind, name = network.split()
    made = {"ResNet": resnet, "VGG": vgg, "vgg16": partial(published, "vgg16")} if kind == "random" else {}
    detector = classifier(made[name]()) if made else bundled(f"tiny-{name.lower()}")
    last: Any = [part for part in detector.module.modules() if isinstance(part, nn.Linear)][-1]
    with torch.no_grad():
        last.weight.mul_(1e5)
    found = detector.detect([image], 0.0)[0][:1]
    ours = dx.explain(detector, image, found, method="fullgrad").grids[0]
    batch = detector.trace(image).input
    with package.FullGrad(detector.module, []) as theirs:
        expected = theirs(batch, [targets.ClassifierOutputTarget(int(found.labels[0]))])[0]
    scaled = (ours - ours.min()) / (ours.max() - ours.min())
    assert float((scaled - torch.from_numpy(expected)).abs().max()) < 1e-4


def psi(part: Tensor, size: tuple[int, int], rescale: str) -> Tensor:
    """One channel, or layer, at a time."""
    total = torch.zeros(size, dtype=part.dtype)
    sizes = part.abs()
    for channel in sizes:
        of = channel if rescale == "channel" else sizes
        if of.max() > of.min():
            scaled = (channel - of.min()) / (of.max() - of.min())
            total += nn.functional.interpolate(scaled[None, None], size, mode="bilinear", align_corners=False)[0, 0]
    return total


@pytest.mark.parametrize("rescale", ["channel", "layer"])
def test_maps_are_the_formula_written_out(rescale: str, image: np.ndarray) -> None:
    detector = classifier(vgg(), side=32)
    found = detector.detect([image], 0.0)[0][:2]
    trace = detector.trace(image)
    maps = dx.explain(detector, image, found, method="fullgrad", rescale=rescale)
    for full, grid in zip(full_gradients(trace, trace.input, found, dx.Target()), maps.grids):
        expected = sum(psi(part, (32, 32), rescale) for part in full.parts if part.ndim == 3)
        assert torch.allclose(grid.double(), expected, rtol=1e-5, atol=1e-6)
    assert max(maps.diagnostics[ERROR]) < 1e-9
    assert maps.settings["score"] == "logit"


def test_smooth_maps_are_psi_of_the_mean_parts(image: np.ndarray) -> None:
    detector = classifier(vgg(), side=32)
    found = detector.detect([image], 0.0)[0][:2]
    trace = detector.trace(image)
    maps = dx.explain(detector, image, found, method="smooth-fullgrad", samples=3, noise=0.2, seed=1)
    noisy = Noise("smooth-fullgrad", trace.input, 0.2, 1).samples()(0, 3)
    runs = [list(full_gradients(trace, one[None], found, dx.Target())) for one in noisy]
    for row, grid in enumerate(maps.grids):
        means = [sum(parts) / 3 for parts in zip(*(run[row].parts for run in runs))]
        expected = sum(psi(part, (32, 32), "channel") for part in means if part.ndim == 3)
        assert torch.allclose(grid.double(), expected, rtol=1e-4, atol=1e-5)
    still = dx.explain(detector, image, found, method="smooth-fullgrad", samples=2, noise=0)
    plain = dx.explain(detector, image, found, method="fullgrad")
    assert torch.allclose(still.values, plain.values, rtol=1e-4, atol=1e-5)


def test_smooth_classes_that_do_not_fit_together_see_the_same_noise(
    image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = classifier(vgg(), side=32)
    found = detector.detect([image], 0.0)[0][:3]
    asked: dict[str, Any] = {"method": "smooth-fullgrad", "samples": 2, "seed": 5}
    whole = dx.explain(detector, image, found, **asked)
    monkeypatch.setattr("detxai_nb.methods.fullgrad.BUDGET", 1)
    assert torch.equal(dx.explain(detector, image, found, **asked).values, whole.values)


def test_the_class_may_be_another_and_the_score_makes_no_difference(image: np.ndarray) -> None:
    detector = classifier(vgg(), side=32)
    found = detector.detect([image], 0.0)[0]
    other = dx.explain(detector, image, found[:1], method="fullgrad", target=dx.Target(label=int(found.labels[1])))
    own = dx.explain(detector, image, found[1:2], method="fullgrad", target=dx.Target(score="logit"))
    assert torch.equal(other.values, own.values)


class Gated(nn.Module):
    """A product of features: no layer of its own, and not linear."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.pool, self.last = nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.Linear(8, len(NAMES))

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        found: Tensor = self.last(self.pool(x * x.sigmoid()).flatten(1))
        return found


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8), *pooled(8)), "layer '1', a GroupNorm"),
        (lambda: Gated(), "parts of the full gradient are .* off from the logit"),
        (
            lambda: nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8, track_running_stats=False), *pooled(8)),
            "layer '1' normalises by the statistics of its batch",
        ),
    ],
)
def test_a_layer_whose_bias_is_not_known_is_named(model: Any, words: str, image: np.ndarray) -> None:
    detector = classifier(model(), side=32)
    with pytest.raises(ValueError, match=words):
        dx.explain(detector, image, detector.detect([image], 0.0)[0][:1], method="fullgrad")
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in detector.module.modules())


def test_a_detector_is_no_classifier(image: np.ndarray) -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([image], 0.05)[0][:1]
    for method in ("fullgrad", "smooth-fullgrad", "relevance-cam"):
        with pytest.raises(TypeError, match=r"trace gives logits, which FcosDetector does not: .*image classifier"):
            dx.explain(detector, image, found, method=method)
