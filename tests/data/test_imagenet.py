"""Which of ImageNet's classes are COCO's and VOC's."""

from __future__ import annotations

import pytest
from torchvision.models import ResNet50_Weights

from detxai_nb.data.imagenet import AS_IMAGENET, imagenet_classes
from detxai_nb.data.voc import NAMES

IMAGENET = ResNet50_Weights.DEFAULT.meta["categories"]


def test_the_numbers_are_those_of_torchvisions_list() -> None:
    found = imagenet_classes(list(AS_IMAGENET), IMAGENET)
    assert found["cat"] == ("tabby", "tiger cat", "Persian cat", "Siamese cat", "Egyptian cat")
    assert found["zebra"] == ("zebra",)
    assert {"golden retriever", "Samoyed"} <= set(found["dog"])
    assert all(0 <= number < 1000 for numbers in AS_IMAGENET.values() for number in numbers)


def test_vocs_names_are_understood_as_well_as_cocos() -> None:
    found = imagenet_classes(NAMES, IMAGENET)
    assert set(NAMES) - set(found) == {"person", "pottedplant"}
    assert found["sofa"] == imagenet_classes(["couch"], IMAGENET)["couch"] == ("studio couch",)


def test_a_name_that_two_classes_have_means_neither() -> None:
    names = ["crane" if number in (134, 517) else name for number, name in enumerate(IMAGENET)]
    assert IMAGENET[134] in imagenet_classes(["bird"], IMAGENET)["bird"]
    assert "crane" not in imagenet_classes(["bird"], names)["bird"]


def test_other_numbers_of_names_are_refused() -> None:
    with pytest.raises(ValueError, match="1000 classes, got 2"):
        imagenet_classes(["cat"], ["cat", "dog"])
