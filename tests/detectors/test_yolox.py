"""YOLOX: its input conventions, official names, and a real one on real photographs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from families.yolox import KINDS
from full_size import FULL_SIZE

from detxai_nb.data.coco import CocoDataset
from detxai_nb.detectors.yolox.detector import YoloxDetector
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.testing import NAMES, photograph

PARAMETERS = {
    "yolox-nano": 0.91,
    "yolox-tiny": 5.06,
    "yolox-s": 8.97,
    "yolox-m": 25.3,
    "yolox-l": 54.2,
    "yolox-x": 99.1,
}
"""Millions, from the paper's tables 3 and 6."""


@pytest.mark.parametrize("name", sorted(SIZES))
def test_every_size_has_the_papers_parameters(name: str) -> None:
    with torch.device("meta"):
        network = Yolox(80, SIZES[name])
    count = sum(p.numel() for p in network.parameters()) / 1e6
    assert count == pytest.approx(PARAMETERS[name], rel=0.01)


def test_conventions() -> None:
    image = photograph(64, 96)
    network = KINDS["yolox-nano"].build().module
    bgr = YoloxDetector(network, NAMES, convention="bgr255", input_size=(64, 128))._prepare(image)[0]
    assert torch.equal(bgr[:, :, :96], torch.from_numpy(image[:, :, ::-1].copy()).permute(2, 0, 1).float())
    assert (bgr[:, :, 96:] == 114).all()
    rgb = YoloxDetector(network, NAMES, convention="rgb-imagenet", input_size=(64, 128))._prepare(image)[0]
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (image / 255 - mean) / std
    assert np.allclose(rgb[:, :, :96].permute(1, 2, 0).numpy(), expected, atol=1e-5)
    assert np.allclose(rgb[:, 0, 100].numpy(), (114 / 255 - mean) / std, atol=1e-5)


def test_layers_inside_the_head_are_the_official_activations() -> None:
    """G-CAME reads head.cls_convs.<level>.1."""
    detector, image = KINDS["yolox-nano"].build(), photograph()
    neck, head = detector.trace(image).levels, detector.module.head
    with torch.no_grad():
        first = head.cls_convs[1][0](head.stems[1](neck[1].features[None]))
        last = head.cls_convs[1][1](first)
    assert torch.allclose(detector.trace(image, "head.class.0").levels[1].features, first[0], atol=1e-5)
    assert torch.allclose(detector.trace(image, "head.class").levels[1].features, last[0], atol=1e-5)


def test_mistakes_are_named() -> None:
    network = KINDS["yolox-nano"].build().module
    with pytest.raises(ValueError, match="convention is one of bgr255, rgb-imagenet"):
        YoloxDetector(network, NAMES, convention="rgb")
    with pytest.raises(ValueError, match="multiple of 32"):
        YoloxDetector(network, NAMES, input_size=100)
    with pytest.raises(ValueError, match="7 class outputs, but 1 names"):
        YoloxDetector(network, ["a"])
    with pytest.raises(TypeError, match="expects a Yolox network"):
        YoloxDetector(torch.nn.Linear(2, 2), NAMES)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def measuring() -> ModuleType:
    path = Path(__file__).parents[1] / "bench" / "measure_coco_mini.py"
    specification = importlib.util.spec_from_file_location("measure_coco_mini", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def real(measuring: ModuleType, shared: Path) -> tuple[Any, CocoDataset]:
    return measuring.yolox_nano(shared), CocoDataset(shared / "data" / "coco-mini")


def test_average_precision_on_coco(measuring: ModuleType, real: tuple[Any, CocoDataset]) -> None:
    """On every third photograph; on all 144 where the contract runs on everything."""
    detector, dataset = real
    step, ap, ap50 = (1, 0.322, 0.528) if FULL_SIZE else (3, 0.382, 0.616)
    found = measuring.precision(detector, [dataset[index] for index in range(0, len(dataset), step)])
    assert found["images"] == 144 // step
    assert found["AP"] == pytest.approx(ap, abs=0.01)
    assert found["AP50"] == pytest.approx(ap50, abs=0.015)


def test_odam_lies_on_its_object_and_grad_cam_does_not(measuring: ModuleType, real: tuple[Any, CocoDataset]) -> None:
    detector, dataset = real
    every_twelfth = [dataset[index] for index in range(0, len(dataset), 12)]
    found = {name: values.mean() for name, values in measuring.energies(detector, every_twelfth).items()}
    assert len(measuring.METHODS) == 3
    assert found["odam"] > 3 * found["grad-cam"]
    assert found["odam"] > 0.8
    assert found["grad-cam"] > found["uniform"]
