"""The scripts of `.ci/` say no where they should, and its processes are given what belongs together."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import handing_out
import pytest

CI = Path(__file__).resolve().parents[1] / ".ci"


def report(*cases: str) -> str:
    return f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"


RAN = '<testcase classname="a" name="t"><properties><property name="browser" value="yes"/></properties></testcase>'
SKIPPED = RAN.replace("</testcase>", '<skipped message="no Chromium"/></testcase>')
OTHER = '<testcase classname="b" name="u"><skipped message="elsewhere"/></testcase>'


def test_a_skipped_browser_test_is_a_fault(ci_script: Callable[[str], ModuleType]) -> None:
    faults = ci_script("check_browser").faults
    assert faults(report(RAN, OTHER)) == []
    assert faults(report(RAN, SKIPPED)) == ["a.t was skipped: no Chromium"]
    assert faults(report(OTHER)) == ["no test in a browser ran"]


def test_the_wheel_holds_what_is_committed_and_nothing_else(ci_script: Callable[[str], ModuleType]) -> None:
    module = ci_script("check_wheel")
    solved, answers = "notebooks/solutions/00_start_here.ipynb", "notebooks/solutions/00.toml"
    committed = {"detxai_nb/cli.py", "notebooks/00_start_here.ipynb", solved, answers, *module.NEEDED[:-1]}
    own = {*module.NEEDED, "detxai_nb/cli.py", f"detxai_nb/{answers}"}
    whole = {*own, "x.dist-info/METADATA", "x.dist-info/licenses/LICENSE"}
    assert module.faults(whole, committed, 1000) == []
    weights = "detxai_nb/detectors/zoo/tiny-fcos.safetensors"
    assert module.faults(whole - {weights}, committed, 1000) == [f"{weights} is missing"]
    for other in ("tests/test_cli.py", f"detxai_nb/{solved}"):
        assert module.faults({*whole, other}, committed, 1000) == [f"{other} does not belong there"]
    assert module.faults(whole - {"x.dist-info/licenses/LICENSE"}, committed, 1000) == ["the licence is missing"]
    assert "more than" in module.faults(whole, committed, 10**9)[0]


def test_what_shares_a_page_a_model_or_a_notebook_is_one_unit() -> None:
    contract, notebooks = "tests/detectors/test_contract.py", "tests/test_notebooks.py::test_it_runs[02_ssgradcam]"
    kinds = [f"{contract}::test_{name}" for name in ("a[yolox_nano-x1-prob]", "b[yolox_nano]", "a[yolox_tiny-x1-prob]")]
    assert [handing_out.unit(kind)[len(contract) :] for kind in kinds] == [
        "[yolox_nano]",
        "[yolox_nano]",
        "[yolox_tiny]",
    ]
    assert handing_out.unit(notebooks) == "tests/test_notebooks.py", "they share what their kernels are forked from"
    assert handing_out.unit("tests/browser/test_grid.py::test_c[one-two]") == "tests/browser/test_grid.py"
    sharing = ("tiny_in_lab", "sanity_in_lab", "start_notebook")
    assert {handing_out.unit(f"tests/browser/test_{name}.py::test_c") for name in sharing} == {"JupyterLab"}
    lab, last = "tests/browser/test_tiny_in_lab.py::test_c", "tests/data/test_coco.py::test_d"
    order = sorted([last, "tests/browser/test_grid.py::test_c", *kinds, notebooks, lab], key=handing_out.rank)
    assert order[:5] == [lab, notebooks, *kinds]
    assert order[-1] == last


@pytest.mark.parametrize("which", handing_out.LONGEST, ids=str)
def test_what_is_handed_out_first_is_there(which: str | re.Pattern[str]) -> None:
    if isinstance(which, str):
        assert (CI.parent / which).exists()
    else:
        files = [path.relative_to(CI.parent).as_posix() for path in (CI.parent / "tests").rglob("test_*.py")]
        assert sum(bool(which.match(path)) for path in files) > 1


def test_a_test_that_takes_more_threads_leaves_none_to_the_next(pytestconfig: pytest.Config) -> None:
    import torch

    before = torch.get_num_threads()
    with handing_out.same_threads():
        torch.set_num_threads(before + 1)
    assert torch.get_num_threads() == before
    hooks = pytestconfig.pluginmanager.hook.pytest_runtest_protocol.get_hookimpls()
    assert any(Path(hook.function.__code__.co_filename) == Path(__file__).with_name("conftest.py") for hook in hooks)
