"""The command line: what it writes, and that every refusal is one sentence that changes nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import detxai_nb as dx
from detxai_nb import lab
from detxai_nb.cli import main
from detxai_nb.cli.tables import format_table
from detxai_nb.cli.wording import in_own_words
from detxai_nb.heatmaps import HeatMaps


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene as a PNG file."""
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    Image.fromarray(dx.data.scenes.make(3, seed=1).image).save(path)
    return path


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one sentence with which these arguments are refused."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert said.err.count("\n") == 1
    assert said.err.startswith("detxai-nb: ")
    return said.err


def test_explain_writes_a_picture_and_the_data(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture, data = tmp_path / "out.png", tmp_path / "out.npz"
    assert main(["explain", str(photo), "--device", "cpu", "--out", str(picture), "--out", str(data)]) == 0
    printed = capsys.readouterr().out.splitlines()
    maps = HeatMaps.load(data)
    assert printed[-2:] == [f"wrote {picture}", f"wrote {data}"]
    assert len(printed) == len(maps) + 2
    assert maps.detections.label_names()[0] in printed[0]
    with Image.open(picture) as shown:
        assert shown.format == "PNG"
        assert shown.width > 300

    detector = dx.load_detector("tiny-fcos", device="cpu")
    found = detector.detect([photo])[0]
    again = dx.explain(detector, photo, found)
    assert torch.equal(again.values, maps.values)


def test_explain_takes_method_target_layer_and_settings(photo: Path, tmp_path: Path) -> None:
    data = tmp_path / "out.npz"
    layer = dx.load_detector("tiny-fcos", device="cpu").layers[-1]
    words = ["--method", "odam", "--target", "x1", "--layer", layer, "--setting", "direction=signed"]
    assert main(["explain", str(photo), "--device", "cpu", *words, "--out", str(data)]) == 0
    maps = HeatMaps.load(data)
    assert (maps.target.part, maps.layer, maps.signed) == ("x1", layer, True)
    assert maps.settings == {"direction": "signed", "smooth": None}
    words = ["--object", "0", "--target", "apple", "--against", "bauble", "--out", str(data)]
    assert main(["explain", str(photo), "--device", "cpu", *words]) == 0
    assert HeatMaps.load(data).target == dx.Target("apple", against="bauble")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--target", "x1", "--against", "bauble"],
            "a contrast is between the scores of two classes, and 'x1' is none",
        ),
        (["--against", "baubel"], "this detector has no class 'baubel'; did you mean 'bauble'?"),
        (["--object", "7"], "there is no object 7; --object is one of the 5 that were found: 0 apple, 1 "),
        (
            ["--detector-setting", "no_such=1"],
            "tiny-fcos has no setting 'no_such'; its settings: norm_statistics='exact'",
        ),
        (["--detector-setting", "weights=a.pth"], "weights is no setting but an option of its own: --weights"),
        (["--names", "apple,pear"], "expected [2, 64, 3, 3]"),
        (["--names", "apple,,pear"], "--names is NAME,NAME,... or a text file with one name a line"),
        (["--detector", "yolox-nano"], "yolox-nano needs --weights FILE"),
        (["--detector", "pvt-small-fcos"], "needs --weights FILE of a state dict of its network and --names NAME,"),
        (["--detector", "no-such"], "unknown detector 'no-such'; known: tiny-fcos"),
        (["--method", "no-such"], "unknown method 'no-such'; known: ablation-cam, bbam"),
        (["--target", "x3"], "unknown target 'x3'; known: class, x1"),
        (["--layer", "no-such"], "no-such"),
        (["--setting", "direction=up"], "direction of 'odam' is one of 'positive'"),
        (["--setting", "no_such=1"], "has no setting 'no_such'; its settings: direction, smooth"),
        (["--setting", "direction"], "a setting is NAME=VALUE"),
        (["--setting", "target=x1"], "target is no setting but an option of its own: --target"),
        (["--setting", "progress=1"], "progress is no setting of a method"),
        (["--score-threshold", "0.9999"], "was 0.597; detect with a --score-threshold below that"),
        (["--colormap", "no-such"], "unknown colour map 'no-such'"),
        (["--device", "no-such"], "no-such"),
        (["--weights", "no-such.safetensors"], "there is no weights file at no-such.safetensors"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_changes_nothing(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"what was here before")
    assert message in refusal(capsys, "explain", photo, "--device", "cpu", *arguments, "--out", out)
    assert out.read_bytes() == b"what was here before"
    assert list(tmp_path.iterdir()) == [out]


CLASSIFIER = ["--detector", "tiny-resnet", "--device", "cpu", "--method", "grad-cam"]


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with one object as a PNG file."""
    path = tmp_path_factory.mktemp("single") / "single.png"
    Image.fromarray(dx.data.scenes.make(1, mode="single").image[::2, ::2]).save(path)
    return path


def test_a_classifier_is_explained_by_its_five_most_probable_classes(
    single: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture, data = tmp_path / "out.png", tmp_path / "out.npz"
    words = ["explain", str(single), *CLASSIFIER, "--score-threshold", "0.999"]
    assert main([*words, "--out", str(picture), "--out", str(data)]) == 0
    printed = capsys.readouterr().out.splitlines()
    every = dx.load_detector("tiny-resnet", device="cpu").detect([single], 0.0)[0]
    maps = HeatMaps.load(data)
    assert maps.detections.labels.tolist() == every.labels[:5].tolist()
    assert printed[-2:] == [f"wrote {picture}", f"wrote {data}"]
    # Number, class, probability and status, and no box.
    for number, line in enumerate(printed[:5]):
        assert re.fullmatch(rf" +{number}  {every.label_names()[number]}  [\d.]+(e-\d+)?  ok", line)
    assert picture.read_bytes()[1:4] == b"PNG"


def test_a_class_is_explained_by_its_name_however_small_its_probability(
    single: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "out.npz"
    every = dx.load_detector("tiny-resnet", device="cpu").detect([single], 0.0)[0]
    last = every.label_names()[-1]
    words = ["explain", str(single), *CLASSIFIER, "--out", str(data)]
    assert main([*words, "--class", last.upper(), "--class", last]) == 0
    assert capsys.readouterr().out.startswith(f"  9  {last}  ")
    assert HeatMaps.load(data).detections.label_names() == [last]
    assert "this classifier has no class 'mugg'; did you mean 'mug'?" in refusal(capsys, *words, "--class", "mugg")
    assert "there is no class 7; --object is one of the 5" in refusal(capsys, *words, "--object", "7")
    of_detector = ["explain", str(photo), "--device", "cpu", "--out", str(data)]
    assert main([*of_detector, "--class", "apple"]) == 0
    assert set(HeatMaps.load(data).detections.label_names()) == {"apple"}
    capsys.readouterr()
    assert "no object of the class 'jug' was found; found were apple" in refusal(capsys, *of_detector, "--class", "jug")
    assert "has no class 'jugg'; did you mean 'jug'" in refusal(capsys, *of_detector, "--class", "jugg")


def test_classifiers_of_torchvision_are_named_found_and_fetched(
    single: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "empty"))

    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", fail)
    assert main(["detectors"]) == 0
    assert "torchvision's image classifiers (resnet50" in capsys.readouterr().out
    assert main(["detectors", "resnet50"]) == 0
    assert "image classifier resnet50" in capsys.readouterr().out
    assert main(["explain", str(single), "--detector", "resnet50", "--out", str(tmp_path / "out.png")]) == 2
    *_, said = capsys.readouterr().err.splitlines()
    assert "could not download the weights of resnet50" in said
    assert "detxai-nb fetch resnet50 --from FILE" in said
    for command in (["explain", single, "--out", tmp_path / "out.png", "--detector"], ["detectors"]):
        said = refusal(capsys, *command, "resnet51")
        assert "unknown detector 'resnet51'" in said
        assert "did you mean 'resnet50'" in said


def test_one_object_can_be_chosen(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["explain", str(photo), "--device", "cpu", "--out", str(tmp_path / "out.npz")]
    assert main(words) == 0
    every = capsys.readouterr().out.splitlines()
    together = HeatMaps.load(tmp_path / "out.npz")
    assert main([*words, "--object", "2", "--object", "0", "--object", "2"]) == 0
    assert capsys.readouterr().out.splitlines() == [every[2], every[0], every[-1]]
    chosen = HeatMaps.load(tmp_path / "out.npz")
    assert torch.equal(chosen.detections.boxes, together.detections.boxes[[2, 0]])
    assert torch.allclose(chosen.values, together.values[[2, 0]], atol=1e-6)


def test_names_of_classes_come_from_the_line_or_a_file(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    letters = list("abcdefghij")
    (tmp_path / "names.txt").write_text("\n".join(letters) + "\n")
    for given in (",".join(letters), str(tmp_path / "names.txt")):
        words = ["--device", "cpu", "--names", given, "--out", str(tmp_path / "out.npz")]
        assert main(["explain", str(photo), *words]) == 0
        assert HeatMaps.load(tmp_path / "out.npz").detections.names == tuple(letters)


def test_an_example_is_written_and_can_be_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["example"]) == 0
    advised = capsys.readouterr().out.splitlines()[-1].split()
    assert advised[0] == "detxai-nb"
    assert main([*advised[1:], "--device", "cpu"]) == 0
    capsys.readouterr()
    assert main(["example"]) == 0, "the same once more"
    assert main(["example", "--photograph"]) == 0
    assert "explain photograph.jpg --detector ssdlite320_mobilenet_v3_large" in capsys.readouterr().out
    assert dx.load_image("photograph.jpg").shape == (600, 512, 3)
    assert np.array_equal(dx.load_image("example.png"), dx.data.scenes.make(3, seed=1).image)
    (tmp_path / "mine.png").write_bytes(b"mine")
    assert "mine.png is there already" in refusal(capsys, "example", "mine.png")
    assert (tmp_path / "mine.png").read_bytes() == b"mine"
    assert "the scene is a .png file" in refusal(capsys, "example", "mine.jpg")
    assert "there is no folder" in refusal(capsys, "example", "no/such/mine.png")


def test_fetch_lists_brings_and_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    name = "ssdlite320_mobilenet_v3_large"
    assert main(["fetch"]) == 0
    printed = capsys.readouterr().out
    assert name in printed
    assert printed.endswith(f"Kept in {tmp_path / 'hub' / 'checkpoints'}\n")
    assert "there is nothing to fetch for tiny-fcos" in refusal(capsys, "fetch", "tiny-fcos")
    assert "name it too" in refusal(capsys, "fetch", "--from", "file.pth")
    (tmp_path / "file.pth").write_bytes(b"something else")
    assert "its SHA-256 does not begin with" in refusal(capsys, "fetch", name, "--from", tmp_path / "file.pth")

    def offline(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    assert main(["fetch", name]) == 2
    *_, said = capsys.readouterr().err.splitlines()
    assert f"run `detxai-nb fetch {name} --from FILE`" in said
    assert "dx." not in said


def raised(call: Callable[[], object]) -> Exception:
    """What a call raises."""
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("it raised nothing")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("hand in weights='path' and\n names=[...] for them", "give --weights FILE and --names NAME,NAME,... for them"),
        ("detect with a score_threshold below that", "detect with a --score-threshold below that"),
        (
            "see dx.methods() or dx.detectors.fetch('resnet50', file='F')",
            "see `detxai-nb methods` or `detxai-nb fetch resnet50`",
        ),
        ("take seed=1 instead", "take --seed 1 instead"),
        (str(raised(lambda: dx.load_detector("resnt50"))).split("? ")[1], "a network of your own is opened in Python"),
        ("class 7 of 5, got x1=3", "class 7 of 5, got x1=3"),
    ],
)
def test_advice_is_given_in_words_of_the_command_line(said: str, told: str) -> None:
    assert in_own_words(said) == told


def test_photographs_that_are_none_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.png"
    assert "there is no image at" in refusal(capsys, "explain", tmp_path / "gone.jpg", "--out", out)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 not a photograph")
    assert "broken.jpg" in refusal(capsys, "explain", broken, "--out", out)
    assert "for many pictures --out names a folder" in refusal(capsys, "explain", tmp_path, "--out", out)
    assert not out.exists()


def test_outputs_are_checked_before_any_work(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "writes .png or .npz, not 'out.gif'" in refusal(capsys, "explain", photo, "--out", tmp_path / "out.gif")
    assert "make it first" in refusal(capsys, "explain", photo, "--out", tmp_path / "none" / "out.png")


def test_weights_of_another_architecture_name_the_tensor(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    save_file({"stem.weight": torch.zeros(3, 2)}, tmp_path / "other.safetensors")
    said = refusal(capsys, "explain", photo, "--weights", tmp_path / "other.safetensors", "--out", tmp_path / "out.png")
    assert "these weights are not of tiny-fcos: the tensor" in said


def test_traceback_is_there_for_those_who_ask(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        main(["--traceback", "explain", str(tmp_path / "gone.jpg"), "--out", str(tmp_path / "out.png")])


@pytest.mark.parametrize(("table", "known"), [("detectors", dx.detectors), ("methods", dx.methods)])
def test_tables_name_everything(table: str, known: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([table]) == 0
    printed = capsys.readouterr().out
    lines = printed.split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines[1:] if line[0] != " "] == list(known().index)  # type: ignore[operator]
    *_, empty, hint = printed.splitlines()
    assert not empty
    assert hint == f"`detxai-nb {table} NAME` tells all about one of them, with its settings."


@pytest.mark.parametrize("line", ["detectors", "methods", "metrics", "fetch", "methods d-rise", "detectors tiny-detr"])
def test_tables_fit_into_80_columns(
    line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(line.split()) == 0
    printed = capsys.readouterr().out.splitlines()
    assert max(map(len, printed)) <= 80
    assert not [one for one in printed if one != one.rstrip()]


def test_all_about_one_of_them_is_shown_with_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "g-came"]) == 0
    assert "as_published=False" in capsys.readouterr().out
    assert main(["detectors", "tiny-yolox"]) == 0
    printed = capsys.readouterr().out
    assert "convention='rgb-imagenet'" in printed, "its own, not its family's"
    assert "nms_threshold=0.65" in printed
    assert "unknown metric 'no-such'; known: pointing-game-box" in refusal(capsys, "metrics", "no-such")


def test_a_table_breaks_words_only_where_it_must() -> None:
    rows = [("a", "one two three", "x" * 12), ("b", "", "y")]
    printed = format_table(("name", "about", "more"), rows, 28).splitlines()
    assert printed == [
        "name  about       more",
        "a     one two     xxxxxxxxxx",
        "      three       xx",
        "b                 y",
    ]
    assert format_table(("n",), [("a" * 99,)], 20).splitlines() == ["n", "a" * 99]


def test_lab_copies_the_notebooks_and_starts_on_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(lab, "run_lab", lambda arguments: started.append(list(arguments)))
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "--no-browser", "--port", "8901"]) == 0
    assert (tmp_path / lab.START).is_file()
    assert f"{lab.START}: copied" in capsys.readouterr().out
    assert {f"--ServerApp.root_dir={tmp_path.resolve()}", "--no-browser", "--ServerApp.port=8901"} <= set(started[0])


def test_it_runs_as_a_module() -> None:
    done = subprocess.run([sys.executable, "-m", "detxai_nb", "--version"], capture_output=True, text=True, timeout=120)
    assert done.stdout == f"detxai-nb {dx.__version__}\n"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("explain a.png --out b.png --score-threshold 1.5", "--score-threshold: a number from 0 to 1, got '1.5'"),
        ("explain a.png --out b.png --score-threshold nan", "--score-threshold: a number from 0 to 1, got 'nan'"),
        ("explain a.png --out b.png --score-threshold high", "--score-threshold: a number from 0 to 1, got 'high'"),
        ("explain a.png --out b.png --object -1", "--object: a whole number of at least 0, got '-1'"),
        ("evaluate odam --scenes 0", "--scenes: a whole number of at least 1, got '0'"),
        ("evaluate odam --limit x", "--limit: a whole number of at least 1, got 'x'"),
        ("lab --port 70000", "--port: a whole number from 1 to 65535, got '70000'"),
        ("no-such", "invalid choice: 'no-such'"),
        ("", "the following arguments are required: command"),
    ],
)
def test_usage_errors_are_one_line(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(line.split())
    assert error.value.code == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert " --help`" in said


def test_usage_errors_exit_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as error:
        main(["explain"])
    assert error.value.code == 2
    assert "--out" in capsys.readouterr().err


def test_an_alpha_channel_or_another_mode_is_no_obstacle(photo: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    Image.open(photo).convert("LA").save(grey)
    assert np.asarray(dx.load_image(grey)).shape[2] == 3
    arguments = [
        "explain",
        str(grey),
        "--device",
        "cpu",
        "--score-threshold",
        "0.001",
        "--out",
        str(tmp_path / "o.png"),
    ]
    assert main(arguments) == 0


def test_evaluate_prints_the_papers_table_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "odam", "--device", "cpu", "--scenes", "3", "--store", str(tmp_path / "run")]
    words += ["--exclude", "deletion-odam", "insertion-odam", "grad-cam++"]
    assert main([*words, "--limit", "1"]) == 0
    first = capsys.readouterr().out
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "energy-pointing-mask" in printed
    assert "control: Gaussian" in printed
    assert "of 1 images" in first
    assert "of 3 images" in printed
    assert "left out: d-rise" in printed
    said = refusal(capsys, *words, "--seed", "2")
    assert "seed was 0 and is now 2" in said
    assert "unknown paper 'oddam'; known: odam" in refusal(capsys, "evaluate", "oddam", "--scenes", "1")
    assert "name that file too" in refusal(capsys, "evaluate", "odam", "--images", str(tmp_path))


def test_evaluate_with_workers_prints_the_table_of_one_process(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["evaluate", "odam", "--device", "cpu", "--scenes", "2"]
    words += ["--exclude", "deletion-odam", "insertion-odam", "grad-cam", "grad-cam++"]
    assert main(words) == 0
    alone = capsys.readouterr().out
    assert main([*words, "--workers", "2"]) == 0
    assert capsys.readouterr().out == alone
    with pytest.raises(SystemExit) as ended:
        main([*words, "--workers", "0"])
    assert ended.value.code == 2
    assert "at least 1, got '0'" in capsys.readouterr().err


def test_ctrl_c_says_how_to_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object, **settings: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dx, "reproduce", interrupted)
    words = ["evaluate", "odam", "--device", "cpu", "--scenes", "1"]
    assert main([*words, "--store", str(tmp_path / "run")]) == 130
    assert "interrupted; run the same command again to resume from its store" in capsys.readouterr().err
    assert main(words) == 130
    assert "resume" not in capsys.readouterr().err


def test_evaluate_reads_a_coco_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dx.data.scenes.write_coco(tmp_path / "scenes", count=2, seed=4, mode="plain")
    words = ["evaluate", "odam", "--device", "cpu", "--coco", str(tmp_path / "scenes"), "--limit", "1"]
    words += ["--exclude", "deletion-odam", "insertion-odam", "grad-cam", "grad-cam++"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "of 1 images" in printed
    assert "selected by protocol 'odam'" in printed
    assert main([*words, "--protocol", "best"]) == 0
    printed = capsys.readouterr().out
    assert "1 of " in printed
    assert "selected by protocol 'best'" in printed
    assert "unknown protocol 'beste'; known: default" in refusal(capsys, *words, "--protocol", "beste")


def test_the_help_names_every_paper(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    # Where the line is too narrow, the help breaks a name at its hyphens too.
    said = "".join(capsys.readouterr().out.split())
    listed = said.partition("positionalarguments:paper")[2].partition("options:")[0]
    listed, _, crowds = listed.partition(";odam-nms")
    assert crowds.startswith("for")
    assert set(re.split(",|;ofclassifiers|or(?=g-came|global)", listed)) == set(dx.evaluation.PAPERS)
