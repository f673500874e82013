"""The doors to the detectors: what the table names loads, and what cannot be loaded is told in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import get_model

import detxai_nb as dx
from detxai_nb.detectors.registry import DETECTORS, FAMILIES
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.detectors.zoo.networks.detr import tiny_detr
from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt

BUNDLED = [name for name, entry in DETECTORS.items() if entry.weights == "bundled"]
TORCHVISION = [name for name, entry in DETECTORS.items() if "torchvision" in entry.weights]


def test_table_of_detectors() -> None:
    table = dx.detectors()
    assert table.index[0] == "tiny-fcos"
    assert set(SIZES) | {"fcos_resnet50_fpn", "ssd300_vgg16", "detr"} <= set(table.index)
    assert set(table.family) <= set(FAMILIES)
    assert (table.about.str.len() > 10).all()


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_opens_and_is_explained(name: str) -> None:
    detector = dx.load_detector(name, device="cpu")
    assert not any(parameter.requires_grad for parameter in detector.module.parameters())
    assert not detector.module.training
    image = dx.data.scenes.make(3, seed=2, mode="single" if detector.family == "classifier" else "plain").image
    found = detector.detect([image], score_threshold=0.3)[0]
    assert len(found) >= 1
    maps = dx.explain(detector, image, found)
    assert torch.isfinite(maps.values).all()
    assert set(maps.status) == {"ok"}


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvisions_detectors_open_from_a_file(name: str, tmp_path: Path) -> None:
    """With three classes instead of COCO's, which the file tells."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = get_model(name, weights=None, weights_backbone=None, num_classes=3)
    path = tmp_path / "weights.safetensors"
    save_file(module.state_dict(), path)
    with pytest.raises(ValueError, match="3 classes instead of 91; hand in names"):
        dx.load_detector(name, weights=path, device="cpu")
    detector = dx.load_detector(name, weights=path, names=["__background__", "cat", "dog"], device="cpu")
    assert detector.family == DETECTORS[name].family
    assert detector.names == ("__background__", "cat", "dog")
    assert torch.equal(next(detector.module.parameters()), next(module.parameters()))


@pytest.mark.parametrize("name", ["fcos_resnet50_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn", "resnet18"])
def test_a_failed_download_names_the_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import urllib.error

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: "no-such-folder")
    monkeypatch.setattr("os.makedirs", lambda *_, **__: None)
    with pytest.raises(RuntimeError, match=rf"could not download the weights of {name} .* weights='path.* 'tiny-"):
        dx.load_detector(name)


def test_any_classifier_of_torchvision_opens(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = get_model("squeezenet1_1", weights=None, num_classes=4)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    detector = dx.load_detector("squeezenet1_1", weights=tmp_path / "w.safetensors", names=list("abcd"), device="cpu")
    assert (detector.family, detector.names, detector.input_size) == ("classifier", tuple("abcd"), (224, 224))


def test_loading_by_name_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"unknown detector 'yolo'; known: tiny-fcos, .*resnet50.*wrap_predict"):
        dx.load_detector("yolo")
    with pytest.raises(ValueError, match="yolox-s needs weights='path'"):
        dx.load_detector("yolox-s")
    with pytest.raises(ValueError, match=r"detr needs weights=.*save_pretrained"):
        dx.load_detector("detr")
    with pytest.raises(ValueError, match=r"ultralytics\.YOLO.*dx\.wrap\(yolo, family='ultralytics'\).*AGPL-3\.0"):
        dx.load_detector("ultralytics", weights="yolo11n.pt")
    with pytest.raises(ValueError, match=r"pvt-small-fcos needs weights='path'.*names"):
        dx.load_detector("pvt-small-fcos")
    save_file(Yolox(3, SIZES["yolox-nano"]).state_dict(), tmp_path / "three.safetensors")
    with pytest.raises(ValueError, match=r"3 classes instead of 80; hand in names"):
        dx.load_detector("yolox-nano", weights=tmp_path / "three.safetensors")
    with pytest.raises(ValueError, match="precision is one of fp32, bf16, fp16; got 'fp8'"):
        dx.load_detector("tiny-fcos", precision="fp8", device="cpu")


@pytest.mark.parametrize(
    ("load", "extra", "library"),
    [
        (lambda: tiny_detr("ab"), "transformers", "transformers"),
        (lambda: tiny_pvt(2), "transformers", "transformers"),
        (lambda: dx.load_detector("detr", weights="folder"), "transformers", "transformers"),
        (lambda: dx.wrap(torch.nn.Identity(), family="detr"), "transformers", "transformers"),
        (lambda: dx.wrap(torch.nn.Identity(), family="ultralytics"), "ultralytics", "ultralytics"),
    ],
)
def test_an_extra_that_is_not_installed_names_the_command(
    load: Any, extra: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match=rf'pip install "detxai-nb\[{extra}\]"'):
        load()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_module_of_another_kind_is_told_what_was_expected(family: str) -> None:
    with pytest.raises((TypeError, ValueError), match=r"expects|expected|outputs"):
        dx.wrap(torch.nn.Conv2d(3, 4, 3), family=family, names=["a", "b"])


def test_wrap_says_what_it_needs() -> None:
    with pytest.raises(ValueError, match="unknown family 'rcnn'; known: fcos, retinanet, faster_rcnn"):
        dx.wrap(torch.nn.Identity(), family="rcnn", names=["a"])
    with pytest.raises(ValueError, match=r"family 'ssd' does not know its classes; hand in names"):
        dx.wrap(torch.nn.Identity(), family="ssd")


def test_half_precision_finds_the_same_objects() -> None:
    image = dx.data.scenes.make(3, seed=2).image
    whole = dx.load_detector("tiny-fcos", device="cpu").detect([image])[0]
    half = dx.load_detector("tiny-fcos", device="cpu", precision="bf16").detect([image])[0]
    sure = int((whole.scores > 0.5).sum())
    assert sure >= 2
    assert half.labels[:sure].tolist() == whole.labels[:sure].tolist()
    assert np.allclose(half.boxes[:sure], whole.boxes[:sure], atol=3)
