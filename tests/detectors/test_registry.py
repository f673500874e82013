"""The doors to the detectors: what the table names loads, and what cannot be loaded is told in words."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from full_size import smaller
from safetensors.torch import save_file
from torchvision.models import get_model

import detxai_nb as dx
from detxai_nb import entry_points
from detxai_nb.detectors import Entry, Family, registry
from detxai_nb.detectors.registry import DETECTORS, FAMILIES, stage_patterns_of
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.detectors.zoo.networks.classifiers import tiny_resnet
from detxai_nb.detectors.zoo.networks.detr import tiny_detr
from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn

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
    path = tmp_path / "weights.safetensors"
    with smaller():
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module = get_model(name, weights=None, weights_backbone=None, num_classes=3)
        save_file(module.state_dict(), path)
        usual = 2 if name == "keypointrcnn_resnet50_fpn" else 91
        with pytest.raises(ValueError, match=f"3 classes instead of {usual}; hand in names"):
            dx.load_detector(name, weights=path, device="cpu")
        detector = dx.load_detector(name, weights=path, names=["__background__", "cat", "dog"], device="cpu")
    assert detector.family == DETECTORS[name].family
    assert detector.names == ("__background__", "cat", "dog")
    assert torch.equal(next(detector.module.parameters()), next(module.parameters()))


def test_the_number_of_keypoints_is_read_from_the_file(tmp_path: Path) -> None:
    name, path = "keypointrcnn_resnet50_fpn", tmp_path / "weights.safetensors"
    with smaller(), torch.random.fork_rng():
        module = get_model(name, weights=None, weights_backbone=None, num_classes=3, num_keypoints=6)
        save_file(module.state_dict(), path)
        detector = dx.load_detector(name, weights=path, names=["nobody", "cat", "dog"], device="cpu")
    assert detector.module.roi_heads.keypoint_predictor.out_channels == 6  # type: ignore[union-attr]
    assert detector.names == ("nobody", "cat", "dog")


def test_any_classifier_of_torchvision_opens(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = get_model("squeezenet1_1", weights=None, num_classes=4)
    save_file(module.state_dict(), tmp_path / "w.safetensors")
    detector = dx.load_detector("squeezenet1_1", weights=tmp_path / "w.safetensors", names=list("abcd"), device="cpu")
    assert (detector.family, detector.names, detector.input_size) == ("classifier", tuple("abcd"), (224, 224))


@pytest.mark.filterwarnings("ignore:.*states nothing of its input:UserWarning")
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


class EntryPoint:
    """As importlib.metadata gives them."""

    dist = None

    def __init__(self, name: str, loads: Any) -> None:
        self.name, self._loads = name, loads

    def load(self) -> Any:
        if isinstance(self._loads, Exception):
            raise self._loads
        return self._loads


def toy_family(name: str = "toy", **changes: Any) -> Family:
    """A family whose modules are opened as classifiers."""

    def build(weights: Any, names: Any, settings: dict[str, Any]) -> Any:
        return FAMILIES["classifier"].adapter(tiny_resnet(2), ["a", "b"], **settings)

    entry = Entry(f"{name}-small", name, "none", "a toy of the tests", build)
    return Family(**{"name": name, "adapter": FAMILIES["classifier"].adapter, "entries": (entry,), **changes})


@pytest.fixture
def own_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that a test may change, and no plug-in loaded yet."""
    monkeypatch.setattr(registry, "FAMILIES", dict(FAMILIES))
    monkeypatch.setattr(registry, "DETECTORS", dict(DETECTORS))
    monkeypatch.setattr(entry_points, "_LOADED", set())


@pytest.mark.usefixtures("own_tables")
def test_a_family_is_registered_with_its_entries() -> None:
    family = toy_family()
    assert dx.detectors.register(family) is family
    assert dx.detectors().index[-1] == "toy-small"
    assert dx.load_detector("toy-small", device="cpu").names == ("a", "b")
    assert dx.wrap(tiny_resnet(2), family="toy", names=["a", "b"]).names == ("a", "b")
    more = replace(family.entries[0], name="toy-large")
    assert dx.detectors.register(more) is more
    assert dx.load_detector("toy-large", device="cpu").family == "classifier"


@pytest.mark.parametrize(
    ("record", "error", "words"),
    [
        (toy_family("fcos"), ValueError, "the name 'fcos' of a family is taken; choose another"),
        (toy_family("two words"), ValueError, "the name of a family is one word without spaces, got 'two words'"),
        (toy_family(3), TypeError, "the name of a family is a string, got 3"),
        (toy_family(adapter=None), TypeError, "adapter of family 'toy' is a function or class, got None"),
        (toy_family(entries=("toy",)), TypeError, "entries of family 'toy' are Entry objects, got str"),
        (replace(toy_family().entries[0], name="tiny-fcos"), ValueError, "the name 'tiny-fcos' of a detector is taken"),
        (toy_family().entries[0], ValueError, "'toy-small' is of an unknown family 'toy'; register its Family first"),
        (replace(toy_family().entries[0], family="ssd", group="x"), ValueError, "group of detector .* is one of"),
        (replace(toy_family().entries[0], family="ssd", build=1), TypeError, "build of detector .* is a function"),
        (replace(toy_family().entries[0], family="ssd", about=1), TypeError, "about of detector .* is a text"),
        ("toy", TypeError, "register expects a Family or an Entry .*, got str"),
    ],
)
@pytest.mark.usefixtures("own_tables")
def test_what_cannot_be_registered_is_refused_and_changes_nothing(record: Any, error: Any, words: str) -> None:
    before = list(registry.DETECTORS), list(registry.FAMILIES)
    with pytest.raises(error, match=words):
        dx.detectors.register(record)
    assert before == (list(registry.DETECTORS), list(registry.FAMILIES))


