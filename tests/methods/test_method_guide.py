"""The guide "Add a method": its examples are run as they stand there."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch
from test_methods import CONTEXT, WEIGHTS, by_hand, pair

import detxai_nb as dx
from detxai_nb.methods import METHODS

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "adding" / "method.md").read_text(encoding="utf-8")
BLOCKS = [
    re.sub(r"^   ", "", code, flags=re.MULTILINE) if indent else code
    for indent, code in re.findall(r"^( *)```python\n(.*?)^ *```$", GUIDE, re.MULTILINE | re.DOTALL)
]


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = dict(METHODS)
    yield
    METHODS.clear()
    METHODS.update(before)


def block(beginning: str) -> str:
    (found,) = [code for code in BLOCKS if code.startswith(beginning)]
    return found


def run(code: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(code, name, "exec"), module.__dict__)


def test_the_gradient_method_is_its_formula_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    run(block('"""Absolute CAM'), "detxai_nb.methods.abs_cam", monkeypatch)
    monkeypatch.setitem(WEIGHTS, "abs-cam", eval("{" + block('"abs-cam": lambda') + "}")["abs-cam"])
    activation, gradient = pair()
    found = METHODS["abs-cam"].function(activation, gradient, CONTEXT)
    assert torch.allclose(found, by_hand("abs-cam", activation, gradient))
    run(block("import detxai_nb as dx\n\ndetector"), "session", monkeypatch)


def test_a_cell_of_a_notebook_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(2):
        run(block("import detxai_nb as dx\n\n\n@dx.methods"), "cell", monkeypatch)
    assert METHODS["abs-cam"].source == "my notebook"


def test_the_perturbation_method_explains(monkeypatch: pytest.MonkeyPatch) -> None:
    run(block('"""Occlusion'), "detxai_nb.methods.occlusion", monkeypatch)
    detector = dx.load_detector("tiny-fcos")
    image = dx.data.scenes.Scenes(1)[0].image
    found = detector.detect([image])[0]
    maps = dx.explain(detector, image, found, method="occlusion", side=128)
    assert maps.values.shape == (len(found), *image.shape[:2])
    assert maps.values.any()
    with pytest.raises(ValueError, match="side, in pixels, is at least 1, got 0"):
        dx.explain(detector, image, found, method="occlusion", side=0)
