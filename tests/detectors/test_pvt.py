"""PVT backbones: their maps, their position embeddings, and the detectors built on them."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models.detection import FCOS, RetinaNet

import detxai_nb as dx
from detxai_nb.detectors.pvt import PvtBackbone, PvtBody, pvt_fcos, pvt_model, pvt_retinanet
from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.testing import NAMES, photograph

pytestmark = pytest.mark.skipif(
    find_spec("transformers") is None, reason="pyramid vision transformers need transformers"
)
NARROW: dict[str, Any] = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 16, 40, 64]}


def narrow(version: str) -> Any:
    """A small PVT; of v1 the embeddings fit images of 64 pixels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return pvt_model(version, **NARROW, **({"image_size": 64} if version == "v1" else {})).eval()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_maps_have_the_strides_and_widths_of_the_stages(version: str) -> None:
    body = PvtBody(narrow(version), ["stage1", "stage3", "stage4"])
    maps = body(torch.zeros(2, 3, 96, 160))
    assert body.return_layers == {"stage1": "0", "stage3": "1", "stage4": "2"}
    assert body.channels == [8, 40, 64]
    assert {key: list(x.shape) for key, x in maps.items()} == {
        "0": [2, 8, 24, 40],
        "1": [2, 40, 6, 10],
        "2": [2, 64, 3, 5],
    }


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_stages_are_those_of_transformers(version: str) -> None:
    """At the size that the embeddings are made for; PVT's last stage has a class token there."""
    model = narrow(version)
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = model(image, output_hidden_states=True, return_dict=True).hidden_states
        maps = PvtBody(model, ["stage1", "stage2", "stage3"])(image)
    for found, tokens in zip(maps.values(), expected):
        as_map = tokens if tokens.ndim == 4 else tokens.transpose(1, 2).unflatten(2, found.shape[2:])
        assert torch.allclose(found, as_map, atol=1e-6)


def test_position_embeddings_are_resized_along_their_own_axes() -> None:
    model = narrow("v1")
    embed = model.encoder.patch_embeddings[3]
    ramp = torch.arange(2.0)[:, None].expand(2, 2).reshape(1, 4, 1)
    with torch.no_grad():
        embed.projection.weight.zero_()
        embed.projection.bias.zero_()
        embed.position_embeddings[:, 1:] = ramp
        model.encoder.block[3] = nn.ModuleList()
        stage = PvtBody(model)(torch.zeros(1, 3, 128, 96))["2"][0, 0]
    assert stage.shape == (4, 3)
    assert torch.allclose(stage[:, :1], torch.tensor([[0.0], [0.25], [0.75], [1.0]]))
    assert torch.equal(stage, stage[:, :1].expand(4, 3))


def test_the_pyramid_adds_two_levels() -> None:
    backbone = PvtBackbone(PvtBody(narrow("v2")), out_channels=24)
    shapes = [list(x.shape[1:]) for x in backbone(torch.zeros(1, 3, 96, 128)).values()]
    assert shapes == [[24, 12, 16], [24, 6, 8], [24, 3, 4], [24, 2, 2], [24, 1, 1]]
    few = PvtBackbone(PvtBody(narrow("v2")), out_channels=24, extra=False)
    assert len(few(torch.zeros(1, 3, 96, 128))) == 3


@pytest.mark.parametrize(("build", "kind"), [(pvt_retinanet, RetinaNet), (pvt_fcos, FCOS)])
def test_full_size_detectors_take_images_of_any_size(build: Any, kind: type) -> None:
    module = build(7, min_size=64, max_size=200).eval()
    assert isinstance(module, kind)
    assert 30e6 < sum(weight.numel() for weight in module.parameters()) < 36e6
    detector = dx.wrap(module, family="pvt", names=NAMES)
    found = detector.detect([photograph(101, 150)], 0.0)[0]
    assert len(found) > 0
    assert "backbone.stage3" in detector.layers


def test_the_small_one_shares_neck_and_head_with_tiny_fcos() -> None:
    own, given = tiny_pvt(7).state_dict(), tiny_fcos(7).state_dict()
    shared = {name for name, weight in given.items() if name in own and own[name].shape == weight.shape}
    assert {name.split(".")[0] for name in given.keys() - shared} == {"backbone"}
    assert all(name in shared for name in given if name.startswith(("backbone.fpn.", "head.")))
    assert sum(weight.numel() for weight in own.values()) < 2e6


def test_unfit_arguments_are_refused() -> None:
    with pytest.raises(TypeError, match="made of transformers' PvtModel or PvtV2Model, got Linear"):
        PvtBody(nn.Linear(1, 1))
    with pytest.raises(ValueError, match="stages are some of stage1, stage2, stage3, stage4, in that order"):
        PvtBody(narrow("v1"), ["stage4", "stage2"])
    with pytest.raises(ValueError, match="multiples of 32 pixels, got 100x64"):
        PvtBody(narrow("v1"))(torch.zeros(1, 3, 64, 100))
    with pytest.raises(ValueError, match="version is one of v1, v2; got 'v3'"):
        pvt_model("v3")


def test_a_missing_extra_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r'pip install "detxai-nb\[transformers\]"'):
        tiny_pvt(7)
