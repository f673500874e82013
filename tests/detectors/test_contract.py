"""What every detector has to keep, over every adapter: the checks of ``detxai_nb.testing`` on every kind.

Those that take long, ``THOROUGH``, run once on each code path: see ``kinds.ALIKE``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from full_size import FULL_SIZE, of_a_kind
from kinds import ALIKE, FAMILIES, KINDS, build

import detxai_nb as dx
from detxai_nb.testing import Kind, behaviour, check_detector, forget, gradients, photograph, reruns, spread
from detxai_nb.types import SIDES, Target

IMAGE = photograph()


# A hyphen ends the part of a test's name by which tests/handing_out.py keeps the tests of a kind together.
@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.replace("-", "_"))
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


def in_part(chosen: dx.Detections) -> dx.Detections:
    """Still one or two of every level, where the same comparison is made many times; all at full size."""
    return chosen if FULL_SIZE else chosen[::2]


@pytest.fixture(scope="module")
def about(kind: str) -> Kind:
    return KINDS[kind]


@pytest.fixture(scope="module")
def detector(kind: str) -> Iterator[Any]:
    yield build(kind, torch.float64)
    forget()


@pytest.fixture(scope="module")
def single(kind: str) -> Any:
    """The same detector in float32."""
    return build(kind)


@pytest.fixture(scope="module")
def trace(detector: Any) -> Any:
    return detector.trace(IMAGE)


@pytest.fixture(scope="module")
def reported(detector: Any) -> dx.Detections:
    """All that the detector reports without a threshold."""
    return detector.detect([IMAGE], 0.0)[0]


@pytest.fixture(scope="module")
def chosen(about: Kind, detector: Any, trace: Any) -> dx.Detections:
    """A few detections of every level, those at the map's border first."""
    return (about.choose or spread)(about.everything(detector, IMAGE), trace)


def test_is_an_open_detector(kind: str, about: Kind, detector: Any) -> None:
    behaviour.check_is_open(detector, IMAGE)
    if kind in ALIKE:
        other = build(ALIKE[kind])
        assert (type(detector), detector.family, detector.targets) == (type(other), other.family, other.targets)
    assert set(SIDES) <= set(detector.targets) if about.sides else detector.targets == ("class",)


@pytest.mark.parametrize("target", gradients.TARGETS, ids=lambda t: f"{t.part}-{t.score}-{t.against}")
def test_gradients_equal_the_slow_loop(
    about: Kind, detector: Any, trace: Any, chosen: dx.Detections, target: Target
) -> None:
    if target.part in SIDES and not about.sides:
        gradients.check_no_sides(trace, chosen, target)
    else:
        default = target == gradients.TARGETS[0]
        gradients.check_gradients(detector, trace, chosen if default else in_part(chosen), about.scalar, target)


def test_a_contrast_is_the_difference_of_two_classes(trace: Any, chosen: dx.Detections) -> None:
    gradients.check_contrasts(trace, chosen[:2])


def test_maps_in_float32_equal_the_slow_loop(about: Kind, detector: Any, single: Any, chosen: dx.Detections) -> None:
    gradients.check_maps_in_float32(single, IMAGE, in_part(chosen), about.scalar, detector, about.float32)


def test_trace_gives_the_reported_scores(trace: Any, reported: dx.Detections) -> None:
    behaviour.check_scores(trace, reported)
    assert reported.class_scores is not None


def test_detections_are_sorted_inside_the_image_and_above_the_threshold(detector: Any, reported: dx.Detections) -> None:
    behaviour.check_detections(detector, IMAGE, reported)


def test_boxes_and_grids_fit_the_placement(trace: Any, reported: dx.Detections) -> None:
    behaviour.check_placement(trace, reported)


def test_a_batch_equals_single_images(detector: Any) -> None:
    behaviour.check_batches(detector, [IMAGE, photograph(110, 90, seed=3), photograph(seed=4)], 0.1)


def test_other_layers_equal_the_whole_backward_pass(about: Kind, detector: Any, chosen: dx.Detections) -> None:
    if about.layer_scalar is None:
        assert len(detector.layers) == 1
        return
    *between, last = of_a_kind(detector.layers)[1:]
    gradients.check_layer_gradients(detector, IMAGE, chosen[::3], last, about.layer_scalar)
    for layer in between:
        gradients.check_layer_gradients(
            detector, IMAGE, chosen[::3] if FULL_SIZE else chosen[:1], layer, about.layer_scalar
        )


def test_runs_again_with_every_prediction_where_it_was(detector: Any, chosen: dx.Detections) -> None:
    """On a stage of the backbone, or else the last layer; on every layer where the contract runs on everything."""
    one = next((layer for layer in detector.layers[1:] if layer.startswith("backbone")), detector.layers[-1])
    for layer in detector.layers if FULL_SIZE else (one,):
        reruns.check_reruns(detector, IMAGE, chosen[:1], layer)


def test_what_belongs_elsewhere_is_refused(detector: Any, reported: dx.Detections) -> None:
    behaviour.check_refusals(detector, IMAGE, reported)


@pytest.mark.parametrize("failure", behaviour.FAILURES)
def test_the_module_is_left_as_it_was(single: Any, failure: str) -> None:
    layers = of_a_kind(single.layers)
    # What goes wrong at the layers between the first and the last goes wrong at one of these.
    ends = layers if FULL_SIZE else list(dict.fromkeys((layers[0], layers[-1])))
    behaviour.check_left_as_it_was(single, IMAGE, failure, ends)


def test_works_inside_inference_mode(detector: Any, reported: dx.Detections) -> None:
    behaviour.check_inference_mode(detector, IMAGE, reported)


THOROUGH = (
    test_maps_in_float32_equal_the_slow_loop,
    test_a_batch_equals_single_images,
    test_other_layers_equal_the_whole_backward_pass,
    test_runs_again_with_every_prediction_where_it_was,
    test_the_module_is_left_as_it_was,
    test_works_inside_inference_mode,
)


def test_every_family_is_checked_thoroughly() -> None:
    assert ALIKE.keys() <= KINDS.keys() or not find_spec("transformers")
    assert not set(ALIKE.values()) & set(ALIKE), "what stands for another kind has to be checked itself"
    for family in FAMILIES:
        kinds = import_module(f"families.{family}").KINDS
        assert not kinds or set(kinds) - set(ALIKE), f"{family} has no kind that is checked thoroughly"


def test_the_whole_contract_is_one_call() -> None:
    about = KINDS["yolox-nano"]
    ran = check_detector(about.build(torch.float64, input_size=(64, 96)), scalar=about.scalar)
    forget()
    assert {"open", "detections", "placement", "batches", "refusals", "restoration", "reruns", "gradients"} <= set(ran)
