"""Methods of the gradient at the network's input: against captum, against what theory promises, and for detectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from small_networks import at_full_size, classifier, published, resnet, vgg
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.methods.input_gradients import Noise


@pytest.fixture(scope="module")
def captum() -> Any:
    """captum's methods; it takes seconds to import, so only where it is used."""
    return pytest.importorskip("captum.attr")


FAMILIES = ("tiny-fcos", "tiny-faster-rcnn")
SHARED = ("gradient-x-input", "integrated-gradients", "smoothgrad")
LOGIT = dx.Target(score="logit")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    scene: np.ndarray = dx.data.scenes.Scenes(1)[0].image
    return scene[:128, :128]


@pytest.fixture(scope="module", params=["vgg", "resnet", *at_full_size("vgg16")])
def detector(request: Any) -> Any:
    small = {"vgg": vgg, "resnet": resnet}
    return classifier(small[request.param]() if request.param in small else published(request.param), side=48)


def grids(maps: Any) -> Tensor:
    return torch.stack(list(maps.grids)).double()


def test_integrated_gradients_are_those_of_captum(captum: Any, detector: Any, image: np.ndarray) -> None:
    found = detector.detect([image], 0.0)[0][:2]
    batch = detector.trace(image).input
    start = torch.linspace(-1, 1, batch.numel(), dtype=torch.float64).reshape(batch.shape)
    ours = dx.explain(
        detector, image, found, method="integrated-gradients", target=LOGIT, steps=7, baseline=start[0].numpy()
    )
    theirs = captum.IntegratedGradients(detector.module)
    for row, label in enumerate(found.labels.tolist()):
        expected = theirs.attribute(batch, start, target=label, n_steps=7, method="gausslegendre").sum(dim=1)[0]
        assert float((grids(ours)[row] - expected).abs().max() / expected.abs().max()) < 1e-4
    assert ours.settings["baseline"].startswith("given, SHA-256 ")


def test_the_right_ends_of_the_steps_are_captums_right_sum(captum: Any, detector: Any, image: np.ndarray) -> None:
    found = detector.detect([image], 0.0)[0][:1]
    batch = detector.trace(image).input
    ours = dx.explain(
        detector, image, found, method="integrated-gradients", target=LOGIT, steps=5, baseline="zero", rule="right"
    )
    theirs = captum.IntegratedGradients(detector.module)
    label = int(found.labels[0])
    expected = theirs.attribute(batch, 0.0, target=label, n_steps=5, method="riemann_right").sum(dim=1)[0]
    assert float((grids(ours)[0] - expected).abs().max() / expected.abs().max()) < 1e-4


@pytest.mark.parametrize("times_input", [False, True])
def test_smoothgrad_is_captums_noise_tunnel_with_the_same_noise(
    captum: Any, detector: Any, image: np.ndarray, times_input: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = detector.detect([image], 0.0)[0][:2]
    batch = detector.trace(image).input
    ours = dx.explain(
        detector,
        image,
        found,
        method="smoothgrad",
        target=LOGIT,
        samples=4,
        noise=0.1,
        seed=3,
        channels="sum",
        times_input=times_input,
    )
    deviation = 0.1 * float(batch.max() - batch.min())
    assert ours.settings["deviation"] == pytest.approx(deviation)
    assert ours.seed == 3
    noisy = Noise("smoothgrad", batch, 0.1, 3).samples()(0, 4)
    # captum draws its noise by torch.normal: hand it ours.
    monkeypatch.setattr(torch, "normal", lambda mean, std: noisy - batch)
    tunnel = captum.NoiseTunnel(captum.Saliency(detector.module))
    for row, label in enumerate(found.labels.tolist()):
        expected = tunnel.attribute(
            batch, nt_type="smoothgrad", nt_samples=4, stdevs=deviation, target=label, abs=False
        )
        expected = (expected * batch if times_input else expected).detach().sum(dim=1)[0]
        assert float((grids(ours)[row] - expected).abs().max() / expected.abs().max()) < 1e-4


def test_gradient_x_input_is_captums(captum: Any, detector: Any, image: np.ndarray) -> None:
    found = detector.detect([image], 0.0)[0][:2]
    batch = detector.trace(image).input.clone().requires_grad_()
    ours = dx.explain(detector, image, found, method="gradient-x-input")
    theirs = captum.InputXGradient(lambda x: detector.module(x).softmax(dim=1))
    for row, label in enumerate(found.labels.tolist()):
        expected = theirs.attribute(batch, target=label).detach().sum(dim=1)[0]
        assert float((grids(ours)[row] - expected).abs().max() / expected.abs().max()) < 1e-4


def test_integrated_gradients_add_up_to_the_difference_of_scores_the_better_the_more_steps(
    detector: Any, image: np.ndarray
) -> None:
    found, target = detector.detect([image], 0.0)[0][:1], LOGIT
    trace = detector.trace(image)
    errors = []
    for steps in (2, 128):
        maps = dx.explain(
            detector, image, found, method="integrated-gradients", target=target, steps=steps, rule="midpoint"
        )
        with torch.no_grad():
            difference = trace.scalars(found, target) - trace.scalars_of_inputs(trace.black, found, target)[0]
        assert maps.diagnostics["score difference"] == pytest.approx(difference.tolist(), abs=1e-9)
        off = (grids(maps).sum(dim=(1, 2)) - difference).abs()
        # Grids are kept in float32.
        assert maps.diagnostics["completeness error"] == pytest.approx(off.tolist(), abs=1e-4)
        errors.append(max(maps.diagnostics["completeness error"]))
    assert errors[1] < errors[0] / 4


def test_integrated_gradients_of_a_smooth_network_are_complete_to_1e_4(image: np.ndarray) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Tanh(), nn.Conv2d(4, 8, 3), nn.AdaptiveAvgPool2d(1))
    model.append(nn.Flatten())
    model.append(nn.Linear(8, 10))
    smooth = classifier(model, side=24)
    found = smooth.detect([image], 0.0)[0]
    maps = dx.explain(smooth, image, found, method="integrated-gradients", target=LOGIT)
    assert max(maps.diagnostics["completeness error"]) < 1e-4


