"""The folder of a workshop: prepared without a network, resumed, never overwritten where a person changed it."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from pathlib import Path

import pytest

import detxai_nb as dx
from detxai_nb import __version__
from detxai_nb.cli import main
from detxai_nb.workshop import (
    Kit,
    WheelOptions,
    WorkshopStudy,
    contents,
    fill_wheelhouse,
    open_study,
    prepare_workshop,
    verify_workshop,
)
from detxai_nb.workshop.kit import SUMS, read_sums
from detxai_nb.workshop.wheelhouse import FOLDER, STAGING

SMALL = WorkshopStudy("small", "Which one?", "better", ("tiny-fcos", "tiny-fcos-shortcut"), "shortcut", 2, 2)


@pytest.fixture(autouse=True)
def one_small_study(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "STUDIES", (SMALL,))


def as_it_is(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def make_wheel(folder: Path, name: str, version: str, *metadata: str) -> Path:
    """A wheel that holds nothing but what it says of itself."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    stated = "\n".join(["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata, ""])
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}-{version}.dist-info/METADATA", stated)
        archive.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{name}-{version}.dist-info/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An index of one wheel, and no other that pip could reach."""
    folder = tmp_path / "index"
    make_wheel(folder, "onewheel", "1.5")
    for name, value in (("PIP_NO_INDEX", "1"), ("PIP_FIND_LINKS", str(folder)), ("PIP_CONFIG_FILE", "/dev/null")):
        monkeypatch.setenv(name, value)
    for name in ("PIP_EXTRA_INDEX_URL", "PIP_CONSTRAINT"):
        monkeypatch.delenv(name, raising=False)
    return folder


def own(folder: Path, needs: str = "onewheel>=1") -> Path:
    extras = ("Provides-Extra: lab", "Provides-Extra: survey")
    return make_wheel(folder, "detxai_nb", __version__, *extras, f"Requires-Dist: {needs}; extra == 'lab'")


def test_everything_is_there_once_and_the_second_call_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kit = tmp_path / "a" / "kit"
    line = ["workshop", "prepare", str(kit), "--seats", "4", "--no-wheels"]
    assert main(line) == 0
    for name in ("instructor.md", "consent.md", "slides.html"):
        assert (kit / "teacher" / name).stat().st_size > 500
    for path in kit.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text("utf-8")):
            assert "://" in target or (path.parent / target).exists(), f"{path.name} links {target}"
    assert "photographs are for after the lesson" in (kit / "teacher/instructor.md").read_text("utf-8")
    assert "study small: 2 of 2 objects" in capsys.readouterr().err
    before = as_it_is(kit)
    study = dx.survey.Study.load(kit / "studies/small.study.json")
    keyed = dx.survey.Study.load(kit / "teacher/small.study.json")
    assert (study.key, study.identity, len(study.codes)) == (None, keyed.identity, 4)
    assert set(keyed.references.values()) == {"tiny-fcos"}
    assert "tiny-fcos" not in (kit / "studies/small.study.json").read_text()
    assert {"README.txt", SUMS, f"teacher/{SUMS}", "notebooks/00_start_here.ipynb"} <= set(before)
    assert set(before) - {SUMS, f"teacher/{SUMS}"} == set(read_sums(kit))
    assert main(line) == 0
    assert as_it_is(kit) == before
    told = capsys.readouterr()
    assert "unchanged" in told.out
    assert not told.err, "nothing was computed again"
    subprocess.run(["sha256sum", "--quiet", "-c", SUMS], cwd=kit, check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", SUMS], cwd=kit / "teacher", check=True)
    assert main(["workshop", "check", str(kit)]) == 0
    assert "each laptop needs its installation already" in capsys.readouterr().out


def test_it_goes_on_where_it_stopped(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(study: str, done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        prepare_workshop(tmp_path / "kit", seats=4, progress=stop)
    assert not as_it_is(tmp_path / "kit")
    whole = prepare_workshop(tmp_path / "whole", seats=4)
    # Any file may be the one that is missing, also the record of those that were written.
    for name in (SUMS, f"teacher/{SUMS}", "studies/small.study.json", "teacher/studies.json"):
        before = {one: content for one, (content, _) in as_it_is(whole.folder).items()}
        (whole.folder / name).unlink()
        again = prepare_workshop(whole.folder, seats=4)
        assert not again.problems
        assert {one: content for one, (content, _) in as_it_is(whole.folder).items()} == before, name


def test_what_a_person_changed_is_kept_until_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kit = tmp_path / "kit"
    line = ["workshop", "prepare", str(kit), "--seats", "4", "--no-wheels"]
    assert main(line) == 0
    changed = ["notebooks/00_start_here.ipynb", "README.txt", "studies/small.study.json"]
    for name in changed:
        (kit / name).write_text("mine")
    capsys.readouterr()
    assert main(["workshop", "check", str(kit)]) == 1
    assert capsys.readouterr().out.count("is not what was prepared") == 3
    assert main(line) == 1
    assert capsys.readouterr().out.count("was changed and is kept; --force overwrites it") == 3
    assert [(kit / name).read_text() for name in changed] == ["mine"] * 3
    assert main([*line, "--force"]) == 0
    assert main(["workshop", "check", str(kit)]) == 0


def test_a_study_that_may_be_out_is_not_made_anew(tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    prepare_workshop(kit, seats=4)
    before = (kit / "studies/small.study.json").read_bytes()
    found = prepare_workshop(kit, seats=5)
    assert any("made with other settings and is kept" in one for one in found.problems)
    assert (kit / "studies/small.study.json").read_bytes() == before
    assert not prepare_workshop(kit, seats=5, force=True).problems
    assert len(dx.survey.Study.load(kit / "studies/small.study.json").codes) == 5


def test_a_wheelhouse_from_an_index_of_one_wheel(index: Path, tmp_path: Path) -> None:
    kit = Kit(tmp_path / "kit")
    wheel = own(tmp_path / "own")
    expected = [f"detxai_nb-{__version__}-py3-none-any.whl", "onewheel-1.5-py3-none-any.whl"]
    for _ in range(2):
        assert fill_wheelhouse(kit, WheelOptions(wheel=wheel, torch_index=None)) == expected
        assert sorted(path.name for path in (kit.folder / FOLDER).iterdir()) == expected
        assert not (kit.folder / STAGING).exists()
    assert sorted(read_sums(kit.folder)) == [f"{FOLDER}/{name}" for name in expected]
    (index / "onewheel-1.5-py3-none-any.whl").unlink()
    assert fill_wheelhouse(kit, WheelOptions(wheel=wheel, torch_index=None)) == expected, (
        "what is there is not needed again"
    )
    assert fill_wheelhouse(kit, WheelOptions(["linux", "windows", "mac"], wheel, None)) == expected


def test_without_an_index_the_rest_is_there(index: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kit, wheel = tmp_path / "kit", own(tmp_path / "own", needs="nowhere>=1")
    line = ["workshop", "prepare", str(kit), "--seats", "4", "--wheel", str(wheel), "--torch-index", ""]
    assert main(line) == 1
    out = capsys.readouterr().out
    assert "not done: wheelhouse: pip download did not end well: No matching distribution found for nowhere" in out
    assert "run the same again where an index of packages can be reached" in out
    assert not (kit / STAGING).exists()
    assert verify_workshop(kit).faults == ()
    make_wheel(index, "nowhere", "2.0")
    assert main(line) == 0
    assert verify_workshop(kit) == verify_workshop(kit)
    assert not verify_workshop(kit).remarks


def test_faults_of_a_folder_are_told(tmp_path: Path) -> None:
    kit = tmp_path / "kit"
    prepare_workshop(kit, seats=4)
    (kit / "studies/extra.study.json").write_bytes((kit / "teacher/small.study.json").read_bytes())
    (kit / "studies/bad.study.json").write_text("{")
    (kit / "README.txt").unlink()
    found = verify_workshop(kit)
    assert set(found.faults) == {
        "README.txt is missing",
        "studies/bad.study.json is in no list",
        "studies/bad.study.json is no study",
        "studies/extra.study.json is in no list",
        "studies/extra.study.json holds its key, which belongs into teacher/",
    }


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "C:\\out", "a/../../out", "a\0b"])
def test_a_list_that_leads_out_of_the_folder_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / SUMS).write_text(f"{'0' * 64}  {name}\n")
    with pytest.raises(ValueError, match=r"leads out|no file name"):
        verify_workshop(tmp_path)
    with pytest.raises(ValueError, match=r"leads out|no file name"):
        prepare_workshop(tmp_path)


@pytest.mark.parametrize("content", [b"x\n", b"\xff\xfe", b"0" * 63 + b"  a\n"])
def test_a_damaged_list_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / SUMS).write_bytes(content)
    with pytest.raises(ValueError, match="move it away and prepare again"):
        prepare_workshop(tmp_path)
    assert as_it_is(tmp_path).keys() == {SUMS}


def test_bad_input(tmp_path: Path) -> None:
    kit = Kit(tmp_path / "kit")
    with pytest.raises(ValueError, match="unknown platform 'amiga'; known: linux, windows, mac"):
        fill_wheelhouse(kit, WheelOptions(["amiga"]))
    with pytest.raises(ValueError, match="is no wheel of detxai-nb"):
        fill_wheelhouse(kit, WheelOptions(wheel=make_wheel(tmp_path / "w", "other", "1")))
    with pytest.raises(ValueError, match="seats are a whole number"):
        prepare_workshop(tmp_path / "kit", seats=0)
    with pytest.raises(FileNotFoundError, match="workshop prepare"):
        verify_workshop(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is not a folder"):
        prepare_workshop(tmp_path / "file")


def test_recipes_are_plain_values() -> None:
    assert json.loads(json.dumps(SMALL.recipe(4, 5))) == SMALL.recipe(4, 5)


def test_a_notebook_opens_what_was_handed_out_else_makes_a_small_one(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    made = open_study("small", tmp_path, progress=lambda done, total: told.append((done, total)))
    assert (len(made.items), made.key is None, told) == (2, False, [(1, 2), (2, 2)])
    kit = tmp_path / "kit"
    prepare_workshop(kit, seats=4)
    for folder in (kit, kit / "notebooks", kit / "studies"):
        opened = open_study("small", folder)
        assert (opened.key, opened.identity) == (None, dx.survey.Study.load(kit / "teacher/small.study.json").identity)
    with pytest.raises(ValueError, match="there is no study 'x' in a workshop; there are 'small'"):
        open_study("x", tmp_path)
    (kit / "studies/small.study.json").write_bytes(b"{}")
    with pytest.raises(ValueError, match="no whole file of a study"):
        open_study("small", kit)
