"""`detxai-nb evaluate --config`: options from a file, the command line before them, and what a run writes."""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Any

import pytest

import detxai_nb as dx
from detxai_nb.cli import commands, main
from detxai_nb.cli.command_line import _parser
from detxai_nb.cli.configs import config_beside, read_config, to_toml
from detxai_nb.cli.evaluate_options import add_evaluate


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[argparse.Namespace]:
    """The options with which the command would run."""
    found: list[argparse.Namespace] = []
    monkeypatch.setattr(commands, "run_evaluate", found.append)
    return found


def written(folder: Path, text: str) -> Path:
    path = folder / "run.toml"
    path.write_text(text, encoding="utf-8")
    return path


EVERY: dict[str, Any] = {
    "paper": "odam",
    "detector": "tiny-yolox",
    "weights": "weights.safetensors",
    "names": "a,b",
    "decode": "yolov8",
    "device": "cpu",
    "detector-setting": ["nms_threshold=0.5", 'order="bgr"'],
    "coco": "folder/é \"quoted\" 'and' \\ more.json",
    "images": "pictures",
    "voc": "VOC2012",
    "list": "Segmentation/val",
    "image-folder": "val",
    "subset": "dual",
    "classes": "classes.json",
    "scenes": 12,
    "mode": "tiny",
    "limit": 3,
    "protocol": "best",
    "seed": 5,
    "include-slow": True,
    "fast": False,
    "exclude": ["d-rise", "bbam"],
    "workers": 2,
    "store": "run",
    "runs": "runs",
    "models": ["tiny-fcos-crowd"],
    "timed": 0,
}


