"""Static figures: what is drawn over what, where the numbers come from, and what they refuse."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL, overlay, plot_comparison, plot_detections, plot_maps, to_png
from detxai_nb.plots.map_panel import crop_window
from detxai_nb.plots.standing_off import as_gray, is_hidden, lab_of, paint_map
from detxai_nb.plots.styles import PALETTE, method_style, method_styles
from detxai_nb.types import Detections, Target

HEIGHT, WIDTH = 60, 100


def heat_maps(count: int = 3, signed: bool = False, size: tuple[int, int] = (HEIGHT, WIDTH)) -> HeatMaps:
    """Map i is i + 1 in one cell of a grid of stride 10, and 0 elsewhere; signed ones have a -0.5 beside it."""
    height, width = size
    grids = []
    for i in range(count):
        grid = torch.zeros(height // 10, width // 10)
        grid[i % len(grid), i] = i + 1.0
        grid[-1, -1] = -0.5 if signed else 0.0
        grids.append(grid)
    boxes = torch.tensor([[10.0 * i, 5.0 * i, 10.0 * i + 20, 5.0 * i + 12] for i in range(count)]).reshape(count, 4)
    found = Detections(
        boxes, torch.linspace(0.9, 0.4, count), torch.arange(count) % 2, ("kite", "bird"), image_size=size
    )
    image = np.full((height, width, 3), 128, np.uint8)
    return HeatMaps(
        tuple(grids), ((10.0, 10.0),) * count, Placement.identity(*size), image, found, Target(), "odam", signed=signed
    )


def pixels_of(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def panels(figure: object) -> list:
    return [axes for axes in figure.axes if not axes.axison]  # type: ignore[attr-defined]


def texts(figure: object) -> list[str]:
    return [text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text"))]  # type: ignore[attr-defined]


def test_overlay_colours_the_peak_and_leaves_the_rest() -> None:
    image = np.full((4, 6, 3), 100, np.uint8)
    values = np.zeros((4, 6))
    values[1, 4] = 2.0
    painted = overlay(image, values, opacity=1.0)
    assert painted.dtype == np.uint8
    assert painted[1, 4].tolist() == [253, 231, 36], "the last colour of viridis"
    rest = np.ones((4, 6), bool)
    rest[1, 4] = False
    assert (painted[rest] == 100).all()


def test_overlay_opacity_is_a_blend() -> None:
    image = np.full((2, 3, 3), 100, np.uint8)
    values = np.tile([0.0, 0.5, 1.0], (2, 1))
    full, half = overlay(image, values, opacity=1.0).astype(float), overlay(image, values, opacity=0.5)
    assert np.abs(half - (full + 100) / 2).max() <= 1
    assert (overlay(image, values, opacity=0.0) == image).all()


def test_overlay_of_signed_maps_is_centred_at_zero() -> None:
    image = np.full((1, 3, 3), 100, np.uint8)
    painted = overlay(image, np.array([[-1.0, 0.0, 4.0]]), signed=True, opacity=1.0, colormap="RdBu_r").astype(int)
    assert (painted[0, 1] == 100).all(), "zero is transparent"
    assert painted[0, 0, 2] > painted[0, 0, 0], "negative is blue"
    assert painted[0, 2, 0] > painted[0, 2, 2], "positive is red"


def test_overlay_threshold_hides_what_is_below() -> None:
    image = np.full((1, 3, 3), 100, np.uint8)
    painted = overlay(image, np.array([[0.0, 0.4, 1.0]]), hide_below=0.5)
    assert (painted[0, :2] == 100).all()
    assert (painted[0, 2] != 100).any()


def test_overlay_of_a_constant_map_is_the_photograph_itself() -> None:
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    assert (overlay(image, np.full((5, 7), 3.0)) == image).all()


def test_overlay_refuses_another_size() -> None:
    with pytest.raises(ValueError, match=r"the map is \[4, 5\], the image \[5, 4\]"):
        overlay(np.zeros((5, 4, 3), np.uint8), np.zeros((4, 5)))


@pytest.mark.parametrize("signed", [False, True])
def test_every_object_has_a_panel_with_raw_numbers(signed: bool) -> None:
    figure = plot_maps(heat_maps(3, signed))
    assert len(panels(figure)) == 3
    shown = texts(figure)
    assert {"0: kite 0.90", "1: bird 0.65", "2: kite 0.40"} <= set(shown)
    assert {"1", "2", "3"} <= set(shown), "the highest raw value of each map"
    assert ("-2" in shown) == signed, "symmetric about zero where signed"


def test_the_map_lies_where_it_belongs() -> None:
    maps = heat_maps(1)
    picture = panels(plot_maps(maps, boxes=False, opacity=1.0))[0].images[0].get_array().astype(int)
    colourful = np.abs(picture - 128).sum(2)
    y, x = np.unravel_index(colourful.argmax(), colourful.shape)
    assert picture.shape[:2] == (HEIGHT, WIDTH)
    assert max(x, y) < 10
    assert colourful[20:, 30:].max() == 0


def test_shared_scale_has_one_range() -> None:
    assert _tops(plot_maps(heat_maps(3))) == ["1", "2", "3"]
    assert _tops(plot_maps(heat_maps(3), scale="shared")) == ["3", "3", "3"]


def _tops(figure: object) -> list[str]:
    """The number at the upper end of each colour bar."""
    return [axes.get_xticklabels()[-1].get_text() for axes in figure.axes if axes.axison]  # type: ignore[attr-defined]


def test_large_photographs_are_drawn_small_with_boxes_in_their_pixels() -> None:
    maps = heat_maps(2, size=(1500, 2000))
    axes = panels(plot_maps(maps))[0]
    assert max(axes.images[0].get_array().shape[:2]) <= 640
    assert axes.images[0].get_extent() == [0, 2000, 1500, 0]
    assert axes.patches[0].get_width() == pytest.approx(20)


def test_only_the_first_objects_and_the_heading_says_so() -> None:
    figure = plot_maps(heat_maps(5), max_objects=2)
    assert len(panels(figure)) == 2
    assert any("the first 2 of 5 objects" in text for text in texts(figure))


def test_a_map_without_evidence_says_so() -> None:
    maps = heat_maps(2)
    maps = replace(maps, grids=(maps.grids[0], torch.zeros_like(maps.grids[1])))
    shown = texts(plot_maps(maps))
    assert {"1: bird 0.40", "no positive evidence"} <= set(shown)
    shared = texts(plot_maps(maps, scale="shared"))
    assert "no positive evidence" in shared


def test_names_are_never_read_as_formulas() -> None:
    maps = heat_maps(1)
    maps = replace(maps, detections=replace(maps.detections, names=(r"$\frac{1$", "b_$")), method="m$_$")
    for figure in (plot_maps(maps), plot_detections(maps.image, maps.detections), plot_comparison({"$^": maps})):
        assert any(r"$\frac{1$" in text for text in texts(figure))
        assert pixels_of(to_png(figure)).std() > 0


def test_comparison_has_a_row_for_each_object_and_a_column_for_each_method() -> None:
    figure = plot_comparison({"odam": heat_maps(2), "grad-cam": heat_maps(2, signed=True)})
    shown = panels(figure)
    assert len(shown) == 4
    assert len({round(axes.get_position().x0, 3) for axes in shown}) == 2
    assert {"odam: 0: kite 0.90", "grad-cam: 1: bird 0.40"} <= set(texts(figure))


def test_comparison_needs_the_same_objects() -> None:
    with pytest.raises(ValueError, match="same objects"):
        plot_comparison({"odam": heat_maps(2), "grad-cam": heat_maps(1)})
    with pytest.raises(ValueError, match="nothing to compare"):
        plot_comparison({})


def test_detections_are_drawn_and_none_names_the_highest_score() -> None:
    maps = heat_maps(3)
    assert "2: kite 0.40" in texts(plot_detections(maps.image, maps.detections))
    none = replace(maps.detections[[]], highest_score=0.125)
    assert "nothing detected; the highest score was 0.125" in texts(plot_detections(maps.image, none))


def test_no_maps_give_the_photograph() -> None:
    maps = heat_maps(1)
    empty = maps[:0]
    assert "nothing detected" in texts(plot_maps(empty))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"opacity": 1.5}, "opacity is from 0 to 1"),
        ({"scale": "log"}, "scale is one of object, shared"),
        ({"colormap": "no-such"}, "unknown colour map 'no-such'"),
        ({"columns": 0}, "at least 1"),
        ({"titles": ["one"]}, "1 entries for 3 maps"),
    ],
)
def test_options_out_of_range_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_maps(heat_maps(3), **options)


def test_png_is_the_same_every_time_and_notebooks_get_it() -> None:
    maps = heat_maps(2)
    first = to_png(maps.plot())
    assert first == maps._repr_png_() == maps.plot()._repr_png_()
    assert pixels_of(first).shape[1] > 400


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_colour_maps_grow_lighter_all_the_way(name: str) -> None:
    assert (np.diff(_lightness(name)) > 0).all()


@pytest.mark.parametrize("name", DIVERGING)
def test_diverging_colour_maps_are_lightest_at_zero(name: str) -> None:
    light = _lightness(name)
    assert 14 <= light.argmax() <= 17
    assert max(light[0], light[-1]) < 35


def _lightness(name: str) -> np.ndarray:
    """CIE L* of 32 steps of a colour map."""
    from matplotlib import colormaps

    color = colormaps[name](np.linspace(0, 1, 32))[:, :3]
    linear = np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)
    return 116 * np.cbrt(linear @ [0.2126, 0.7152, 0.0722]) - 16


def test_what_a_method_says_of_a_map_stands_on_its_panel() -> None:
    maps = replace(heat_maps(2), diagnostics={"split-half correlation": (0.8125, 0.25)})
    assert [text for text in texts(plot_maps(maps)) if text.startswith("split")] == [
        "split-half correlation 0.81",
        "split-half correlation 0.25",
    ]


def test_a_long_title_keeps_to_its_panel() -> None:
    maps = heat_maps(1)
    figure = plot_comparison({"a method with quite a long name": maps, "another method of that kind": maps})
    figure.canvas.draw()
    titles = [axes._left_title for axes in figure.axes if axes.get_title(loc="left")]
    first, second = (title.get_window_extent() for title in titles)
    assert first.x1 < second.x0
    assert min(title.get_fontsize() for title in titles) >= 5


def of_detector(name: str, scores: list[float], numbers: list[int] | None, label: int = 0) -> HeatMaps:
    """As many maps as scores, by a detector of this name, of these rows of its list."""
    maps = heat_maps(len(scores))
    found = replace(
        maps.detections,
        scores=torch.tensor(scores),
        labels=torch.full((len(scores),), label),
        numbers=None if numbers is None else torch.tensor(numbers),
    )
    return replace(maps, detections=found, detector=name)


def test_every_panel_of_a_comparison_says_what_its_own_map_is_of() -> None:
    shown = {
        "odam": of_detector("tiny-fcos", [0.73, 0.6], [4, 2]),
        "tiny-yolox": of_detector("tiny-yolox", [0.56, 0.5], [0, 1], label=1),
        "by hand": of_detector("", [1.0, 0.9], None),
    }
    figure = plot_comparison(shown)
    assert [axes.get_title(loc="left") for axes in panels(figure)] == [
        *("odam (tiny-fcos): 4: kite 0.73", "odam (tiny-fcos): 2: kite 0.60"),
        *("tiny-yolox: 0: bird 0.56", "tiny-yolox: 1: bird 0.50"),
        *("by hand: 0: kite 1.00", "by hand: 1: kite 0.90"),
    ]
    alone = plot_comparison({"odam": shown["odam"], "grad-cam": shown["odam"]})
    assert panels(alone)[0].get_title(loc="left") == "odam: 4: kite 0.73", "one detector needs no name"


def test_numbers_stay_those_of_the_whole_list() -> None:
    maps = of_detector("", [0.9, 0.8, 0.7], [0, 1, 2])
    assert "2: kite 0.70" in texts(plot_maps(maps[[2]]))
    assert "1: kite 0.80" in texts(plot_detections(maps.image, maps.detections[[1]]))


def test_a_crop_shows_the_box_with_its_margin_in_its_own_pixels() -> None:
    maps = heat_maps(1, size=(1500, 2000))
    box = torch.tensor([[1000.0, 700.0, 1100.0, 740.0]])
    image = maps.image.copy()
    image[700:740, 1000:1100, 0] = 255
    maps = replace(maps, image=image, detections=replace(maps.detections, boxes=box))
    axes = panels(plot_maps(maps, crop="box", margin=0.5, opacity=0.0))[0]
    assert axes.images[0].get_extent() == [950, 1150, 820, 620]
    shown = np.asarray(axes.images[0].get_array())
    assert shown.shape[:2] == (200, 200), "not reduced: it is smaller than what is drawn"
    red = np.argwhere(shown[..., 0] == 255)
    assert red.min(0).tolist() == [80, 50]
    assert red.max(0).tolist() == [119, 149]
    assert axes.patches[0].get_xy() == (1000, 700)


def test_a_crop_stays_inside_the_picture() -> None:
    assert crop_window((0, 0, 10, 20), (60, 100), 0.5) == (0, 0, 40, 40)
    assert crop_window((95, 50, 100, 60), (60, 100), 0.0) == (76, 36, 100, 60), "at least 24 pixels wide"
    assert crop_window((10, 10, 90, 50), (60, 100), 5.0) == (0, 0, 100, 60)


def test_a_crop_has_the_colours_of_the_whole_map() -> None:
    maps = heat_maps(2)
    assert _tops(plot_maps(maps, crop="box")) == _tops(plot_maps(maps)) == ["1", "2"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": "object"}, "crop is None for the whole photograph or 'box'"),
        ({"margin": -1}, "margin is a share of the box's longer side"),
        ({"backdrop": "sepia"}, "backdrop is one of auto, color, gray"),
    ],
)
def test_options_of_panels_are_checked_in_both_figures(options: dict, message: str) -> None:
    for draw in (plot_maps, lambda maps, **given: plot_comparison({"odam": maps}, **given)):
        with pytest.raises(ValueError, match=message):
            draw(heat_maps(1), **options)
    with pytest.raises(TypeError, match="colour"):
        plot_maps(heat_maps(1), colour="red")


def viridis_picture() -> HeatMaps:
    """A map over a photograph that has the colours of the map itself, so that nothing would be seen."""
    maps = heat_maps(1)
    grid = torch.linspace(0, 1, 10).repeat(6, 1)
    maps = replace(maps, grids=(grid,))
    values = maps.values[0].numpy()
    from matplotlib import colormaps

    return replace(maps, image=(colormaps["viridis"](values)[..., :3] * 255).astype(np.uint8))


def test_colours_stand_off_the_picture() -> None:
    hidden = viridis_picture()
    drawn = {
        name: np.asarray(panels(plot_maps(hidden, backdrop=name, boxes=False))[0].images[0].get_array()).astype(float)
        for name in ("auto", "color", "gray")
    }
    assert np.abs(drawn["color"] - hidden.image).max() <= 3, "invisible"
    assert (drawn["auto"] == drawn["gray"]).all()
    assert np.abs(drawn["gray"] - as_gray(hidden.image))[:, 60:].max(2).min() > 20
    seen = heat_maps(1)
    shown = [panels(plot_maps(seen, backdrop=one))[0].images[0].get_array() for one in ("auto", "color")]
    assert (shown[0] == shown[1]).all(), "a picture on which the map is seen stays as it is"


def test_a_part_of_a_picture_is_judged_by_itself() -> None:
    hidden = viridis_picture()
    values = hidden.values[0].numpy()
    bland = np.full_like(hidden.image, 255)
    bland[:, 60:] = hidden.image[:, 60:]
    whole = paint_map(bland[:, 60:], values[:, 60:], (0.0, 1.0))
    assert (whole == overlay(as_gray(bland[:, 60:]), values[:, 60:], low=0, high=1)).all()
    assert (paint_map(bland, np.zeros_like(values), (0.0, 0.0)) == bland).all(), "a constant map leaves it alone"
    signed = paint_map(bland, values - 0.5, (-0.5, 0.5), signed=True)
    assert (signed == overlay(bland, values - 0.5, colormap=DIVERGING[0], low=-0.5, high=0.5, signed=True)).all()


def test_every_colour_map_is_seen_on_grey() -> None:
    gray = as_gray(np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(64, axis=0))
    strength = np.linspace(0.5, 1, 64)[:, None].repeat(256, axis=1).astype(np.float32)
    for name in SEQUENTIAL[:-1]:
        assert not is_hidden(gray, overlay(gray, strength, colormap=name, low=0, high=1), strength), name
    for name in DIVERGING:
        for sign in (-1, 1):
            painted = overlay(gray, sign * strength, colormap=name, low=-1, high=1, signed=True)
            assert not is_hidden(gray, painted, strength), (name, sign)


def test_each_method_has_one_style_and_no_two_are_alike() -> None:
    import detxai_nb as dx

    names = [*dx.methods().index, "control: random", "control: Gaussian"]
    styles = method_styles(names)
    assert len(set(styles.values())) == len(names)
    assert all(method_style(name) == styles[name] for name in names)
    assert len({styles[name].color for name in names[:7]} | set(PALETTE)) == 7 == len(PALETTE)
    own = method_styles(["mine", "yours", "odam", "difference of odam"])
    assert own["odam"] == styles["odam"]
    assert own["difference of odam"] == replace(styles["odam"], filled=False, dash=":")
    assert own["mine"] == method_style("mine") not in styles.values()
    many = method_styles([f"own {i}" for i in range(20)])
    assert len(set(many.values())) == 20


def test_colours_of_methods_differ_for_the_colour_blind() -> None:
    """Under protanopia, deuteranopia and tritanopia (Vienot; Brettel), as differences in Lab."""
    colors = np.array([[int(one[i : i + 2], 16) for i in (1, 3, 5)] for one in PALETTE]) / 255
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    seen = {
        "protanopia": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deuteranopia": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
        "tritanopia": [[1, 0.14461, -0.14461], [0, 0.85924, 0.14076], [0, 0.85924, 0.14076]],
    }
    for name, matrix in seen.items():
        mixed = (linear @ np.array(matrix).T).clip(0, 1)
        share = np.where(mixed <= 0.0031308, mixed * 12.92, 1.055 * mixed ** (1 / 2.4) - 0.055)
        lab = lab_of(np.round(share * 255).astype(np.uint8))
        apart = np.linalg.norm(lab[:, None] - lab[None], axis=2) + 999 * np.eye(len(lab))
        # Over three times what is just noticed; the marks differ besides.
        assert apart.min() > 8, (name, apart.min())
