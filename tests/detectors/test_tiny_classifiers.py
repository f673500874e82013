"""The bundled classifiers' networks."""

from __future__ import annotations

import pytest
import torch
from torchvision.models import VGG, ResNet

from detxai_nb.detectors.zoo.networks.classifiers import INPUT_SIZE, resnet_weights, tiny_resnet, tiny_vgg
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.testing import enliven


@pytest.mark.parametrize(("build", "kind"), [(tiny_resnet, ResNet), (tiny_vgg, VGG)])
def test_they_are_torchvisions_own_and_small(build, kind: type) -> None:
    model = build(7).eval()
    assert type(model) is kind
    assert 200_000 < sum(weight.numel() for weight in model.parameters()) < 1_000_000
    with torch.no_grad():
        assert model(torch.zeros(2, 3, *INPUT_SIZE)).shape == (2, 7)
    with pytest.raises(ValueError, match="num_classes must be 1 or more, got 0"):
        build(0)


def test_a_resnet_starts_with_the_very_maps_of_a_detectors_backbone() -> None:
    torch.manual_seed(0)
    detector, model = enliven(tiny_fcos(7)), tiny_resnet(7).eval()
    given = resnet_weights(detector.state_dict())
    assert model.state_dict().keys() - given.keys() == {"fc.weight", "fc.bias"}
    model.load_state_dict({**model.state_dict(), **given})
    pixels = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        stages = detector.backbone.body(pixels)
        x = model.layer1(model.maxpool(model.relu(model.bn1(model.conv1(pixels)))))
        eight = model.layer2(x)
        assert torch.equal(eight, stages["0"])
        sixteen = model.layer3(eight)
        assert torch.equal(sixteen, stages["1"])
        # The last stage keeps its stride of 16 here: the backbone's cells are every second of its.
        assert model.layer4(sixteen).shape == (1, 128, 4, 6)
