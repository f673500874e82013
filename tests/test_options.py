"""Functions with a TypedDict of options show each with its default, and refuse the others."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypedDict, Unpack, get_type_hints

import pytest

import detxai_nb as dx
from detxai_nb.evaluation.settings import EvaluationOptions, ReproductionOptions
from detxai_nb.options import complete_options, show_options
from detxai_nb.sanity.settings import CheckOptions
from detxai_nb.tiny.samples import ExplanationOptions, explain_image, iterate_images


class Sizes(TypedDict, total=False):
    width: int
    height: int


DEFAULTS: Sizes = {"width": 3, "height": 4}


@show_options(Sizes, DEFAULTS)
def area(scale: int, *, add: int = 0, **options: Unpack[Sizes]) -> int:
    size = complete_options(area, options, DEFAULTS)
    return scale * size["width"] * size["height"] + add


def test_options_are_completed_and_shown() -> None:
    assert area(1) == 12
    assert area(2, height=1, add=5) == 11
    shown = inspect.signature(area).parameters
    assert {name: one.default for name, one in shown.items() if name != "scale"} == {"add": 0, **DEFAULTS}
    assert shown["width"].annotation == "int"


def test_unknown_options_are_refused_with_the_known_ones() -> None:
    with pytest.raises(
        TypeError, match=r"area\(\) has no argument 'depth'; its keyword arguments are add, width, height"
    ):
        area(1, depth=3)
    with pytest.raises(TypeError, match=r"Sizes and its defaults differ in \['height'\]"):
        show_options(Sizes, {"width": 3})


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (dx.evaluate, EvaluationOptions),
        (dx.reproduce, ReproductionOptions),
        (dx.sanity.check, CheckOptions),
        (dx.tiny.objects, ExplanationOptions),
        (dx.tiny.pairs, ExplanationOptions),
        (dx.tiny.crops, ExplanationOptions),
        (iterate_images, ExplanationOptions),
        (explain_image, ExplanationOptions),
    ],
)
def test_public_functions_show_and_describe_every_option(function: Callable[..., Any], options: type) -> None:
    shown = inspect.signature(function).parameters
    assert set(get_type_hints(options)) <= set(shown)
    lines = map(str.strip, (function.__doc__ or "").splitlines())
    described = {name.lstrip("*") for line in lines for name in line.partition(":")[0].split(", ")}
    assert set(shown) <= described
    with pytest.raises(TypeError, match=r"has no argument 'sed'; its keyword arguments are "):
        found = function(*[None] * sum(one.default is one.empty for one in shown.values()), sed=1)
        next(found)
