"""The notebooks' two profiles: quick never asks, paper asks once and remembers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image
from safetensors.torch import save_file

import detxai_nb as dx
from detxai_nb import profiles
from detxai_nb.detectors.yolox.network import SIZES, Yolox


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder of its own, without the environment's variables, where nobody can be asked."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for variable in (profiles.PROFILE, profiles.COCO, profiles.VOC):
        monkeypatch.delenv(variable, raising=False)

    def nobody(prompt: str) -> str:
        raise EOFError(prompt)

    monkeypatch.setattr("builtins.input", nobody)
    return work


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """A folder with instances.json and images."""
    return dx.data.scenes.write_coco(tmp_path / "flat", count=2, width=96, height=64)


@pytest.fixture
def official(flat: Path, tmp_path: Path) -> Path:
    """The same dataset laid out as COCO is distributed."""
    folder = tmp_path / "coco"
    (folder / "annotations").mkdir(parents=True)
    shutil.copy(flat / "instances.json", folder / "annotations" / "instances_val2017.json")
    shutil.copytree(flat / "images", folder / "val2017")
    return folder


def test_quick_is_the_default_and_asks_nobody(alone: Path) -> None:
    profile = dx.profiles.current(scenes=3)
    assert (profile.name, len(profile.dataset), profile.at("table")) == ("quick", 3, None)
    assert (profile.dataset[0].image == dx.data.scenes.make(0, seed=1).image).all()
    assert profile.detector.names == dx.data.scenes.NAMES
    assert list(alone.iterdir()) == []


def test_another_profile_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(profiles.PROFILE, "fast")
    with pytest.raises(ValueError, match="quick or paper, got 'fast'"):
        dx.profiles.current()


def test_paper_takes_the_dataset_named_in_the_environment(
    monkeypatch: pytest.MonkeyPatch, official: Path, alone: Path
) -> None:
    monkeypatch.setenv(profiles.PROFILE, "paper")
    monkeypatch.setenv(profiles.COCO, str(official))
    profile = dx.profiles.current(paper_detector="tiny-fcos")
    assert (profile.name, len(profile.dataset)) == ("paper", 2)
    assert profile.at("table") == Path(profiles.STORES) / "table"
    assert (alone / profiles.STORES).is_dir()
    assert not (alone / profiles.RECORD).exists()


@pytest.mark.parametrize("inside", ["", "annotations/instances_val2017.json"])
def test_the_layout_of_coco_is_understood(official: Path, inside: str) -> None:
    dataset = profiles.open_coco(official / inside)
    assert dataset.folder == official / "val2017"
    assert dataset[1].image.shape == (64, 96, 3)


@pytest.mark.parametrize("inside", ["", "instances.json"])
def test_a_flat_folder_is_understood(flat: Path, inside: str) -> None:
    assert profiles.open_coco(flat / inside).folder == flat / "images"


def test_the_reader_is_asked_once(monkeypatch: pytest.MonkeyPatch, flat: Path) -> None:
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or f" {flat} ")
    assert [len(profiles.coco()), len(profiles.coco())] == [2, 2]
    assert len(asked) == 1


def test_what_cannot_be_read_is_not_remembered(monkeypatch: pytest.MonkeyPatch, alone: Path) -> None:
    monkeypatch.setattr("builtins.input", lambda _: str(alone / "nowhere"))
    with pytest.raises(FileNotFoundError, match="no annotation file"):
        profiles.coco()
    assert not (alone / profiles.RECORD).exists()


@pytest.mark.parametrize("answer", [EOFError, RuntimeError, OSError, ""])
def test_nobody_to_ask_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    def reply(_: str) -> str:
        if isinstance(answer, str):
            return answer
        raise answer  # type: ignore[misc]

    monkeypatch.setattr("builtins.input", reply)
    with pytest.raises(FileNotFoundError, match="set DETXAI_NB_COCO"):
        profiles.coco()


@pytest.mark.filterwarnings("ignore:.*states nothing of its input:UserWarning")
def test_weights_that_no_one_downloads_are_asked_for_once(
    monkeypatch: pytest.MonkeyPatch, flat: Path, tmp_path: Path, alone: Path
) -> None:
    """Beside COCO's place, in the same record; the environment goes before it."""
    asked: list[str] = []
    file = tmp_path / "yolox_nano.safetensors"
    save_file(Yolox(80, SIZES["yolox-nano"]).state_dict(), file)
    monkeypatch.setenv(profiles.PROFILE, "paper")
    monkeypatch.setattr(
        "builtins.input", lambda prompt: asked.append(prompt) or (str(file), str(flat))["COCO" in prompt]
    )
    for _ in range(2):
        profile = profiles.current(paper_detector="yolox-nano", paper_weights="DETXAI_NB_YOLOX")
        assert (len(profile.dataset), profile.detector.input_size) == (2, (416, 416))
    assert len(asked) == 2
    monkeypatch.setenv("DETXAI_NB_YOLOX", str(alone / "gone.safetensors"))
    with pytest.raises(FileNotFoundError, match=r"gone\.safetensors.*set DETXAI_NB_YOLOX"):
        profiles.weights("DETXAI_NB_YOLOX", "yolox-nano")


def test_a_damaged_record_is_named(alone: Path) -> None:
    (alone / profiles.RECORD).write_text("[]")
    with pytest.raises(ValueError, match="delete it"):
        profiles.coco()


@pytest.fixture
def voc(tmp_path: Path) -> Path:
    """A folder laid out as VOC2012 is, with one image that has masks."""
    folder = tmp_path / "VOC2012"
    for name in ("JPEGImages", "Annotations", "ImageSets/Segmentation", "SegmentationClass"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (12, 8)).save(folder / "JPEGImages" / "a.jpg")
    # As VOC draws its classes: a sofa is the eighteenth.
    Image.new("L", (12, 8), 18).save(folder / "SegmentationClass" / "a.png")
    box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>4</ymax></bndbox>"
    text = f"<annotation><object><name>sofa</name>{box}</object></annotation>"
    (folder / "Annotations" / "a.xml").write_text(text, encoding="utf-8")
    (folder / "ImageSets" / "Segmentation" / "val.txt").write_text("a\n", encoding="utf-8")
    return folder


def test_a_paper_of_classifiers_takes_voc_with_the_names_of_coco(
    monkeypatch: pytest.MonkeyPatch, voc: Path, alone: Path
) -> None:
    monkeypatch.setenv(profiles.PROFILE, "paper")
    monkeypatch.setenv(profiles.VOC, str(voc))
    profile = dx.profiles.current(paper_detector="tiny-resnet", paper_data="voc")
    assert (len(profile.dataset), profile.dataset[0].names[17]) == (1, "couch")
    assert profile.dataset[0].masks.all()
    assert not (alone / profiles.RECORD).exists()


def test_the_place_of_voc_is_asked_for_once(monkeypatch: pytest.MonkeyPatch, voc: Path) -> None:
    with pytest.raises(FileNotFoundError, match="set DETXAI_NB_VOC"):
        profiles.voc()
    asked: list[str] = []
    monkeypatch.setattr("builtins.input", lambda prompt: asked.append(prompt) or str(voc))
    assert [len(profiles.voc()), len(profiles.voc())] == [1, 1]
    assert len(asked) == 1


def test_the_quick_profile_has_scenes_of_any_mode_and_unknown_data_are_refused() -> None:
    assert len(set(dx.profiles.current(scenes=1, mode="dual").dataset[0].labels.tolist())) == 2
    with pytest.raises(ValueError, match="coco or voc, got 'imagenet'"):
        dx.profiles.current(paper_data="imagenet")