def test_integrated_gradients_of_a_smooth_network_of_full_size_are_complete_to_1e_4_of_the_difference(
    image: np.ndarray,
) -> None:
    """An EfficientNet-B0, whose SiLUs have no corner, with random weights."""
    smooth = classifier(published("efficientnet_b0"), side=32)
    found = smooth.detect([image], 0.0)[0][:1]
    maps = dx.explain(smooth, image, found, method="integrated-gradients", target=LOGIT)
    assert maps.diagnostics["completeness error"][0] < 1e-4 * abs(maps.diagnostics["score difference"][0])


@pytest.mark.parametrize("network", ["VGG", "ResNet", *at_full_size("vgg16", "resnet50")])
def test_one_step_is_exact_along_a_ray_through_relus_without_biases(network: str, image: np.ndarray) -> None:
    model = {"VGG": vgg, "ResNet": resnet}[network]() if network in ("VGG", "ResNet") else published(network)
    for part in model.modules():
        if getattr(part, "bias", None) is not None:
            nn.init.zeros_(part.bias)
        if isinstance(part, nn.BatchNorm2d):
            nn.init.zeros_(part.running_mean)
    rays = classifier(model, side=48)
    found = rays.detect([image], 0.0)[0][:2]
    maps = dx.explain(rays, image, found, method="integrated-gradients", target=LOGIT, steps=1, baseline="zero")
    assert max(maps.diagnostics["completeness error"]) < 1e-9 * max(map(abs, maps.diagnostics["score difference"]))


