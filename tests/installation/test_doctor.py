"""The doctor: one line where all is there; what is missing with its remedy; a code without anything personal."""

from __future__ import annotations

import getpass
import json
import socket
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from detxai_nb.cli import main
from detxai_nb.installation import Diagnosis, Finding, diagnose, diagnosis, libraries, machine, trial
from detxai_nb.installation.finding import without_places

CLONE = Path(__file__).resolve().parents[2]


@pytest.fixture
def no_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "run_trial", lambda: Finding("trial", "ok", "tried"))


def test_the_trial_explains_a_scene_in_a_process_of_its_own() -> None:
    found = trial.run_trial()
    assert found.state == "ok", found
    assert "tiny-fcos explains a scene" in found.said


@pytest.mark.parametrize(
    ("status", "out", "err", "check", "said"),
    [
        (1, "", "Traceback\nModuleNotFoundError: No module named 'torch'", "torch", "torch is not installed"),
        (-4, "", "", "torch", "torch does not work (ended by signal 4)"),
        (1, '{"torch": "2"}\n', "OSError: /home/zoe/x/a.safetensors is damaged", "detector", "a.safetensors"),
        (1, 'noise\n[1]\n{"torch": "2"}\n{"detector": "d"}', "ImportError: anywidget", "widgets", "anywidget"),
    ],
)
def test_a_trial_that_ends_early_says_where(status: int, out: str, err: str, check: str, said: str) -> None:
    found = trial.read_trial(status, out, err)
    assert (found.check, found.state) == (check, "missing")
    assert said in found.said
    assert "zoe" not in found.said
    assert found.remedy


