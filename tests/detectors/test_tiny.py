"""The bundled detectors' networks, and what they take over from tiny-fcos."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import detxai_nb as dx
from detxai_nb.detectors import catalogue
from detxai_nb.detectors.registry import ZOO
from detxai_nb.detectors.weights import read_weights
from detxai_nb.detectors.zoo.networks import backbone as tiny_backbone
from detxai_nb.detectors.zoo.networks import torchvision

BUILDERS = (torchvision.tiny_fcos, torchvision.tiny_retinanet, torchvision.tiny_faster_rcnn, torchvision.tiny_ssd)


@pytest.fixture(scope="module")
def trained() -> dict[str, torch.Tensor]:
    return read_weights(ZOO / "tiny-fcos.safetensors")


@pytest.fixture(scope="module")
def fcos(trained: dict[str, torch.Tensor]) -> Any:
    model = torchvision.tiny_fcos(10)
    model.load_state_dict(trained)
    return model.eval()


def images(seed: int = 0) -> torch.Tensor:
    return torch.randn(2, 3, 96, 160, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("build", BUILDERS)
def test_they_are_small_and_take_images_of_any_size(build: Callable[[int], Any]) -> None:
    model = build(4).eval()
    assert sum(parameter.numel() for parameter in model.parameters()) < 3e6
    with torch.no_grad():
        found = model([torch.rand(3, 70, 130), torch.rand(3, 90, 50)])
    assert len(found) == 2
    assert all(row["boxes"].shape == (len(row["scores"]), 4) for row in found)


@pytest.mark.parametrize("build", BUILDERS)
def test_no_class_is_refused(build: Callable[[int], Any]) -> None:
    with pytest.raises(ValueError, match="num_classes must be 1 or more, got 0"):
        build(0)


@torch.no_grad()
def test_a_tower_backbone_gives_what_tiny_fcoss_towers_give(fcos: Any, trained: dict[str, torch.Tensor]) -> None:
    backbone = tiny_backbone.TowerBackbone().eval()
    given = tiny_backbone.tower_weights(trained)
    backbone.load_state_dict({k.removeprefix("backbone."): v for k, v in given.items() if k.startswith("backbone.")})
    for name, level in fcos.backbone(images()).items():
        expected = [fcos.head.classification_head.conv(level), fcos.head.regression_head.conv(level)]
        torch.testing.assert_close(backbone(images())[name], torch.cat(expected, dim=1))


@torch.no_grad()
def test_tiny_retinanet_starts_with_tiny_fcoss_class_scores_at_each_anchor(
    fcos: Any, trained: dict[str, torch.Tensor]
) -> None:
    """But for the biases of the towers' convolutions, which RetinaNet's have not where a norm follows."""
    model: Any = torchvision.tiny_retinanet(10).eval()
    given = torchvision.retinanet_weights(trained)
    fcos = copy.deepcopy(fcos)
    for conv in fcos.head.classification_head.conv[::3]:
        torch.nn.init.zeros_(conv.bias)
    own = model.state_dict()
    model.load_state_dict({**own, **{k: v for k, v in given.items() if k in own and own[k].shape == v.shape}})
    features = list(fcos.backbone(images()).values())
    expected = fcos.head(features)["cls_logits"]
    found = model.head(features)["cls_logits"].unflatten(1, (-1, 6))
    for anchor in range(6):
        torch.testing.assert_close(found[:, :, anchor], expected, rtol=1e-4, atol=1e-4)


def test_weights_that_are_not_those_of_the_card_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("tiny-fcos.safetensors", "tiny-fcos.json"):
        (tmp_path / name).write_bytes((ZOO / name).read_bytes())
    monkeypatch.setattr(catalogue, "ZOO", tmp_path)
    assert catalogue.bundled_weights("tiny-fcos").keys() == read_weights(ZOO / "tiny-fcos.safetensors").keys()
    path = tmp_path / "tiny-fcos.safetensors"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    with pytest.raises(ValueError, match=r"is not the file that its card describes .*pip install --force-reinstall"):
        dx.load_detector("tiny-fcos")
    (tmp_path / "tiny-fcos.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"tiny-fcos\.json is damaged"):
        dx.load_detector("tiny-fcos")


@pytest.mark.parametrize("path", sorted(ZOO.glob("*.safetensors")), ids=lambda path: path.stem)
def test_every_card_holds_the_digest_of_its_weights(path: Path) -> None:
    assert catalogue.bundled_weights(path.stem)
