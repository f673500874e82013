"""The table of metrics: every one over the same cases, and how mistakes are named."""

from __future__ import annotations

import math

import pytest
import torch
from pictures import BOXES, HEIGHT, WIDTH, box_mask, case, detector, found, sample

import detxai_nb as dx
from detxai_nb.metrics import METRICS, Measured, Metric, find_metric

MAPS = torch.rand(2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
ZERO_IF_EMPTY = {
    "pointing-game-box",
    "pointing-game-mask",
    "energy-pointing-box",
    "energy-pointing-mask",
    "vea",
    "evidence-energy",
    "tiny-pointing-game-box",
    "tiny-energy-pointing-box",
}
UNDEFINED_IF_EMPTY = {"compactness", "odi-box", "odi-mask"}
BETTER_LOWER = {
    "compactness",
    "odi-box",
    "odi-mask",
    "deletion",
    "deletion-odam",
    "deletion-difference",
    "insertion-difference-others",
    "information-drop",
}
CHANGING = {name for name in METRICS if "deletion" in name or "insertion" in name}
"""These change the image step by step and have curves."""
MASKING = {"confidence-drop", "information-drop"}
"""These change it once. All of them order pixels and go by the detected box."""
ORDERING = CHANGING | MASKING
SETTINGS = {name: {"at_most": 1.0} for name in METRICS if name.startswith("tiny-")}
"""With these every metric says something about the objects here, none of which is tiny."""


def test_the_table_lists_every_metric() -> None:
    table = dx.metrics.table()
    assert list(table.index) == list(METRICS)
    assert set(METRICS) == ZERO_IF_EMPTY | UNDEFINED_IF_EMPTY | ORDERING
    assert {name for name, better in table["better"].items() if better == "lower"} == BETTER_LOWER
    assert (table["source"] != "").all()
    assert table.loc["deletion-odam", "settings"].startswith("steps=100, every=10, fill=None, ties='random'")


def test_the_module_itself_can_be_called() -> None:
    assert dx.metrics().equals(dx.metrics.table())


@pytest.mark.parametrize("name", sorted(METRICS))
def test_every_metric_gives_one_double_for_each_object_and_changes_nothing(name: str) -> None:
    kept = MAPS.clone()
    one = case(MAPS, detector=detector())
    pixels = one.sample.image.copy()
    result = METRICS[name].measure(one, **SETTINGS.get(name, {}))
    assert isinstance(result, Measured)
    assert (result.value.dtype, result.value.shape, result.value.device.type) == (torch.float64, (2,), "cpu")
    assert torch.isfinite(result.value).all()
    assert all(extra.shape == (2,) for extra in result.extras.values())
    assert (result.curve is None) == (name != "vea" and name not in CHANGING)
    assert (result.ties is None) == (name not in ORDERING)
    assert torch.equal(MAPS, kept)
    assert (one.sample.image == pixels).all()
    assert torch.equal(METRICS[name].measure(one, **SETTINGS.get(name, {})).value, result.value)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_an_empty_map_is_a_miss_or_undefined(name: str) -> None:
    value = METRICS[name].measure(case(torch.zeros_like(MAPS), detector=detector()), **SETTINGS.get(name, {})).value
    if name in UNDEFINED_IF_EMPTY:
        assert value.isnan().all()
    elif name in ZERO_IF_EMPTY:
        assert value.tolist() == [0, 0]
    else:
        assert torch.isfinite(value).all(), "in random order, or unchanged"


@pytest.mark.parametrize("name", sorted(METRICS))
def test_without_an_annotation(name: str) -> None:
    value = METRICS[name].measure(case(MAPS, (0, -1), detector=detector()), **SETTINGS.get(name, {})).value
    assert math.isfinite(value[0])
    assert math.isnan(value[1]) == (name not in ORDERING), "what changes the image goes by the detected box"


@pytest.mark.parametrize("name", sorted(METRICS))
def test_nothing_to_measure(name: str) -> None:
    one = case(MAPS[:0], (), detections=found([], [], []), sample=sample([], []), detector=detector())
    assert METRICS[name].measure(one, **SETTINGS.get(name, {})).value.shape == (0,)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_signed_maps_are_taken_or_refused_in_words(name: str) -> None:
    signed = case(MAPS - 0.5, signed=True, detector=detector())
    if METRICS[name].signed:
        assert torch.isfinite(METRICS[name].measure(signed, **SETTINGS.get(name, {})).value).all()
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
        "evidence-energy": [3 / 4, 10 / 40],
    }
    found_values = {name: METRICS[name].measure(one).value.tolist() for name in expected}
    assert found_values == {name: pytest.approx(values) for name, values in expected.items()}
    extras = METRICS["evidence-energy"].measure(one).extras
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
    with pytest.raises(ValueError, match=r"evidence-energy needs the masks of the parts.*a.png has none"):
        METRICS["evidence-energy"].measure(one)
    with pytest.raises(ValueError, match="a metric can need mask, part, others, detector; got masks"):
        dx.metrics.metric("x", title="", source="", higher_is_better=True, needs=("masks",))
