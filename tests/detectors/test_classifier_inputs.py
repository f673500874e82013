"""What a classifier sees: whole pictures and crops, as timm, torchvision and Hugging Face state them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torchvision.transforms import functional as F

import detxai_nb as dx
from detxai_nb.detectors.classifier.preprocessing import stated_by_processor
from detxai_nb.geometry import Placement

PICTURE = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


def network(classes: int = 3) -> nn.Sequential:
    drawn = torch.Generator().manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 4, 4, stride=4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)
    )
    for weight in module.parameters():
        nn.init.normal_(weight, generator=drawn)
    return module


def opened(**settings: Any) -> Any:
    about = {"names": ["a", "b", "c"], "input_size": 32, **settings}
    return dx.wrap(network(), family="classifier", **about)


@pytest.mark.parametrize("shape", [(60, 90), (90, 60), (47, 47), (20, 33)], ids=str)
def test_a_crop_is_that_of_torchvisions_resize_and_centre_crop(shape: tuple[int, int]) -> None:
    picture = PICTURE[: min(shape[0], 60), : min(shape[1], 90)]
    picture = np.ascontiguousarray(np.resize(picture, (*shape, 3)))
    detector = opened(processor={"crop": 32 / 40}, mean=(0.5, 0.4, 0.3), std=(0.2, 0.3, 0.4))
    small = F.center_crop(F.resize(Image.fromarray(picture), 40), [32, 32])
    batch = F.normalize(F.to_tensor(small), [0.5, 0.4, 0.3], [0.2, 0.3, 0.4])[None]
    # Pillow rounds after each axis, so a value may differ by a level.
    torch.testing.assert_close(detector.trace(picture).input, batch, atol=1.01 / 255 / 0.2, rtol=0)


def test_maps_and_boxes_lie_on_the_part_that_is_seen() -> None:
    detector = opened(processor={"crop": 0.5})
    found = detector.detect([PICTURE], 0.0)[0]
    # The short side of 60 becomes 64, of which the middle 32 are seen: 30 pixels each way.
    assert found.boxes.unique(dim=0).tolist() == [[30, 15, 60, 45]]
    maps = dx.explain(detector, PICTURE, found, method="grad-cam++").values
    inside = torch.zeros(60, 90, dtype=torch.bool)
    inside[15:45, 30:60] = True
    assert (maps[:, ~inside] == 0).all()
    assert (maps[:, inside] > 0).any()
    # Inside they are the maps of the cut picture.
    cut = np.array(F.center_crop(F.resize(Image.fromarray(PICTURE), 64), [32, 32]))
    alone = opened()
    other = alone.detect([cut], 0.0)[0]
    own = dx.explain(alone, cut, other, method="grad-cam++").values
    scaled = torch.nn.functional.interpolate(own[None], size=(30, 30), mode="bilinear", align_corners=False)[0]
    order = [other.labels.tolist().index(label) for label in found.labels.tolist()]
    torch.testing.assert_close(maps[:, 15:45, 30:60], scaled[order], atol=0.15 * float(own.max()), rtol=0)


def test_an_input_of_another_size_shows_the_same_part() -> None:
    detector = opened(processor={"crop": 0.8})
    trace = detector.trace(PICTURE)
    larger = trace.reopen(torch.zeros(1, 3, 64, 64))
    assert larger.placement.seen == pytest.approx(trace.placement.seen, abs=0.8)
    assert larger.placement.input_size == (64, 64)


def test_what_timm_states_is_taken_and_arguments_count_more() -> None:
    module = network()
    module.pretrained_cfg = {"input_size": (3, 48, 48), "mean": (0.5,) * 3, "std": (0.2,) * 3, "crop_pct": 0.9}
    stated = dx.wrap(module, family="classifier", names=["a", "b", "c"])
    assert (stated.input_size, stated.mean, stated.crop) == ((48, 48), (0.5,) * 3, 0.9)
    own = dx.wrap(module, family="classifier", names=["a", "b", "c"], processor={"crop": None}, input_size=40)
    assert (own.input_size, own.std, own.crop) == ((40, 40), (0.2,) * 3, None)
    module.pretrained_cfg["crop_mode"] = "squash"
    assert dx.wrap(module, family="classifier", names=["a", "b", "c"]).crop is None


@pytest.mark.parametrize(
    ("processor", "size", "crop", "mean"),
    [
        ({"size": {"height": 30, "width": 20}}, (30, 20), None, 0.485),
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True},
            (224, 224),
            224 / 256,
            0.485,
        ),
        ({"size": {"shortest_edge": 224}, "crop_pct": 0.875, "image_mean": [0.5] * 3}, (224, 224), 0.875, 0.5),
        ({"size": {"shortest_edge": 384}, "crop_pct": 0.875}, (384, 384), None, 0.485),
        ({"size": 32, "do_normalize": False}, (32, 32), None, 0.0),
        # (value / 127.5 - 1) - 0: EfficientNet's.
        (
            {
                "size": 32,
                "rescale_factor": 1 / 127.5,
                "rescale_offset": True,
                "image_mean": [0] * 3,
                "image_std": [1] * 3,
            },
            (32, 32),
            None,
            0.5,
        ),
    ],
)
def test_what_a_processor_of_hugging_face_states(processor: dict, size: tuple, crop: float | None, mean: float) -> None:
    for given in (processor, SimpleNamespace(**processor)):
        found = stated_by_processor(given)
        assert found["input_size"] == size
        assert found.get("crop") == pytest.approx(crop)
        assert found["mean"][0] == pytest.approx(mean)


def test_a_model_of_hugging_face_states_its_names_and_has_its_logits_in_an_object() -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ResNetConfig(
        embedding_size=8,
        hidden_sizes=[8, 12],
        depths=[1, 1],
        layer_type="basic",
        id2label={0: "cup", 1: "pan", 2: "pot"},
    )
    torch.manual_seed(0)
    module = transformers.ResNetForImageClassification(config).eval()
    processor = {"size": {"shortest_edge": 64}, "crop_size": {"height": 48, "width": 48}, "do_center_crop": True}
    detector = dx.wrap(module, family="classifier", processor=processor)
    assert detector.names == ("cup", "pan", "pot")
    assert (detector.input_size, detector.crop) == ((48, 48), 0.75)
    found = detector.detect([PICTURE], 0.0)[0]
    expected = module(detector.trace(PICTURE).input).logits.softmax(1)[0].detach()
    torch.testing.assert_close(found.scores, expected[found.labels])
    assert dx.explain(detector, PICTURE, found, method="grad-cam").values.shape == (3, 60, 90)


def test_what_does_not_fit_is_refused_in_words() -> None:
    for crop in (0, 1.5, True, "middle"):
        with pytest.raises(ValueError, match="crop is the share of the shorter side"):
            opened(processor={"crop": crop})
    with pytest.raises(TypeError, match="processor is an image processor of Hugging Face, which states a size"):
        opened(processor=object())
    with pytest.raises(ValueError, match=r"a Sequential does not know its classes; .* one for each of its 3 outputs"):
        dx.wrap(network(), family="classifier")
    with pytest.raises(ValueError, match="this classifier has 3 class outputs, but 2 names were given"):
        opened(names=["a", "b"])
    with pytest.raises(ValueError, match=r"returns logits \[B,C\] of images, got shape \[1, 4, 8, 8\]"):
        dx.wrap(network()[:2], family="classifier", names=["a"], input_size=32)


def test_predictions_of_classes_by_name_or_number() -> None:
    detector = opened(names=["tabby", "tiger", "tub"])
    every = detector.detect([PICTURE], 0.0)[0]
    found = dx.detections.of_classes(detector, PICTURE, ["tub", 0, "Tiger"])
    assert found.label_names() == ["tub", "tabby", "tiger"]
    assert found.scores.tolist() == [float(every.scores[every.labels == label]) for label in (2, 0, 1)]
    assert dx.detections.of_classes(detector, PICTURE, "tub").label_names() == ["tub"]
    assert len(dx.explain(detector, PICTURE, found, method="grad-cam")) == 3
    with pytest.raises(ValueError, match="this classifier has no class 'tigre'; did you mean 'tiger'"):
        dx.detections.of_classes(detector, PICTURE, "tigre")
    with pytest.raises(ValueError, match="class 3 is none of this classifier's, which are numbered 0 to 2"):
        dx.detections.of_classes(detector, PICTURE, 3)
    box = dx.wrap_predict(lambda image: ([[1.0, 1, 5, 5]], [0.9], [0]), ["cup"])
    with pytest.raises(ValueError, match="predicts objects in places, not the classes of an image"):
        dx.detections.of_classes(box, PICTURE, "cup")


def test_a_placement_that_cuts_against_looping_over_pixels() -> None:
    place = Placement((6, 10), (12, 20), (8, 8), (-2, -7))
    assert place.seen == (3.5, 1, 7.5, 5)
    grid = torch.rand(1, 2, 2, generator=torch.Generator().manual_seed(1))
    found = place.maps_to_image(grid, (4.0, 4.0))[0]
    for y in range(6):
        for x in range(10):
            v, u = (y + 0.5) * 2 - 2, (x + 0.5) * 2 - 7
            if not (0 <= v <= 8 and 0 <= u <= 8):
                assert found[y, x] == 0
                continue
            down, right = (min(max(at / 4 - 0.5, 0), 1) for at in (v, u))
            (a, b), (c, d) = grid[0].tolist()
            value = (1 - down) * ((1 - right) * a + right * b) + down * ((1 - right) * c + right * d)
            assert float(found[y, x]) == pytest.approx(value, abs=1e-6)
    assert place.boxes_to_image(torch.tensor([[0.0, 0, 8, 8]])).tolist() == [[3.5, 1, 7.5, 5]]
    assert Placement.letterbox((6, 10), (8, 8)).seen == (0, 0, 10, 6)
    with pytest.raises(ValueError, match="does not fit into an input"):
        Placement((6, 10), (12, 20), (8, 8), (2, -7))
