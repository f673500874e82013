"""ONNX models on the command line: wherever a detector is named, and what is refused."""

from __future__ import annotations

import json
import sys
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from PIL import Image

import detxai_nb as dx
from detxai_nb.cli import main
from detxai_nb.heatmaps import HeatMaps

sys.path.insert(0, str(Path(__file__).parent / "detectors"))
from onnx_exports import OfficialYolox, export

pytestmark = [
    pytest.mark.skipif(find_spec("onnxruntime") is None or find_spec("onnx") is None, reason="onnxruntime is missing"),
    pytest.mark.filterwarnings("ignore:this picture does not look like"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture, a model of it, and the names of its classes."""
    folder = tmp_path_factory.mktemp("onnx")
    yolox = dx.load_detector("tiny-yolox", device="cpu")
    export(OfficialYolox(yolox.module), folder / "model.onnx", (256, 320))
    (folder / "names.txt").write_text("\n".join(yolox.names) + "\n")
    Image.fromarray(dx.data.scenes.make(3, seed=1).image).save(folder / "photo.png")
    return folder


def words(folder: Path, *more: str) -> list[str]:
    """A detector as the command line names it."""
    settings = {"order": "rgb", "scale": "1", "mean": "[0.485,0.456,0.406]", "std": "[0.229,0.224,0.225]"}
    given = [word for name, value in settings.items() for word in ("--detector-setting", f"{name}={value}")]
    named = ["--detector", str(folder / "model.onnx"), "--names", str(folder / "names.txt"), "--decode", "yolox"]
    return [*more, *named, *given]


def test_explain_takes_d_rise_for_a_model_that_cannot_be_looked_into(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.npz"
    line = words(folder, "explain", str(folder / "photo.png"), "--object", "0", "--setting", "masks=20")
    assert main([*line, "--out", str(out)]) == 0
    maps = HeatMaps.load(out)
    assert maps.method == "d-rise"
    assert maps.values.shape == (1, 256, 320)
    own = dx.load_detector("tiny-yolox", device="cpu").detect([folder / "photo.png"])[0]
    torch.testing.assert_close(maps.detections.boxes, own.boxes[:1], rtol=0, atol=1e-2)


def test_many_pictures_are_done_again_for_another_model(folder: Path, tmp_path: Path) -> None:
    pictures, out = tmp_path / "pictures", tmp_path / "out"
    pictures.mkdir()
    (pictures / "a.png").write_bytes((folder / "photo.png").read_bytes())
    (tmp_path / "model.onnx").write_bytes((folder / "model.onnx").read_bytes())
    (tmp_path / "names.txt").write_bytes((folder / "names.txt").read_bytes())
    line = [*words(tmp_path, "explain", str(pictures)), "--object", "0", "--setting", "masks=8", "--out", str(out)]
    assert main(line) == 0
    assert main(line) == 0
    assert json.loads((out / "explain.json").read_text())["content"]["decode"] == "yolox"
    from onnx_exports import add_metadata

    add_metadata(tmp_path / "model.onnx", {"note": "trained longer"})
    assert main(line) == 2


def test_a_page_and_the_doctor_take_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "page.html"
    picture = str(folder / "photo.png")
    # The page takes no settings of methods, and thousands of masks would take minutes.
    monkeypatch.setattr(dx, "explain", partial(dx.explain, masks=8))
    assert main([*words(folder, "page", picture), "--score-threshold", "0.9", "--out", str(page)]) == 0
    assert page.stat().st_size > 10_000
    capsys.readouterr()
    assert main([*words(folder, "doctor"), "--image", picture, "--json"]) in (0, 1)
    assert "onnx" in capsys.readouterr().out


REFUSED = {
    "no such file": (["--detector", "none.onnx"], "there is no ONNX model at none.onnx"),
    "another detector": (["--decode", "yolov8"], "--decode is of an ONNX model, FILE.onnx; the detector is tiny-fcos"),
    "another layout": (
        ["--detector", "{}/model.onnx", "--decode", "yolov8", "--names", "{}/names.txt"],
        "does not fit model.onnx",
    ),
    "no layout": (["--detector", "{}/model.onnx", "--decode", "yolo"], "unknown decoder 'yolo'"),
    "no names": (["--detector", "{}/model.onnx", "--decode", "yolox"], "give names=[...]|--names"),
    "as a setting": (["--detector-setting", "decode=yolox"], "an option of its own: --decode"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_are_one_sentence(case: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line, said = REFUSED[case]
    given = [word.replace("{}", str(folder)) for word in line]
    assert main(["explain", str(folder / "photo.png"), *given, "--out", str(tmp_path / "a.png")]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert any(part in told for part in said.split("|")), told
    assert not (tmp_path / "a.png").exists()