@pytest.mark.parametrize("at", ["input", "layer"])
def test_a_path_is_cut_until_each_map_adds_up_as_well_as_asked(at: str, image: np.ndarray) -> None:
    """And a map is what its own number of inputs gives, whichever other objects are explained."""
    detector = classifier(vgg(), side=24)
    found = detector.detect([image], 0.0)[0][:3]
    asked: dict[str, Any] = {"method": "integrated-gradients", "target": LOGIT, "rule": "midpoint", "at": at}
    seen: list[tuple[int, int]] = []
    maps = dx.explain(
        detector,
        image,
        found,
        **asked,
        steps=3,
        tolerance=0.05,
        most=48,
        progress=lambda *done: seen.append(done),
    )
    taken = maps.diagnostics["inputs"]
    assert len(set(taken)) > 1
    assert seen[-1][0] == seen[-1][1]
    for row, inputs in enumerate(taken):
        assert inputs in (3, 6, 12, 24, 48)
        off, difference = (maps.diagnostics[name][row] for name in ("completeness error", "score difference"))
        assert off <= 0.05 * abs(difference) or inputs == 48
        if inputs == 48:
            continue
        plain = dx.explain(detector, image, found[row : row + 1], **asked, steps=int(inputs))
        assert torch.allclose(maps.grids[row], plain.grids[0], rtol=1e-4, atol=1e-6 * float(plain.grids[0].abs().max()))
        assert plain.diagnostics["inputs"] == (inputs,)
        if inputs > 3:
            before = dx.explain(detector, image, found[row : row + 1], **asked, steps=int(inputs) // 2)
            assert before.diagnostics["completeness error"][0] > 0.05 * abs(difference)


def test_gauss_legendre_nodes_stand_in_each_piece_of_the_path(image: np.ndarray) -> None:
    """Two nodes in each of the halves are not four nodes of the whole."""
    detector = classifier(vgg(), side=32)
    found = detector.detect([image], 0.0)[0][:1]
    batch, black = detector.trace(image).input, detector.trace(image).black
    asked: dict[str, Any] = {"method": "integrated-gradients", "target": LOGIT, "steps": 2}
    maps = dx.explain(detector, image, found, **asked, tolerance=1e-12, most=4)
    total = torch.zeros_like(batch)
    for half in (0.25, 0.75):
        for sign in (-1, 1):
            inputs = (black + (half + sign * 0.25 / 3**0.5) * (batch - black)).requires_grad_()
            value = detector.module(inputs)[0, int(found.labels[0])]
            total += torch.autograd.grad(value, inputs)[0] * (batch - black) / 4
    expected = total.sum(dim=1)[0]
    assert torch.allclose(grids(maps)[0], expected, rtol=1e-4, atol=1e-6 * float(expected.abs().max()))


def test_without_noise_or_biases_the_methods_are_what_they_must_be(image: np.ndarray) -> None:
    model = vgg()
    for part in model.modules():
        if getattr(part, "bias", None) is not None:
            nn.init.zeros_(part.bias)
    plain = classifier(model, side=48)
    found = plain.detect([image], 0.0)[0][:2]
    trace = plain.trace(image)
    logits = trace.scalars(found, LOGIT)
    simple = dx.explain(plain, image, found, method="gradient-x-input", target=LOGIT)
    assert torch.allclose(grids(simple).sum(dim=(1, 2)), logits, rtol=1e-4)
    path = dx.explain(plain, image, found, method="integrated-gradients", target=LOGIT, steps=1, baseline="zero")
    assert torch.allclose(grids(path), grids(simple), rtol=1e-4, atol=1e-6), "the gradient is the same on a ray"
    still = dx.explain(plain, image, found, method="smoothgrad", target=LOGIT, noise=0, channels="sum", samples=2)
    assert torch.allclose(grids(still), _gradient(trace, found).sum(dim=1), rtol=1e-4, atol=1e-6)
    largest = dx.explain(plain, image, found, method="smoothgrad", target=LOGIT, noise=0, samples=1)
    assert torch.allclose(grids(largest), _gradient(trace, found).abs().amax(dim=1), rtol=1e-4, atol=1e-6)
    assert (still.signed, largest.signed, simple.signed) == (True, False, True)


def _gradient(trace: Any, found: dx.Detections) -> Tensor:
    batch = trace.input.clone().requires_grad_()
    values = trace.scalars_of_inputs(batch, found, LOGIT)[0]
    return torch.stack([torch.autograd.grad(value, batch, retain_graph=True)[0][0] for value in values])


@pytest.mark.parametrize("name", FAMILIES)
def test_the_gradient_at_the_input_is_the_slope_of_the_detectors_own_score(name: str, image: np.ndarray) -> None:
    """Along a random direction, by a trace of the changed input. The contract of adapters asks it of every family."""
    detector = dx.load_detector(name, device="cpu")
    detector.module.double()
    found = detector.detect([image], 0.02)[0]
    found = found[[0, -1]]
    trace = detector.trace(image)
    random = torch.Generator().manual_seed(0)
    # So small that hardly any ReLU switches on the way.
    step = 1e-8 * torch.randn(trace.input.shape, generator=random, dtype=torch.float64)
    for target in (dx.Target(), dx.Target("x1")) if name == "tiny-fcos" else (LOGIT,):
        inputs = trace.input.clone().requires_grad_()
        values = trace.scalars_of_inputs(inputs, found, target)[0]
        assert torch.allclose(values, trace.scalars(found, target), rtol=1e-6, atol=1e-8)
        slopes = [(torch.autograd.grad(v, inputs, retain_graph=True)[0] * step).sum() for v in values]
        ends = [trace.reopen(trace.input + sign * step).scalars(found, target) for sign in (1, -1)]
        measured = (ends[0] - ends[1]) / 2
        assert torch.allclose(torch.stack(slopes), measured, rtol=1e-3, atol=1e-4 * float(measured.abs().max()))


@pytest.mark.parametrize("method", SHARED)
def test_detectors_get_maps_at_the_pictures_size_and_stay_as_they_were(method: str, image: np.ndarray) -> None:
    detector = dx.load_detector("tiny-faster-rcnn", device="cpu")
    found = detector.detect([image], 0.05)[0][:2]
    before = {name: value.clone() for name, value in detector.module.state_dict().items()}
    few = {"integrated-gradients": {"steps": 2}, "smoothgrad": {"samples": 2}}.get(method, {})
    maps = dx.explain(detector, image, found, method=method, **few)
    again = dx.explain(detector, image, found[1:], method=method, **few)
    assert maps.values.shape == (len(found), *image.shape[:2])
    assert bool(torch.isfinite(maps.values).all())
    assert maps.layer is None
    assert torch.allclose(maps.values[1], again.values[0], rtol=1e-4, atol=1e-6 * float(again.values.abs().max()))
    assert all(torch.equal(value, before[name]) for name, value in detector.module.state_dict().items())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in detector.module.modules())
    assert all(weight.grad is None for weight in detector.module.parameters())


