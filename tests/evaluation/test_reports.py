"""The papers' tables: means, intervals, counts, and printed figures in the right cells."""

from __future__ import annotations

import numpy as np
import pytest
from made_up_evaluation import evaluation

from detxai_nb.evaluation import PAPERS, Paper, bootstrap, report
from detxai_nb.evaluation.papers import Figure, find_paper
from detxai_nb.metrics.registry import METRICS


def test_means_counts_and_undefined_values() -> None:
    nan = float("nan")
    made = report(evaluation({("odam", "compactness"): [1.0, nan, 3.0], ("grad-cam", "compactness"): [0.0, 0.5, 0.25]}))
    odam, cam = made.table.loc[("compactness", "odam")], made.table.loc[("compactness", "grad-cam")]
    assert (odam["mean"], odam["count"], odam["undefined"], odam["zero_maps"]) == (2.0, 2, 1, 0)
    assert (cam["mean"], cam["count"], cam["undefined"], cam["zero_maps"]) == (0.25, 3, 0, 1)
    assert np.isnan(odam["ties"])
    assert made.notes[0] == (
        "4 of 9 annotated objects, in 3 of 4 images, selected by protocol 'default' (same class, IoU > 0.5, "
        "score > 0.3); left out: 5 not detected"
    )
    assert "grad-cam: 1 maps with no positive evidence; they count, as misses" in made.notes
    assert "lower is better: compactness" in made.notes


def test_what_methods_say_about_their_maps_is_averaged() -> None:
    frame = evaluation({("d-rise", "vea"): [0.5, 0.25, 0.75], ("odam", "vea"): [0.5, 0.25, 0.75]})
    frame["map_figures"] = [{"agreement": 0.25}, {"agreement": None}, {"agreement": 0.75}, None, None, None]
    assert [note for note in report(frame).notes if "agreement" in note] == [
        "d-rise: agreement of its maps is 0.500 in the mean over 2 maps"
    ]


def test_bootstrap_is_seeded_and_matches_theory() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    low, high = bootstrap(values, seed=3)
    assert (low, high) == bootstrap(values, seed=3)
    assert (low, high) != bootstrap(values, seed=4)
    error = values.std() / np.sqrt(len(values))
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.15 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.15 * error)
    assert bootstrap(np.full(9, 0.25)) == (0.25, 0.25)
    assert np.isnan(bootstrap(np.array([1.0]))).all()


def test_bootstrap_of_many_values_is_that_of_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    from detxai_nb.evaluation import reports

    values = np.random.default_rng(1).random(50)
    whole = bootstrap(values, seed=2, resamples=90)
    monkeypatch.setattr(reports, "_CELLS", 50 * 7)
    assert bootstrap(values, seed=2, resamples=90) == whole


def test_papers_figures_stand_beside_ours() -> None:
    frame = evaluation(
        {
            ("odam", "deletion"): [0.2, 0.4],
            ("odam", "energy-pointing-box"): [0.5, 0.7],
            ("difference:odam", "deletion"): [0.1, 0.3],
            ("control: random", "deletion"): [0.9, 0.7],
        }
    )
    table = report(frame, paper="ss-grad-cam++").table
    assert table.loc[("deletion", "odam"), "paper"] == 0.113
    assert table.loc[("deletion: s2", "odam"), "paper"] == 0.180
    assert table.loc[("deletion: s2", "odam"), "mean"] == pytest.approx(0.15)
    assert table.loc[("deletion", "odam"), "ties"] == pytest.approx(0.125)
    assert table.loc[("energy-pointing-box", "odam"), "paper"] == 0.737
    assert table.loc[("energy-pointing-box", "odam"), "printed_in"] == "pointing game"
    assert table["paper"].isna().sum() == 4
    assert table.index.tolist()[:3] == [
        ("deletion", "odam"),
        ("deletion", "difference:odam"),
        ("deletion", "control: random"),
    ]


