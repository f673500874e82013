"""The bundled weights and their card, and the command that makes both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from detxai_nb.data import scenes
from detxai_nb.detectors.registry import ZOO, load_detector
from detxai_nb.detectors.tiny import tiny_fcos
from detxai_nb.training import card, loop, zoo

CARD = json.loads((ZOO / "tiny-fcos.json").read_text(encoding="utf-8"))


def test_the_weights_fit_and_are_small() -> None:
    path = ZOO / "tiny-fcos.safetensors"
    model = tiny_fcos(len(scenes.NAMES))
    model.load_state_dict(load_file(path))
    assert path.stat().st_size == CARD["bytes"] <= 6e6
    assert sum(parameter.numel() for parameter in model.parameters()) == CARD["parameters"]


def test_the_card_tells_what_it_has_to() -> None:
    assert CARD["names"] == list(scenes.NAMES)
    assert CARD["training"]["drawing"] == scenes.DRAWING, "the scenes have changed: train again"
    assert CARD["training"]["scenes_seed"] != card.MEASURING_SEED
    plain, tiny = CARD["measured"]["plain"], CARD["measured"]["tiny"]
    assert plain["scenes"] >= 500
    assert plain["AP50"] >= 0.90
    assert plain["AP"] >= 0.65
    assert tiny["scenes"] >= 200
    assert tiny["AP50"] >= 0.6


def test_a_small_measurement_is_near_the_card() -> None:
    measured = card.measure(load_detector("tiny-fcos", device="cpu"), {"plain": 16, "tiny": 6})
    assert measured["plain"]["AP50"] > CARD["measured"]["plain"]["AP50"] - 0.1
    assert measured["tiny"]["AP50"] > CARD["measured"]["tiny"]["AP50"] - 0.15


def test_a_threshold_of_0_3_gives_about_as_many_detections_as_there_are_objects() -> None:
    detector, dataset = load_detector("tiny-fcos", device="cpu"), scenes.Scenes(16, seed=2)
    found = sum(len(detector.detect([sample.image], score_threshold=0.3)[0]) for sample in dataset)
    assert 0.7 < found / sum(map(len, dataset)) < 1.3


def test_differences_names_each_figure_that_is_off() -> None:
    expected = {"plain": {"AP": 0.8, "AP_per_class": {"apple": 0.7}}, "scenes": 3}
    assert (
        card.differences(expected, {"plain": {"AP": 0.804, "AP_per_class": {"apple": 0.7}}, "scenes": 3}, 0.005) == []
    )
    lines = card.differences(expected, {"plain": {"AP": 0.79, "AP_per_class": {}}, "scenes": 3}, 0.005)
    assert lines == [
        "plain AP: the card says 0.8, measured 0.79",
        "plain AP_per_class apple: the card says 0.7, measured None",
    ]


def test_the_command_writes_weights_and_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(loop, "SIZES", (((160, 128), 1.0),))
    monkeypatch.setattr(card, "MEASURED_ON", {"plain": 2})
    flags = ["tiny-fcos", "--steps", "2", "--batch", "2", "--workers", "0", "--device", "cpu", "--float32"]
    assert zoo.main([*flags, "--threads", "2", "--out", str(tmp_path)]) == 0
    made = json.loads((tmp_path / "tiny-fcos.json").read_text(encoding="utf-8"))
    assert made.keys() == CARD.keys()
    assert made["training"]["command"].endswith("tiny-fcos --steps 2 --batch 2 --rate 0.002 --seed 0")
    tiny_fcos().load_state_dict(load_file(tmp_path / "tiny-fcos.safetensors"))
    assert "wrote" in capsys.readouterr().out
