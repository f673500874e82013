"""Every kept evaluation can be read, says how it was made, and is what is computed today."""

from __future__ import annotations

import shlex
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from small_evaluation import FEW_STEPS, Squares, colours

import detxai_nb as dx
from detxai_nb.evaluation.fingerprint import dataset_identity, detector_identity
from detxai_nb.evaluation.keeping import RUNS, KeptRun, _parser, command_of
from detxai_nb.evaluation.kept import KEPT
from detxai_nb.evaluation.papers import PAPERS

pytest.importorskip("pyarrow", reason="the extra 'evaluation' is not installed")

NAMES = dx.evaluation.kept_names()
ON_SCENES = [name for name in NAMES if RUNS[name].scenes]
AGAIN: dict[str, tuple[str, list[str]]] = {
    "odam": ("odam", ["deletion-odam", "energy-pointing-box", "odi-mask"]),
    "odam-layers": ("neck", ["deletion-odam"]),
    "ss-grad-cam++": ("ss-grad-cam++", ["deletion", "energy-pointing-mask"]),
    "difference": ("odam", ["insertion-difference"]),
    "difference-crowd": ("control: Gaussian", ["deletion-difference-others"]),
    "g-came": ("g-came", ["confidence-drop", "energy-pointing-box"]),
    "tiny-objects": ("grad-cam", ["tiny-energy-pointing-box"]),
    "global-guidance": ("global-guidance", ["saliency-zone-drop", "zone-dice-mask"]),
}
"""Of each a method and metrics that are measured again, on the image with the fewest objects."""


@cache
def detector_of(name: str) -> Any:
    return dx.load_detector(name, device="cpu")


@cache
def rows_of(name: str) -> pd.DataFrame:
    return dx.evaluation.kept_evaluation(name)


def test_every_run_is_kept_and_nothing_else() -> None:
    assert set(NAMES) == set(RUNS)
    assert set(ON_SCENES) == set(AGAIN)
    assert sum(path.stat().st_size for path in KEPT.iterdir()) < 620_000


@pytest.mark.parametrize("name", NAMES)
def test_it_says_its_command_and_its_table_can_be_made(name: str) -> None:
    rows, run = rows_of(name), RUNS[name]
    about = rows.attrs["evaluation"]
    words = shlex.split(about["command"])
    assert words[:4] == ["python", "-m", "detxai_nb.evaluation.keeping", name]
    assert _parser().parse_args(words[3:]).name == name
    assert about["command"] == command_of(name)
    assert about["images"] == (run.limit or run.scenes or 144)
    found = dx.report(rows, run.paper, resamples=20)
    assert any(about["command"] in note for note in found.notes)
    assert len(rows) == len(found.table[found.table.index.get_level_values(0).isin(rows["metric"])]) * about["objects"]
    assert rows["curve"].notna().any() == run.curves


@pytest.mark.parametrize("name", ON_SCENES)
def test_its_detector_and_scenes_are_those_of_today(name: str) -> None:
    run, settings = RUNS[name], rows_of(name).attrs["evaluation"]["settings"]
    assert settings["detector"] == detector_identity(detector_of(run.detector))
    assert settings["dataset"] == dataset_identity(dx.data.scenes.Scenes(run.scenes, mode=run.mode))


@pytest.mark.parametrize("name", ON_SCENES)
def test_some_of_its_rows_come_out_again(name: str) -> None:
    run, kept = RUNS[name], rows_of(name)
    method, metrics = AGAIN[name]
    objects = kept.groupby("image")["annotation"].nunique()
    image = int(objects.index[objects == objects.min()][0])
    again = measured(run, image, method, metrics)
    was = kept[(kept["image"] == image) & (kept["method"] == method) & kept["metric"].isin(metrics)]
    keys = ["metric", "annotation"]
    both = was.merge(again, on=keys, suffixes=("", "_again"), validate="one_to_one")
    assert len(both) == len(was) == len(metrics) * objects[image]
    # A step of a curve may fall on the other side of a threshold where sums round differently.
    assert np.allclose(both["value"], both["value_again"], rtol=0.02, atol=1e-3, equal_nan=True)
    assert np.allclose(both["score"], both["score_again"], atol=1e-4)


def measured(run: KeptRun, image: int, method: str, metrics: list[str]) -> pd.DataFrame:
    """The rows of one image, method by method as its paper explains it."""
    sample = dx.data.scenes.Scenes(run.scenes, mode=run.mode)[image]
    paper = PAPERS.get(run.paper or "")
    control = method.startswith("control")
    settings: dict[str, Any] = {} if control else {method: dict(run.method_settings.get(method, {}))}
    if paper is not None and not control:
        settings[method]["target"] = dx.Target(paper.target_of(method) or "class", paper.score_of(method))
    return dx.evaluate(
        detector_of(run.detector),
        [sample],
        [] if control else [method],
        metrics,
        protocol=(paper.protocol if paper else "") or "default",
        method_settings=settings,
        metric_settings={metric: run.metric_settings[metric] for metric in metrics if metric in run.metric_settings},
        controls=control,
        progress=False,
    ).query("method == @method")


