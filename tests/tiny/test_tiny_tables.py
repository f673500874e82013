"""The tables of tiny objects and of touching pairs, with maps that are known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from known_maps import BOXES, HEIGHT, WIDTH, KnownMaps, given, picture, signs

import detxai_nb as dx
from detxai_nb.plots.heatmaps import to_png
from detxai_nb.plots.standing_off import as_gray


def maps() -> torch.Tensor:
    """Of the first light: 3 in its box, 1 on the other light; of the second: all on the first; the board's: nothing."""
    found = torch.zeros(3, HEIGHT, WIDTH)
    found[0, 4, 3], found[0, 4, 7], found[1, 5, 2:6] = 3, 1, 0.5
    return found


def table(data: Any = None, **options: Any) -> Any:
    return dx.tiny.objects(KnownMaps(maps()), picture() if data is None else data, [given], **options)


def test_objects_by_hand() -> None:
    frame = table().set_index("annotation")
    assert frame["label"].tolist() == ["light", "light", "board"]
    assert frame["canvas_share"].tolist() == pytest.approx([20 / 600, 20 / 600, 30 / 600])
    assert frame["map"].tolist() == ["ok", "ok", "no positive evidence"]
    assert frame["pointing"].tolist() == [1, 0, 0]
    assert frame["energy"].tolist() == pytest.approx([0.75, 0, 0])
    assert frame["half"].tolist()[:2] == pytest.approx([1 / 600, 2 / 600])
    assert frame["reach"].tolist()[:2] == pytest.approx([1 / 20, 2 / 20])
    assert frame.loc[2, ["half", "reach"]].isna().all()
    assert frame["neighbour"].tolist() == [1, 0, 1]
    assert frame["distance"].tolist() == pytest.approx([0, 0, np.hypot(14, 7)])
    assert frame["beside"].tolist() == pytest.approx([0.25, 1, 0])
    assert not frame["tiny"].any()


def test_which_are_tiny() -> None:
    assert table(at_most=20 / 600)["tiny"].tolist() == [True, True, False]
    padded = dx.tiny.objects(KnownMaps(maps(), canvas=(100.0, 60.0)), picture(), [given])
    assert padded["canvas_share"].tolist() == pytest.approx([20 / 6000, 20 / 6000, 30 / 6000])
    assert padded["tiny"].tolist() == [True, True, True], "0.005 itself is tiny"


def test_a_crowd_is_no_neighbour_and_an_object_alone_has_none() -> None:
    crowded = picture((BOXES[0], (0, 0, 30, 20), BOXES[2]), (0, 0, 1), (False, True, False))
    frame = table(crowded)
    assert frame[["annotation", "neighbour"]].to_numpy().tolist() == [[0, 2], [2, 0]]
    alone = table(picture(BOXES[:1], (0,)))
    assert alone["neighbour"].tolist() == [-1]
    assert alone[["distance", "beside"]].isna().all().all()


def test_rows_go_by_image_method_and_score_and_limit_cuts() -> None:
    data = [picture(image_id=4), picture((), ()), picture((BOXES[2], BOXES[0]), (1, 0), image_id=9)]
    frame = dx.tiny.objects(KnownMaps(maps()), data, [given, signs])
    assert frame["image"].tolist() == [0] * 6 + [2] * 4
    assert frame["method"].tolist() == ["given"] * 3 + ["signs"] * 3 + ["given"] * 2 + ["signs"] * 2
    assert frame["annotation"].tolist() == [0, 1, 2] * 2 + [1, 0] * 2
    assert frame["image_id"].tolist() == [4] * 6 + [9] * 4
    even = frame[frame["method"] == "signs"]
    assert even["half"].tolist() == [0.5] * 5
    assert even["energy"].tolist()[:3] == pytest.approx([20 / 600, 20 / 600, 30 / 600])
    assert len(dx.tiny.objects(KnownMaps(maps()), data, [given], limit=2)) == 3
    empty = dx.tiny.objects(KnownMaps(maps()), data[1], [given])
    assert list(empty.columns) == list(frame.columns)
    assert not len(empty)


def test_a_picture_without_annotations_is_measured_by_its_detections() -> None:
    frame = table(picture().image)
    assert frame.drop(columns=["image_id", "file_name"]).equals(table().drop(columns=["image_id", "file_name"]))


def test_pairs_by_hand() -> None:
    known = maps()
    frame = dx.tiny.pairs(KnownMaps(known), picture(), [given, signs])
    assert frame[["first", "second", "method"]].to_numpy().tolist() == [[0, 1, "given"], [0, 1, "signs"]]
    assert frame["distance"].tolist() == [0, 0]
    # 3 and 1 on one row against four halves on another: nothing in common.
    assert frame["cosine"].tolist() == pytest.approx([0, 1])
    both = np.corrcoef(known[0].flatten(), known[1].flatten())[0, 1]
    assert frame["pearson"][0] == pytest.approx(both)
    assert np.isnan(frame["pearson"][1])
    assert frame["told_apart"].tolist() == [False, False]
    known[1] = 0
    known[1, 3, 6:10] = 2
    assert dx.tiny.pairs(KnownMaps(known), picture(), [given])["told_apart"].tolist() == [True]


