"""Fine-tuning on crowds by one command: on scenes and on CrowdHuman, resumable, refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import detxai_nb as dx
from detxai_nb.data.crowdhuman import CrowdHuman
from detxai_nb.data.sample import Sample
from detxai_nb.training import fine_tune
from detxai_nb.training.dataset_batches import GREY, DatasetBatches, scaled_to_fit
from detxai_nb.training.loop import TrainingSettings

QUICK = ("--steps", "2", "--batch", "2", "--workers", "0", "--device", "cpu", "--every", "1", "--odam-weight", "1")


@pytest.fixture(scope="module")
def crowdhuman(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three photographs of two overlapping people each, and a region to ignore."""
    folder = tmp_path_factory.mktemp("crowdhuman")
    (folder / "Images").mkdir()
    rng, lines = np.random.default_rng(0), []
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8)).save(folder / "Images" / f"{number},a.jpg")
        people = [
            {"tag": "person", "fbox": [x, 8, 44, 80], "vbox": [x, 8, 44, 80], "hbox": [x, 8, 9, 9], "extra": {}}
            for x in (20, 40 + number)
        ]
        mask = {"tag": "mask", "fbox": [100, 60, 20, 20], "vbox": [0, 0, 9, 9], "hbox": [0, 0, 9, 9], "extra": {}}
        lines.append(json.dumps({"ID": f"{number},a", "gtboxes": [*people, mask]}))
    (folder / "annotation_train.odgt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def no_masks() -> np.ndarray:
    raise ValueError("there are no masks")


def sample(height: int, width: int, boxes: list[list[float]], crowd: list[bool]) -> Sample:
    image = np.full((height, width, 3), 7, dtype=np.uint8)
    labels = np.arange(len(boxes), dtype=np.int64)
    return Sample(
        image, np.array(boxes, np.float32), labels, np.array(crowd, bool), 1, "a.png", ("a", "b", "c"), no_masks
    )


def test_a_photograph_is_scaled_to_fit_and_its_boxes_with_it() -> None:
    boxes = [[0.0, 0.0, 200.0, 100.0], [20.0, 10.0, 22.0, 40.0], [10.0, 10.0, 60.0, 60.0]]
    image, target = scaled_to_fit(sample(100, 200, boxes, [False, False, True]), (64, 64))
    assert image.shape == (64, 64, 3)
    assert (image[:32] == 7).all()
    assert (image[32:] == GREY).all()
    # The second is narrower than a pixel, the third is a region to ignore.
    assert target["boxes"].tolist() == [[0.0, 0.0, 64.0, 32.0]]
    assert target["labels"].tolist() == [0]


def test_batches_go_through_a_dataset_in_another_order_each_time(crowdhuman: Path) -> None:
    photographs = CrowdHuman(crowdhuman / "annotation_train.odgt")
    batches = DatasetBatches(photographs, TrainingSettings(steps=4, batch=3), (64, 64))
    first, again = batches[1], batches[1]
    assert torch.equal(first[0], again[0])
    assert first[0].shape == (3, 3, 64, 64)
    sides = [sorted(float(target["boxes"][1, 0]) for target in batches[step][1]) for step in range(4)]
    assert all(side == pytest.approx([20, 20.5, 21]) for side in sides)
    assert [len(target["boxes"]) for target in first[1]] == [2, 2, 2]
    with pytest.raises(ValueError, match="no images"):
        DatasetBatches([], TrainingSettings(), (64, 64))
    with pytest.raises(ValueError, match="32x32"):
        DatasetBatches(photographs, TrainingSettings(), (64, 16))


@pytest.mark.parametrize("start", ["tiny-fcos", "tiny-faster-rcnn"])
def test_one_command_trains_on_crowdhuman_and_what_it_writes_opens(
    start: str, crowdhuman: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [start, *QUICK, "--crowdhuman", str(crowdhuman), "--size", "128x96", "--out", str(tmp_path)]
    assert fine_tune._main(flags) == 0
    said = capsys.readouterr().out
    assert "step 2/2" in said
    assert "separation" in said
    about = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))
    assert about["names"][-1] == "person"
    assert about["settings"]["steps"] == 2
    detector = dx.load_detector(start, weights=tmp_path / "weights.safetensors", names=about["names"], device="cpu")
    assert detector.names[-1] == "person"
    assert len(list(tmp_path.glob("events.out.tfevents.*"))) == 1
    # The same command has nothing left to do; another one is refused by what differs first.
    assert fine_tune._main(flags) == 0
    assert fine_tune._main([*flags, "--seed", "3"]) == 2
    assert "seed is 0, this run has 3" in capsys.readouterr().err
    assert fine_tune._main([*flags, "--odam-weight", "2"]) == 2
    assert "odam is 'weight 1," in capsys.readouterr().err


def test_a_killed_training_goes_on_to_the_same_weights(
    crowdhuman: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flags = ["tiny-fcos", *QUICK, "--crowdhuman", str(crowdhuman), "--size", "64x64", "--steps", "3"]
    assert fine_tune._main([*flags, "--out", str(tmp_path / "whole")]) == 0

    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(fine_tune, "_say", stop)
        fine_tune._main([*flags, "--out", str(tmp_path / "cut")])
    assert not (tmp_path / "cut" / "weights.safetensors").exists()
    assert fine_tune._main([*flags, "--out", str(tmp_path / "cut")]) == 0
    whole, cut = (load_file(tmp_path / name / "weights.safetensors") for name in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    assert all(torch.equal(whole[name], cut[name]) for name in whole)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--crowdhuman", "nowhere"), "annotation_train.odgt"),
        (("--odam-weight", "-1"), "weight is 0 or more"),
        (("--odam-weight", "nan"), "weight is 0 or more"),
        (("--steps", "0"), "--steps is at least 1"),
        (("--every", "0"), "--every is at least 1"),
        (("--threads", "0"), "--threads is at least 1"),
        (("--workers", "-1"), "--workers is at least 0"),
        (("--rate", "nan"), "--rate is a number above 0"),
        (("--odam-objects", "-2"), "objects is at least 1"),
    ],
)
def test_bad_options_are_refused_in_words_and_write_nothing(
    flags: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert fine_tune._main(["tiny-fcos", *QUICK, *flags, "--out", str(out)]) == 2
    assert words in capsys.readouterr().err
    assert not out.exists()


def test_annotations_that_cannot_be_read_are_named_with_their_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Images").mkdir()
    path = tmp_path / "annotation_train.odgt"
    for text, words in (
        ('{"ID": "a", "gtboxes": []}\n{"ID": "b"', "line 2"),
        ('{"ID": "a"}', "line 1"),
        ('{"ID": "../a", "gtboxes": []}', "line 1"),
    ):
        path.write_text(text, encoding="utf-8")
        flags = ["tiny-fcos", *QUICK, "--crowdhuman", str(tmp_path), "--out", str(tmp_path / "out")]
        assert fine_tune._main(flags) == 2
        assert words in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
