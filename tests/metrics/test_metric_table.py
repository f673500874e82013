"""The table of metrics: every one over the same cases, and how mistakes are named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, box_mask, case, detector, found, sample

import detxai_nb as dx
from detxai_nb.metrics import METRICS, Measured, Metric, MetricInput, find_metric

MAPS = torch.rand(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
PUBLISHED = {
    "pointing-game-box": ("higher", 0.0),
    "pointing-game-mask": ("higher", 0.0),
    "energy-pointing-box": ("higher", 0.0),
    "energy-pointing-mask": ("higher", 0.0),
    "compactness": ("lower", math.nan),
    "vea": ("higher", 0.0),
    "odi-box": ("lower", math.nan),
    "odi-mask": ("lower", math.nan),
    "part-energy": ("higher", 0.0),
    "tiny-pointing-game-box": ("higher", 0.0),
    "tiny-energy-pointing-box": ("higher", 0.0),
    "deletion-odam": ("lower", "random order"),
    "deletion-difference": ("lower", "random order"),
    "deletion-difference-others": ("higher", "random order"),
    "deletion": ("lower", "random order"),
    "insertion-odam": ("higher", "random order"),
    "insertion-difference": ("higher", "random order"),
    "insertion-difference-others": ("lower", "random order"),
    "insertion": ("higher", "random order"),
    "confidence-drop": ("higher", 0.0),
    "information-drop": ("lower", 0.0),
}
"""What the papers say: the better direction, and the value of an empty map. A new metric need not be here."""
STEPWISE = {name for name in PUBLISHED if "deletion" in name or "insertion" in name}
"""These change the image step by step and have curves."""
ORDERING = STEPWISE | {"confidence-drop", "information-drop"}
"""These change the image and go by the detected box; pixels are ordered, so they tell the share of ties."""
SETTINGS: dict[str, dict[str, Any]] = {name: {"at_most": 1.0} for name in METRICS if name.startswith("tiny-")}
"""With these every metric says something about the objects here, none of which is tiny."""
NOT_BY_PLACE = {"heat-effect", "information-drop", "saliency-zone-increase", "context-zone-increase"}
"""These do not tell a map of the object from a map of its neighbour: bytes depend on the texture, no score of the small
test pictures rises, and heat-effect goes by the order of the heat within the box."""


def measure(name: str, one: MetricInput) -> Measured:
    return METRICS[name].measure(one, **SETTINGS.get(name, {}))


def test_the_table_lists_every_metric() -> None:
    table = dx.metrics.table()
    assert list(table.index) == list(METRICS)
    assert [name for name in METRICS if name in PUBLISHED] == list(PUBLISHED)
    assert {name: better for name, better in table["better"].items() if name in PUBLISHED} == {
        name: better for name, (better, _) in PUBLISHED.items()
    }
    assert {name for name in PUBLISHED if not METRICS[name].uses_annotation} == ORDERING
    assert (table["source"] != "").all(), "every metric names its source: @metric(..., source='paper, table')"
    assert table.loc["deletion-odam", "settings"].startswith(
        "steps=100, every=10, normalize='score', fill=None, ties='random'"
    )


def test_the_module_itself_can_be_called() -> None:
    assert dx.metrics().equals(dx.metrics.table())


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_gives_one_double_for_each_object_and_changes_nothing(name: str) -> None:
    kept = MAPS.clone()
    one = case(MAPS, detector=detector())
    pixels = one.sample.image.copy()
    result = measure(name, one)
    assert isinstance(result, Measured), f"{name}: return Measured(value), got {type(result).__name__}"
    assert (result.value.dtype, result.value.shape, result.value.device.type) == (torch.float64, (2,), "cpu"), (
        f"{name}: the value is float64 [N] on the CPU; per_object(case, value) makes it so"
    )
    assert torch.isfinite(result.value).all(), (
        f"{name} says nothing about the objects of tests/metrics/pictures.py; "
        f"if that is right with its defaults, add settings with which it does to SETTINGS in {Path(__file__).name}"
    )
    assert all(extra.shape == (2,) for extra in result.extras.values())
    assert result.curve is None or result.curve.shape[0] == 2
    assert (result.ties is None) == ("ties" not in METRICS[name].settings), (
        f"{name}: a metric that orders pixels has the setting `ties` and returns their share, Measured(value, ties)"
    )
    if name in PUBLISHED:
        assert (result.curve is None) == (name != "vea" and name not in STEPWISE)
        assert (result.ties is None) == (name not in ORDERING)
    assert torch.equal(MAPS, kept)
    assert (one.sample.image == pixels).all()
    assert torch.equal(measure(name, one).value, result.value)


def check_empty_map(name: str) -> None:
    metric = METRICS[name]
    value = measure(name, case(torch.zeros_like(MAPS), detector=detector())).value
    assert metric.empty_map is not None, (
        f"{name} does not declare its value for an all-zero map, which is {value.tolist()} here; add empty_map=0.0, "
        f"math.nan or 'random order' to its @metric(...) in {metric.function.__module__}"
    )
    if metric.empty_map == "random order":
        assert torch.isfinite(value).all()
        assert "ties" in metric.settings, f"{name} declares empty_map='random order' and has no setting `ties`"
    else:
        assert value.tolist() == pytest.approx([metric.empty_map] * 2, nan_ok=True), (
            f"{name} declares empty_map={metric.empty_map} in {metric.function.__module__}, "
            f"but its value for an all-zero map is {value.tolist()}"
        )


@pytest.mark.parametrize("name", sorted(METRICS))
def test_an_empty_map_has_the_declared_value(name: str) -> None:
    check_empty_map(name)
    if name in PUBLISHED:
        assert METRICS[name].empty_map == pytest.approx(PUBLISHED[name][1], nan_ok=True)


def test_a_metric_that_declares_nothing_of_empty_maps_is_told_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = Metric("silent", "Silent", METRICS["vea"].function, True, "here")
    monkeypatch.setitem(METRICS, "silent", silent)
    with pytest.raises(AssertionError, match=r"add empty_map=0.0.* to its @metric\(...\) in detxai_nb.metrics.visual"):
        check_empty_map("silent")


@pytest.mark.parametrize("name", sorted(set(METRICS) - NOT_BY_PLACE))
def test_the_declared_direction_prefers_the_map_of_the_object(name: str) -> None:
    right, wrong = torch.zeros_like(MAPS), torch.zeros_like(MAPS)
    falling = torch.linspace(1, 0.5, HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    parts = torch.from_numpy(sample().parts)
    for row in range(2):
        own, other = (torch.from_numpy(box_mask(BOXES[n])) for n in (row, 1 - row))
        right[row] = falling * own + 3 * falling * parts[row]
        wrong[row] = falling * other + 0.01 * falling
    good, bad = (measure(name, case(maps, detector=detector())).value for maps in (right, wrong))
    better = good > bad if METRICS[name].higher_is_better else good < bad
    assert better.all(), (
        f"{name} declares higher_is_better={METRICS[name].higher_is_better}, but a map of the object itself gives "
        f"{good.tolist()} and a map of its neighbour {bad.tolist()}; correct the direction in "
        f"{METRICS[name].function.__module__}, or add {name!r} to NOT_BY_PLACE in {Path(__file__).name}"
    )


@pytest.mark.parametrize("name", sorted(METRICS))
def test_without_an_annotation(name: str) -> None:
    value = measure(name, case(MAPS, (0, -1), detector=detector())).value
    assert math.isfinite(value[0])
    assert math.isnan(value[1]) == METRICS[name].uses_annotation, (
        f"{name} declares uses_annotation={METRICS[name].uses_annotation}, and gives {float(value[1])} for a detection "
        "without an annotation; return per_object(case, value), which is NaN there, or add uses_annotation=False to "
        f"its @metric(...) in {METRICS[name].function.__module__}"
    )


@pytest.mark.parametrize("name", sorted(METRICS))
def test_nothing_to_measure(name: str) -> None:
    one = case(MAPS[:0], (), detections=found([], [], []), sample=sample([], []), detector=detector())
    assert measure(name, one).value.shape == (0,)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_signed_maps_are_taken_or_refused_in_words(name: str) -> None:
    signed = case(MAPS - 0.5, signed=True, detector=detector())
    if METRICS[name].signed:
        assert torch.isfinite(measure(name, signed).value).all()
    else:
        with pytest.raises(ValueError, match=rf"{name} is defined for maps without negative values.*positive_part"):
            METRICS[name].measure(signed)
        assert METRICS[name].measure(signed.positive_part()).value.shape == (2,)


def test_values_of_the_whole_table_by_hand() -> None:
    # The cup's map: 3 on a pixel of its part, 1 on its other end, 2 on the pan, 4 on the background.
    heat = torch.zeros(2, HEIGHT, WIDTH)
    heat[0, 3, 1], heat[0, 3, 10], heat[0, 9, 17], heat[0, 11, 0] = 3, 1, 2, 4
    heat[1] = torch.from_numpy(box_mask(BOXES[1]))
    one = case(heat)
    expected = {
        "pointing-game-box": [0, 1],
        "pointing-game-mask": [0, 1],
        "energy-pointing-box": [0.4, 1],
        "energy-pointing-mask": [0.4, 1],
        "odi-box": [2 / 6, 0],
        "odi-mask": [2 / 6, 0],
        "part-energy": [3 / 4, 10 / 40],
    }
    found_values = {name: METRICS[name].measure(one).value.tolist() for name in expected}
    assert found_values == {name: pytest.approx(values) for name, values in expected.items()}
    extras = METRICS["part-energy"].measure(one).extras
    assert extras["area_share"].tolist() == pytest.approx([0.1, 0.25])
    assert extras["gain"].tolist() == pytest.approx([7.5, 1])
    # From (row 11, column 0): 3 * (64 + 1) + 1 * (64 + 100) + 2 * (4 + 289), over 10, in a box of 10 x 4.
    spread = math.sqrt((3 * 65 + 164 + 2 * 293) / 10 / (116 / 4))
    assert METRICS["compactness"].measure(one).value[0].item() == pytest.approx(spread)
    assert METRICS["vea"].measure(one).value[1].item() == pytest.approx(0.975)


def test_crowds_are_background_to_the_discrimination_index_unless_asked_for() -> None:
    heat = torch.zeros(1, HEIGHT, WIDTH)
    heat[0, 3, 3], heat[0, 3, 15], heat[0, 11, 19] = 1, 2, 4
    boxes, labels = [*BOXES, (19.0, 11.0, 20.0, 12.0)], (0, 1, 0)
    one = case(heat, (0,), detections=found()[0], sample=sample(boxes, labels, (False, True, False)))
    without, counted = (METRICS["odi-box"].measure(one, crowd=crowd) for crowd in (False, True))
    assert (without.value.item(), counted.value.item()) == (pytest.approx(4 / 5), pytest.approx(6 / 7))
    assert (without.extras["others"].item(), counted.extras["others"].item()) == (1, 2)


def test_finding_a_metric() -> None:
    mine = Metric("mine", "Mine", lambda case: Measured(torch.zeros(len(case))), True, "here")
    assert find_metric(mine) is mine
    assert find_metric("vea") is METRICS["vea"]
    with pytest.raises(ValueError, match="unknown metric 'odi'; known: pointing-game-box"):
        find_metric("odi")
    with pytest.raises(TypeError, match="a metric is a name"):
        find_metric(3)


def test_mistakes_are_named() -> None:
    one = case(MAPS, detector=detector(), sample=sample(load_parts=None))
    with pytest.raises(TypeError, match="metric 'odi-box' has no setting 'crowds'; its settings: exclusive, crowd"):
        METRICS["odi-box"].measure(one, crowds=True)
    with pytest.raises(ValueError, match="ties of 'deletion' is one of 'random', 'row-major'; got 'none'"):
        METRICS["deletion"].measure(one, ties="none")
    with pytest.raises(ValueError, match=r"part-energy needs the masks of the parts.*a.png has none"):
        METRICS["part-energy"].measure(one)
    with pytest.raises(ValueError, match="a metric can need mask, part, others, detector; got masks"):
        dx.metrics.metric("x", title="", source="", higher_is_better=True, needs=("masks",))
