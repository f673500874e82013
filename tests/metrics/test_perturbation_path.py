"""A walk through deletion and insertion, against the curves of the registered metrics and pictures made one by one."""

from __future__ import annotations

import pytest
import stub
import torch
from stub_maps import annotated, stub_maps

import detxai_nb as dx
from detxai_nb.metrics import METRICS, DetectionCache, MetricInput, PerturbationSchedule, box_areas, perturbation_curves
from detxai_nb.metrics.perturbation_path import NEVER, follow_path, plan_path
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.types import Cancelled


def plan_of(maps: dx.HeatMaps, index: int, schedule: PerturbationSchedule, *, whole: bool = False, sample=None):
    judge = MapScorer.of(maps.image, maps.detections, sample, [])
    annotation = -1 if sample is None else int(judge.annotations[index])
    return plan_path(maps, index, annotation, judge.sample, schedule, whole)


@pytest.mark.parametrize("mode", ["deletion", "insertion"])
@pytest.mark.parametrize("with_sample", [False, True])
def test_scores_are_those_of_the_curves_of_all_objects(mode: str, with_sample: bool) -> None:
    maps, how = stub_maps(), PerturbationSchedule(mode, 100, 10)
    sample = annotated() if with_sample else None
    judge = MapScorer.of(maps.image, maps.detections, sample, [])
    numbers = judge.annotations if with_sample else torch.full((3,), -1)
    detector = stub.Dimming()
    case = MetricInput(maps.values, maps.detections, numbers, judge.sample, detector)
    curves = perturbation_curves(case, how, box_areas(case))
    for index in range(3):
        found = follow_path(maps, index, plan_of(maps, index, how, sample=sample), DetectionCache(detector), 0.05)
        torch.testing.assert_close(found.scores, curves.scores[index])
        torch.testing.assert_close(found.ious, curves.ious[index])
        torch.testing.assert_close(found.relative, curves.relative()[index])
        torch.testing.assert_close(found.others, curves.others()[index])
        assert list(found.counts) == curves.counts[index].tolist()
        assert found.ties == pytest.approx(float(curves.ties[index]))
    area = METRICS[f"{mode}-odam"].measure(case).value
    assert 100 * found.area == pytest.approx(float(area[2]))


@pytest.mark.parametrize("fill", [None, "black", "mean", "random"])
@pytest.mark.parametrize("mode", ["deletion", "insertion"])
def test_every_picture_is_the_one_that_was_asked_about(mode: str, fill: str | None) -> None:
    maps, how = stub_maps(), PerturbationSchedule(mode, 10, 1, fill)
    seen = []

    class Seen(stub.StubDetector):
        def detect(self, images, score_threshold=0.3):
            seen.extend(images)
            return super().detect(images, score_threshold)

    found = follow_path(maps, 1, plan_of(maps, 1, how), DetectionCache(Seen()), 0.05)
    assert len(seen) == len(found.counts) == 11
    for step, image in enumerate(seen):
        assert (found.picture(step, maps.image) == image).all()
    assert int((found.changes < NEVER).sum()) == found.counts[-1] == 900


def test_the_whole_image_is_changed_in_the_end() -> None:
    maps = stub_maps()
    found = follow_path(
        maps,
        0,
        plan_of(maps, 0, PerturbationSchedule("insertion", 50, 1), whole=True),
        DetectionCache(stub.Dimming()),
        0.05,
    )
    assert found.counts[-1] == stub.SIZE[0] * stub.SIZE[1]
    assert (found.picture(50, maps.image) == maps.image).all()
    assert not found.picture(0, maps.image).any()
    assert found.match(50, maps.detections) is not None
    assert found.match(0, maps.detections) is None


def test_one_object_alone_has_no_others() -> None:
    maps = stub_maps()[0]
    found = follow_path(maps, 0, plan_of(maps, 0, PerturbationSchedule()), DetectionCache(stub.Dimming()), 0.05)
    assert bool(found.others.isnan().all())


def test_what_progress_raises_ends_it_and_answers_stay_known() -> None:
    maps, answers = stub_maps(), DetectionCache(stub.Dimming())
    plan = plan_of(maps, 0, PerturbationSchedule())

    def stop(done: int, total: int) -> None:
        assert total == 11
        if done == 4:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        follow_path(maps, 0, plan, answers, 0.05, stop)
    asked = answers.queries
    follow_path(maps, 0, plan, answers, 0.05)
    assert (asked, answers.queries) == (4, 11)
