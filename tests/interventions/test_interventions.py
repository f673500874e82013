"""What a detector says after an intervention, against asking it plainly; controls; files; what is refused."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.interventions import (
    MIN_IOU,
    ORIGIN,
    OVERLAP,
    Experiment,
    Fill,
    Intervention,
    Region,
    counterfactual,
    intervene,
)
from detxai_nb.interventions.answers import followed, scores_found_again
from detxai_nb.interventions.drawing import what_was_done
from detxai_nb.interventions.intervention import says
from detxai_nb.types import Detections, Target

Load = Callable[[str], Any]
FAMILIES = ["tiny-fcos", "tiny-faster-rcnn", "tiny-yolox"]
if "DETXAI_NB_FUZZ" in os.environ:
    FAMILIES += ["tiny-retinanet", "tiny-ssd", "tiny-pvt", "tiny-detr"]


@pytest.fixture(scope="session")
def experiment(load: Load, scene: scenes.Scene, found: Detections) -> Experiment:
    return Experiment(load("tiny-fcos"), scene.image, found)


@pytest.fixture(scope="session")
def region(scene: scenes.Scene, found: Detections) -> Region:
    x1, y1, x2, y2 = found.boxes[0].tolist()
    return Region.box(scene.image, (x1, y1, (x1 + x2) / 2, (y1 + y2) / 2))


@pytest.fixture(scope="session")
def one(experiment: Experiment, region: Region) -> Intervention:
    return experiment.ask(region, "noise", seed=3, controls=2)


@pytest.mark.parametrize("name", FAMILIES)
def test_scores_boxes_and_classes_are_read_at_the_origin(name: str, load: Load, scene: scenes.Scene) -> None:
    """Wherever the changed picture's own detections have the same origin, they say the same."""
    if name in ("tiny-detr", "tiny-pvt"):
        pytest.importorskip("transformers")
    detector = load(name)
    own = detector.detect([scene.image], 0.2)[0]
    asked = Experiment(detector, scene.image, own)
    assert asked.matched_by == ORIGIN
    assert torch.allclose(asked.before.scores, own.scores.double(), atol=1e-5)
    assert torch.allclose(asked.before.boxes, own.boxes.double(), atol=1e-3)
    corner = Region.stroke(scene.image, [own.boxes[0, :2].tolist()], 5)
    answer = asked.ask(corner, "blur", controls=0)
    picture = Fill("blur").paint(scene.image, corner)
    assert np.array_equal(answer.picture, picture)
    assert torch.equal(asked._reader.scores(picture), answer.after.scores), "scores alone, as controls are read"
    now = detector.detect([picture], 0.2)[0]
    assert torch.allclose(now.boxes, answer.found.boxes, atol=1e-4)
    assert len(now) == len(answer.found)
    rows = {(*origin, label): row for row, (origin, label) in enumerate(zip(now.origins.tolist(), now.labels.tolist()))}
    pairs = [(i, rows.get((*o, n))) for i, (o, n) in enumerate(zip(own.origins.tolist(), own.labels.tolist()))]
    shared = [(i, j) for i, j in pairs if j is not None]
    assert shared or name == "tiny-faster-rcnn"
    for i, j in shared:
        if name != "tiny-faster-rcnn":  # whose own proposals have moved
            assert torch.allclose(answer.after.scores[i], now.scores[j].double(), atol=1e-5)
            assert torch.allclose(answer.after.boxes[i], now.boxes[j].double(), atol=1e-3)


def test_proposals_stay_those_of_the_unchanged_picture(load: Load, scene: scenes.Scene) -> None:
    detector = load("tiny-faster-rcnn")
    own = detector.detect([scene.image], 0.3)[0]
    everything = Region.box(scene.image, own.boxes[0])
    answer = Experiment(detector, scene.image, own).ask(everything, "mean", controls=0)
    trace, other = detector.trace(scene.image), detector.trace(answer.picture)
    expected = trace.scalars_of_inputs(other.input, own, Target())[0]
    assert torch.allclose(answer.after.scores, expected.double().cpu(), atol=1e-5)


def test_the_class_now_is_that_with_the_highest_score_there(one: Intervention, load: Load) -> None:
    trace = load("tiny-fcos").trace(one.picture)
    every = torch.stack([trace.scalars(one.detections, Target(label=label)) for label in range(10)], dim=1)
    assert torch.equal(one.after.labels, every.argmax(dim=1).cpu())
    assert torch.allclose(one.after.label_scores, every.amax(dim=1).double().cpu(), atol=1e-6)


