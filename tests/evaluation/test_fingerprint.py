"""What decides a result can be written down, is the same for the same thing, and differs where it differs."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
import pytest
import torch
from small_evaluation import NAMES, Squares, annotated, colours, find_colours, network
from torch import nn

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.scenes import Scenes, write_coco
from detxai_nb.evaluation.fingerprint import (
    code_identity,
    dataset_identity,
    detector_identity,
    module_identity,
    to_plain,
)


def test_plain_values() -> None:
    given = {"a": (1, np.float64(0.5)), "b": Path("x"), "c": {3: torch.device("cpu")}, "d": {"z", "y"}, "e": None}
    found = to_plain(given, "it")
    assert found == {"a": [1, 0.5], "b": "x", "c": {"3": "cpu"}, "d": ["y", "z"], "e": None}
    assert json.loads(json.dumps(found)) == found
    with pytest.raises(TypeError, match=r"it\.a is a Tensor, which cannot be stored"):
        to_plain({"a": torch.zeros(2)}, "it")


def test_weights_names_and_settings_of_a_detector_count() -> None:
    detector = network()
    before = detector_identity(detector)
    assert before == detector_identity(network())
    assert json.loads(json.dumps(before)) == before
    changed = network()
    with torch.no_grad():
        next(changed.module.parameters()).view(-1)[0] += 1e-6
    assert detector_identity(changed)["module"] != before["module"]
    renamed = network()
    renamed.names = ("a", "b", "c")
    assert detector_identity(renamed)["names"] != before["names"]
    tuned = network()
    tuned.nms_threshold = 0.123
    assert detector_identity(tuned) != before


def test_detecting_and_explaining_does_not_change_who_a_detector_is() -> None:
    detector = network()
    before = detector_identity(detector)
    image = np.random.default_rng(0).integers(0, 255, (50, 80, 3)).astype(np.uint8)
    found = detector.detect([image], 0.0)[0][:2]
    dx.explain(detector, image, found)
    assert detector_identity(detector) == before


def test_functions_count_by_their_code_and_what_they_close_over() -> None:
    def scaled(factor: float) -> Any:
        return lambda value: value * factor

    assert code_identity(scaled(2.0)) == code_identity(scaled(2.0))
    assert code_identity(scaled(2.0)) != code_identity(scaled(3.0))
    assert code_identity(lambda value: value + 1) != code_identity(lambda value: value + 2)
    assert code_identity(functools.partial(find_colours, 1)) != code_identity(functools.partial(find_colours, 2))
    assert code_identity(len) == "builtins.len"
    other = dx.wrap_predict(lambda image: {"boxes": [], "scores": [], "labels": []}, NAMES)
    assert detector_identity(colours()) != detector_identity(other)


def test_where_a_file_of_this_package_lies_does_not_count() -> None:
    def stored(where: str) -> list[Any]:
        kind, function = type(network()), dx.explain
        before = kind.__module__, function.__module__
        kind.__module__, function.__module__ = where, where
        try:
            return [detector_identity(network()), code_identity(function), dataset_identity(Scenes(2, seed=1))]
        finally:
            kind.__module__, function.__module__ = before

    assert stored("detxai_nb.detectors.fcos") == stored("detxai_nb.elsewhere.dense")
    assert stored("detxai_nb.detectors.fcos")[0]["class"] == type(network()).__qualname__
    assert stored("their_package.fcos")[:2] != stored("detxai_nb.detectors.fcos")[:2]


def test_detectors_of_ones_own() -> None:
    class Own:
        names = NAMES
        device = torch.device("cpu")

        def __init__(self, seed: int) -> None:
            with torch.random.fork_rng():
                torch.manual_seed(seed)
                self._network = nn.Linear(2, 2)

    assert detector_identity(Own(0)) == detector_identity(Own(0))
    assert detector_identity(Own(0)) != detector_identity(Own(1))

    class Named(Own):
        identity = {"service": "v3"}  # noqa: RUF012

    assert detector_identity(Named(0)) == detector_identity(Named(1))
    assert detector_identity(Named(0))["identity"] == {"service": "v3"}


def test_datasets_count_by_what_they_hold_not_by_where_they_lie(tmp_path: Path) -> None:
    one = CocoDataset(write_coco(tmp_path / "a", count=2, seed=4, width=160, height=128))
    same = CocoDataset(write_coco(tmp_path / "b", count=2, seed=4, width=160, height=128))
    other = CocoDataset(write_coco(tmp_path / "c", count=2, seed=5, width=160, height=128))
    assert dataset_identity(one) == dataset_identity(same)
    assert dataset_identity(one) != dataset_identity(other)
    assert dataset_identity(Scenes(3, seed=1)) == dataset_identity(Scenes(3, seed=1))
    assert dataset_identity(Scenes(3, seed=1)) != dataset_identity(Scenes(3, seed=1, mode="tiny"))
    assert dataset_identity(Squares(seed=0)) != dataset_identity(Squares(seed=1))


def test_lists_of_samples_count_by_pictures_and_annotations() -> None:
    image = np.zeros((40, 64, 3), np.uint8)
    boxes = [[1.0, 2, 20, 30]]
    first = dataset_identity([annotated(image, boxes, [0])])
    assert first == dataset_identity([annotated(image.copy(), boxes, [0])])
    brighter = image.copy()
    brighter[3, 4, 1] = 1
    for changed in (
        annotated(brighter, boxes, [0]),
        annotated(image, boxes, [1]),
        annotated(image, [[1.0, 2, 20, 31]], [0]),
        annotated(image, boxes, [0], image_id=2),
        annotated(image, boxes, [0], crowd=[True]),
    ):
        assert dataset_identity([changed]) != first


def test_a_norm_is_the_same_under_versions_of_pytorch_that_tell_less_of_it() -> None:
    class BatchNorm2d(nn.BatchNorm2d):
        def extra_repr(self) -> str:
            return super().extra_repr().replace(", bias=True", "")

    class LayerNorm(nn.LayerNorm):
        def extra_repr(self) -> str:
            return super().extra_repr().replace(", bias=True", "")

    less = nn.Sequential(nn.Conv2d(3, 4, 1), BatchNorm2d(4), LayerNorm(5))
    more = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.LayerNorm(5))
    more.load_state_dict(less.state_dict())
    assert module_identity(less) == module_identity(more)
    assert module_identity(nn.Sequential(nn.BatchNorm2d(4, eps=1e-3))) != module_identity(
        nn.Sequential(nn.BatchNorm2d(4))
    )
    assert module_identity(nn.BatchNorm2d(4, affine=False)) != module_identity(nn.BatchNorm2d(4))


def test_a_function_with_a_set_is_the_same_in_every_process() -> None:
    """In which order a set of texts is written depends on the process; of these two numbers, on which came first."""

    def small(number: int) -> bool:
        return number in {0, 8} or (number, {3}) == (1, None)

    def with_set(members: frozenset[int]) -> Any:
        constants = tuple(members if isinstance(one, frozenset) else one for one in small.__code__.co_consts)
        made = FunctionType(small.__code__.replace(co_consts=constants), globals())
        made.__qualname__ = small.__qualname__
        return code_identity(made)

    assert repr(frozenset([0, 8])) != repr(frozenset([8, 0]))
    assert with_set(frozenset([0, 8])) == with_set(frozenset([8, 0])) == code_identity(small)
    assert with_set(frozenset([0, 9])) != code_identity(small)