def stored(folder: Path) -> pd.DataFrame:
    metrics = ["energy-pointing-box", "deletion-odam"]
    return dx.evaluate(colours(), Squares(3), [], metrics, store=folder, metric_settings=FEW_STEPS, progress=False)


def test_a_kept_file_gives_the_table_that_was_stored(tmp_path: Path) -> None:
    rows = stored(tmp_path / "store")
    file = dx.evaluation.keep_evaluation(tmp_path / "store", tmp_path / "own.parquet", "some command", curves=True)
    again = dx.evaluation.kept_evaluation(file)
    assert again.dtypes.equals(rows.dtypes)
    assert np.allclose(again["value"], rows["value"], rtol=1e-6, equal_nan=True)
    assert all(np.allclose(a, b, rtol=1e-6) for a, b in zip(again["curve"], rows["curve"]) if b is not None)
    about = dict(again.attrs["evaluation"])
    assert about.pop("command") == "some command"
    assert about == rows.attrs["evaluation"]
    assert dx.report(again).notes[1] == "computed beforehand by `some command`"


def test_the_first_images_can_be_kept_alone_and_curves_left_out(tmp_path: Path) -> None:
    rows = stored(tmp_path / "store")
    file = dx.evaluation.keep_evaluation(tmp_path / "store", tmp_path / "own.parquet", "some command", limit=2)
    again = dx.evaluation.kept_evaluation(str(file))
    assert len(again) == (rows["image"] < 2).sum()
    assert again["curve"].isna().all()
    assert again.attrs["evaluation"]["images"] == 2
    with pytest.raises(ValueError, match="has 3 images, and 9 are to be kept; measure them first"):
        dx.evaluation.keep_evaluation(tmp_path / "store", file, "some command", limit=9)


def test_what_is_no_kept_evaluation_is_refused_in_words(tmp_path: Path) -> None:
    stored(tmp_path / "store")
    with pytest.raises(ValueError, match=r"no kept evaluation 'odan'; the nearest: odam.*Known: difference"):
        dx.evaluation.kept_evaluation("odan")
    with pytest.raises(FileNotFoundError):
        dx.evaluation.kept_evaluation(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match=r"part of a store.*read_evaluation takes the store's folder"):
        dx.evaluation.kept_evaluation(next((tmp_path / "store").glob("*.parquet")))
    with pytest.raises(ValueError, match=r"is a \.parquet file; got 'own.csv'"):
        dx.evaluation.keep_evaluation(tmp_path / "store", tmp_path / "own.csv", "some command")
    with pytest.raises(ValueError, match="by which command it was made; got an empty one"):
        dx.evaluation.keep_evaluation(tmp_path / "store", tmp_path / "own.parquet", " ")
    whole = KEPT / "odam.parquet"
    torn = tmp_path / "torn.parquet"
    torn.write_bytes(whole.read_bytes()[:-40] + b"0" * 40)
    with pytest.raises(ValueError, match="is damaged"):
        dx.evaluation.kept_evaluation(torn)


def test_reports_stand_beside_each_other_with_the_paper_last() -> None:
    few = dx.report(few_rows(3, "odam"), "odam", resamples=20)
    all_of_them = dx.report(rows_of("odam"), "odam", resamples=20)
    table = dx.evaluation.beside({"three scenes": few, "kept": all_of_them})
    assert list(table.columns) == ["three scenes, 9 objects", "kept, 144 objects", "paper"]
    assert table.loc[("vea", "odam"), "paper"] == "0.163"
    assert table.loc[("vea", "control: Gaussian"), "paper"] == ""
    mean = all_of_them.table.loc[("vea", "odam"), "mean"]
    assert table.loc[("vea", "odam")].iloc[1].startswith(f"{mean:.3g} (")
    alone = dx.report(few_rows(1, "odam", "compactness"), "odam", resamples=20)
    narrow = dx.evaluation.beside({"one": alone})
    assert list(narrow.columns) == ["one, 1 object", "paper"]
    assert float(narrow.loc[("compactness", "odam"), "one, 1 object"]) > 0, "one object has no interval"
    tiny = dx.report(few_rows(1, "g-came", "tiny-pointing-game-box", "energy-pointing-box"), "g-came", resamples=20)
    assert dx.evaluation.beside({"one": tiny}).loc[("tiny-pointing-game-box", "g-came")].iloc[0] == "undefined"
    with pytest.raises(ValueError, match="nothing to set beside each other"):
        dx.evaluation.beside({})


def few_rows(images: int, name: str, *metrics: str) -> pd.DataFrame:
    """The rows of the first images, and of some metrics, of a kept evaluation."""
    rows = rows_of(name)
    found = rows[(rows["image"] < images) & (rows["metric"].isin(metrics) if metrics else True)]
    found.attrs = rows.attrs
    return found