def test_the_subject_is_the_object_that_holds_the_region(one: Intervention) -> None:
    assert one.about == 0
    assert float(one.lost[0]) == float(one.before.scores[0] - one.after.scores[0])


def test_controls_are_equal_areas_elsewhere(one: Intervention, found: Detections) -> None:
    controls = one.controls
    assert controls.places.count("object") == controls.places.count("background") == 2
    assert (controls.masks.sum(axis=(1, 2)) == one.region.area).all()
    assert not (controls.masks & one.region.mask).any()
    box = Region.box(one.image, found.boxes[0]).mask
    for place, mask in zip(controls.places, controls.masks):
        assert (mask & ~box).any() == (place == "background")
        for other in found.boxes.tolist():
            assert place == "object" or not (mask & Region.box(one.image, other).mask).any()
    lost = one.control_lost("background")
    rows = [row for row, place in enumerate(controls.places) if place == "background"]
    assert torch.allclose(lost, (one.before.scores - controls.scores[rows]).mean(dim=0))
    with pytest.raises(ValueError, match="place is one of"):
        one.control_lost("sky")


def test_a_control_is_filled_as_the_region_is(one: Intervention, experiment: Experiment) -> None:
    area = Region(one.controls.masks[0])
    picture = Fill("noise").paint(one.image, area, one.seed + 1)
    again = experiment.ask_picture(picture)
    assert torch.allclose(again.after.scores, one.controls.scores[0], atol=1e-6)


def test_where_there_is_no_room_there_is_no_control(experiment: Experiment, found: Detections) -> None:
    whole = experiment.ask(Region.box(experiment.image, found.boxes[0]), "mean", controls=1)
    assert set(whole.controls.places) <= {"background"}
    assert torch.isnan(whole.control_lost("object")).all()
    everywhere = experiment.ask(~Region.box(experiment.image, (0, 0, 3, 3)), "mean", controls=1)
    assert len(everywhere.controls) == 0


def test_controls_can_be_added_afterwards(experiment: Experiment, region: Region, one: Intervention) -> None:
    fast = experiment.ask(region, "noise", seed=3, controls=0)
    assert len(fast.controls) == 0
    assert torch.equal(fast.after.scores, one.after.scores)
    again = experiment.with_controls(fast, count=2)
    assert np.array_equal(again.controls.masks, one.controls.masks)
    assert torch.equal(again.controls.scores, one.controls.scores)
    other = Experiment(experiment.detector, experiment.image, experiment.detections)
    assert torch.equal(other.ask(region, "noise", seed=3, controls=2).controls.scores, one.controls.scores)


def test_what_went_and_what_appeared(one: Intervention, scene: scenes.Scene, load: Load) -> None:
    detector = load("tiny-fcos")
    own = detector.detect([scene.image])[0]
    gone = counterfactual(detector, scene, own, without_objects=0)
    assert gone.fill == "redrawn"
    assert len(gone.controls) == 0
    assert len(gone.went) == len(gone.found_before) - len(gone.found) + len(gone.appeared)
    for left in gone.went:
        overlaps = [
            dx.statistics.paired_iou(left.boxes[0], other.boxes[0])
            for other in gone.found
            if int(other.labels) == int(left.labels)
        ]
        assert all(float(overlap) <= MIN_IOU for overlap in overlaps) or len(gone.found) < len(gone.found_before)
    assert not bool(gone.kept[int(gone.about or 0)])
    # The other way round the same objects appear.
    there = detector.detect([gone.picture])[0]
    if len(there):
        back = Experiment(detector, gone.picture, there).ask_picture(scene.image)
        assert len(back.appeared) == len(gone.went)
        assert len(back.went) == len(gone.appeared)


def test_a_scene_without_a_part_is_asked_exactly(scene: scenes.Scene, found: Detections, load: Load) -> None:
    bare = counterfactual(load("tiny-fcos"), scene, found, without_parts=[1])
    assert np.array_equal(bare.picture, scenes.redraw(scene, without_parts=1).image)
    assert np.array_equal(bare.region.mask, (bare.picture != scene.image).any(axis=2))
    assert bare.settings["without_parts"] == [1]
    assert bare.settings["floor"] is None


def black_box(detector: Any) -> Any:
    def predict(image: np.ndarray) -> tuple[Any, Any, Any]:
        answer = detector.detect([image], 0.05)[0]
        return answer.boxes, answer.scores, answer.labels

    return dx.wrap_predict(predict, detector.names)


