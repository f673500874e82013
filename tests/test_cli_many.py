"""``detxai-nb explain`` of many pictures: every file, going on, and what goes wrong with one of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import detxai_nb as dx
from detxai_nb.cli import main, many
from detxai_nb.heatmaps import HeatMaps


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Two scenes in folders, a picture of nothing, and what is no picture."""
    folder = tmp_path / "pictures"
    (folder / "more" / ".hidden").mkdir(parents=True)
    for number, name in enumerate(("b.png", "more/a.jpg", "more/.hidden/c.png")):
        Image.fromarray(dx.data.scenes.make(number, seed=1).image[::2, ::2]).save(folder / name)
    Image.fromarray(np.full((96, 128, 3), 128, np.uint8)).save(folder / "grey.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


def explain(source: Path, out: Path, *more: str) -> int:
    return main(["explain", str(source), "--device", "cpu", "--out", str(out), *more])


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_each_picture_of_a_folder_gets_its_files(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results"
    assert explain(pictures, out) == 0
    told = capsys.readouterr().out
    assert files(out) == [
        *("b.png.npz", "b.png.png", "explain.json", "explain.jsonl", "more/a.jpg.npz", "more/a.jpg.png"),
    ]
    assert "2 of 3  grey.png  0 explained" in told
    assert told.splitlines()[-1] == f"{out}: 2 explained, 1 without objects"
    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([pictures / "b.png"])[0]
    maps = HeatMaps.load(out / "b.png.npz")
    assert torch.equal(maps.values, dx.explain(detector, pictures / "b.png", found).values)

    def never(*_: object) -> None:
        raise AssertionError("a picture that is done is explained again")

    monkeypatch.setattr(many, "_explain_one", never)
    assert explain(pictures, out) == 0
    assert capsys.readouterr().out == f"{out}: 3 done before\n"


def test_what_is_missing_or_changed_is_done_again(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    assert explain(pictures, out) == 0
    (out / "b.png.npz").unlink()
    shutil.copy(pictures / "b.png", pictures / "grey.png")
    with (out / "explain.jsonl").open("a") as file:
        file.write('{"picture": "more/a.jpg", "obj')  # as an interruption leaves it
    capsys.readouterr()
    assert explain(pictures, out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{out}: 2 explained, 1 done before"
    assert explain(pictures, out) == 0
    assert capsys.readouterr().out == f"{out}: 3 done before\n"


def test_an_interruption_leaves_whole_files_and_says_how_to_go_on(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, real = tmp_path / "results", many._explain_one

    def interrupted(options: Any, detector: Any, path: Path, to: Path) -> int:
        if path.name == "a.jpg":
            raise KeyboardInterrupt
        return real(options, detector, path, to)

    monkeypatch.setattr(many, "_explain_one", interrupted)
    assert explain(pictures, out) == 130
    assert "run the same command again" in capsys.readouterr().err
    monkeypatch.setattr(many, "_explain_one", real)
    assert explain(pictures, out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{out}: 1 explained, 2 done before"


def test_a_picture_that_fails_does_not_end_the_others(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (pictures / "a.png").write_bytes(b"\x89PNG no picture")
    out = tmp_path / "results"
    assert explain(pictures, out) == 1
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"{out}: 2 explained, 1 without objects, 1 failed"
    assert len(said.err.splitlines()) == 1
    assert said.err.startswith("detxai-nb: a.png: ")
    assert "a.png.npz" not in files(out)
    assert explain(pictures, out) == 1, "it is tried again, and fails again"


def test_only_the_classes_that_are_asked_for(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = dx.load_detector("tiny-fcos", device="cpu").detect([pictures / "b.png"])[0].label_names()
    out = tmp_path / "results"
    assert explain(pictures, out, "--class", names[0]) == 0
    assert set(HeatMaps.load(out / "b.png.npz").detections.label_names()) == {names[0]}
    assert "grey.png  0 explained" in capsys.readouterr().out


def test_the_pictures_of_a_coco_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = dx.data.scenes.write_coco(tmp_path / "scenes", count=2, seed=1)
    dataset = dx.data.coco.CocoDataset(path)
    assert explain(dataset.path, tmp_path / "results") == 0
    wanted = [f"{entry['file_name']}{ending}" for entry in dataset.coco["images"] for ending in (".npz", ".png")]
    assert set(files(tmp_path / "results")) == {*wanted, "explain.json", "explain.jsonl"}
    content = json.loads(dataset.path.read_text())
    content["images"][0]["file_name"] = "../../climbed.png"
    dataset.path.write_text(json.dumps(content))
    capsys.readouterr()
    assert explain(dataset.path, tmp_path / "in" / "other") == 1
    assert "detxai-nb: ../../climbed.png: " in capsys.readouterr().err
    assert set(files(tmp_path / "in")) == {f"other/{name}" for name in (*wanted[2:], "explain.json", "explain.jsonl")}


def test_results_of_other_settings_are_not_mixed(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results"
    assert explain(pictures, out) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert explain(pictures, out, "--method", "grad-cam", "--target", "x1") == 2
    assert "holds results of another method, target; name another folder" in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_results_may_lie_beside_the_pictures(pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = pictures / "results"
    assert explain(pictures, out) == 0
    assert explain(pictures, out) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{out}: 3 done before"


@pytest.mark.parametrize(
    ("out", "words"),
    [("notes.txt", "is a file; for many pictures"), ("out.png", "looks like a file")],
)
def test_a_folder_is_named_for_many(pictures: Path, capsys: pytest.CaptureFixture[str], out: str, words: str) -> None:
    assert explain(pictures, pictures / out) == 2
    assert words in capsys.readouterr().err
    assert (pictures / "notes.txt").read_text() == "no picture"


def test_an_empty_folder_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert explain(tmp_path / "empty", tmp_path / "results") == 2
    assert "there are no pictures in" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()