@pytest.mark.usefixtures("own_tables")
@pytest.mark.parametrize("ask", ["table", "load", "wrap"])
def test_installed_packages_add_families_when_a_name_is_asked_for(ask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def points(group: str) -> list[EntryPoint]:
        asked.append(group)
        return [EntryPoint("toy", toy_family())]

    monkeypatch.setattr(entry_points, "entry_points", points)
    dx.load_detector("tiny-fcos", device="cpu")
    assert not asked
    if ask == "table":
        assert "toy-small" in dx.detectors().index
    elif ask == "load":
        assert dx.load_detector("toy-small", device="cpu").names == ("a", "b")
    else:
        assert dx.wrap(tiny_resnet(2), family="toy", names=["a", "b"]).names == ("a", "b")
    dx.detectors()
    assert asked == ["detxai_nb.detectors"]


@pytest.mark.usefixtures("own_tables")
def test_a_broken_package_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = [EntryPoint("bad", ImportError("no such thing")), EntryPoint("taken", toy_family("ssd"))]
    monkeypatch.setattr(entry_points, "entry_points", lambda group: [*broken, EntryPoint("toy", toy_family())])
    with pytest.warns(UserWarning, match="adds '(bad|taken)' to detxai_nb.detectors, which failed") as said:
        table = dx.detectors()
    assert len(said) == 2
    assert {"toy-small", "tiny-fcos"} <= set(table.index)


@pytest.mark.usefixtures("own_tables")
def test_a_missing_library_of_a_family_names_the_command() -> None:
    dx.detectors.register(toy_family(needs={"no_such_library": "no-such-library>=2"}))
    with pytest.raises(ImportError, match="family 'toy' needs no_such_library: pip install \"no-such-library>=2\""):
        dx.wrap(tiny_resnet(2), family="toy", names=["a", "b"])


def test_an_unknown_family_names_the_guide() -> None:
    with pytest.raises(
        ValueError, match=r"Did you mean 'faster_rcnn'.*dx\.wrap_module.*detector\.md.*dx\.wrap_predict"
    ):
        dx.wrap(torch.nn.Identity(), family="rcnn", names=["a"])


@pytest.mark.parametrize("family", ["fcos", "faster-rcnn", "ssd", "yolox", "detr", "pvt", "ultralytics", "classifier"])
@pytest.mark.parametrize("given", [torch.nn.Identity(), len, "resnet50"], ids=["module", "function", "text"])
def test_what_no_family_opens_is_refused_with_the_doors_that_do(family: str, given: Any) -> None:
    if family == "classifier" and isinstance(given, torch.nn.Module):
        return  # Any network from a picture to logits is one; that this is none shows when it runs.
    with pytest.raises(TypeError, match=r"dx\.wrap_module\(.*dx\.wrap_predict\("):
        dx.wrap(given, family=family, names=["a", "b"])


def test_families_are_written_with_either_dash() -> None:
    module = tiny_faster_rcnn(2)
    assert dx.wrap(module, family="faster-rcnn", names=["background", "a"]).family == "faster_rcnn"


def test_every_family_has_one_record() -> None:
    assert [family.name for family in FAMILIES.values()] == list(FAMILIES)
    assert [name for name in FAMILIES if FAMILIES[name].knows_names] == ["detr", "ultralytics", "classifier"]
    assert {entry.name for family in FAMILIES.values() for entry in family.entries} == set(DETECTORS)
    assert stage_patterns_of("fcos")[0][0] == "outputs"
    assert stage_patterns_of(None) == stage_patterns_of("of my own") == ()


def test_the_table_keeps_its_order() -> None:
    bundled = [
        *("tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-ssd", "tiny-yolox", "tiny-detr", "tiny-pvt"),
        *("tiny-fcos-shortcut", "tiny-fcos-crowd", "tiny-fcos-crowd-odam"),
        *("tiny-faster-rcnn-crowd", "tiny-faster-rcnn-crowd-odam", "tiny-resnet", "tiny-vgg", "tiny-resnet-shortcut"),
    ]
    torchvision = [
        *("fcos_resnet50_fpn", "retinanet_resnet50_fpn", "retinanet_resnet50_fpn_v2", "fasterrcnn_resnet50_fpn"),
        *("fasterrcnn_resnet50_fpn_v2", "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_mobilenet_v3_large_320_fpn"),
        *("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2", "keypointrcnn_resnet50_fpn"),
        *("ssd300_vgg16", "ssdlite320_mobilenet_v3_large"),
    ]
    others = ["detr", "ultralytics", "pvt-small-retinanet", "pvt-small-fcos"]
    assert list(dx.detectors().index) == [*bundled, *torchvision, *SIZES, *others]