def test_a_black_box_is_followed_by_class_and_iou(load: Load, scene: scenes.Scene, region: Region) -> None:
    detector = black_box(load("tiny-fcos"))
    own = detector.detect([scene.image], 0.3)[0]
    answer = intervene(detector, scene.image, own, region, "mean", controls=0)
    assert answer.matched_by == OVERLAP
    assert torch.allclose(answer.before.scores, own.scores.double(), atol=1e-6)
    expected = followed(own, detector.detect([answer.picture], 0.05)[0])
    assert torch.equal(answer.after.scores, expected.scores)
    assert torch.equal(answer.after.labels, expected.labels)


def test_following_by_hand() -> None:
    names = ("cat", "dog")
    targets = Detections(
        torch.tensor([[0.0, 0, 10, 10], [50, 50, 60, 60]]), torch.tensor([0.9, 0.8]), torch.tensor([0, 1]), names
    )
    boxes = torch.tensor([[0.0, 0, 10, 9], [1, 0, 10, 10], [0, 1, 10, 10], [30, 30, 40, 40]])
    seen = Detections(boxes, torch.tensor([0.6, 0.5, 0.3, 0.9]), torch.tensor([1, 0, 0, 1]), names)
    answers = followed(targets, seen)
    assert answers.scores.tolist() == pytest.approx([0.5, 0.0])
    assert answers.labels.tolist() == [1, 1]
    assert answers.label_scores.tolist() == pytest.approx([0.6, 0.0])
    assert answers.boxes[0].tolist() == [1, 0, 10, 10]
    assert bool(torch.isnan(answers.boxes[1]).all())


def test_classes_of_a_whole_picture(load: Load, scene: scenes.Scene, region: Region) -> None:
    detector = load("tiny-resnet")
    classes = dx.detections.of_classes(detector, scene.image, ["mug", "apple"])
    answer = intervene(detector, scene.image, classes, region, "blur", controls=1)
    now = dx.detections.of_classes(detector, answer.picture, ["mug", "apple"])
    assert torch.allclose(answer.after.scores, now.scores.double(), atol=1e-6)
    assert answer.about is None
    assert set(answer.controls.places) <= {"background"}


def test_table_figure_and_file(one: Intervention, tmp_path: Path) -> None:
    table = one.table()
    assert len(table) == len(one)
    assert table.loc[0, "lost"] == pytest.approx(float(one.lost[0]))
    assert len(one.plot().axes) == 3
    assert one._repr_png_().startswith(b"\x89PNG")
    path = one.save(tmp_path / "one")
    again = Intervention.load(path)
    assert path.suffix == ".npz"
    assert again.table().equals(table)
    assert again.settings == dict(one.settings)
    assert np.array_equal(again.controls.masks, one.controls.masks)
    assert again.region.settings == one.region.settings
    assert again.matched_by == one.matched_by
    assert again.found.names == one.found.names
    content = path.read_bytes()
    for broken in (content[:-50], content[:200], b"", b"not a file"):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"is not a file written by Intervention\.save"):
            Intervention.load(path)
    path.write_bytes(content)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["meta"] = np.frombuffer(arrays["meta"].tobytes().replace(b"intervention 1", b"intervention 9"), np.uint8)
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match="has the format 'detxai-nb intervention 9'"):
        Intervention.load(path)
    with pytest.raises(FileNotFoundError):
        Intervention.load(tmp_path / "nothing.npz")
    with pytest.raises(ValueError, match="not a heat map file"):
        dx.HeatMaps.load(one.save(tmp_path / "two.npz"))


def test_an_object_that_is_found_from_a_place_beside_keeps_its_score(
    one: Intervention,
) -> None:
    """The place that predicted an object is read; what reports it now may be a place beside."""
    target = Detections(torch.tensor([[10.0, 10, 50, 50], [12.0, 10, 52, 50]]), torch.tensor([0.9, 0.8]), *two(0, 0))
    boxes = torch.tensor([[10.0, 12, 50, 52], [10.0, 10, 50, 50], [14.0, 10, 54, 50], [12.0, 10, 52, 50]])
    now = Detections(boxes, torch.tensor([0.7, 0.6, 0.5, 0.4]), *two(0, 0, 0, 1))
    assert scores_found_again(target, now).tolist() == pytest.approx([0.7, 0.7])
    assert scores_found_again(target, now[1:3]).tolist() == pytest.approx([0.6, 0.5])
    assert scores_found_again(target, now[[1]]).isnan().tolist() == [False, True]
    assert scores_found_again(target, now[[3]]).isnan().all()
    assert torch.equal(one.kept, ~one.found_scores.isnan())
    table = one.table()
    assert table["reported score"].notna().tolist() == table["still reported"].tolist() == one.kept.tolist()
    beside = replace(one, after=replace(one.after, scores=one.found_scores.nan_to_num(0.5) - 0.2))
    assert ("reported from beside with" in says(beside, 0)) == bool(one.kept[0])
    assert "from beside" not in says(one, 0)