def test_notes_say_what_differs_from_the_paper() -> None:
    frame = evaluation({("odam", "odi-box"): [0.5, 0.25]}, unreadable=[{"error": "ValueError: torn"}])
    frame.attrs["evaluation"]["settings"]["methods"]["odam"]["target"]["part"] = "combined"
    made = report(frame, paper="odam")
    text = str(made)
    assert made.table.loc[("odi-box", "odam"), "paper"] == 0.348
    for words in (
        "FCOS, ResNet-50 FPN on COCO val2017; here: fcos (Detector, 2 classes) on Dataset, 4 images, 4 objects",
        "the paper selects objects as protocol 'odam' does, here it is protocol 'default'",
        "the paper explains the target 'class' by odam; here it is 'combined'",
        "1 images could not be read and are left out: ValueError: torn",
        "5000 masks",
    ):
        assert words in text
    assert "0.348" in made.wide().loc["odam", "odi-box"]
    assert "<table" in made._repr_html_()


def test_rows_of_another_name_stand_beside_the_method_that_they_are() -> None:
    frame = evaluation({("mine", "vea"): [0.5, 0.25]})
    frame.attrs["evaluation"]["settings"]["methods"]["mine"]["method"] = "odam"
    frame.attrs["evaluation"]["settings"]["metrics"] = {"vea": {"metric": "vea"}}
    assert report(frame, paper="odam").table.loc[("vea", "mine"), "paper"] == 0.163


def test_paper_of_ones_own_and_mistakes() -> None:
    frame = evaluation({("odam", "vea"): [0.5, 0.25]})
    own = Paper("Mine", "a detector", "data", {("odam", "vea"): Figure(0.7, "table 9")})
    assert report(frame, paper=own).table.loc[("vea", "odam"), "printed_in"] == "table 9"
    with pytest.raises(ValueError, match="unknown paper 'odma'; known: odam"):
        report(frame, paper="odma")
    frame.attrs.clear()
    with pytest.raises(ValueError, match="nothing says how it was made"):
        report(frame)


@pytest.mark.parametrize("name", PAPERS)
def test_printed_figures_are_of_metrics_that_there_are_and_in_their_unit(name: str) -> None:
    for (_, metric), figure in find_paper(name).figures.items():
        known = METRICS[metric.split(": ")[0]]
        low, high = (0, 100) if known.unit == "%" else (0, 1)
        assert low <= figure.value <= high or known.name == "compactness", (metric, figure)
        assert figure.table


def test_some_printed_figures_checked_against_the_page() -> None:
    odam, difference = PAPERS["odam"].figures, PAPERS["difference"].figures
    assert odam["d-rise", "deletion-odam"].value == 73.35
    assert odam["odam", "energy-pointing-mask"].value == 0.571
    assert odam["grad-cam++", "compactness"].value == 4.91
    assert odam["grad-cam", "odi-mask"].value == 0.727
    assert difference["difference:odam", "deletion-difference-others"].value == 99.01
    assert difference["ss-grad-cam", "insertion-difference"].value == 25.67
    came = PAPERS["g-came"].figures
    assert came["g-came", "tiny-energy-pointing-box"].value == 0.261
    assert came["d-rise", "energy-pointing-box"].value == 0.184
    assert came["d-rise", "confidence-drop"].value == 0.423
    assert came["g-came", "information-drop"].value == 0.2915
    assert PAPERS["odam-voc"].figures["bbam", "compactness"].value == 0.059
    assert PAPERS["odam-crowdhuman"].figures["d-rise", "odi-box"].value == 0.953
    assert PAPERS["ss-grad-cam++"].figures["ss-grad-cam++", "insertion: s2"].value == 0.901


def test_empty_and_full_zones_are_reported_for_each_method() -> None:
    table = evaluation({("odam", "zone-iou-box"): [0.5, 0, 0.2, 0.1], ("grad-cam", "zone-iou-box"): [0.5] * 4})
    zones = [(0.25, 0, 0), (0.0, 1, 0), (1.0, 0, 1), (0.75, 0, 0)] * 2
    table["extras"] = [dict(zip(("zone_share", "empty_zone", "full_zone"), zone)) for zone in zones]
    notes = report(table).notes
    for method in ("odam", "grad-cam"):
        told = "zones cover 50.0% of the image in the mean; of 4 zones 25.0% are empty and 25.0% full"
        assert f"{method}: {told}" in notes
