"""A check's random weights are in a copy of the detector: nobody else meets them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import torch
from sanity_cases import found_in, narrow_fcos, scene, whole_state
from small_inputs import load_small

import detxai_nb as dx
from detxai_nb import sanity
from detxai_nb.sanity.private_copy import private_copy

ALL = {
    "randomization": sanity.Randomization(layers="all", seeds=(0, 1)),
    "comparison": sanity.Similarity(measures="spearman"),
}


@pytest.fixture
def image() -> Any:
    return scene()[:60, :90]


def grids_of(detector: Any, image: Any, found: dx.Detections) -> list[bytes]:
    return [grid.numpy().tobytes() for grid in dx.explain(detector, image, found).grids]


def in_a_thread(act: Any) -> Any:
    """What ``act`` returns or raises in another thread."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.append(act())
        except Exception as error:
            answers.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    return answers[0]


def test_a_copy_has_tensors_of_its_own_in_the_same_memory(image: Any) -> None:
    detector = narrow_fcos()
    before = whole_state(detector.module)
    copied = private_copy(detector, image)
    assert copied is not detector
    theirs, ours = ({**dict(d.module.named_parameters()), **dict(d.module.named_buffers())} for d in (detector, copied))
    assert all(ours[name] is not theirs[name] for name in theirs)
    assert all(ours[name].data_ptr() == theirs[name].data_ptr() for name in theirs)
    assert whole_state(detector.module) == before


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-faster-rcnn", "tiny-detr", "tiny-yolox", "tiny-resnet"])
def test_the_detector_is_the_trained_one_beside_a_check(name: str, image: Any) -> None:
    if name == "tiny-detr":
        pytest.importorskip("transformers", reason="tiny-detr needs transformers")
    detector = load_small(name)
    found = found_in(detector, image, most=1)
    wanted, seen = grids_of(detector, image, found), []

    def look(*_: Any) -> None:
        same = grids_of(detector, image, found) == wanted
        seen.append((same, in_a_thread(lambda: grids_of(detector, image, found)) == wanted))

    sanity.check(detector, image, found, "odam", on_step=look, **ALL)
    assert seen == [(True, True)] * 3


def test_two_checks_beside_each_other_are_as_alone(image: Any) -> None:
    detector = narrow_fcos()
    found = found_in(detector, image)
    reset = {**ALL, "randomization": sanity.Randomization(layers="all", seeds=(0, 1), init="default")}
    alone = sanity.check(detector, image, found, "odam", **reset).table
    tables: list[Any] = []
    threads = [
        threading.Thread(target=lambda: tables.append(sanity.check(detector, image, found, "odam", **reset).table))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(table.equals(alone) for table in tables)
    assert len(tables) == 2


class Holding:
    """A detector that cannot be copied: its functions hold the module of another."""

    def __init__(self, inside: Any) -> None:
        self.names, self.device, self.layers, self.family = inside.names, inside.device, inside.layers, inside.family
        self.module = inside.module
        self.detect = lambda *given: inside.detect(*given)
        self.trace = lambda *given: inside.trace(*given)


class Uncopied(Holding):
    """One that says so."""

    def __deepcopy__(self, _: Any) -> Any:
        raise TypeError("not to be copied")


@pytest.mark.parametrize("kind", [Holding, Uncopied])
def test_where_no_copy_is_possible_others_are_refused_in_words(kind: Any, image: Any) -> None:
    inside = narrow_fcos()
    detector, found = kind(inside), found_in(inside, image, most=1)
    before, wanted = whole_state(inside.module), grids_of(inside, image, found)
    assert private_copy(detector, image) is detector
    seen: list[Any] = []

    def look(step: sanity.Step, *_: Any) -> None:
        if step.number:
            with dx.detections.accepting_changes():
                assert grids_of(inside, image, found) != wanted, "the same thread may come again"
            seen.append(in_a_thread(lambda: inside.detect([image])))

    result = sanity.check(detector, image, found, "odam", on_step=look, **ALL)
    copied = sanity.check(inside, image, found, "odam", **ALL)
    assert result.table["value"].tolist() == pytest.approx(copied.table["value"].tolist(), nan_ok=True)
    assert len(seen) == 2
    for error in seen:
        assert isinstance(error, RuntimeError)
        assert "the weights of this FCOS are random for now" in str(error)
    assert torch.equal(
        in_a_thread(lambda: inside.detect([image], 0.0)[0].scores), inside.detect([image], 0.0)[0].scores
    )
    assert whole_state(inside.module) == before