def test_pairs_are_of_one_class_and_touch() -> None:
    apart = picture(((2, 3, 6, 8), (6, 3, 10, 7.5), (24, 15, 30, 20)), (0, 0, 1))
    assert len(dx.tiny.pairs(KnownMaps(maps()), apart, [given])) == 1
    shifted = ((1.0, 3.0, 5.0, 8.0), (6.5, 3.0, 10.5, 8.0))
    assert not len(dx.tiny.pairs(KnownMaps(maps()), picture(shifted, (0, 0)), [given]))
    assert dx.tiny.pairs(KnownMaps(maps()), picture(shifted, (0, 0)), [given], gap=1.5)["distance"].tolist() == [1.5]
    everything = dx.tiny.pairs(KnownMaps(maps()), picture(), [given], gap=99)
    assert everything["label"].tolist() == ["light"], "the board is of another class"


def test_figures() -> None:
    data = [picture(image_id=number) for number in range(4)]
    detector = KnownMaps(maps())
    frame = dx.tiny.objects(detector, data, [given, signs])
    for value in ("energy", "pointing", "half", "reach", "beside"):
        figure = dx.tiny.plot(frame, value)
        assert to_png(figure).startswith(b"\x89PNG")
    axes = dx.tiny.plot(frame, "half").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["given", "signs"]
    assert axes.get_title(loc="left") == "12 objects; 4 points without a value are not shown"
    pair = dx.tiny.pairs(detector, data, [given, signs]).iloc[-1]
    crops = dx.tiny.crops(detector, data, pair, [given, signs])
    assert [axes.get_title(loc="left") for axes in crops.axes] == [
        *("light 0.90", "given: 100% here", "signs: 80% here"),
        *("light 0.80", "given: 100% here", "signs: 80% here"),
    ]
    one = dx.tiny.crops(detector, data, frame.iloc[2], [given], around=1)
    assert [axes.get_title(loc="left") for axes in one.axes] == ["board 0.70", "given: a map of zeros"]


def test_crops_lie_over_grey_where_the_colours_would_not_be_seen() -> None:
    from matplotlib import colormaps

    heat = maps()[0] / maps()[0].max()
    camouflaged = replace(picture(), image=(colormaps["viridis"](heat.numpy())[..., :3] * 255).astype(np.uint8))
    detector = KnownMaps(maps())
    row = dx.tiny.objects(detector, [camouflaged], [given]).iloc[0]
    plain, drawn = (axes.images[0].get_array() for axes in dx.tiny.crops(detector, [camouflaged], row, [given]).axes)
    height, width = plain.shape[:2]
    assert (plain == camouflaged.image[:height, :width]).all(), "the crop at the top left corner"
    nothing = heat.numpy()[:height, :width] == 0
    assert (drawn[nothing] == as_gray(plain)[nothing]).all()


def test_mistakes_are_named() -> None:
    detector = KnownMaps(maps())
    frame = table()
    with pytest.raises(ValueError, match="at_most is a share of the network's input"):
        table(at_most=0)
    with pytest.raises(ValueError, match="limit is a number of images"):
        table(limit=0)
    with pytest.raises(TypeError, match=r"methods is a list of names, such as \['odam'\]"):
        dx.tiny.objects(detector, picture(), "odam")
    with pytest.raises(TypeError, match="a dataset holds Samples, this one a ndarray"):
        dx.tiny.objects(detector, [picture().image], [given])
    with pytest.raises(ValueError, match="gap is a number of pixels, 0 or more; got -1"):
        dx.tiny.pairs(detector, picture(), [given], gap=-1)
    with pytest.raises(ValueError, match="value is one of energy, pointing, half, reach, beside; got 'size'"):
        dx.tiny.plot(frame, "size")
    with pytest.raises(ValueError, match="there is no object in this table"):
        dx.tiny.plot(frame[:0])
    with pytest.raises(ValueError, match=r"around is 1 or more, got 0\.5"):
        dx.tiny.crops(detector, picture(), frame.iloc[0], [given], around=0.5)
    with pytest.raises(ValueError, match="the row is of image 3, and there are 1"):
        dx.tiny.crops(detector, picture(), {**frame.iloc[0], "image": 3}, [given])
    with pytest.raises(ValueError, match=r"the row is of annotations \[2\], selected here are \[0\]"):
        dx.tiny.crops(detector, picture(BOXES[:1], (0,)), frame.iloc[2], [given])


def test_with_a_real_detector_on_tiny_scenes() -> None:
    detector = dx.load_detector("tiny-fcos", device="cpu")
    data = dx.data.scenes.Scenes(2, mode="tiny", width=256, height=192)
    frame = dx.tiny.objects(detector, data, ["odam", "grad-cam"])
    assert len(frame) % 2 == 0
    assert len(frame) > 0
    assert frame[["pointing", "energy", "beside"]].stack().between(0, 1).all()
    # The table agrees with the metrics of an evaluation.
    rows = dx.evaluate(
        detector, data, ["odam"], ["energy-pointing-box", "tiny-energy-pointing-box"], controls=False, progress=False
    )
    energies = rows[rows["metric"] == "energy-pointing-box"]["value"].to_numpy()
    mine = frame[frame["method"] == "odam"]
    assert mine["energy"].to_numpy() == pytest.approx(energies)
    counted = rows[rows["metric"] == "tiny-energy-pointing-box"]["value"].notna().to_numpy()
    assert mine["tiny"].to_numpy().tolist() == counted.tolist()
