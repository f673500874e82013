"""The package's exercises: each is solved by its solution and failed by three planted wrong answers."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

import detxai_nb as dx
from detxai_nb.check.authoring import read_authored
from detxai_nb.lab import copy_notebooks

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted((REPOSITORY / "notebooks" / "solutions").glob("*.toml"))
AUTHORED = [one for path in SOURCES for one in read_authored(path)["exercises"]]
CHECKED = re.compile(r"""dx\.check\(\s*["']([^"']+)["']""")


def function_of(text: str) -> Any:
    """The function that a planted answer defines: the last statement's."""
    scope: dict[str, Any] = {}
    exec(text, scope)
    return scope[[one.name for one in ast.parse(text).body if isinstance(one, ast.FunctionDef)][-1]]


def answers(own: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """The right answers that an author names, and the wrong ones."""
    right = [own["solution"]] if "solution" in own else [own["answer"], *own.get("also", ())]
    wrong = own.get("wrong", [])
    return ([*map(function_of, right)], [*map(function_of, wrong)]) if own["kind"] == "code" else (right, wrong)


@pytest.mark.parametrize("own", AUTHORED, ids=lambda own: own["id"])
def test_an_exercise_is_solved_by_its_solution_and_failed_by_wrong_answers(own: dict[str, Any], tmp_path: Path) -> None:
    right, wrong = answers(own)
    assert len(wrong) >= 3
    for number, answer in enumerate(wrong, 1):
        said = dx.check(own["id"], answer, folder=tmp_path)
        assert said.right is False
        assert said.misses == number
        assert bool(said.hints) is (number >= 2 and bool(own.get("hints")))
    assert dx.check.progress(folder=tmp_path).loc[own["id"], "state"] == "tried"
    for answer in right:
        assert dx.check(own["id"], answer, folder=tmp_path)
    assert dx.check.progress(folder=tmp_path).loc[own["id"], "state"] == "solved"


def test_every_exercise_has_hints_and_a_word_after_it() -> None:
    assert AUTHORED
    for own in AUTHORED:
        assert own.get("hints"), f"{own['id']} has no hints"
        assert own.get("why"), f"{own['id']} says nothing after a right answer"


def test_notebooks_ask_every_exercise_once_and_no_other() -> None:
    """By the notebook that the exercises' file names; the number before the dot is the notebook's."""
    asked: dict[str, list[str]] = {}
    for path in sorted((REPOSITORY / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            code = "".join(cell["source"]) if cell["cell_type"] == "code" else ""
            for one in CHECKED.findall(code):
                asked.setdefault(path.name, []).append(one)
    there: dict[str, list[str]] = {}
    for one in dx.check.all_exercises().values():
        there.setdefault(one.notebook, []).append(one.id)
        assert one.notebook.startswith(one.id.partition(".")[0] + "_")
    assert asked == there


def test_the_working_folder_of_students_holds_no_solutions(tmp_path: Path) -> None:
    copied = [one.path for one in copy_notebooks(tmp_path)]
    assert not [path for path in tmp_path.rglob("*") if "solutions" in path.parts or path.suffix == ".toml"]
    for path in (one for one in copied if one.suffix == ".ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        assert not [cell for cell in cells if "solution" in cell["metadata"].get("tags", [])]


def test_the_packages_own_methods_pass_the_tests_of_students_code() -> None:
    import torch

    from detxai_nb.check.code_tests import run_code_test
    from detxai_nb.methods.global_guidance import global_guidance
    from detxai_nb.methods.method import Context
    from detxai_nb.methods.odam import odam
    from detxai_nb.methods.ss_grad_cam import ss_grad_cam
    from detxai_nb.nms.rules import OdamNms, first_of_each
    from detxai_nb.statistics import rank_correlation

    def own(method: Any, **settings: Any) -> Any:
        """The package's method as a function of one object's activation and gradient."""

        def of_one(activation: Any, gradient: Any) -> Any:
            context = Context(tuple(activation.shape[1:]), torch.zeros(1, 4))
            return method(activation, gradient[None], context, **settings)[0]

        return of_one

    assert run_code_test("odam", own(odam)) is None
    assert run_code_test("ss-grad-cam", own(ss_grad_cam)) is None
    assert run_code_test("global-guidance", own(global_guidance, smoothing=0)) is None

    def of_rows(one: Any, other: Any) -> Any:
        return rank_correlation(one.flatten()[None], other.flatten()[None])[0]

    assert run_code_test("rank-correlation", of_rows) is None

    def of_pairs(iou: Any, correlation: Any, scores: Any) -> Any:
        order = scores.argsort(descending=True)
        duplicates = OdamNms().by_correlation(iou[order][:, order], correlation[order][:, order])
        return order[first_of_each(duplicates)]

    assert run_code_test("odam-nms", of_pairs) is None


def test_a_reach_that_gradients_find_passes_the_test_of_students_code() -> None:
    import torch

    from detxai_nb.check.code_tests import run_code_test

    def reach(kernels: list[int], strides: list[int]) -> int:
        """How many cells of the input have a gradient of one cell behind the convolutions."""
        layer = torch.zeros(1, 1, 64, requires_grad=True)
        out = layer
        for kernel, stride in zip(kernels, strides):
            out = torch.nn.functional.conv1d(out, torch.ones(1, 1, kernel), stride=stride)
        (gradient,) = torch.autograd.grad(out[0, 0, out.shape[2] // 2], layer)
        return int((gradient > 0).sum())

    assert run_code_test("reach", reach) is None
    assert "not 5" in str(run_code_test("reach", lambda kernels, strides: sum(kernels)))


def test_the_packages_own_placement_passes_the_test_of_students_code() -> None:
    import torch

    from detxai_nb.check.code_tests import run_code_test
    from detxai_nb.geometry import Placement

    def placed(boxes: Any, scale: float, left: int, top: int) -> Any:
        size = (round(100 * scale), round(200 * scale))
        return Placement((100, 200), size, (1000, 1000), (top, left)).boxes_to_image(boxes)

    assert run_code_test("boxes-to-picture", placed) is None
    forgotten = run_code_test("boxes-to-picture", lambda boxes, scale, left, top: boxes / scale)
    assert "border of 10 pixels on the left" in str(forgotten)
    first = run_code_test(
        "boxes-to-picture", lambda boxes, scale, left, top: boxes / scale - torch.tensor([left, top, left, top])
    )
    assert "half as large" in str(first)

    def in_place(boxes: Any, scale: float, left: int, top: int) -> Any:
        return boxes.sub_(torch.tensor([left, top, left, top])).div_(scale)

    assert "changes the boxes" in str(run_code_test("boxes-to-picture", in_place))
