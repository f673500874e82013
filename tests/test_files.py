"""Every door that takes the name of a file takes the same names, and refuses the same ones in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detxai_nb as dx
from detxai_nb.detectors.weights import read_weights
from detxai_nb.files import as_path
from detxai_nb.geometry import Placement
from detxai_nb.lab import copy_notebooks
from detxai_nb.stated_input import read_stated_input

MAPS = dx.HeatMaps(
    (torch.ones(2, 3),),
    ((4.0, 4.0),),
    Placement.identity(8, 12),
    np.zeros((8, 12, 3), np.uint8),
    dx.Detections(torch.tensor([[1.0, 2, 6, 7]]), torch.tensor([0.9]), torch.tensor([0]), ("a",)),
    dx.Target(),
    "odam",
)


def evaluated(path: Any) -> None:
    scenes = dx.data.scenes.Scenes(1)
    detector = dx.wrap_predict(lambda image: ([], [], []), scenes.names)
    dx.evaluate(detector, scenes, ["d-rise"], ["energy-pointing-box"], store=path, progress=False)


DOORS: dict[str, Callable[[Any], Any]] = {
    "picture": dx.load_image,
    "list of pictures": lambda path: dx.wrap_predict(lambda image: ([], [], []), ["a"]).detect([path]),
    "COCO": dx.data.coco.CocoDataset,
    "VOC": dx.data.voc.VocDataset,
    "CrowdHuman": dx.data.crowdhuman.CrowdHuman,
    "scenes": lambda path: dx.data.scenes.write_coco(path, count=1),
    "weights": read_weights,
    "detector": lambda path: dx.load_detector("tiny-fcos", weights=path, device="cpu"),
    "what a file of weights states": read_stated_input,
    "downloaded file": lambda path: dx.detectors.fetch("fcos_resnet50_fpn", file=path),
    "saved maps": dx.HeatMaps.load,
    "maps to save": MAPS.save,
    "store": evaluated,
    "evaluation": dx.read_evaluation,
    "notebooks": copy_notebooks,
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("https://example.com/a.png", FileNotFoundError, "the address 'https://example.com/a.png'; nothing is fetched"),
        ("s3://bucket/a", FileNotFoundError, "nothing is fetched"),
        ("~no-such-user-here/a.png", FileNotFoundError, "has no home folder"),
        ("a\0b.png", ValueError, "no file could be called"),
        ("half a sign \ud800.png", ValueError, "no file could be called"),
        ("a" * 1_000_000, ValueError, r"no file could be called '.*\.\.\. \(1000000 characters\)"),
        ("folder/" + "ä" * 200, ValueError, "no file could be called"),
    ],
    ids=["address", "bucket", "user", "zero byte", "half a sign", "endless", "too many bytes"],
)
def test_a_name_that_no_file_can_have_is_refused_in_words(
    door: str, name: str, error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=words) as raised:
        DOORS[door](name)
    assert len(str(raised.value)) < 500
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("door", [door for door in DOORS if "picture" not in door and door != "detector"])
@pytest.mark.parametrize("thing", [3, b"a.png", ["a.png"]], ids=repr)
def test_what_is_no_path_is_refused_in_words(door: str, thing: Any) -> None:
    with pytest.raises(TypeError, match="is named by a path"):
        DOORS[door](thing)


class InBytes:
    def __fspath__(self) -> bytes:
        return b"photos/a.png"


def test_paths_of_every_kind_are_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for path in ("photos/a.png", Path("photos/a.png"), InBytes()):
        assert as_path(path, "a file") == Path("photos/a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert as_path("~/a.npz", "a file") == tmp_path / "a.npz"
    assert MAPS.save("~/a.npz") == tmp_path / "a.npz"
    assert len(dx.HeatMaps.load("~/a.npz")) == 1
    if os.name == "posix":
        undecodable = os.fsdecode(b"\xff.png")
        assert as_path(undecodable, "a file") == Path(undecodable)
