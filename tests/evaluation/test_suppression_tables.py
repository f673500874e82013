"""Tables 5, 7, 8 and 9 of the ODAM paper from results, their file, the figures, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_up_crowds import figure_row, results_of, trainings

from detxai_nb.cli import main
from detxai_nb.evaluation import suppression as sup
from detxai_nb.evaluation.suppression.measuring import T_HIGHS, T_LOWS

PLAIN, ODAM, RCNN = "tiny-fcos-crowd", "tiny-fcos-crowd-odam", "tiny-faster-rcnn-crowd"


@pytest.fixture(scope="module")
def made() -> sup.SuppressionResults:
    """FCOS with two seeds, with and without ODAM-Train; Faster R-CNN with one seed and without."""
    rows = [
        *(figure_row(PLAIN, seed, "nms", ap, crowd=0.5 + seed / 10) for seed, ap in ((0, 0.84), (1, 0.86))),
        *(figure_row(PLAIN, seed, "odam-nms", 0.85) for seed in (0, 1)),
        *(figure_row(ODAM, seed, "odam-nms", 0.9, crowd=0.7, confidence=0.25 + seed / 10) for seed in (0, 1)),
        figure_row(RCNN, 0, "nms", 0.8),
    ]
    about = {"family": "fcos", "name": ODAM}
    times = [{**about, "rule": rule, "scenes": 2, "seconds": s, "ratio": s / 0.1, "cpu_ratio": 2.0}
             for rule, s in (("nms", 0.1), ("odam-nms", 0.25))]  # fmt: skip
    plane = [
        {**about, "odam_train": True, "seed": seed, "t_low": low, "t_high": high,
         "AP50": low + seed, "JI": high + seed, "MR": low * high}
        for seed in (0, 1) for low in T_LOWS for high in T_HIGHS
    ]  # fmt: skip
    alike = [
        {**about, "odam_train": True, "seed": seed, "kind": kind, "iou": iou, "pairs": pairs,
         "mean": mean if pairs else float("nan"), "histogram": [pairs] + 49 * [0]}
        for seed, pairs in ((0, 10), (1, 0))
        for kind, iou, mean in (("same object", 0.5, 0.9), ("same object", 0.9, 0.7), ("different objects", 0.2, 0.1))
    ]  # fmt: skip
    difference = {"family": "fcos", "figure": "MR", "seeds": [0, 1], "differences": [-0.01, -0.03], "mean": -0.02,
                  "sd": 0.0141, "low": -0.04, "high": -0.001, "verdict": "holds"}  # fmt: skip
    differences = [{"kind": kind, "title": f"a {kind}", **difference} for kind in ("claim", "part")]
    return results_of(rows, plane_rows=plane, correlation_rows=alike, difference_rows=differences, time_rows=times)


def test_table_5_has_the_rules_down_and_the_families_across(made: sup.SuppressionResults) -> None:
    table = sup.table_5(made).table
    assert table.index.tolist() == [
        (rule, mark) for rule in ("NMS", "Soft-NMS", "FeatureNMS", "ODAM-NMS") for mark in "-✓"
    ]
    assert table.columns.tolist() == [
        (family, what) for family in ("FCOS", "Faster R-CNN") for what in ("AP↑", "JI↑", "MR↓", "Recall", "time / NMS")
    ]
    assert table.loc[("NMS", "-"), ("FCOS", "AP↑")] == "85.0 ± 1.4 | 87.8"
    assert table.loc[("NMS", "-"), ("Faster R-CNN", "AP↑")] == "80.0 | 86.9"
    assert table.loc[("NMS", "✓"), ("FCOS", "AP↑")] == "not trained"
    assert table.loc[("FeatureNMS", "-"), ("FCOS", "AP↑")] == "not trained"
    assert table.loc[("ODAM-NMS", "✓"), ("FCOS", "time / NMS")] == "2.50 (0.25 s) | 1.56"
    assert table.loc[("ODAM-NMS", "-"), ("FCOS", "time / NMS")] == ""


def test_table_7_sets_odam_nms_with_training_against_nms_without(made: sup.SuppressionResults) -> None:
    table = sup.table_7(made).table
    assert table.index.tolist() == ["Total", "Sparse", "Crowd"]
    assert table["", "objects"].tolist() == ["20 | 99,481", "10 | 78,273", "10 | 21,208"]
    assert table.loc["Crowd", ("FCOS", "NMS")] == "55.0 ± 7.1 | 61.6"
    assert table.loc["Crowd", ("FCOS", "Δ")] == "+15.0 ± 7.1 | +13.5"
    assert table.loc["Crowd", ("Faster R-CNN", "Δ")] == "not trained"


def test_table_8_has_the_rows_of_the_paper(made: sup.SuppressionResults) -> None:
    table = sup.table_8(made).table
    assert table.index.tolist() == [
        ("NMS", "-", "-", "-"),
        ("NMS", "✓", "-", "-"),
        ("ODAM-NMS", "-", "0.8", "0.2"),
        ("ODAM-NMS", "-", "0.9", "0.1"),
        ("ODAM-NMS", "✓", "0.8", "0.2"),
    ]
    assert table.loc[("ODAM-NMS", "✓", "0.8", "0.2"), ("FCOS", "AP↑")] == "90.0 ± 0.0 | 89.3"


def test_table_9_says_at_which_confidence(made: sup.SuppressionResults) -> None:
    table = sup.table_9(made).table
    assert table.index.tolist() == ["Conf.", "Total", "Sparse", "Crowd"]
    assert table.loc["Conf.", ("FCOS", "ODAM-NMS", "✓")] == "0.25, 0.35"
    assert table.loc["Crowd", ("FCOS", "ODAM-NMS", "✓")] == "70.0 ± 0.0 | 75.1"
    assert table.loc["Crowd", ("Faster R-CNN", "NMS", "-")] == "50.0"


def test_gains_and_orderings_say_what_is_decided(made: sup.SuppressionResults) -> None:
    gain, order = sup.gain_split(made).table, sup.orderings(made).table
    assert gain.loc[("a part", "FCOS", "MR")].tolist() == ["-1.0, -3.0", "-2.0", "1.4", "-4.0 to -0.1", "better"]
    assert order.loc[("a claim", "FCOS", "MR"), "verdict"] == "holds"


def test_the_plane_is_the_mean_over_seeds(made: sup.SuppressionResults) -> None:
    plane = sup.threshold_plane(made, ODAM, "AP50")
    assert (tuple(plane.index), tuple(plane.columns)) == (T_LOWS, T_HIGHS)
    assert plane.loc[0.2, 0.8] == pytest.approx(0.7)
    with pytest.raises(ValueError, match="measured were tiny-fcos-crowd-odam; got 'tiny-fcos'"):
        sup.threshold_plane(made, "tiny-fcos")
    with pytest.raises(ValueError, match="AP50, JI or MR, got 'AP'"):
        sup.threshold_plane(made, ODAM, "AP")


def test_means_of_correlations_are_over_pairs_then_seeds(made: sup.SuppressionResults) -> None:
    much, any_overlap = sup.correlation_means(made), sup.correlation_means(made, 0.0)
    assert much.index.tolist() == [("fcos", True, "same object")]
    assert much.loc[("fcos", True, "same object"), "mean"] == pytest.approx(0.8)
    assert much.loc[("fcos", True, "same object"), "pairs"] == 20
    assert any_overlap.loc[("fcos", True, "different objects"), "mean"] == pytest.approx(0.1)


def test_figures_are_drawn(made: sup.SuppressionResults) -> None:
    for figure, panels in ((sup.plot_correlations(made, "fcos"), 2), (sup.plot_planes(made, ODAM), 3)):
        assert len(figure.axes) == panels
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="measured were fcos; got 'detr'"):
        sup.plot_correlations(made, "detr")
    with pytest.raises(ValueError, match="got 'tiny-fcos-crowd'"):
        sup.plot_planes(made, PLAIN)


def test_results_are_the_same_from_their_file(made: sup.SuppressionResults, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    made.save(path)
    again = sup.read_results(path)
    assert [str(table) for table in sup.all_tables(again)] == [str(table) for table in sup.all_tables(made)]
    assert again.notes == made.notes
    assert np.isnan(again.correlations["mean"].tolist()).sum() == 3
    assert "<table" in sup.table_5(again)._repr_html_()
    path.write_text(json.dumps({"format": "something else"}))
    with pytest.raises(ValueError, match="holds no results of `detxai-nb evaluate odam-nms`"):
        sup.read_results(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ValueError, match="holds no results"):
        sup.read_results(path)
    with pytest.raises(FileNotFoundError):
        sup.read_results(tmp_path / "none.json")


def test_the_command_measures_prints_and_keeps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs, store = trainings(tmp_path / "runs", [f"{RCNN}-{seed}" for seed in (0, 3)]), tmp_path / "store"
    words = ["evaluate", "odam-nms", "--runs", str(runs), "--store", str(store), "--scenes", "1", "--timed", "0"]
    assert main(words) == 0
    first = capsys.readouterr().out
    for title in ("Table 5", "Table 7", "Table 8", "Table 9", "Figure 4", "What brings the gain", "orderings"):
        assert title in first
    assert "trainings with the seeds 0, 3" in first
    names = {"results.json", "figure-4-faster_rcnn.png", f"figure-9-{RCNN}.png"}
    assert names <= {path.name for path in store.iterdir()}
    results = sup.read_results(store / "results.json")
    assert set(results.figures["rule"]) == set(sup.RULES) - {"feature-nms"}
    nms = results.figures[results.figures["rule"] == "nms"].iloc[0]
    corner = results.plane[(results.plane["t_low"] == 0) & (results.plane["t_high"] == 1)].iloc[0]
    assert [corner[name] for name in ("AP50", "JI", "MR")] == [nms[name] for name in ("AP50", "JI", "MR")]
    settled = results.differences.query("title == 'T_low = 0.2 alone, without ODAM-Train'")
    assert settled["seeds"].tolist() == 3 * [[0, 3]]
    # Again, from the store alone.
    assert main(words) == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["odam-nms"], "needs --runs, the folder of the trainings, and --store"),
        (["odam-nms", "--runs", ".", "--store", "s", "--coco", "a.json"], "--coco has no meaning for odam-nms"),
        (["odam-nms", "--runs", ".", "--store", "s", "--detector", "tiny-ssd"], "--detector has no meaning"),
        (["odam-nms", "--runs", "no-such", "--store", "s"], "there is no folder no-such of trainings"),
        (["odam", "--runs", "."], "--runs and --models are of `detxai-nb evaluate odam-nms`"),
    ],
)
def test_words_that_do_not_go_together_are_refused(
    words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", *words]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
