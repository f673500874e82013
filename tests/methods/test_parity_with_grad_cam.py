"""The package ``grad-cam`` on the same network, input, layer, class and normalization: every map to 1e-4.

Where that package departs from the papers it is brought to the paper's own definition, and the test says how.
DETXAI_NB_FULL_SIZE=1 adds a VGG16 as it was published.
"""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from small_networks import at_full_size
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.methods import METHODS, Context
from detxai_nb.types import Target

# Imported where it is used, since that takes seconds, and each of several test processes reads this file.
pytestmark = pytest.mark.skipif(find_spec("pytorch_grad_cam") is None, reason="grad-cam is not installed")
LOGIT = Target(score="logit")
LAYERS: dict[str, str | None] = {"tiny-resnet": None, "tiny-vgg": None, "resnet18": "layer1", "vgg11": "features.2"}
"""Two trained networks at their default layer, two random ones at a layer of 64 channels after a ReLU."""
LAYERS |= dict.fromkeys(at_full_size("vgg16"), "features.3")
ALIKE = {
    "grad-cam": "GradCAM",
    "xgrad-cam": "XGradCAM",
    "layer-cam": "LayerCAM",
    "hirescam": "HiResCAM",
    "score-cam": "ScoreCAM",
    "ablation-cam": "AblationCAM",
}


def random_network(name: str) -> Any:
    """A network of torchvision with random weights; VGG without its hundred million weights of two linear layers."""
    if name in ("resnet18", "vgg16"):
        return getattr(torchvision.models, name)(num_classes=10).eval()
    with torch.device("meta"):
        module = torchvision.models.vgg11(num_classes=10)
    module.features = torchvision.models.vgg.make_layers(torchvision.models.vgg.cfgs["A"])
    module.classifier = nn.Linear(512 * 7 * 7, 10)
    return module.eval()


class Net:
    """One network, opened by this package, with one picture of its input's size and its likeliest class."""

    def __init__(self, name: str) -> None:
        torch.manual_seed(0)
        if name.startswith("tiny"):
            bundled: Any = dx.load_detector(name, device="cpu")
            # That package takes gradients up to the weights, which are frozen here.
            module, names = copy.deepcopy(bundled.module).requires_grad_(True), bundled.names
        else:
            module, names = random_network(name), [str(i) for i in range(10)]
        side = 64 if name.startswith("tiny") else 32
        self.detector: Any = dx.wrap(module, names=names, family="classifier", input_size=side, layer=LAYERS[name])
        image = dx.data.scenes.Scenes(1)[0].image
        self.image = np.ascontiguousarray(image[40 : 40 + side, 60 : 60 + side])
        self.trace = self.detector.trace(self.image)
        # The likeliest class of which there is something to see; a random network may have evidence against one only.
        for one in self.detector.detect([self.image], 0.0)[0]:
            self.detection = one
            if self.ours("grad-cam").any() and float(self.trace.scalars(self.detection, LOGIT)) > 0:
                break
        self.part: nn.Module = module.get_submodule(self.trace.layer)

    def ours(self, method: str, **settings: Any) -> np.ndarray:
        maps = dx.explain(self.detector, self.image, self.detection, method=method, target=LOGIT, **settings)
        return maps.normalized()[0].numpy()

    def their_map(self, kind: str) -> np.ndarray:
        import pytorch_grad_cam as theirs
        from pytorch_grad_cam.utils import model_targets

        wanted = model_targets.ClassifierOutputTarget(int(self.detection.labels[0]))
        with getattr(theirs, kind)(model=self.detector.module, target_layers=[self.part]) as cam:
            return cam(input_tensor=self.trace.input, targets=[wanted])[0]

    def their_formula(self, kind: str, activation: Tensor, gradient: Tensor) -> np.ndarray:
        """Their map on the layer's own grid, of activations ``[C,h,w]`` and gradients in float64."""
        import pytorch_grad_cam as theirs

        with getattr(theirs, kind)(model=self.detector.module, target_layers=[self.part]) as cam:
            return cam.get_cam_image(None, None, None, activation[None].numpy(), gradient[None].numpy(), False)[0]

    def pair(self) -> tuple[Tensor, Tensor]:
        ((_, _, gradient),) = self.trace.gradients(self.detection, LOGIT)
        return self.trace.levels[0].features.double(), gradient[0].double()


@pytest.fixture(scope="module", params=LAYERS)
def net(request: pytest.FixtureRequest) -> Net:
    return Net(request.param)


@pytest.mark.parametrize("method", ALIKE)
def test_the_same_map(net: Net, method: str) -> None:
    """Their score-cam brings masks to the input's size with the corner cells in the corners, ours by cells' middles.

    Ablation: the layers end in a ReLU and the logit is positive. On others theirs puts a large negative number, not 0,
    in place of a channel, and divides by a negative logit.
    """
    assert float(net.trace.scalars(net.detection, LOGIT)) > 0
    assert float(net.trace.levels[0].features.min()) == 0
    expected = net.their_map(ALIKE[method])
    found = net.ours(method, **({"upscaling": "corners"} if method == "score-cam" else {}))
    assert expected.max() > 0.99 or (method == "ablation-cam" and not found.any())
    assert np.abs(found - expected).max() < 1e-4


def test_grad_cam_plus_plus_without_the_constant_in_its_denominator(net: Net) -> None:
    """They add 1e-6 to a denominator of about twice the squared gradient, which is often smaller than that.

    With gradients k times and activations 1 / k times as large the weights of the paper are multiplied by k and the
    constant counts 1 / k^2 of what it did.
    """
    activation, gradient = net.pair()
    factor = 1e6
    expected = np.maximum(net.their_formula("GradCAMPlusPlus", activation / factor, gradient * factor), 0)
    context = Context(tuple(activation.shape[1:]), torch.zeros(1, 4))
    found = METHODS["grad-cam++"].function(activation, gradient[None], context)[0].numpy()
    assert expected.max() > 0
    assert np.abs(found - expected).max() < 1e-4 * expected.max()


def test_eigen_cam_of_activations_without_their_mean(net: Net) -> None:
    """They take the mean off first and leave the sign to chance; the paper does neither."""
    activation, gradient = net.pair()
    centred = activation - activation.mean(dim=(1, 2), keepdim=True)
    expected = net.their_formula("EigenCAM", activation, gradient)
    context = Context(tuple(activation.shape[1:]), torch.zeros(1, 4))
    found = METHODS["eigen-cam"].function(centred, gradient[None], context)[0].numpy()
    off = min(np.abs(found - np.maximum(sign * expected, 0)).max() for sign in (1, -1))
    assert off < 1e-4 * np.abs(expected).max()