def test_at_a_layer_gradient_x_input_is_hirescam_before_its_cut(image: np.ndarray) -> None:
    for name in ("tiny-fcos", "tiny-faster-rcnn"):
        detector = dx.load_detector(name, device="cpu")
        found = detector.detect([image], 0.05)[0][:3]
        signed = dx.explain(detector, image, found, method="gradient-x-input", at="layer")
        odam = dx.explain(detector, image, found, method="odam", direction="signed")
        assert signed.layer == odam.layer
        assert torch.allclose(signed.values, odam.values, rtol=1e-4, atol=1e-6 * float(odam.values.abs().max()))


def test_at_a_layer_integrated_gradients_are_captums_conductance(captum: Any, image: np.ndarray) -> None:
    """captum takes another sum over the same steps, so the two are near, not equal."""
    detector = classifier(vgg(), side=48)
    found = detector.detect([image], 0.0)[0][:2]
    trace = detector.trace(image)
    ours = dx.explain(
        detector, image, found, method="integrated-gradients", at="layer", target=LOGIT, steps=48, baseline="zero"
    )
    assert ours.layer == trace.layer
    assert max(ours.diagnostics["completeness error"]) < 0.05 * max(map(abs, ours.diagnostics["score difference"]))
    theirs = captum.LayerConductance(detector.module, detector.module.get_submodule(trace.layer))
    for row, label in enumerate(found.labels.tolist()):
        expected = theirs.attribute(trace.input.clone(), target=label, n_steps=48).detach().sum(dim=1)[0]
        assert float((grids(ours)[row] - expected).abs().max() / expected.abs().max()) < 0.1


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-faster-rcnn"])
def test_at_a_layer_of_a_detector_the_path_adds_up_too(name: str, image: np.ndarray) -> None:
    detector = dx.load_detector(name, device="cpu")
    found = detector.detect([image], 0.05)[0][:2]
    for layer in ("roi",) if name == "tiny-faster-rcnn" else ("neck",):
        asked: dict[str, Any] = {"target": LOGIT, "layer": layer, "at": "layer"}
        path = dx.explain(detector, image, found, method="integrated-gradients", steps=24, **asked)
        wrong = np.array(path.diagnostics["completeness error"])
        assert float(wrong.max()) < 0.15 * np.abs(path.diagnostics["score difference"]).max()
        still = dx.explain(
            detector, image, found, method="smoothgrad", samples=2, noise=0, times_input=True, channels="sum", **asked
        )
        plain = dx.explain(detector, image, found, method="gradient-x-input", **asked)
        assert torch.allclose(still.values, plain.values, rtol=1e-3, atol=1e-5 * float(plain.values.abs().max()))