def test_one_line_where_nothing_is_missing(
    no_trial: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(machine, "check_port", lambda: Finding("port", "ok", "free"))
    status = main(["doctor"])
    out = capsys.readouterr().out
    assert status == 0, out
    assert out.count("\n") == 1
    assert out.startswith("everything that the notebooks need is there: detxai-nb ")
    assert list(tmp_path.iterdir()) == []


def test_what_is_missing_comes_with_remedy_and_code(
    no_trial: None, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "torch.py").write_text("")
    monkeypatch.setattr(machine, "free_memory", lambda: 10**8)
    assert main(["doctor"]) == 1
    out = capsys.readouterr().out
    assert out.startswith("2 things missing\n  memory: 0.1 GB of memory free, 1 GB are needed\n    close ")
    assert "hidden: in the working folder torch would be imported" in out
    assert main(["doctor", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["healthy"] is False
    assert told["code"] in out
    assert told["code"].startswith("doctor1:failed=memory+hidden:remarks=")
    assert f"torch={metadata.version('torch')}" in told["code"]
    assert not set(told["code"]) & set(" /\\")
    private = {str(tmp_path), str(Path.home()), sys.prefix} | ({getpass.getuser()} - {"root"})
    assert not [one for one in private if len(one) > 1 and one in json.dumps(told)]


def test_without_torch_and_without_packaging_it_still_answers(tmp_path: Path) -> None:
    """In an environment of its own, in which nothing is installed at all."""
    code = (
        "import sys; sys.path.append(sys.argv[1]); from detxai_nb.cli import main; status = main(['doctor']);"
        "print('torch' in sys.modules); sys.exit(status)"
    )
    line = [getattr(sys, "_base_executable", sys.executable), "-I", "-S", "-c", code, str(CLONE)]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    for said in (
        "detxai-nb 0.1.0 is imported but not installed",
        "False",
        "torch=none",
        'pip install "detxai-nb[lab]"',
    ):
        assert said in done.stdout


def test_requirements_follow_extras_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = [
        "alpha>=1",
        "never; python_version < '3'",
        "Pkg-Name[two]; extra == 'one'",
        "beta; extra == 'one'",
        "gamma>=2; extra == 'two'",
        "pkg_name[one]; extra == 'two'",
        "delta; extra == 'three'",
    ]
    monkeypatch.setattr(metadata, "requires", lambda name: stated)
    assert [str(one.name) for one in libraries.required("pkg-name", {"one"})] == ["alpha", "beta", "gamma"]
    assert [str(one.name) for one in libraries.required("pkg-name", set())] == ["alpha"]
    versions = {"alpha": "0.9", "beta": "1", "gamma": "2.1.dev0"}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(libraries, "PACKAGE", "pkg-name")
    monkeypatch.setattr(libraries, "EXTRA", "one")
    monkeypatch.setattr(metadata, "version", version)
    assert [str(one) for one in libraries.check_libraries()] == [
        'alpha: 0.9 does not fit >=1\n    python -m pip install "alpha>=1"'
    ]
    del versions["beta"]
    versions["alpha"] = "1.0"
    assert [(one.check, one.said) for one in libraries.check_libraries()] == [("beta", "not installed")]


def test_front_ends_of_another_version_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [one.state for one in libraries.check_front_ends()] == ["ok"]
    monkeypatch.setattr("jupyter_core.paths.jupyter_path", lambda *_: [str(tmp_path)])
    assert [one.state for one in libraries.check_front_ends()] == ["missing", "missing"]
    for name, content in zip(libraries.FRONT_ENDS, ('{"version": "0.0.1"}', "{")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "package.json").write_text(content)
    first, second = libraries.check_front_ends()
    assert f"is 0.0.1, anywidget brings {metadata.version('anywidget')}" in first.said
    assert "is damaged" in second.said


def test_a_kernel_of_another_python_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(program: Path) -> Finding:
        folder = tmp_path / "kernels" / "python3"
        folder.mkdir(parents=True, exist_ok=True)
        spec = {"argv": [str(program), "-m", "ipykernel"], "display_name": "Python 3", "language": "python"}
        (folder / "kernel.json").write_text(json.dumps(spec))
        return libraries.check_kernel()

    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    assert of(Path(sys.executable)).state == "ok"
    assert "is not there any more" in of(tmp_path / "gone").said
    (tmp_path / "other").write_text("")
    assert "another Python" in of(tmp_path / "other").said


def test_changed_files_of_the_package_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(libraries.__file__).resolve().parents[1]

    def entry(name: str, digest: str) -> Any:
        parts = ("detxai_nb", *name.split("/"))
        value = SimpleNamespace(mode="sha256", value=digest)
        return SimpleNamespace(parts=parts, hash=value, locate=lambda: home / name)

    right = libraries._digest(home / "files.py")
    monkeypatch.setattr(metadata, "files", lambda name: [entry("files.py", right)])
    assert libraries.check_package_files().state == "ok"
    monkeypatch.setattr(metadata, "files", lambda name: [entry("files.py", "x"), entry("gone.safetensors", "x")])
    assert "2 files of detxai-nb are missing or changed: files.py, gone.safetensors" in str(
        libraries.check_package_files()
    )


def test_a_folder_that_cannot_be_used(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert [machine.check_writing(gone).state, machine.check_disk(gone).state] == ["missing", "missing"]
    assert machine.check_writing(tmp_path).state == "ok"
    assert list(tmp_path.iterdir()) == []
    assert machine.check_hidden(CLONE).state == "ok"
    (tmp_path / "numpy").mkdir()
    (tmp_path / "numpy" / "__init__.py").write_text("")
    (tmp_path / "random.py").write_text("")
    assert "numpy, random would be imported" in machine.check_hidden(tmp_path).said


def test_a_container_with_less_memory_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, content in (("memory.max", "900\n"), ("memory.current", "700\n"), ("memory.stat", "inactive_file 300\n")):
        (tmp_path / name).write_text(content)
    monkeypatch.setattr(machine, "GROUP", tmp_path)
    assert machine.free_memory() == 500
    (tmp_path / "memory.max").write_text("max\n")
    assert (machine.free_memory() or 0) > 10**6


def test_a_port_that_is_taken_is_only_a_remark() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        found = machine.check_port(taken.getsockname()[1])
    assert found.state == "remark"
    assert Diagnosis((Finding("a", "ok", "all"), found), {}).healthy


def test_messages_lose_their_places(tmp_path: Path) -> None:
    said = without_places(f"cannot open '{Path.home()}/a b/c.bin' or {tmp_path}/x/d.so: no, C:\\Users\\zoe\\e.dll")
    assert str(tmp_path) not in said
    assert str(Path.home()) + "/" not in said
    assert "zoe" not in said
    assert "d.so" in said


def test_wrong_arguments() -> None:
    with pytest.raises(TypeError, match="working folder"):
        diagnose(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="a state is one of"):
        Finding("a", "green", "b")
