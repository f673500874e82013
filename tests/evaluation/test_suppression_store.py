"""Predictions before suppression in a store: the same detections as a detector with the rule, and nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up_crowds import SMALL, trainings

import detxai_nb as dx
from detxai_nb.evaluation import suppression
from detxai_nb.evaluation.suppression import store as store_module
from detxai_nb.evaluation.suppression.candidates import LEAST_CORRELATION, SceneCandidates
from detxai_nb.evaluation.suppression.outcomes import RULES, ComparedScene, scene_truths
from detxai_nb.evaluation.suppression.runs import TrainedRun, find_runs
from detxai_nb.evaluation.suppression.store import CandidateStore
from detxai_nb.nms.embedding import EmbeddingHead, load_embedding, save_embedding

FCOS, RCNN = "tiny-fcos-crowd-0", "tiny-faster-rcnn-crowd-odam-2"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrainedRun]:
    folder = trainings(tmp_path_factory.mktemp("runs"), (FCOS, RCNN))
    return {run.title: run for run in find_runs(folder)}


@pytest.fixture(scope="module")
def filled(runs: dict[str, TrainedRun], tmp_path_factory: pytest.TempPathFactory) -> CandidateStore:
    found = CandidateStore(tmp_path_factory.mktemp("store") / "new", SMALL)
    for run in runs.values():
        assert found.fill(run, 2) == 2
    return found


def same(one: SceneCandidates, other: SceneCandidates) -> bool:
    names = ("boxes", "scores", "labels", "bits", "values")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


@pytest.mark.parametrize("title", [FCOS, RCNN])
def test_rules_on_the_store_keep_what_a_detector_with_the_rule_detects(
    title: str, runs: dict[str, TrainedRun], filled: CandidateStore
) -> None:
    detector, dataset = runs[title].open(), SMALL.scenes(2)
    truths = scene_truths(SMALL, 2)
    for number, (candidates, features) in enumerate(filled.read(runs[title], 2)):
        assert features is None
        scene = ComparedScene(candidates, truths[number])
        for name in (name for name in RULES if name != "feature-nms"):
            slow = dx.nms.NmsDetector(detector, RULES[name], short_edge=SMALL.short_edge, max_detections=1000)
            expected = slow.detect([dataset[number].image], SMALL.score_threshold)[0]
            kept = scene.keep(RULES[name])
            enough = kept.scores >= SMALL.score_threshold
            rows = kept.rows[enough]
            assert torch.equal(kept.scores[enough], expected.scores), name
            assert np.array_equal(candidates.boxes[rows], expected.boxes.numpy()), name
            named = [dx.data.scenes.NAMES[label] for label in candidates.labels[rows]]
            assert named == expected.label_names(), name


def test_only_pairs_that_a_rule_can_ask_for_are_kept() -> None:
    boxes = torch.tensor([[0.0, 0, 10, 10], [5, 0, 15, 10], [50, 50, 60, 60], [70, 50, 80, 60]])
    scores, labels = torch.tensor([0.9, 0.8, 0.7, 0.6]), torch.tensor([1, 1, 1, 1])
    given = torch.full((4, 4), LEAST_CORRELATION / 2)
    given[0, 1], given[0, 2], given[2, 3] = 0.01, 0.9, 0.3
    kept = SceneCandidates.of(7, boxes, scores, labels, given)
    expected = torch.zeros(4, 4)
    expected[0, 1], expected[0, 2], expected[2, 3] = 0.01, 0.9, 0.3
    assert torch.equal(kept.correlation(), expected)
    assert len(kept.values) == 3
    other = SceneCandidates.of(7, boxes, scores, torch.tensor([1, 1, 2, 2]), given)
    assert len(other.values) == 2


def test_thresholds_that_the_store_does_not_tell_apart_are_refused(
    runs: dict[str, TrainedRun], filled: CandidateStore
) -> None:
    candidates, _ = next(filled.read(runs[FCOS], 1))
    scene = ComparedScene(candidates, scene_truths(SMALL, 1)[0])
    for rule in (dx.nms.OdamNms(0.5, 0.01, 0.02), dx.nms.OdamNms(0.0, 0.2, 0.8)):
        with pytest.raises(ValueError, match="t_high is at least that and iou_threshold above 0"):
            scene.keep(rule)


def test_an_interrupted_pass_goes_on_and_gives_the_same(
    runs: dict[str, TrainedRun], filled: CandidateStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "BATCH", 1)
    again, run = CandidateStore(tmp_path / "store", SMALL), runs[RCNN]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        again.fill(run, 2, stop)
    assert again.missing(run, 2) == [1]
    with pytest.raises(ValueError, match=f"lacks 1 of 2 scenes of {RCNN}; fill it first"):
        list(again.read(run, 2))
    reopened = CandidateStore(tmp_path / "store", SMALL)
    told: list[tuple[int, int]] = []
    assert reopened.fill(run, 2, lambda done, total: told.append((done, total))) == 1
    assert told == [(2, 2)]
    assert reopened.fill(run, 2) == 0
    for (one, _), (other, _) in zip(reopened.read(run, 2), filled.read(run, 2), strict=True):
        assert same(one, other)


def test_a_damaged_file_is_refused_and_computed_again_when_it_is_removed(
    runs: dict[str, TrainedRun], tmp_path: Path
) -> None:
    store, run = CandidateStore(tmp_path / "store", SMALL), runs[RCNN]
    store.fill(run, 1)
    first = next(store.read(run, 1))[0]
    (path,) = (tmp_path / "store" / RCNN / "scenes").glob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    for damage in (bytes(content), content[:100], b""):
        path.write_bytes(damage)
        with pytest.raises(ValueError, match=r"npz is damaged .*; remove it, and its scenes are computed again"):
            list(store.read(run, 1))
    path.unlink()
    assert store.fill(run, 1) == 1
    assert same(first, next(store.read(run, 1))[0])


def test_a_store_holds_one_kind_of_predictions_of_the_same_weights(
    runs: dict[str, TrainedRun], filled: CandidateStore, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="other settings: take another folder, or the same most is 1000 there and 9"):
        CandidateStore(filled.folder, replace(SMALL, most=9))
    weights = tmp_path / "other.safetensors"
    weights.write_bytes(runs[FCOS].weights.read_bytes() + b" ")
    other = replace(runs[FCOS], weights=weights)
    for call in (lambda: filled.fill(other, 2), lambda: list(filled.read(other, 2))):
        with pytest.raises(ValueError, match="computed with other weights: remove that folder"):
            call()
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "odam.pdf").touch()
    for taken in (tmp_path / "papers", weights):
        with pytest.raises(ValueError, match="is no store of predictions, and not empty; name a new folder"):
            CandidateStore(taken, SMALL)


def test_runs_are_found_by_name_and_seed(runs: dict[str, TrainedRun], tmp_path: Path) -> None:
    folder = runs[FCOS].weights.parents[1]
    (folder / "tiny-fcos-crowd-1").mkdir(exist_ok=True)
    found = find_runs(folder)
    assert [(run.name, run.seed, run.family, run.odam_train) for run in found] == [
        ("tiny-fcos-crowd", 0, "fcos", False),
        ("tiny-faster-rcnn-crowd-odam", 2, "faster_rcnn", True),
    ]
    assert [run.title for run in find_runs(folder, ["tiny-fcos-crowd"])] == [FCOS]
    with pytest.raises(ValueError, match=r"the tables compare tiny-fcos-crowd, .*; got 'tiny-fcos'"):
        find_runs(folder, ["tiny-fcos"])
    with pytest.raises(
        FileNotFoundError, match=r"there are no weights in .*detxai_nb.training.zoo tiny-fcos-crowd-odam"
    ):
        find_runs(folder, ["tiny-fcos-crowd-odam"])
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        find_runs(tmp_path / "none")


@pytest.mark.parametrize(
    ("change", "error", "told"),
    [
        ({"most": 0}, ValueError, "most is at least 1"),
        ({"most": 1.5}, TypeError, "most is a whole number"),
        ({"score_threshold": 5}, ValueError, "0 to 1|0..1"),
        ({"norm_statistics": "none"}, ValueError, "exact or fixed"),
        ({"short_edge": 0}, ValueError, "at least 1 cell"),
        ({"mode": "party"}, ValueError, "unknown mode"),
        ({"seed": -1}, ValueError, "seed"),
        ({"width": 10}, ValueError, "at least"),
    ],
)
def test_settings_out_of_range_are_refused(change: dict[str, Any], error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        replace(SMALL, **change)


@pytest.mark.parametrize("change", [{"scenes": 0}, {"scenes": 1.0}, {"timed": -1}, {"resamples": 1}])
def test_counts_out_of_range_are_refused(change: dict[str, Any], tmp_path: Path) -> None:
    (name,) = change
    with pytest.raises(ValueError, match=f"{name} is a whole number of at least"):
        suppression.measure_suppression(tmp_path, tmp_path / "store", **change)
    assert not (tmp_path / "store").exists()


def test_feature_vectors_of_a_head_trained_later_are_added(runs: dict[str, TrainedRun], tmp_path: Path) -> None:
    trainings(tmp_path, [RCNN])
    (run,) = find_runs(tmp_path)
    store, detector = CandidateStore(tmp_path / "store", SMALL), run.open()
    store.fill(run, 1)
    before = next(store.read(run, 1))[0]
    path = run.weights.parent / "embedding.safetensors"
    save_embedding(path, EmbeddingHead.made_for(detector.module), detector.module.state_dict())
    assert store.missing(run, 1) == [0]
    assert store.fill(run, 1) == 1
    candidates, features = next(store.read(run, 1))
    assert same(before, candidates)
    assert features is not None
    scene = ComparedScene(candidates, scene_truths(SMALL, 1)[0], features)
    embedding = load_embedding(path, detector)
    slow = dx.nms.NmsDetector(detector, RULES["feature-nms"], vectors=embedding, max_detections=1000)
    expected = slow.detect([SMALL.scenes(1)[0].image], SMALL.score_threshold)[0]
    kept = scene.keep(RULES["feature-nms"])
    assert torch.equal(kept.scores, expected.scores)
    assert np.array_equal(candidates.boxes[kept.rows], expected.boxes.numpy())
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\1\0")
    with pytest.raises(ValueError, match="computed with other weights"):
        list(store.read(run, 1))
