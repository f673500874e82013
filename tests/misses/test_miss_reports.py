"""False alarms by hand, the tables of a report, and what ``explain_misses`` refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_up_detector import MadeUpDetector
from test_causes import answering, sample_of

import detxai_nb as dx
from detxai_nb.misses import FALSE_ALARMS
from detxai_nb.misses.report import size_of


@pytest.mark.parametrize(
    ("box", "label", "kind", "annotation", "iou"),
    [
        ([50, 50, 100, 98], 0, "duplicate", 0, 0.96),
        ([50, 50, 100, 70], 0, "localization", 0, 0.4),
        ([50, 50, 100, 75], 0, "localization", 0, 0.5),  # no match: the IoU has to be above 0.5
        ([50, 50, 100, 98], 1, "classification", 0, 0.96),
        ([50, 50, 100, 70], 1, "both", 0, 0.4),
        ([50, 50, 100, 54], 0, "background", -1, 0.08),
        ([0, 150, 9, 159], 2, "background", -1, 0.0),
    ],
)
def test_false_alarms_have_tides_names(box: Any, label: int, kind: str, annotation: int, iou: float) -> None:
    sample = sample_of([[50, 50, 100, 100]], [0])
    detector = answering([[50, 50, 100, 100], box], [0.9, 0.8], [0, label])
    row = dx.misses.explain_misses(detector, sample).false_alarms.iloc[0]
    assert (row["kind"], row["annotation"], row["detection"]) == (kind, annotation, 1)
    assert row["iou"] == pytest.approx(iou, abs=1e-6)
    assert kind in FALSE_ALARMS


def test_a_detection_inside_a_crowd_region_of_its_class_is_no_false_alarm() -> None:
    sample = sample_of([[0, 0, 100, 100]], [0], crowd=[True])
    detector = answering([[10, 10, 40, 40], [10, 10, 40, 40], [80, 80, 140, 140]], [0.9, 0.8, 0.7], [0, 1, 0])
    report = dx.misses.explain_misses(detector, sample)
    assert report.false_alarms["detection"].tolist() == [1, 2]
    assert report.table(of="false alarms")["of"].tolist() == [2]
    assert len(report) == 0
    assert "1 detections inside them" in " ".join(report.notes)


def test_without_annotations_every_detection_is_background() -> None:
    report = dx.misses.explain_misses(answering([[10, 10, 40, 40]], [0.9], [0]), sample_of([], []))
    assert report.false_alarms["kind"].tolist() == ["background"]
    assert report.table().empty
    assert "0 of 0 objects" in str(report)


def test_tables_count_every_miss_once() -> None:
    samples = list(dx.data.scenes.Scenes(4, seed=3, mode="crowd", width=192, height=160))
    report = dx.misses.explain_misses(MadeUpDetector(samples, shift=0.5, timid=1, dropped=0), samples)
    assert len(report) > 5
    for by in (None, "label", "size"):
        table = report.table(by)
        assert table["count"].sum() == len(report)
        groups = [table] if by is None else [one for _, one in table.groupby(level=0)]
        for one in groups:
            assert one["share"].sum() == pytest.approx(1)
            assert (one["low"] <= one["share"]).all()
            assert (one["share"] <= one["high"]).all()
            assert (one["count"].sum() <= one["of"]).all()
    sizes = report.misses[["x1", "y1", "x2", "y2"]].apply(size_of, axis=1)
    assert (sizes == report.misses["size"]).all()
    assert sum(report.objects.values()) == sum(map(len, samples))
    assert "missed" in report._repr_html_()


def test_sizes_are_cocos() -> None:
    sides = (10, 31.99, 32, 95.99, 96, 200)
    assert [size_of((0, 0, one, one)) for one in sides] == ["small", "small", "medium", "medium", "large", "large"]


def test_progress_is_told_and_can_end_the_work() -> None:
    samples, seen = [sample_of([[50, 50, 100, 100]], [0])] * 3, []
    dx.misses.explain_misses(answering([], [], []), samples, limit=2, progress=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]

    def stop(done: int, total: int) -> None:
        raise dx.Cancelled

    with pytest.raises(dx.Cancelled):
        dx.misses.explain_misses(answering([], [], []), samples, progress=stop)


class Damaged(list[Any]):
    """A dataset whose second image cannot be read."""

    def __getitem__(self, number: Any) -> Any:
        if number == 1:
            raise OSError("no.png is damaged")
        return super().__getitem__(number)


def test_images_that_cannot_be_read_are_left_out_and_named() -> None:
    report = dx.misses.explain_misses(answering([], [], []), Damaged([sample_of([[50, 50, 100, 100]], [0])] * 3))
    assert (report.images, len(report)) == (2, 2)
    assert "1 images could not be read and are left out: image 1: OSError: no.png is damaged" in report.notes
    only = Damaged([sample_of([], [])] * 2)
    with pytest.raises(ValueError, match="none of the 1 images could be read"):
        dx.misses.explain_misses(answering([], [], []), _second(only))


def _second(data: Damaged) -> Any:
    class Second(Damaged):
        def __getitem__(self, number: Any) -> Any:
            return data[1]

    return Second([None])


@pytest.mark.parametrize(
    ("dataset", "options", "error", "message"),
    [
        (np.zeros((9, 9, 3), np.uint8), {}, TypeError, "image 0 is a ndarray"),
        ("photo.jpg", {}, TypeError, "hand in a dataset of Samples or one Sample, got str"),
        (7, {}, TypeError, "hand in a dataset of Samples or one Sample, got int"),
        ([], {}, ValueError, "the dataset has no images"),
        (None, {"iou": 1.0}, ValueError, "iou is at least 0 and below 1, got 1.0"),
        (None, {"iou": "half"}, TypeError, "iou is a number in 0..1, got 'half'"),
        (None, {"floor": -0.1}, ValueError, "floor is at least 0"),
        (None, {"floor": float("nan")}, ValueError, "floor is at least 0"),
        (None, {"score_threshold": 2}, ValueError, "score"),
        (None, {"limit": 0}, ValueError, "limit is a number of images"),
        (None, {"classes": {"cat": "cta"}}, ValueError, "did you mean 'cat'"),
    ],
)
def test_bad_input_is_refused_in_words(dataset: Any, options: Any, error: type[Exception], message: str) -> None:
    chosen = sample_of([[50, 50, 100, 100]], [0]) if dataset is None else dataset
    with pytest.raises(error, match=message):
        dx.misses.explain_misses(answering([], [], []), chosen, **options)


def test_other_things_to_count_and_image_classifiers_are_refused() -> None:
    report = dx.misses.explain_misses(answering([], [], []), sample_of([[50, 50, 100, 100]], [0]))
    with pytest.raises(ValueError, match="by is one of None, 'label', 'size'"):
        report.table("colour")
    with pytest.raises(ValueError, match="of one of 'misses', 'false alarms'"):
        report.table(of="hits")
    with pytest.raises(TypeError, match="row is the number of a miss"):
        report.candidate("first")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="its classes are in no places"):
        dx.misses.explain_misses(dx.load_detector("tiny-resnet", device="cpu"), sample_of([], []))
