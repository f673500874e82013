"""The Explorer's "rather than", and how it joins class and sides, without a browser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.types import Target
from detxai_nb.widgets.explorer_contrasts import MOST_OTHERS, pack_others
from detxai_nb.widgets.shared.code import target_source

SCENE = dx.data.scenes.make(2, seed=1, width=160, height=128).image


@pytest.fixture(scope="module")
def detector() -> Any:
    return dx.load_detector("tiny-fcos")


@pytest.fixture(scope="module")
def found(detector: Any) -> dx.Detections:
    """Three predictions, the last of which is a bauble."""
    every = detector.detect([SCENE], 0.0)[0]
    names = every.label_names()
    others = [row for row, name in enumerate(names) if name != "bauble"]
    return every[[*others[:2], names.index("bauble")]]


def test_other_classes_are_offered_by_their_probability(found: dx.Detections) -> None:
    offered = pack_others(found)
    for row, (own, others) in enumerate(zip(found.label_names(), offered)):
        assert others["own"] == own
        names = [one["name"] for one in others["offered"]]
        assert own not in names
        assert len(names) == min(MOST_OTHERS, len(found.names) - 1)
        values = [float(found.scores_of(name)[row]) for name in names]
        assert values == sorted(values, reverse=True)
        assert others["offered"][0]["title"].startswith(names[0])
    bare = dx.Detections(found.boxes, found.scores, found.labels, found.names)
    assert [one["name"] for one in pack_others(bare)[0]["offered"]] == [
        n for n in found.names if n != found.label_names()[0]
    ]


def test_of_classes_that_share_a_name_the_first_goes_by_it() -> None:
    names, scores = ("crane", "mug", "crane"), torch.tensor([[0.3, 0.1, 0.6], [0.6, 0.1, 0.3]])
    labels, boxes = torch.tensor([2, 0]), torch.tensor([[0.0, 0.0, 9.0, 9.0]] * 2)
    offered = pack_others(dx.Detections(boxes, scores.amax(1), labels, names, class_scores=scores))
    assert [one["own"] for one in offered] == ["", "crane"]
    assert [[other["name"] for other in one["offered"]] for one in offered] == [["crane", "mug"], ["mug"]]


def test_the_background_is_offered_last() -> None:
    names = ("__background__", *(f"c{number}" for number in range(20)))
    scores = torch.linspace(1, 0, 21)[None]
    one = dx.Detections(torch.tensor([[0.0, 0.0, 9.0, 9.0]]), scores[0, 1:2], torch.tensor([1]), names, scores)
    offered = pack_others(one)[0]["offered"]
    assert [other["name"] for other in offered] == [*names[2 : MOST_OTHERS + 1], "__background__"]
    assert offered[-1]["title"] == "background 1.00"


def test_objects_of_other_classes_get_maps_and_the_class_itself_none(detector: Any, found: dx.Detections) -> None:
    widget = dx.widgets.Explorer(detector, SCENE, found, against="bauble")
    assert widget.map_data["rows"] == [0, 1]
    assert widget.map_data["unit"] == "difference of logits"
    assert widget.map_data["title"] == "ODAM of the class rather than bauble"
    expected = dx.explain(detector, SCENE, found[:2], target=Target(against="bauble"))
    assert all(torch.equal(one, other) for one, other in zip(widget.maps.grids, expected.grids, strict=True))
    assert "detections[[0, 1]]" in widget.to_code()
    assert "target=dx.Target(against='bauble')" in widget.to_code()
    widget.selected = 2
    assert len(widget._picture()) > 0
    assert widget._caption().endswith(": of the very class that the others are explained against")
    made: dict[str, Any] = {"detections": found, "detector": detector, "image": SCENE}
    widget.selected = 1
    exec(widget.to_code(), made)
    assert np.array_equal(made["heat_map"].numpy(), widget.maps.values[1].numpy())


def test_where_all_are_of_the_class_itself_there_is_no_map(detector: Any, found: dx.Detections) -> None:
    widget = dx.widgets.Explorer(detector, SCENE, found[2:], against="bauble")
    assert widget.map_key == ""
    assert widget._caption().endswith("against")
    assert "nothing to explain" in widget.to_code()
    with pytest.raises(RuntimeError, match="there are no maps to return"):
        _ = widget.maps
    widget.against = ""
    widget.wait()
    assert len(widget.maps) == 1


def test_a_choice_that_does_not_apply_changes_nothing_and_stays(detector: Any, found: dx.Detections) -> None:
    widget = dx.widgets.Explorer(detector, SCENE, found, target="x1")
    key = widget.map_key
    widget.against, widget.combine = "bauble", "normalized"
    widget.wait()
    assert widget.map_key == key
    assert (widget.against, widget.combine) == ("bauble", "normalized")
    assert widget.request["choice"]["against"] == "bauble"
    widget.target = "combined"
    widget.wait()
    assert widget.map_data["title"] == "ODAM of the class and sides, normalized"
    assert widget.map_data["unit"].startswith("share of")
    assert "combine='normalized'" in widget.to_code()
    parts = widget.map_data["grids"][0]["parts"]
    assert [one["title"] for one in parts] == ["Class", "Left side", "Top side", "Right side", "Bottom side"]
    assert sum(one["share"] for one in parts) == pytest.approx(1)


def test_classes_of_a_classifier_are_explained_against_another() -> None:
    classifier = dx.load_detector("tiny-resnet")
    widget = dx.widgets.Explorer(classifier, SCENE)
    listed = [thing["name"] for thing in widget.objects]
    widget.against = listed[1]
    widget.wait()
    assert widget.map_data["rows"] == [0, 2, 3, 4]
    assert len(widget.maps) == len(listed) - 1
    unlisted = next(name for name in classifier.names if name not in listed)
    index = widget.add_class(unlisted)
    widget.wait()
    assert widget.map_data["rows"] == [0, 2, 3, 4, index]
    assert len(widget.others) == len(widget.objects)


def test_a_class_that_there_is_not_is_refused_with_the_nearest(detector: Any, found: dx.Detections) -> None:
    widget = dx.widgets.Explorer(detector, SCENE, found)
    for wrong, message in (("baubel", "did you mean 'bauble'"), (99, "numbered 0 to 9"), (1.5, "a text or a whole")):
        with pytest.raises(TraitError, match=message):
            widget.against = wrong
    with pytest.raises(TraitError, match="maximum"):
        widget.combine = "sum"
    widget.against = "Bauble "
    assert widget.against == "bauble"


def test_a_target_as_source_is_as_short_as_it_can_be() -> None:
    assert target_source(Target("x1")) == "'x1'"
    assert target_source(Target(score="logit")) == "dx.Target('class', score='logit')"
    assert target_source(Target("apple", against="bauble")) == "dx.Target(label='apple', against='bauble')"
    assert target_source(Target(against=3, score="prob")) == "dx.Target(score='prob', against=3)"
    assert target_source(Target(label="mug")) == "dx.Target('class', label='mug')"