def test_the_figure_says_what_was_done_and_covers_no_bar(load: Load, scene: scenes.Scene, found: Detections) -> None:
    detector = load("tiny-fcos")
    parts = counterfactual(detector, scene, found, without_parts=[0, 1])
    assert what_was_done(parts) == "drawn again without the parts of annotations 0, 1"
    both = counterfactual(detector, scene, found, without_objects=1, floor=2)
    assert what_was_done(both) == "drawn again without annotations 1 and on another floor"
    bars = replace(parts, after=replace(parts.after, scores=parts.found_scores.nan_to_num(0.5) - 0.2)).plot().axes[-1]
    assert "reported from beside" in bars.get_legend_handles_labels()[1]
    bars.figure.canvas.draw()
    legend = bars.get_legend().get_window_extent().y1
    assert legend <= min(bar.get_window_extent().y0 for bar in bars.patches) + 1
    other = Experiment(detector, scene.image, found).ask_picture(parts.picture, fill="another floor")
    assert what_was_done(other) == "changed: another floor"


def two(*labels: int) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Labels, and their names."""
    return torch.tensor(labels), ("cat", "dog")


def test_work_that_is_ended_leaves_everything_as_it_was(
    experiment: Experiment, region: Region, one: Intervention
) -> None:
    def stop(done: int, total: int) -> None:
        if done == 2:
            raise dx.Cancelled

    with pytest.raises(dx.Cancelled):
        experiment.ask(region, "noise", seed=3, controls=2, progress=stop)
    calls: list[tuple[int, int]] = []
    again = experiment.ask(region, "noise", seed=3, controls=2, progress=lambda *step: calls.append(step))
    assert torch.equal(again.controls.scores, one.controls.scores)
    assert calls[-1] == (5, 5)


def test_what_cannot_be_asked_is_refused_in_words(
    experiment: Experiment, region: Region, scene: scenes.Scene, found: Detections, load: Load
) -> None:
    detector, small = load("tiny-fcos"), Region.box((50, 50), (0, 0, 9, 9))
    with pytest.raises(ValueError, match="one of a picture of 50x50 pixels, this one has 192x160"):
        intervene(detector, scene.image, found, small)
    with pytest.raises(ValueError, match="unknown fill 'black'"):
        intervene(detector, scene.image, found, region, "black")
    with pytest.raises(TypeError, match=r"a region is a dx.interventions.Region, got ndarray"):
        intervene(detector, scene.image, found, region.mask)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="no argument 'sede'"):
        intervene(detector, scene.image, found, region, sede=1)
    with pytest.raises(ValueError, match=r"detect in this image first|no predictions of this"):
        Experiment(detector, scenes.make(9, seed=1, width=192, height=160).image, found)
    with pytest.raises(TypeError, match="take one, such as detections"):
        Experiment(detector, scene.image, [found])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no detection"):
        Experiment(detector, scene.image, found[[]])
    with pytest.raises(ValueError, match="about is the number of an object"):
        experiment.ask(region, about=99)
    with pytest.raises(ValueError, match="controls is a whole number"):
        experiment.ask(region, controls=-1)
    with pytest.raises(ValueError, match="the same"):
        experiment.ask_picture(scene.image)
    with pytest.raises(ValueError, match="nothing to fill other areas with"):
        experiment.with_controls(counterfactual(detector, scene, found, without_parts=1))


def test_what_was_not_changed_changes_nothing(load: Load, scene: scenes.Scene, found: Detections) -> None:
    detector = load("tiny-fcos")
    before = {name: value.clone() for name, value in detector.module.state_dict().items()}
    hooks = sum(len(module._forward_hooks) for module in detector.module.modules())
    intervene(detector, scene.image, found, Region.box(scene.image, (5, 5, 20, 20)), "blur", controls=1)
    assert all(torch.equal(before[name], value) for name, value in detector.module.state_dict().items())
    assert hooks == sum(len(module._forward_hooks) for module in detector.module.modules())
