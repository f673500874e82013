"""How a DETR's images are prepared: by its variant's own processor, every step of a given one followed or refused."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from families.detr import module_of

import detxai_nb as dx
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.detr.pretrained import image_settings
from detxai_nb.testing import photograph

OWN = {
    "detr": "DetrImageProcessor",
    "conditional-detr": "ConditionalDetrImageProcessor",
    "dab-detr": "ConditionalDetrImageProcessor",
    "deformable-detr": "DeformableDetrImageProcessor",
    "rt-detr": "RTDetrImageProcessor",
    "rt-detr-v2": "RTDetrImageProcessor",
    "d-fine": "RTDetrImageProcessor",
    "table-transformer": "DetrImageProcessor",
    "yolos": "YolosImageProcessor",
    "deimv2": "RTDetrImageProcessor",
}
IMAGE = photograph(60, 80)


def processor_of(name: str, **settings: Any) -> Any:
    transformers = pytest.importorskip("transformers")
    return getattr(transformers, name)(**settings)


@pytest.mark.parametrize("kind", OWN)
def test_without_settings_images_are_prepared_as_by_the_variants_own_processor(kind: str) -> None:
    detector = dx.wrap(module_of(kind), family="detr")
    ours, placement = detector._prepare([IMAGE])  # type: ignore[attr-defined]
    theirs = processor_of(OWN[kind])(images=IMAGE, return_tensors="pt")["pixel_values"]
    assert ours.shape == theirs.shape
    assert placement.image_size == IMAGE.shape[:2]
    one_grey_value = 1.01 / 255 / (1 if kind.startswith(("rt-detr", "d-fine", "deimv2")) else 0.224)
    assert (ours - theirs).abs().max() <= one_grey_value


@pytest.mark.parametrize("size", [(100, 213), (213, 100), (96, 130), (400, 90), (97, 97)])
def test_images_of_a_yolos_are_scaled_to_whole_patches(size: tuple[int, int]) -> None:
    processor = processor_of("YolosImageProcessor", size={"shortest_edge": 97, "longest_edge": 180})
    detector = DetrDetector(module_of("yolos"), **image_settings(processor))
    image = photograph(*size)
    ours, _ = detector._prepare([image])
    theirs = processor(images=image, return_tensors="pt")["pixel_values"]
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() <= 1.01 / 255 / 0.224


@pytest.mark.parametrize(("patch", "windows", "own", "side"), [(14, 4, 518, 560), (16, 2, 384, 384), (12, 2, 432, 432)])
def test_an_rf_detr_takes_the_input_of_its_published_checkpoints(patch: int, windows: int, own: int, side: int) -> None:
    module = module_of("rf-detr")
    backbone = module.config.backbone_config
    backbone.patch_size, backbone.num_windows, backbone.image_size = patch, windows, own
    assert DetrDetector(module).fixed_size == (side, side)


def test_inputs_that_windows_do_not_fit_are_refused() -> None:
    rf_detr = module_of("rf-detr")
    assert DetrDetector(rf_detr).fixed_size == (96, 96)
    with pytest.raises(ValueError, match=r"takes square inputs.* would be one of 96x64 .*fixed_size=\(96, 96\)"):
        DetrDetector(rf_detr, fixed_size=(64, 96)).detect([IMAGE])
    with pytest.raises(ValueError, match=r"multiples of 16 pixels, .* one of 72x72 .*fixed_size=\(96, 96\)"):
        DetrDetector(rf_detr, fixed_size=(72, 72)).detect([IMAGE])
    lw_detr = DetrDetector(module_of("lw-detr"), fixed_size=(96, 112))
    with pytest.raises(ValueError, match=r"multiples of 32 pixels, .* one of 112x96 .*fixed_size=\(640, 640\)"):
        lw_detr.detect([IMAGE])
    assert DetrDetector(lw_detr.module).fixed_size == (640, 640)


def test_a_real_time_detr_finds_and_explains_without_settings() -> None:
    detector = dx.wrap(module_of("rt-detr"), family="detr")
    found = detector.detect([IMAGE], 0.0)[0][:1]
    assert len(dx.explain(detector, IMAGE, found)) == 1


@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"shortest_edge": 64, "longest_edge": 100}},
        {"size": {"height": 64, "width": 96}},
        {"size": {"max_height": 64, "max_width": 64}},
        {"size": {"max_height": 90, "max_width": 300}},
        {"do_resize": False},
        {"do_resize": False, "do_normalize": False},
        {"do_resize": False, "do_rescale": False},
        {"do_resize": False, "do_rescale": False, "do_normalize": False},
        {"do_resize": False, "rescale_factor": 1 / 127.5, "image_mean": [1.0, 1.0, 1.0], "image_std": [1.0, 1.0, 1.0]},
        {"do_resize": False, "do_pad": True},
        {"size": {"shortest_edge": 64, "longest_edge": 100}, "do_pad": False, "pad_size": {"height": 99, "width": 99}},
    ],
    ids=str,
)
def test_every_step_of_a_processor_is_followed(settings: dict[str, Any]) -> None:
    processor = processor_of("DetrImageProcessor", **settings)
    detector = DetrDetector(module_of("detr"), **image_settings(processor))
    for image in (IMAGE, photograph(90, 50, seed=2)):
        theirs = processor(images=image, return_tensors="pt")["pixel_values"]
        ours, placement = detector._prepare([image])
        assert ours.shape == theirs.shape
        assert placement.resized == tuple(theirs.shape[2:])
        spread = float(np.ptp(theirs.numpy())) / 255
        rounding = 1.05 if settings.get("do_resize", True) else 1e-2
        assert (ours - theirs).abs().max() <= rounding * spread


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"do_pad": True, "pad_size": {"height": 99, "width": 98}},
            r"has pad_size of \{'height': 99, 'width': 98\}",
        ),
        ({"resample": 0}, "scales images with resample=.*0.*bilinearly"),
        ({"resample": 3}, "scales images with resample=.*3.*bilinearly"),
    ],
)
def test_what_is_not_followed_is_refused_by_name(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        image_settings(processor_of("DetrImageProcessor", **settings))


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ({"do_center_crop": True}, "has do_center_crop"),
        ({"do_flip_channel_order": True}, "has do_flip_channel_order"),
        ({"crop_size": {"height": 9, "width": 9}}, "has crop_size"),
        ({"size": {"longest_edge": 64}}, "expected an image processor with a size of .* got {'longest_edge': 64}"),
        ({"rescale_factor": 0.0}, "rescale_factor above 0"),
    ],
)
def test_steps_of_other_processors_are_refused_by_name(step: dict[str, Any], words: str) -> None:
    plain = {
        "do_resize": True,
        "size": {"height": 64, "width": 64},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": False,
    }
    assert image_settings(SimpleNamespace(**plain))["fixed_size"] == (64, 64)
    with pytest.raises(ValueError, match=words):
        image_settings(SimpleNamespace(**{**plain, **step}))


def test_sizes_that_do_not_fit_are_refused_in_words() -> None:
    module = module_of("rt-detr")
    with pytest.raises(ValueError, match=r"multiples of 32 pixels, and an image of 80x60 would be one of 113x85"):
        DetrDetector(module, shortest_edge=85).detect([IMAGE])
    with pytest.raises(ValueError, match="resize is one of edges, fixed, fit, none; got 'crop'"):
        DetrDetector(module, resize="crop")
    with pytest.raises(ValueError, match=r"resize='fit' needs fixed_size=\(height, width\)"):
        DetrDetector(module_of("detr"), resize="fit")


@pytest.mark.parametrize("keys", [(0, 1), ("0", "1")])
def test_class_numbers_may_be_texts(keys: tuple[Any, Any]) -> None:
    module = module_of("detr", id2label={0: "a", 1: "b"}, label2id={"a": 0, "b": 1})
    module.config.id2label = dict(zip(keys, ("helmet", "vest")))
    assert dx.wrap(module, family="detr").names == ("helmet", "vest")


def test_class_numbers_that_do_not_fit_the_outputs_are_refused_in_words() -> None:
    module = module_of("detr", id2label={1: "helmet", 2: "vest"}, label2id={"helmet": 1, "vest": 2})
    words = "DetrForObjectDetection has 2 class outputs, but the dict numbers its names from 1 to 2"
    with pytest.raises(ValueError, match=words):
        dx.wrap(module, family="detr")
    assert dx.wrap(module, family="detr", names=["helmet", "vest"]).names == ("helmet", "vest")
    gaps = module_of("detr", id2label={i: str(i) for i in range(4)}, label2id={str(i): i for i in range(4)})
    gaps.config.id2label = {1: "helmet", 3: "vest"}
    assert dx.wrap(gaps, family="detr").names == ("class 0", "helmet", "class 2", "vest")
