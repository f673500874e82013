"""Oriented boxes on their way: picked, kept in files, handed to other libraries, measured and drawn."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.data.sample import Sample
from detxai_nb.data.yolo import YoloDataset
from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics import MetricInput, find_metric, match
from detxai_nb.metrics.detection_cache import CachedDetections
from detxai_nb.metrics.insertion_deletion import box_areas, network_input
from detxai_nb.metrics.neighbours import neighbour_contrast
from detxai_nb.polygons import polygon_masks, polygon_overlaps
from detxai_nb.widgets.shared.serialize import energy_inside, pack_objects
from detxai_nb.widgets.snapshots.boxes import paint_box, paint_side

SIZE = (60, 80)
IMAGE = np.full((*SIZE, 3), 90, np.uint8)


def turned(x: float, y: float, width: float, height: float, degrees: float) -> torch.Tensor:
    angle = math.radians(degrees)
    corners = torch.tensor([[-width, -height], [width, -height], [width, height], [-width, height]]) / 2
    turn = torch.tensor([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return corners @ turn + torch.tensor([x, y])


POLYGONS = torch.stack([turned(30, 30, 40, 8, 45), turned(30, 30, 40, 8, -45), turned(60, 40, 20, 10, 10)])


def some(**changes: Any) -> dx.Detections:
    boxes = torch.cat([POLYGONS.amin(1), POLYGONS.amax(1)], dim=1)
    found = dx.Detections(
        boxes, torch.tensor([0.9, 0.8, 0.7]), torch.tensor([0, 0, 1]), ("a", "b"), image_size=SIZE, polygons=POLYGONS
    )
    return replace(found, **changes)


def sample(polygons: bool = True) -> Sample:
    found = some()
    return Sample(
        image=IMAGE,
        boxes=found.boxes.numpy(),
        labels=found.labels.numpy(),
        crowd=np.zeros(3, bool),
        image_id=1,
        file_name="a.png",
        names=found.names,
        load_masks=lambda: polygon_masks(POLYGONS, *SIZE).numpy(),
        polygons=POLYGONS.numpy() if polygons else None,
    )


def maps_of(found: dx.Detections) -> HeatMaps:
    grids = tuple(torch.rand(15, 20, generator=torch.Generator().manual_seed(i)) for i in range(len(found)))
    return HeatMaps(
        grids=grids,
        strides=((4.0, 4.0),) * len(grids),
        placement=Placement.identity(*SIZE),
        image=IMAGE,
        detections=found,
        target=dx.Target(),
        method="odam",
    )


def test_picking_rows_picks_polygons() -> None:
    assert torch.equal(some()[[2, 0]].polygons, POLYGONS[[2, 0]])
    assert torch.equal(some()[1].polygons, POLYGONS[1:2])
    assert [len(one.polygons) for one in some()] == [1, 1, 1]
    with pytest.raises(ValueError, match=r"polygons are \[N,4,2\] with N = 3 scores, got shape \[3, 8\]"):
        some(polygons=POLYGONS.flatten(1))


def test_files_keep_polygons(tmp_path: Path) -> None:
    maps_of(some()).save(tmp_path / "maps.npz")
    assert torch.equal(HeatMaps.load(tmp_path / "maps.npz").detections.polygons, POLYGONS)


def test_the_table_shows_corners() -> None:
    assert "corners (x y)" in some()._repr_html_()
    assert ", ".join(f"{x:.1f} {y:.1f}" for x, y in POLYGONS[1].tolist()) in some()._repr_html_()
    assert "corners" not in some(polygons=None)._repr_html_()


def test_coco_results_have_a_segmentation() -> None:
    found = some().to_coco(3, {"a": 1, "b": 2})
    assert found[2]["segmentation"] == [POLYGONS[2].flatten().tolist()]
    assert found[2]["bbox"][:2] == POLYGONS[2].amin(0).tolist()
    assert "segmentation" not in some(polygons=None).to_coco(3, {"a": 1, "b": 2})[0]


@pytest.mark.skipif(find_spec("supervision") is None, reason="supervision is not installed")
def test_supervision_and_back() -> None:
    there = some().to_supervision()
    assert np.array_equal(there.data["xyxyxyxy"], POLYGONS.numpy())
    assert torch.equal(dx.Detections.from_supervision(there, ["a", "b"], image_size=SIZE).polygons, POLYGONS)


def test_a_result_of_ultralytics() -> None:
    around = POLYGONS[:, [2, 1, 0, 3]]
    obb = SimpleNamespace(xyxy=some().boxes, conf=some().scores, cls=torch.tensor([0.0, 0.0, 1.0]), xyxyxyxy=around)
    result = SimpleNamespace(boxes=None, obb=obb, names={0: "a", 1: "b"}, orig_shape=SIZE)
    found = dx.Detections.from_ultralytics(result)
    assert torch.equal(found.polygons, POLYGONS)
    assert found.label_names() == ["a", "a", "b"]


def test_a_label_file_of_oriented_boxes(tmp_path: Path) -> None:
    from PIL import Image

    for folder in ("images/val", "labels/val"):
        (tmp_path / folder).mkdir(parents=True)
    Image.fromarray(IMAGE).save(tmp_path / "images/val/a.png")
    shares = POLYGONS / torch.tensor([80.0, 60.0])
    lines = [f"0 {' '.join(map(str, one.flatten().tolist()))}" for one in shares]
    (tmp_path / "labels/val/a.txt").write_text("\n".join(lines))
    (tmp_path / "data.yaml").write_text("val: images/val\nnames: {0: a}")
    read = YoloDataset(tmp_path)[0]
    assert np.allclose(read.polygons, POLYGONS, atol=1e-3)
    (tmp_path / "labels/val/a.txt").write_text("\n".join([*lines, "0 0.5 0.5 0.1 0.1"]))
    assert YoloDataset(tmp_path)[0].polygons is None


def test_matching_goes_by_the_overlap_of_polygons() -> None:
    """The first two have the same upright box."""
    crossed = some()[[1, 0, 2]]
    crossed = replace(crossed, scores=torch.tensor([0.9, 0.8, 0.7]))
    assert match(crossed, sample()).tolist() == [1, 0, 2]
    assert match(crossed, sample(polygons=False)).tolist() == [0, 1, 2]


def test_metrics_take_the_annotated_polygon_for_the_box() -> None:
    found = some()
    masks = polygon_masks(POLYGONS, *SIZE)
    maps = torch.rand(3, *SIZE, generator=torch.Generator().manual_seed(0))
    case = MetricInput(maps, found, torch.tensor([0, 1, -1]), sample())
    assert torch.equal(case.box_masks, masks & case.annotated[:, None, None])
    energy = find_metric("energy-pointing-box").measure(case).value
    assert float(energy[0]) == pytest.approx(float(maps[0][masks[0]].sum() / maps[0].sum()))
    assert torch.equal(energy[:2], find_metric("energy-pointing-mask").measure(case).value[:2])
    assert torch.equal(find_metric("odi-box").measure(case).value[:2], find_metric("odi-mask").measure(case).value[:2])
    # By upright annotations, and of upright detections, as ever.
    for other in (replace(case, sample=sample(polygons=False)), replace(case, detections=some(polygons=None))):
        assert other.polygons is None
        assert int(other.box_masks[0].sum()) > int(masks[0].sum())
    areas = box_areas(case)
    assert areas.tolist() == masks.sum(dim=(1, 2)).tolist()
    assert torch.equal(
        network_input(replace(case, detector=dx.wrap_predict(nothing, ["a", "b"]))).detections.polygons, POLYGONS
    )


def nothing(image: np.ndarray) -> dict[str, Any]:
    return {"boxes": np.zeros((0, 4)), "scores": np.zeros(0), "labels": np.zeros(0, int)}


def test_an_object_is_followed_by_its_polygon() -> None:
    found = some()
    there = CachedDetections(found.boxes, found.scores, found.labels, POLYGONS)
    scores, overlaps = there.follow(found[1], by="iou")
    assert (round(float(scores), 2), float(overlaps)) == (0.8, pytest.approx(1.0))
    plain = CachedDetections(found.boxes, found.scores, found.labels)
    assert round(float(plain.follow(found[1], by="iou")[0]), 2) == 0.9


def test_widgets_are_sent_polygons_and_the_energy_inside() -> None:
    found = some()
    assert pack_objects(found)[1]["polygon"] == POLYGONS[1].tolist()
    assert "polygon" not in pack_objects(some(polygons=None))[1]
    maps = maps_of(found)
    values = maps.values.double()
    masks = polygon_masks(POLYGONS, *SIZE)
    expected = [float(values[i][masks[i]].sum() / values[i].sum()) for i in range(3)]
    assert energy_inside(maps) == pytest.approx(expected)
    contrast = neighbour_contrast(maps, 0)
    assert 0 <= contrast.kept <= 1


def test_figures_draw_turned_boxes() -> None:
    from matplotlib.patches import Polygon, Rectangle

    figure = dx.plots.plot_detections(IMAGE, some())
    drawn = [patch for axes in figure.axes for patch in axes.patches]
    assert sum(type(patch) is Polygon for patch in drawn) == 6
    assert not any(isinstance(patch, Rectangle) for patch in drawn)


@pytest.mark.parametrize("part", ["y1", "x1", "y2"])
def test_stills_mark_the_side_of_a_turned_box(part: str) -> None:
    from PIL import Image, ImageDraw

    thing = pack_objects(some())[0]
    picture = Image.new("RGBA", (160, 120))
    draw = ImageDraw.Draw(picture)
    paint_box(draw, thing, 2.0, line=1, light=(255, 255, 255, 255))
    drawn = np.asarray(picture)[..., 3] > 0
    # Inside its polygon and at its upright box's corners nothing is drawn.
    assert not drawn[60, 60]
    assert not drawn[:20, :20].any()
    corners = {"y1": (0, 1), "x1": (3, 0), "y2": (2, 3)}[part]
    x, y = ((POLYGONS[0, corners[0]] + POLYGONS[0, corners[1]]) / 2 * 2).tolist()
    assert drawn[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].any()
    paint_side(draw, thing, 2.0, part)
    assert tuple(np.asarray(picture)[round(y), round(x)][:3]) == (255, 176, 0)


def test_overlap_with_itself_is_one() -> None:
    assert torch.allclose(polygon_overlaps(POLYGONS, POLYGONS).diagonal(), torch.ones(3).double())