def test_every_option_is_read_by_its_name_and_written_again(
    tmp_path: Path, seen: list[argparse.Namespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    parser = argparse.ArgumentParser()
    add_evaluate(parser)
    names = {(one.option_strings or [one.dest])[0].lstrip("-") for one in parser._actions}
    assert set(EVERY) == names - {"h", "config"}
    options = _parser(read_config(written_values(tmp_path, EVERY), add_evaluate)).parse_args(["evaluate"])
    for name, value in EVERY.items():
        own = getattr(options, name.replace("-", "_"))
        assert own == (Path(value) if isinstance(own, Path) else value), name
    again = tmp_path / "again.toml"
    again.write_bytes(to_toml(options, add_evaluate) or b"")
    monkeypatch.chdir("/")
    other = _parser(read_config(again, add_evaluate)).parse_args(["evaluate"])
    for name, value in vars(options).items():
        own = getattr(other, name)
        assert own == (tmp_path / value if isinstance(value, Path) else value), name
    assert to_toml(other, add_evaluate) == again.read_bytes()


def written_values(folder: Path, values: dict[str, Any]) -> Path:
    """A file of these values, by another writer than the package's."""

    def told(value: Any) -> str:
        if isinstance(value, list):
            return "[" + ", ".join(map(told, value)) + "]"
        if isinstance(value, str):
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return str(value).lower()

    return written(folder, "".join(f"{name} = {told(value)}\n" for name, value in values.items()))


def test_the_command_line_counts_more_than_the_file(tmp_path: Path, seen: list[argparse.Namespace]) -> None:
    text = 'paper = "odam"\nscenes = 3\ninclude_slow = true\nfast = false\nexclude = ["d-rise"]\n'
    path = written(tmp_path, f"{text}[detector-setting]\nnms_threshold = 0.5\ninput_size = [96, 128]\norder = 'bgr'\n")
    words = ["--scenes", "7", "--no-include-slow", "--fast", "--exclude", "bbam", "--detector-setting", "order=rgb"]
    for line in (["--config", str(path), *words], [*words, "--config", str(path)]):
        assert main(["evaluate", *line]) == 0
        options = seen.pop()
        assert (options.paper, options.scenes, options.include_slow, options.fast) == ("odam", 7, False, True)
        assert options.exclude == ["bbam"]
        settings = commands.parse_settings(options.detector_setting)
        assert settings == {"nms_threshold": 0.5, "input_size": [96, 128], "order": "rgb"}
    assert main(["evaluate", "g-came", "--config", str(path)]) == 0
    assert (seen[-1].paper, seen[-1].scenes, seen[-1].include_slow) == ("g-came", 3, True)
    assert main(["evaluate", "--scenes", "2", "odam"]) == 0
    assert (seen[-1].paper, seen[-1].scenes, seen[-1].detector_setting) == ("odam", 2, [])


REFUSED = {
    "no TOML": ("scenes: 3", "run.toml is no TOML file (.*line 1.*); write lines such as scenes = 50"),
    "too deep": ("a = " + "[" * 3000, "run.toml is no TOML file"),
    "unknown": ("scene = 3", "run.toml: there is no option 'scene'; did you mean scenes"),
    "nothing like it": ("zzz = 3", "there is no option 'zzz'; known are paper, detector, "),
    "itself": ("config = 'a.toml'", "there is no option 'config'"),
    "a section": ("[evaluate]\nscenes = 3", "there is no option 'evaluate'"),
    "twice": ("include-slow = true\ninclude_slow = false", "is set twice"),
    "a word for a number": ("scenes = 'many'", "run.toml: scenes: a whole number of at least 1, got 'many'"),
    "a number that is too small": ("scenes = 0", "scenes: a whole number of at least 1, got '0'"),
    "half a scene": ("scenes = 1.5", "scenes: a whole number of at least 1, got '1.5'"),
    "true for a number": ("scenes = true", "scenes: a number or a text, got true"),
    "a number for true": ("fast = 1", "fast: true or false, got 1"),
    "a list for one": ("detector = ['a', 'b']", "detector: a number or a text, got ['a', 'b']"),
    "one for a list": ("exclude = 'd-rise'", "exclude: a list of texts, got 'd-rise'"),
    "numbers in a list": ("exclude = [1]", "exclude: a list of texts, got"),
    "no choice": ("subset = 'triple'", "subset: invalid choice: 'triple'"),
    "a date": ("seed = 2026-01-01", "seed: a number or a text, got"),
    "a date in a setting": ("[detector-setting]\na = 2026-01-01", "detector-setting: numbers, texts, true, false and"),
    "no paper": ("scenes = 3", "reproduces a paper's table: name it, such as odam, or in --config FILE"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_the_file_and_the_option(
    case: str, tmp_path: Path, seen: list[argparse.Namespace], capsys: pytest.CaptureFixture[str]
) -> None:
    text, words = REFUSED[case]
    assert main(["evaluate", "--config", str(written(tmp_path, text))]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    for part in words.split(".*"):
        assert part.strip("()") in told, told
    assert not seen


@pytest.mark.parametrize("name", ["none.toml", ".", "", "a\0b", "https://example.com/run.toml"])
def test_a_file_that_is_not_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "odam", "--config", name]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    (tmp_path / "latin.toml").write_bytes(b"mode = 'caf\xe9'")
    assert main(["evaluate", "odam", "--config", "latin.toml"]) == 2
    assert "latin.toml is no TOML file" in capsys.readouterr().err


def test_a_run_writes_its_options_beside_the_store_and_they_run_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [*commands.dx.evaluation.reproduction.methods_of(commands.dx.evaluation.papers.PAPERS["odam"])]
    text = f'paper = "odam"\ndevice = "cpu"\nscenes = 2\nexclude = {[n for n in names if n != "odam"]}\n'
    path = written(tmp_path, text)
    assert main(["evaluate", "--config", str(path), "--store", "store", "--limit", "1"]) == 0
    first = capsys.readouterr().out
    resolved = tmp_path / "store.config.toml"
    assert resolved == config_beside(Path("store"))
    values = tomllib.loads(resolved.read_text())
    assert (values["limit"], values["scenes"], values["store"]) == (1, 2, str(tmp_path / "store"))
    assert path.read_text() == text
    content = resolved.read_bytes()
    parts = {one.name: one.read_bytes() for one in (tmp_path / "store").glob("*.parquet")}
    # From another folder, and with nothing to measure again.
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.setattr("detxai_nb.evaluation.runner.measure_image", lambda *_: pytest.fail("measured again"))
    assert main(["evaluate", "--config", str(resolved)]) == 0
    assert capsys.readouterr().out == first
    assert resolved.read_bytes() == content
    assert {one.name: one.read_bytes() for one in (tmp_path / "store").glob("*.parquet")} == parts
    assert not any((tmp_path / "elsewhere").iterdir())


def test_an_interrupted_run_has_written_its_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("detxai_nb.evaluation.runner.measure_image", stop)
    words = ["evaluate", "odam", "--device", "cpu", "--scenes", "1", "--store", str(tmp_path / "store")]
    assert main(words) == 130
    assert tomllib.loads((tmp_path / "store.config.toml").read_text())["scenes"] == 1
    capsys.readouterr()
    assert main([*words[:-1], str(tmp_path / "other"), "--exclude", "nothing"]) == 2
    assert not (tmp_path / "other.config.toml").exists(), "a run that did not begin leaves nothing behind"


def test_a_path_that_is_no_text_makes_no_file() -> None:
    options = _parser().parse_args(["evaluate", "odam", "--coco", "half\udc80.json"])
    assert to_toml(options, add_evaluate) is None


def test_a_file_says_which_version_wrote_it() -> None:
    assert dx.__version__ in (to_toml(_parser().parse_args(["evaluate", "odam"]), add_evaluate) or b"").decode()
