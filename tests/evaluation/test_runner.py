"""evaluate from end to end: the table, what is said about it, and what cannot be read."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from small_evaluation import (
    FEW_STEPS,
    HEIGHT,
    METRICS,
    NAMES,
    WIDTH,
    Squares,
    annotated,
    assert_same,
    colours,
    network,
    own_detections,
)

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.scenes import Scenes, write_coco
from detxai_nb.evaluation import Protocol, evaluate, read_evaluation, report
from detxai_nb.evaluation.rows import COLUMNS
from detxai_nb.types import Cancelled

EVERYTHING = Protocol("everything", score=0.0)


def run(dataset: Any = None, **changes: Any) -> pd.DataFrame:
    arguments: dict[str, Any] = {"methods": [], "metrics": METRICS, "progress": False, **changes}
    detector = arguments.pop("detector", None) or colours()
    if "deletion-odam" in arguments["metrics"]:
        arguments.setdefault("metric_settings", FEW_STEPS)
    return evaluate(detector, Squares() if dataset is None else dataset, **arguments)


def test_table_has_a_row_for_each_object_method_and_metric() -> None:
    frame = run(limit=3)
    assert list(frame.columns) == list(COLUMNS)
    assert len(frame) == 3 * 3 * 2 * len(METRICS)
    keys = ["image", "method", "metric", "annotation"]
    assert not frame.duplicated(keys).any()
    order = frame[["image", "method", "metric"]].drop_duplicates()
    assert order["image"].is_monotonic_increasing
    assert order["metric"].tolist()[:3] == list(METRICS)
    about = frame.attrs["evaluation"]
    assert (about["images"], about["objects"], about["annotations"]) == (3, 9, 9)
    assert about["unreadable"] == about["unknown_classes"] == []
    assert json.loads(json.dumps(about)) == about


def test_a_run_is_the_same_again_in_memory_on_disk_and_read_back(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    frame = run(limit=2)
    assert_same(run(store=tmp_path / "run", limit=2), frame)
    assert_same(run(store=tmp_path / "run", limit=2), frame)
    assert_same(read_evaluation(tmp_path / "run"), frame)
    other = run(seed=1, limit=2)
    same = frame["method"] == "control: Gaussian"
    fixed = same & (frame["metric"] != "deletion-odam")
    assert frame["value"][fixed].equals(other["value"][fixed])
    assert not frame["value"][~same].equals(other["value"][~same])


def test_open_detectors_and_methods() -> None:
    detector = network()
    samples = own_detections(detector)
    cheap: dict[str, Any] = {"detector": detector, "metrics": ["energy-pointing-box"], "protocol": EVERYTHING}
    frame = run(samples, methods=["odam", "difference:odam"], **cheap)
    assert set(frame["method"]) == {"odam", "difference:odam", "control: random", "control: Gaussian"}
    assert (frame["iou"] > 0.99).all()
    only = frame[frame["method"] == "odam"]
    alone = run(samples, methods=["odam"], controls=False, **cheap)
    pd.testing.assert_series_equal(only["value"].reset_index(drop=True), alone["value"])


def test_bundled_detector_on_scenes_whose_parts_are_known() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    dataset = Scenes(2, seed=78, width=160, height=128)
    metrics = ["part-energy", "odi-mask", "energy-pointing-mask"]
    frame = run(dataset, detector=detector, methods=["odam", "difference:odam"], metrics=metrics)
    about = frame.attrs["evaluation"]
    assert about["objects"] > 1
    assert len(frame) == about["objects"] * 4 * 3
    means = frame[frame["metric"] == "energy-pointing-mask"].groupby("method")["value"].mean()
    assert means["odam"] > means["control: random"]
    assert (
        frame[frame["metric"] == "part-energy"]["extras"].map(lambda extras: extras["area_share"]).between(0, 1).all()
    )


def test_gradient_methods_need_an_open_detector() -> None:
    with pytest.raises(TypeError, match="no trace"):
        run(methods=["odam"])


def test_a_stopped_run_goes_on_and_more_images_may_be_added(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    seen: list[tuple[int, int]] = []

    def stop(done: int, total: int) -> None:
        seen.append((done, total))
        if done == 2:
            raise Cancelled

    go = functools.partial(run, metrics=["energy-pointing-box"])
    with pytest.raises(Cancelled):
        go(store=tmp_path / "run", progress=stop)
    assert seen == [(1, 4), (2, 4)]
    assert_same(go(store=tmp_path / "run", limit=3), go(limit=3))
    assert_same(go(store=tmp_path / "run", limit=1), go(limit=1))
    seen.clear()
    assert_same(go(store=tmp_path / "run", progress=lambda *n: seen.append(n)), go())
    assert seen == [(4, 4)]


def test_other_settings_of_any_kind_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    run(store=tmp_path / "run", limit=1)
    louder = dx.wrap_predict(lambda image: {"boxes": [], "scores": [], "labels": []}, NAMES)
    for changes, words in (
        ({"seed": 2}, "seed was 0 and is now 2"),
        ({"protocol": "odam"}, "protocol.name was"),
        ({"controls": False, "methods": ["odam"]}, "methods.odam is new"),
        ({"metrics": METRICS[:2]}, "metrics.deletion-odam is missing now"),
        ({"metric_settings": {"deletion-odam": {"ties": "row-major"}}}, "metrics.deletion-odam.settings.ties was"),
        ({"dataset": Squares(seed=1)}, "dataset.content was"),
        ({"detector": louder}, "detector.predict was"),
    ):
        with pytest.raises(ValueError, match=words):
            run(store=tmp_path / "run", limit=1, **changes)


def test_images_that_cannot_be_read_are_reported_and_tried_again(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    folder = write_coco(tmp_path / "scenes", count=3, seed=4, width=160, height=128)
    whole = (folder / "images" / "000001.png").read_bytes()
    (folder / "images" / "000001.png").write_bytes(whole[:500])
    (folder / "images" / "000002.png").unlink()
    dataset = CocoDataset(folder)
    detector = dx.wrap_predict(lambda image: {"boxes": [], "scores": [], "labels": []}, dataset.names)
    go = functools.partial(run, dataset, detector=detector, store=tmp_path / "run")
    frame = go()
    about = frame.attrs["evaluation"]
    assert about["images"] == 1
    assert [one["image"] for one in about["unreadable"]] == [1, 2]
    assert "000001.png is damaged" in about["unreadable"][0]["error"]
    assert "there is no image at" in about["unreadable"][1]["error"]
    with pytest.raises(ValueError, match=r"000001\.png is damaged") as caught:
        go(strict=True)
    assert "image 1 of the dataset" in caught.value.__notes__[0]
    (folder / "images" / "000001.png").write_bytes(whole)
    assert [one["image"] for one in go().attrs["evaluation"]["unreadable"]] == [2]
    (folder / "images" / "000000.png").unlink()
    (folder / "images" / "000001.png").unlink()
    with pytest.raises(ValueError, match="none of the 3 images could be read; the first: FileNotFoundError"):
        run(dataset, detector=detector)


def test_a_missing_mask_belongs_to_its_image(tmp_path: Path) -> None:
    folder = write_coco(tmp_path / "scenes", count=2, seed=4, width=160, height=128)
    content = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    del content["annotations"][0]["segmentation"]
    (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    dataset = CocoDataset(folder)
    detector = dx.wrap_predict(lambda image: {"boxes": [], "scores": [], "labels": []}, dataset.names)
    masks = run(dataset, detector=detector, metrics=["vea"]).attrs["evaluation"]
    assert "annotation 1 has no mask" in masks["unreadable"][0]["error"]
    assert masks["images"] == 1
    assert run(dataset, detector=detector).attrs["evaluation"]["images"] == 2


def test_classes_that_the_detector_does_not_know_are_named_and_counted() -> None:
    sample = Squares()[0]
    bird = annotated(sample.image, [*sample.boxes.tolist(), [0, 30, 9, 39]], [0, 1, 2, 3], names=(*NAMES, "bird"))
    with pytest.warns(UserWarning, match="does not know these classes of the dataset: bird; their annotations"):
        frame = run([bird])
    about = frame.attrs["evaluation"]
    assert about["unknown_classes"] == ["bird"]
    assert about["left_out"] == {"class unknown to the detector": 1}
    assert any("does not know: bird" in note for note in report(frame).notes)
    with pytest.raises(ValueError, match="have no name in common"):
        run([annotated(sample.image, [], [], names=("bird",))])


def test_metrics_that_need_what_the_dataset_has_not() -> None:
    class Boxes(Squares):
        has_masks = False

    with pytest.raises(ValueError, match="vea, odi-mask: these metrics need instance masks"):
        run(Boxes(), metrics=["compactness", "vea", "odi-mask"])
    with pytest.raises(ValueError, match="needs the masks of the parts"):
        run(metrics=["part-energy"])


def test_all_zero_maps_are_misses_and_reported() -> None:
    def nothing(activation: Any, gradient: Any, context: Any) -> Any:
        return gradient.new_zeros(len(gradient), *activation.shape[-2:])

    detector = network()
    frame = run(
        own_detections(detector),
        detector=detector,
        methods=[nothing],
        metrics=["pointing-game-box", "odi-box"],
        protocol=EVERYTHING,
    )
    own = frame[frame["method"] == "nothing"]
    assert (own["map"] == "no positive evidence").all()
    assert (own["value"][own["metric"] == "pointing-game-box"] == 0).all()
    assert own["value"][own["metric"] == "odi-box"].isna().all()
    made = report(frame)
    line = made.table.loc[("odi-box", "nothing")]
    assert (line["count"], line["undefined"], line["zero_maps"]) == (0, len(own) // 2, len(own) // 2)
    assert any(note.startswith(f"nothing: {len(own) // 2} maps with no positive evidence") for note in made.notes)


def test_a_function_can_make_the_detector() -> None:
    assert_same(run(detector=colours, limit=2), run(limit=2))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"limit": 0}, ValueError, "limit is a number of images"),
        ({"dataset": []}, ValueError, "the dataset has no images"),
        ({"detector": 3}, TypeError, "detector is a detector"),
        ({"detector": lambda: 3}, TypeError, "got int"),
        ({"protocol": "coco"}, ValueError, "unknown protocol"),
        ({"metrics": ["auc"]}, ValueError, "unknown metric"),
    ],
)
def test_mistakes_are_named_before_anything_is_computed(changes: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        run(**changes)


def test_progress_bar_counts_images(capsys: pytest.CaptureFixture[str]) -> None:
    run(progress=True, limit=2)
    assert "2/2" in capsys.readouterr().err


def test_no_object_at_all_gives_an_empty_table() -> None:
    frame = run([annotated(np.zeros((40, 64, 3), np.uint8), [], [])])
    assert len(frame) == 0
    assert list(frame.columns) == list(COLUMNS)
    with pytest.raises(ValueError, match="no object was measured"):
        report(frame)


BAD_SHAPES: tuple[Any, ...] = (
    [],
    [[]],
    [[10, 10]],
    [[10, 10, 20, 20]],
    [[1, 1, 1e8, 1, 9, 9]],
    [[1, 1, float("nan"), 1, 9, 9]],
    {"size": [HEIGHT, WIDTH]},
    {"size": [HEIGHT, WIDTH], "counts": "zz"},
    "none",
)


def as_coco(folder: Path, shapes: Sequence[Any]) -> CocoDataset:
    """The squares as a COCO folder with ids that are texts; the last shape of each image is one of these."""
    (folder / "images").mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, shape in enumerate(shapes):
        sample = Squares(len(shapes))[number]
        Image.fromarray(sample.image).save(folder / "images" / f"{number}.png")
        images.append({"id": f"000{number}_d", "file_name": f"{number}.png", "height": HEIGHT, "width": WIDTH})
        for (x1, y1, x2, y2), label in zip(sample.boxes.tolist(), sample.labels.tolist()):
            outline = [[x1, y1, x2, y1, x2, y2, x1, y2]]
            entry = {"image_id": f"000{number}_d", "category_id": label, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            annotations.append({**entry, "id": len(annotations), "segmentation": outline})
        annotations[-1]["segmentation"] = annotations[-1]["segmentation"] if shape is None else shape
    categories = [{"id": label, "name": name} for label, name in enumerate(NAMES)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    (folder / "instances.json").write_text(json.dumps(content), encoding="utf-8")
    return CocoDataset(folder)


def test_a_shape_that_cannot_be_drawn_is_reported_and_left_out(tmp_path: Path) -> None:
    dataset = as_coco(tmp_path / "set", [None, *BAD_SHAPES, None])
    options: dict[str, Any] = {"controls": True, "progress": False}
    table = evaluate(colours(), dataset, [], ["pointing-game-mask", "odi-mask"], **options)
    last = len(BAD_SHAPES) + 1
    assert sorted(table["image_id"].unique()) == [f"000{n}_d" for n in (0, last)]
    about = table.attrs["evaluation"]
    assert [one["image"] for one in about["unreadable"]] == list(range(1, last))
    assert all("has no mask" in one["error"] for one in about["unreadable"])
    boxes = evaluate(colours(), dataset, [], ["pointing-game-box"], **options)
    assert boxes["image"].nunique() == len(dataset), "boxes need no masks"
    for _ in range(2):
        stored = evaluate(
            colours(), dataset, [], ["pointing-game-mask", "odi-mask"], store=tmp_path / "store", **options
        )
        assert_same(stored, table)
    with pytest.raises(ValueError, match="has no mask"):
        evaluate(colours(), dataset, [], ["odi-mask"], strict=True, **options)