def test_what_does_not_fit_together_is_computed_in_parts(
    detector: Any, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = detector.detect([image], 0.0)[0][:3]
    asked = {"method": "smoothgrad", "samples": 5}
    whole = dx.explain(detector, image, found, **asked)
    size = 3 * 48 * 48 * 8
    monkeypatch.setattr("detxai_nb.methods.memory.BUDGET", size * 3 * 2)
    seen: list[tuple[int, int]] = []
    parts = dx.explain(detector, image, found, progress=lambda *done: seen.append(done), **asked)
    assert torch.allclose(grids(parts), grids(whole), rtol=1e-4, atol=1e-9)
    assert len(seen) >= 6


def test_cancelling_leaves_nothing_behind(detector: Any, image: np.ndarray) -> None:
    found = detector.detect([image], 0.0)[0][:1]

    def stop(done: int, total: int) -> None:
        raise dx.Cancelled

    for method in (*SHARED, "fullgrad", "smooth-fullgrad", "relevance-cam"):
        with pytest.raises(dx.Cancelled):
            dx.explain(detector, image, found, method=method, progress=stop)
        assert not any(part._forward_hooks or part._forward_pre_hooks for part in detector.module.modules())
        assert not any(part.training for part in detector.module.modules())


@pytest.mark.parametrize(
    ("method", "settings", "error", "words"),
    [
        ("integrated-gradients", {"steps": 0}, ValueError, "steps of 'integrated-gradients' is a whole number of at"),
        ("integrated-gradients", {"steps": True}, ValueError, "steps of .* got True"),
        ("integrated-gradients", {"most": 0}, ValueError, "most of 'integrated-gradients' is a whole number of at"),
        ("integrated-gradients", {"tolerance": 0}, ValueError, "tolerance of .* share of .*, above 0, or None; got 0"),
        ("integrated-gradients", {"tolerance": float("nan")}, ValueError, "tolerance of .* got nan"),
        ("integrated-gradients", {"tolerance": "5%"}, ValueError, "tolerance of .* got '5%'"),
        ("integrated-gradients", {"baseline": "white"}, ValueError, "baseline of .* 'black', 'zero' .* got 'white'"),
        ("integrated-gradients", {"baseline": 0.0}, TypeError, "baseline of .* got a float"),
        ("integrated-gradients", {"baseline": np.zeros((3, 5, 5))}, ValueError, r"\[3, 48, 48\]; got \[3, 5, 5\]"),
        ("integrated-gradients", {"baseline": np.full((3, 48, 48), np.nan)}, ValueError, "not finite"),
        ("integrated-gradients", {"rule": "left"}, ValueError, "rule of 'integrated-gradients' is one of"),
        ("smoothgrad", {"samples": 0}, ValueError, "samples of 'smoothgrad' is a whole number of at least 1; got 0"),
        ("smoothgrad", {"noise": -1}, ValueError, "noise of 'smoothgrad' is a share"),
        ("smoothgrad", {"noise": float("nan")}, ValueError, "noise of 'smoothgrad' is a share"),
        ("smoothgrad", {"seed": 0.5}, ValueError, "seed of 'smoothgrad' is a whole number; got 0.5"),
        ("gradient-x-input", {"channels": "mean"}, ValueError, "channels of 'gradient-x-input' is one of"),
        ("smooth-fullgrad", {"samples": 0}, ValueError, "samples of 'smooth-fullgrad' is a whole number"),
    ],
)
def test_mistakes_are_named(
    detector: Any, image: np.ndarray, method: str, settings: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        dx.explain(detector, image, detector.detect([image], 0.0)[0][:1], method=method, **settings)


def test_a_network_without_a_gradient_at_its_input_is_refused(image: np.ndarray) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3, stride=4), nn.Conv2d(4, 4, 1)
            self.last = nn.Linear(4, 10)

        def forward(self, x: Tensor) -> Tensor:
            found: Tensor = self.last(self.second(self.first(x).detach()).mean(dim=(2, 3)))
            return found

    cut = classifier(Cut(), side=48)
    with pytest.raises(ValueError, match="no gradient with respect to the network's input"):
        dx.explain(cut, image, cut.detect([image], 0.0)[0][:1], method="gradient-x-input", layer="second")


def test_a_black_box_has_no_input_to_differentiate(image: np.ndarray) -> None:
    box = dx.wrap_predict(lambda pixels: ([[0, 0, 9, 9]], [0.9], [0]), ["cat"])
    with pytest.raises(TypeError, match="look inside the detector"):
        dx.explain(box, image, box.detect([image])[0], method="smoothgrad")
